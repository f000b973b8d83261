"""Filing an exemption: what is said becomes a record, or is refused with the remedy. Pure; reads no clock."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from healthd.filings.exemptions import cover_now
from healthd.model import (
    Ending,
    EvidenceFile,
    Exemption,
    ExemptReason,
    Inventory,
    Moment,
    Scope,
    ScopeKind,
)
from healthd.options.exemptions import ExemptionOptions
from healthd.periods import iso, parse_moment
from healthd.problems import Wrong, brief, did_you_mean

MAX_NAME, MAX_NOTE = 100, 2000
_KINDS = ", ".join(f"{kind}:{'CODE' if kind is ScopeKind.REGION else 'ID'}" for kind in ScopeKind)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a filing is checked against. `known`: ids of cameras, codes of regions and ids of devices that were in
    the inventory once. `exemptions`: all that were filed. Times are told in `zone`."""

    inventory: Inventory
    known: Mapping[ScopeKind, Collection[str]]
    exemptions: Sequence[Exemption]
    options: ExemptionOptions
    zone: ZoneInfo
    now: Moment


@dataclass(frozen=True, slots=True)
class Said:
    """An exemption as people write it. `start` "" means now. `late` admits that it is late; `everything` that
    every camera is meant; `corrects`: the id of the exemption in whose place it stands."""

    scope: str
    start: str
    end: str
    reason: str
    approver: str
    author: str
    note: str = ""
    late: bool = False
    everything: bool = False
    corrects: str = ""


@dataclass(frozen=True, slots=True)
class EndingSaid:
    """What ends the exemption of this id, as people write it. `at` "" means now; `late` as in `Said`."""

    exemption: str
    at: str
    approver: str
    author: str
    note: str = ""
    late: bool = False


def exemption(said: Said, grounds: Grounds, evidence: EvidenceFile | None = None) -> Exemption:
    """The record. Raises Wrong with the remedy."""
    now = grounds.now
    start = _moment("from", said.start, grounds) if said.start else now
    end = _moment("to", said.end, grounds)
    _check_span(start, end, grounds)
    reason = _reason(said.reason)
    note = _text("note", said.note, MAX_NOTE, "\n\t")
    if reason is ExemptReason.OTHER and not note:
        raise Wrong("reason other: says nothing by itself", "write in --note (API: note) what it is")
    late = _is_late(start, said.late, note, grounds)
    scope = parse_scope(said.scope)
    _check_scope(scope, grounds)
    approver, author = _name("approver", said.approver), _name("by", said.author)
    corrects = _corrected(said.corrects, grounds)
    key = _key("E", scope, start, end, reason, approver, author, now, corrects, note)
    record = Exemption(
        key, scope, start, end, reason, approver, author, now, note, evidence, late=late, corrects=corrects
    )
    _check_double(record, grounds)
    _check_reach(record, grounds, everything=said.everything)
    return record


def ending(said: EndingSaid, grounds: Grounds) -> Ending:
    """The record that ends an exemption. Raises Wrong with the remedy."""
    one = _find(said.exemption, grounds)
    moment = _moment("at", said.at, grounds) if said.at else grounds.now
    if one.corrected_by:
        raise Wrong(f"{one.id}: was corrected by {one.corrected_by}", f"end {one.corrected_by}")
    if one.until <= moment:
        raise Wrong(
            f"{one.id}: covers nothing after {iso(one.until, grounds.zone)}",
            "name an earlier time, or leave it: an ending is never taken back; to go on, file a new exemption",
        )
    note = _text("note", said.note, MAX_NOTE, "\n\t")
    is_late = _is_late(moment, said.late, note, grounds)
    approver, author = _name("approver", said.approver), _name("by", said.author)
    name = _key("X", one.id, moment, approver, author, grounds.now, note)
    return Ending(name, one.id, moment, approver, author, grounds.now, note, late=is_late)


def parse_scope(text: str) -> Scope:
    """The scope of its text. Raises Wrong."""
    kind, colon, key = text.strip().partition(":")
    if not colon or kind not in list(ScopeKind):
        remedy = did_you_mean(kind, list(ScopeKind), f"write {_KINDS}") if colon else f"write {_KINDS}"
        raise Wrong(f'scope "{brief(text, 80)}": is not a scope', remedy)
    if not key:
        raise Wrong(f'scope "{kind}:": names nobody', f"write {_KINDS}")
    return Scope(ScopeKind(kind), key)


def known_to(inventory: Inventory) -> Mapping[ScopeKind, Collection[str]]:
    """What the inventory has, by the kind of scope that names it."""
    return {
        ScopeKind.CAMERA: inventory.cameras.keys(),
        ScopeKind.REGION: inventory.regions.keys(),
        ScopeKind.DEVICE: inventory.devices.keys(),
    }


def _check_span(start: Moment, end: Moment, grounds: Grounds) -> None:
    longest = round(1000 * grounds.options.longest)
    days = longest // 86_400_000
    if end == start:
        raise Wrong("to: is the same as from, so no moment would be exempt", "write a later time")
    if end < start:
        raise Wrong(
            f"to: {iso(end, grounds.zone)} lies before from, {iso(start, grounds.zone)}",
            "swap them, or write an offset such as +08:00 in both",
        )
    if end - start > longest:
        raise Wrong(
            f"from ... to: is longer than {days} days (exemptions.longest)",
            "file year by year; what is gone for good gets the lifecycle suspended or retired in the inventory",
        )
    if start - grounds.now > longest:
        raise Wrong(f"from: lies more than {days} days ahead", "correct the year, or file it later")


def _is_late(start: Moment, admitted: bool, note: str, grounds: Grounds) -> bool:
    """Whether it is filed later than the rules allow; then that must be admitted and explained."""
    allowed = round(1000 * grounds.options.back_dating)
    if grounds.now - start <= allowed:
        return False
    if not admitted or not note:
        hours = allowed / 3_600_000
        raise Wrong(
            f"{iso(start, grounds.zone)} is more than {hours:g} h ago (exemptions.back_dating)",
            "add --late and say why in --note (API: late and note); it will be listed as late",
        )
    return True


def _reason(text: str) -> ExemptReason:
    if text not in list(ExemptReason):
        remedy = did_you_mean(text, list(ExemptReason), f"there are {', '.join(ExemptReason)}")
        raise Wrong(f'reason "{brief(text, 80)}": is not one of the codes', remedy)
    return ExemptReason(text)


def _check_scope(scope: Scope, grounds: Grounds) -> None:
    now, once = known_to(grounds.inventory)[scope.kind], grounds.known[scope.kind]
    if scope.key in now or scope.key in once:
        return
    remedy = did_you_mean(scope.key, list(now), f"no {scope.kind} of the inventory has that id, now or before")
    raise Wrong(f'scope "{brief(str(scope), 80)}": unknown {scope.kind}', remedy)


def _check_double(record: Exemption, grounds: Grounds) -> None:
    for one in grounds.exemptions:
        same = (one.scope, one.start, one.end, one.reason) == (
            record.scope,
            record.start,
            record.end,
            record.reason,
        )
        if same and one.until == one.end and one.id != record.corrects:
            raise Wrong(f"is filed already, as {one.id}", f"to correct it add --corrects {one.id}")


def _check_reach(record: Exemption, grounds: Grounds, *, everything: bool) -> None:
    """Whether it covers any camera, and not all of them by mistake. A scope that is gone from the inventory may be
    exempt for the time when it was there."""
    if record.scope.key not in known_to(grounds.inventory)[record.scope.kind]:
        return
    cover = cover_now([record], grounds.inventory)
    cameras = [camera for camera in grounds.inventory.cameras.values() if camera.in_service]
    covered = sum(bool(cover.spans(one.id, ((record.start, one.placement),))) for one in cameras)
    if not covered and record.scope.kind is not ScopeKind.CAMERA:
        raise Wrong(
            f'scope "{record.scope}": no camera in service is there or hangs on it',
            "name the region or the switch that the cameras belong to",
        )
    if covered == len(cameras) > 1 and not everything:
        raise Wrong(
            f'scope "{record.scope}": covers every camera in service, {covered:,} in all',
            "name a smaller scope; if all are meant, add --everything (API: everything)",
        )


def _corrected(key: str, grounds: Grounds) -> str:
    if not key:
        return ""
    one = _find(key, grounds)
    if one.corrected_by:
        raise Wrong(f"{one.id}: was corrected already, by {one.corrected_by}", f"correct {one.corrected_by}")
    return one.id


def _find(key: str, grounds: Grounds) -> Exemption:
    known = {one.id: one for one in grounds.exemptions}
    if key not in known:
        remedy = did_you_mean(key, list(known), "`healthd exempt list` shows them")
        raise Wrong(f'"{brief(key, 80)}": there is no exemption of this id', remedy)
    return known[key]


def _moment(name: str, text: str, grounds: Grounds) -> Moment:
    try:
        return parse_moment(text, grounds.zone)
    except ValueError as error:
        raise Wrong(f"{name}: {brief(str(error))}") from error


def _name(name: str, text: str) -> str:
    found = _text(name, text, MAX_NAME, "")
    if not found:
        raise Wrong(f"{name}: missing", "say who")
    return found


def _text(name: str, text: str, longest: int, breaks: str) -> str:
    """A text for people, trimmed: no control character may reach a terminal, no half surrogate the store."""
    if len(text) > longest:
        raise Wrong(f"{name}: has {len(text):,} characters", f"write up to {longest:,}")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in breaks for sign in text):
        raise Wrong(f"{name}: holds control characters", "write plain text")
    return text.strip()


def _key(letter: str, *parts: object) -> str:
    """A short id that no two records have."""
    text = "\n".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return letter + hashlib.blake2b(text, digest_size=5).hexdigest().upper()
