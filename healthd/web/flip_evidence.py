"""The results that decided a flip, in words: what a contractor disputes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from healthd.model import Flip, Moment

MAX_RESULTS = 20


def evidence_lines(flip: Flip, texts: Mapping[str, str], clock: Callable[[Moment], str]) -> list[str]:
    """A line for each result that is kept of a flip, the first one asked first; MAX_RESULTS at most. `texts`: the
    words of the reader's language; `clock` writes the time of an asking."""
    return [_line(result, texts, clock) for result in flip.evidence[:MAX_RESULTS]]


def _line(result: Mapping[str, object], texts: Mapping[str, str], clock: Callable[[Moment], str]) -> str:
    if "siblings" in result:
        return texts["flip_siblings"].format(n=result["siblings"], answered=result.get("siblings_answered", 0))
    asked, state, reason = (result.get(name) for name in ("asked", "state", "reason"))
    words = [texts.get(f"state_{state}", str(state)), *_findings(result.get("findings"), texts)]
    if reason not in (None, "", "ok"):
        words.insert(1, texts.get(f"reason_{reason}", str(reason)))
    when = clock(asked) if isinstance(asked, int) else ""
    return f"{when} {texts['list_comma'].join(words)}".strip()


def _findings(findings: object, texts: Mapping[str, str]) -> list[str]:
    """Every fault with the value that was measured and the threshold that it was held against."""
    if not isinstance(findings, Sequence):
        return []
    return [
        texts["flip_finding"].format(
            fault=texts.get(f"fault_{one['fault']}", one["fault"]),
            value=f"{one['value']:.4g}",
            threshold=f"{one['threshold']:.4g}",
        )
        for one in findings
    ]
