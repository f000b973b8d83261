"""Exemptions: which moments they cover, and that nothing is lost of what was filed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthd.filings.exemptions import Cover, folded
from healthd.model import (
    Change,
    DeviceLink,
    Ending,
    EvidenceFile,
    Exemption,
    ExemptReason,
    LeverChange,
    Placement,
    PlacementChange,
    Region,
    Scope,
    ScopeKind,
)
from healthd.store import Batch, Store, backup, restore
from healthd.store.evidence_files import described, evidence_directory, keep_evidence

PARENTS = {"32": "", "3201": "32", "3202": "32", "320101": "3201", "320102": "3201"}
DEVICES = ("core", "a", "a1")
LAST = 60


def exemption(key: str, scope: str, start: int, end: int, **rest: object) -> Exemption:
    kind, _, name = scope.partition(":")
    values = {"approver": "王科长", "author": "ops", "filed": start, "reason": ExemptReason.CONSTRUCTION, **rest}
    return Exemption(key, Scope(ScopeKind(kind), name), start, end, **values)  # type: ignore[arg-type]


SCOPES = st.one_of(
    st.sampled_from(["camera:c", "camera:d"]),
    st.sampled_from([f"region:{code}" for code in (*PARENTS, "gone")]),
    st.sampled_from([f"device:{name}" for name in (*DEVICES, "gone")]),
)
MOMENTS = st.integers(0, LAST)


@st.composite
def filings(draw: st.DrawFn) -> list[Exemption]:
    found = []
    for number in range(draw(st.integers(0, 6))):
        start, length = draw(MOMENTS), draw(st.integers(1, 30))
        found.append(exemption(f"E{number}", draw(SCOPES), start, start + length, filed=draw(st.integers(0, 3))))
    return found


PLACED = st.one_of(
    st.none(),
    st.builds(
        Placement,
        region=st.sampled_from([*PARENTS, "gone"]),
        class_=st.just("1"),
        upstream=st.sampled_from(["", *DEVICES, "gone"]),
    ),
)
PLACEMENTS = st.lists(st.tuples(MOMENTS, PLACED), max_size=4, unique_by=lambda entry: entry[0]).map(
    lambda entries: sorted(entries, key=lambda entry: entry[0])
)
LINKS = st.lists(
    st.builds(
        DeviceLink,
        device=st.sampled_from(DEVICES),
        at=MOMENTS,
        upstream=st.one_of(st.none(), st.sampled_from(["", *DEVICES])),
        author=st.just("x"),
    ),
    max_size=8,
    unique_by=lambda link: (link.device, link.at),
)


def covered(
    one: Exemption,
    at: int,
    placements: Sequence[tuple[int, Placement | None]],
    links: Sequence[DeviceLink],
) -> bool:
    """The slow, obvious way: climb from the camera at one moment."""
    if not one.start <= at < one.until:
        return False
    if one.scope.kind is ScopeKind.CAMERA:
        return one.scope.key == "c"
    placed = [placement for since, placement in placements if since <= at]
    if not placed or placed[-1] is None:
        return False
    if one.scope.kind is ScopeKind.REGION:
        code, above = placed[-1].region, PARENTS
    else:
        code, above = placed[-1].upstream, {}
        for device in DEVICES:
            mine = sorted((link for link in links if link.device == device), key=lambda link: link.at)
            held = [link for link in mine if link.at <= at] or mine[:1]
            if held:
                above[device] = held[-1].upstream or ""
    seen = set()
    while code and code not in seen:
        if code == one.scope.key:
            return True
        seen.add(code)
        code = above.get(code, "")
    return False


@given(filings(), PLACEMENTS, LINKS)
@settings(max_examples=300, deadline=None)
def test_a_moment_is_covered_just_as_the_tree_of_that_moment_says(
    filed: list[Exemption], placements: list[tuple[int, Placement | None]], links: list[DeviceLink]
) -> None:
    """Moment by moment, a camera is exempt if and only if some exemption's camera, region or device is it or
    stands above it then; overlapping ones cover a moment once, and it is laid to the first one filed."""
    cover = Cover(filed, PARENTS, links)
    spans, shares = cover.spans("c", placements), cover.shares("c", placements)
    assert all(a[1] < b[0] for a, b in pairwise(spans))
    for at in range(LAST + 31):
        who = [one for one in filed if covered(one, at, placements, links)]
        assert sum(start <= at < end for start, end in spans) == bool(who)
        first = [min(who, key=lambda one: (one.filed, one.id))] if who else []
        assert [one for start, end, one in shares if start <= at < end] == first


@given(st.randoms())
def test_the_order_of_records_does_not_matter(chance: random.Random) -> None:
    """Endings and corrections mean the same in whatever order they are read."""
    filed = [
        exemption("E1", "camera:c", 10, 50, filed=1),
        exemption("E2", "camera:c", 10, 40, filed=2, corrects="E1"),
        exemption("E3", "camera:c", 20, 60, filed=3),
    ]
    endings = [
        Ending("X1", "E3", 40, "a", "b", 5),
        Ending("X2", "E3", 30, "a", "b", 6),
        Ending("X3", "nobody", 30, "a", "b", 6),
    ]
    chance.shuffle(filed)
    chance.shuffle(endings)
    one, two, three = folded(filed, endings)
    assert (one.corrected_by, one.until, two.corrected_by, two.until) == ("E2", 10, "", 40)
    assert three.ended is not None
    assert (three.ended.id, three.until) == ("X2", 30)


def test_an_ending_before_the_start_covers_nothing() -> None:
    """An exemption that was ended before it began covers no moment; one ended after its end is whole."""
    one = exemption("E1", "camera:c", 10, 50)
    early, late = (folded([one], [Ending("X", "E1", at, "a", "b", 1)])[0] for at in (5, 70))
    assert (early.until, late.until) == (10, 50)
    assert not Cover([early], {}, [])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path}/healthd.db", writer=True)
    yield opened
    opened.close()


def test_exemptions_are_read_back_whole(store: Store) -> None:
    """Every field of every record survives, and the same record twice is one."""
    evidence = EvidenceFile("通知.pdf", "ab" * 32, 12345)
    one = exemption("E1", "region:3201", 10, 50, note="修路\n第二行", evidence=evidence, late=True, filed=60)
    two = exemption("E2", "camera:c", 10, 40, filed=61, corrects="E1")
    ending = Ending("X1", "E2", 30, "李", "ops", 62, "提前完工", late=True)
    for record in (one, two, ending, one):
        store.file(record)
    assert store.exemptions() == [replace(one, corrected_by="E2"), replace(two, ended=ending)]
    assert store.exemptions(45, 100) == [replace(one, corrected_by="E2")]
    assert store.exemptions(50, 100) == []
    assert store.last_exemption_record() == 3


def test_histories_tell_when_a_camera_is_exempt(store: Store) -> None:
    """By its own exemption, its region's while it was there, and its device's while that hung below the named one;
    beyond the end of what is asked, too."""
    regions = [Region(code, code, "county", parent) for code, parent in PARENTS.items()]
    changes = [
        Change("c", 1, Placement("320101", "1", upstream="a1"), "x"),
        Change("c", 30, Placement("3202", "1", upstream="b"), "x"),
    ]
    links = [DeviceLink("a1", 1, "core", "x"), DeviceLink("a1", 20, "b", "x"), DeviceLink("b", 1, "", "x")]
    store.write(Batch(changes=changes, regions=regions, recorded=1, links=links))
    store.file(exemption("E1", "region:3201", 10, 15))
    store.file(exemption("E2", "region:3201", 14, 16))
    store.file(exemption("E3", "device:core", 18, 25))
    store.file(exemption("E4", "device:b", 28, 90))
    [history] = store.histories(0, 40)
    assert history.exempt == ((10, 16), (18, 20), (28, 90))
    assert store.device_links() == sorted(links, key=lambda link: link.at)


def test_a_second_process_files_beside_the_daemon(store: Store) -> None:
    """While one process holds the store as its writer, another appends records, and the first one reads them."""
    beside = Store.open_beside(f"sqlite:///{store.path}")
    beside.file(exemption("E1", "camera:c", 10, 50))
    beside.close()
    store.write(Batch(heartbeat=(1, 2)))
    assert [one.id for one in store.exemptions()] == ["E1"]


def test_nothing_forgets_an_exemption(store: Store) -> None:
    """The clean-up leaves exemptions, links and changes of levers however old they are."""
    store.file(exemption("E1", "camera:c", 10, 50))
    change = LeverChange(5, "profile", "default.faults", "a", "b", "ops", 6, "王", "为什么")
    store.write(Batch(levers=[change], links=[DeviceLink("a", 1, "", "x")], recorded=1))
    store.write(Batch(levers=[change]))
    store.prune(10**15)
    assert len(store.exemptions()) == len(store.device_links()) == 1
    assert store.lever_changes() == [change]
    assert store.lever_changes(0, 5) == []


def test_levers_are_known_by_their_last_value(store: Store) -> None:
    """What a lever stands at is its last recorded value; one that is gone is not among them."""
    changes = [
        LeverChange(1, "check", "ping.timeout", None, "1", "x", 1),
        LeverChange(2, "check", "ping.timeout", "1", "2", "x", 2),
        LeverChange(1, "check", "frame.interval", None, "1", "x", 1),
        LeverChange(3, "check", "frame.interval", "1", None, "x", 3),
    ]
    store.write(Batch(levers=changes))
    assert store.levers_now() == {("check", "ping.timeout"): "2"}


def test_changes_of_placement_tell_what_held_before(store: Store) -> None:
    """Each change comes with what it changed; one that changes nothing is none, of one moment the last holds."""
    first, second = Placement("3201", "1"), Placement("3202", "1")
    for at, placement, recorded in ((1, first, 1), (5, second, 5), (5, first, 6), (8, second, 8), (9, None, 9)):
        store.write(Batch(changes=[Change("c", at, placement, "x")], recorded=recorded))
    store.write(Batch(changes=[Change("d", 7, first, "y")], recorded=7))
    assert store.placement_changes(5, 9) == [
        PlacementChange("c", 8, first, second, "x", 8),
        PlacementChange("d", 7, None, first, "y", 7),
    ]
    assert store.placement_changes(9, 99, ["c"]) == [PlacementChange("c", 9, second, None, "x", 9)]
    assert store.placement_changes(0, 99, []) == []


def test_a_backup_holds_the_evidence(store: Store, tmp_path: Path) -> None:
    """Files that exemptions rest on go into a backup and come back with it, whatever their names were; what is
    there already stays."""
    content = "停电通知".encode()
    proof = described("../通知.pdf", content)
    keep_evidence(store.path, content)
    keep_evidence(store.path, content)
    store.file(exemption("E1", "camera:c", 10, 50, evidence=proof))
    (evidence_directory(store.path) / "x.partial").write_bytes(b"half")
    url = f"sqlite:///{store.path}"
    backup(url, tmp_path / "copy", 1)
    store.close()
    kept = evidence_directory(store.path) / proof.sha256
    kept.unlink()
    restore(tmp_path / "copy", url, 2, force=True)
    assert kept.read_bytes() == content
    assert [file.name for file in (tmp_path / "copy" / "evidence").iterdir()] == [proof.sha256]
