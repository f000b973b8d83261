"""Where an operator's word on pictures is taken: a finding that was none, a view to be learnt anew."""

from __future__ import annotations

from collections.abc import Iterable

from healthd.false_alarms import REBASE, FalseAlarm, Spell, false_alarms, spells
from healthd.model import LeverChange, Moment
from healthd.problems import Wrong, did_you_mean
from healthd.rates.timeline import FOREVER
from healthd.store import Batch, Store
from probes.picture.verdict import Fault


def mark_false(
    store: Store, camera: str, fault: str, *, by: str, now: Moment, at: Moment | None = None, note: str = ""
) -> FalseAlarm:
    """Keep the mark on the spell of `fault` that held at `at` (None: the latest). On the disk when this returns.
    Blocking. Raises Wrong, or StoreError: then nothing is marked."""
    _known_fault(fault)
    spell = _spell(store, camera, Fault(fault), at)
    known = false_alarms(store.lever_changes()).get(camera, [])
    if any(one.fault == fault and one.start == spell.start for one in known):
        raise Wrong(f"{camera}: this finding of {fault} was marked already", "name another with --at")
    value, threshold = _stricter(Fault(fault), spell)
    end = max(now, spell.start + 1) if spell.end is None else spell.end
    alarm = FalseAlarm(camera, fault, spell.start, end, value, threshold, by, now, note)
    store.write(Batch(levers=[alarm.as_change()]))
    return alarm


def withdraw_mark(
    store: Store, camera: str, fault: str, *, by: str, now: Moment, at: Moment | None = None, note: str = ""
) -> FalseAlarm:
    """Keep that a mark of `fault` holds no longer, the one that covers `at` (None: the latest): its seconds count
    as they were found, and its threshold goes. Returns the mark. Blocking. Raises Wrong, or StoreError."""
    _known_fault(fault)
    marks = [one for one in false_alarms(store.lever_changes()).get(camera, []) if one.fault == fault]
    held = [one for one in marks if at is None or one.start <= at < one.end]
    if not held:
        when = "holds at that time" if at is not None else "holds"
        raise Wrong(f"{camera}: no mark of {fault} {when}", "see `healthd changes`")
    mark = max(held, key=lambda one: one.start)
    store.write(Batch(levers=[mark.as_withdrawal(by, now, note)]))
    return mark


def _known_fault(fault: str) -> None:
    if fault not in list(Fault):
        raise Wrong(f'"{fault}" is not a fault', did_you_mean(fault, [*Fault], f"there are {', '.join(Fault)}"))


def _spell(store: Store, camera: str, fault: Fault, at: Moment | None) -> Spell:
    found = spells(store.flips(camera, 0, FOREVER), fault)
    if at is not None:
        found = [one for one in found if one.start <= at and (one.end is None or at < one.end)]
    if not found:
        when = "at that time" if at is not None else "ever, as far as changes of state are kept"
        raise Wrong(f"{camera}: {fault} was not found {when}", "see `healthd rates --camera ID --explain`")
    return found[-1]


def _stricter(fault: Fault, spell: Spell) -> tuple[float, float]:
    """The most extreme value of the spell, and a threshold a tenth beyond it."""
    from probes.picture.rules import BELOW, stricter

    if not spell.values:
        raise Wrong(f"this finding of {fault} kept no value", "only those made by this version can be marked")
    value = min(spell.values) if fault in BELOW else max(spell.values)
    return value, round(stricter(fault, value), 4)


def note_rebase(store: Store, camera: str, *, by: str, now: Moment, note: str = "") -> None:
    """Keep that the camera learns anew what it usually sees. Blocking. Raises StoreError."""
    store.write(Batch(levers=[LeverChange(now, REBASE, camera, None, "learnt anew", by, recorded=now, note=note)]))


def own_thresholds(store: Store) -> dict[str, dict[Fault, float]]:
    """camera -> the stricter thresholds that marks set. Blocking. Raises StoreError."""
    return {camera: thresholds_of(alarms) for camera, alarms in store.false_alarms().items() if alarms}


def thresholds_of(alarms: Iterable[FalseAlarm]) -> dict[Fault, float]:
    """The stricter thresholds that one camera's marks set; of several of a fault the strictest."""
    from probes.picture.rules import BELOW

    found: dict[Fault, float] = {}
    for one in alarms:
        fault = Fault(one.fault)
        known = found.get(fault, one.threshold)
        found[fault] = min(known, one.threshold) if fault in BELOW else max(known, one.threshold)
    return found
