"""How exemptions are told: by their public names, and those that concern a region. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from healthd.filings.exemptions import cover_now, standing
from healthd.model import Exemption, Inventory, Moment, ScopeKind
from healthd.periods import iso


def concerning(exemptions: Iterable[Exemption], region: str, inventory: Inventory) -> list[Exemption]:
    """Those that cover, or would cover, a camera in or below a region of the inventory."""
    whole = {one.id: one for one in exemptions}
    named = {
        one.id
        for one in whole.values()
        if one.scope.kind is ScopeKind.REGION
        and (_inside(one.scope.key, region, inventory) or _inside(region, one.scope.key, inventory))
    }
    # As if nothing had ended them: who looks for a region wants to see those, too.
    cover = cover_now([replace(one, ended=None, corrected_by="") for one in whole.values()], inventory)
    for camera in inventory.cameras.values():
        if _inside(camera.placement.region, region, inventory):
            named |= cover.covering(camera.id, ((0, camera.placement),))
    return [one for one in whole.values() if one.id in named]


def _inside(code: str, region: str, inventory: Inventory) -> bool:
    return f"/{region}/" in inventory.paths.get(code, f"/{code}/")


def as_json(one: Exemption, zone: ZoneInfo, now: Moment) -> dict[str, Any]:
    """An exemption by its public names; times as ISO-8601 in `zone`, null where there is none."""
    ended, evidence = one.ended, one.evidence
    return {
        "exemption": one.id,
        "scope": str(one.scope),
        "from": iso(one.start, zone),
        "to": iso(one.end, zone),
        "until": iso(one.until, zone),
        "state": standing(one, now),
        "reason": str(one.reason),
        "approver": one.approver,
        "author": one.author,
        "filed": iso(one.filed, zone),
        "late": one.late,
        "note": one.note or None,
        "evidence": evidence
        and {"name": evidence.name, "sha256": evidence.sha256, "size_bytes": evidence.size_bytes},
        "ended": ended
        and {
            "at": iso(ended.at, zone),
            "approver": ended.approver,
            "author": ended.author,
            "filed": iso(ended.filed, zone),
            "late": ended.late,
            "note": ended.note or None,
        },
        "corrects": one.corrects or None,
        "corrected_by": one.corrected_by or None,
    }
