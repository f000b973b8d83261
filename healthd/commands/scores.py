"""`healthd rates --scores`: regions by weighted rates, maintainers by their contract's deductions."""

from __future__ import annotations

from collections.abc import Sequence

from healthd.assessing.scores import Score, printed
from healthd.commands.common import print_json, table
from healthd.figures.scored import maintainer_scores, region_scores
from healthd.periods import Span
from healthd.problems import Wrong
from healthd.setup import Setup
from healthd.store import Store


def print_scores(store: Store, setup: Setup, span: Span, by: str, region: str, *, as_json: bool) -> int:
    """The scores of a period; returns the exit code. Raises Wrong where none are configured."""
    if by not in ("region", "maintainer"):
        raise Wrong(f"--scores are not told by {by}", "give --by region or --by maintainer")
    options = setup.config.scores
    if not (options.deductions if by == "maintainer" else options.weights):
        what = "deductions" if by == "maintainer" else "weights"
        raise Wrong(f"--scores --by {by}: none are configured", f"add scores.{what}: see docs/configuration.md")
    scores = (maintainer_scores if by == "maintainer" else region_scores)(store, setup, span, region)
    if as_json:
        print_json([score.as_json() for score in scores])
    else:
        print(_table(scores) if scores else "Nothing was assessed in this period.")
    return 0


def _table(scores: Sequence[Score]) -> str:
    parts = scores[0].parts
    lines = [(scores[0].by, "name", "profile", "score", "of", *(part.what for part in parts), "")]
    for score in scores:
        known = [printed(part.points) if part.value is not None else "?" for part in score.parts]
        note = "" if score.whole else "not all is known"
        head = (score.key, score.name, score.profile, printed(score.points), printed(score.of))
        lines.append((*head, *known, note))
    return table(lines, frozenset(range(3, 5 + len(parts))))
