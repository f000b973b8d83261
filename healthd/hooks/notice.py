"""What Alertmanager posts -> checked values. Everything in it is taken for hostile: it is made inert here."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from healthd.model import Moment
from healthd.problems import Wrong

_MOST_ALERTS = 1000
_LINK = re.compile(r"https?://[A-Za-z0-9.\[\]:_-]+(?:/[A-Za-z0-9./?&=%_~+:-]*)?")
# What services take for mark-up or for a mention becomes a letter that only looks like it.
_INERT = str.maketrans({"<": "＜", ">": "＞", "@": "＠"})
_FRACTION = re.compile(r"(?<=\.)[0-9]+")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a notice. Texts by language; links are empty where they are none."""

    name: str
    firing: bool
    severity: str
    labels: Mapping[str, str]
    summary: Mapping[str, str]
    description: Mapping[str, str]
    dashboard: Mapping[str, str]
    runbook: str
    since: Moment


@dataclass(frozen=True, slots=True)
class Notice:
    """One message of Alertmanager. `left_out`: alerts that it cut off."""

    firing: bool
    alerts: Sequence[Alert]
    left_out: int = 0


def plain(text: object, most: int = 200) -> str:
    """One line without control characters, mark-up, mentions and links, at most so long."""
    letters = (" " if letter.isspace() else letter for letter in str(text)[: 4 * most])
    kept = "".join(letter for letter in letters if unicodedata.category(letter)[0] != "C")
    inert = " ".join(kept.translate(_INERT).split()).replace("://", ": //")
    return inert if len(inert) <= most else inert[: most - 1] + "…"


def link(text: object) -> str:
    """An http or https address as it may stand in a message; "" for anything else."""
    address = str(text)
    return address if len(address) <= 500 and _LINK.fullmatch(address) else ""


def read_notice(body: bytes) -> Notice:
    """The notice in a request of Alertmanager (webhook version 4). Raises Wrong where it is none."""
    try:
        content = json.loads(body)
        alerts = [_alert(one) for one in _list(content["alerts"])]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Wrong(
            "this is not a message of Alertmanager", "post what its webhook_configs send, version 4"
        ) from None
    if not alerts:
        raise Wrong("the message holds no alert", "post what Alertmanager sends")
    left_out = content.get("truncatedAlerts")
    return Notice(
        firing=any(alert.firing for alert in alerts),
        alerts=alerts,
        left_out=left_out if isinstance(left_out, int) and 0 < left_out < 10**9 else 0,
    )


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST_ALERTS:
        raise TypeError
    return value


def _alert(entry: Mapping[str, Any]) -> Alert:
    labels = {str(name): str(value) for name, value in entry["labels"].items()}
    notes = {str(name): value for name, value in entry.get("annotations", {}).items()}
    return Alert(
        name=plain(labels.get("alertname", "?"), 100),
        firing=entry.get("status") != "resolved",
        severity=plain(labels.get("severity", ""), 20),
        labels=labels,
        summary=_by_language("summary", notes, lambda text: plain(text, 200)),
        description=_by_language("description", notes, lambda text: plain(text, 500)),
        dashboard=_by_language("dashboard_url", notes, link),
        runbook=link(notes.get("runbook_url", "")),
        since=_moment(entry.get("startsAt")),
    )


def _by_language(name: str, notes: Mapping[str, Any], made: Any) -> Mapping[str, str]:
    english = made(notes.get(name, ""))
    return {"en": english, "zh": made(notes.get(f"{name}_zh", "")) or english}


def _moment(text: object) -> Moment:
    """0 where it is none."""
    try:
        # Go writes nanoseconds, which Python's reader does not know.
        at = datetime.fromisoformat(_FRACTION.sub(lambda match: match[0][:6], str(text)))
        return round(1000 * at.astimezone(UTC).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0
