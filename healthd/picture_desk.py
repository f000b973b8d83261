"""Where an operator's word on pictures is taken: a finding that was none, a view to be learnt anew."""

from __future__ import annotations

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
    if fault not in list(Fault):
        raise Wrong(f'"{fault}" is not a fault', did_you_mean(fault, [*Fault], f"there are {', '.join(Fault)}"))
    spell = _spell(store, camera, Fault(fault), at)
    known = false_alarms(store.lever_changes()).get(camera, [])
    if any(one.fault == fault and one.start == spell.start for one in known):
        raise Wrong(f"{camera}: this finding of {fault} was marked already", "name another with --at")
    value, threshold = _stricter(Fault(fault), spell)
    end = max(now, spell.start + 1) if spell.end is None else spell.end
    alarm = FalseAlarm(camera, fault, spell.start, end, value, threshold, by, now, note)
    store.write(Batch(levers=[alarm.as_change()]))
    return alarm


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
    """camera -> the stricter thresholds that marks set; of several the strictest. Blocking. Raises StoreError."""
    from probes.picture.rules import BELOW

    found: dict[str, dict[Fault, float]] = {}
    for camera, alarms in false_alarms(store.lever_changes()).items():
        for one in alarms:
            mine, fault = found.setdefault(camera, {}), Fault(one.fault)
            known = mine.get(fault, one.threshold)
            mine[fault] = min(known, one.threshold) if fault in BELOW else max(known, one.threshold)
    return found
