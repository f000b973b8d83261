"""The fleet at one moment out of its histories: the same figures as the live window `now`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from healthd.incidents.plan import Lift, lift
from healthd.model import CameraHistory, Moment, Placement
from healthd.rates.pool import Group, Pool, Tally, Terms
from healthd.rates.profiles import Profile
from healthd.rates.rows import Row, tabulate
from healthd.rates.timeline import Situation, Watch, pieces


@dataclass(frozen=True, slots=True)
class Instant:
    """How every camera stood at `at`; of those in the inventory."""

    at: Moment
    terms: Terms
    cameras: Mapping[str, tuple[Placement, Situation]]

    def rows(self) -> list[Row]:
        """Rows by region that count cameras."""
        pool = Pool(self.terms)
        amounts: dict[Group, Counter[Situation]] = {}
        members: Counter[frozenset[Group]] = Counter()
        for placement, situation in self.cameras.values():
            group = (placement.region, placement.class_)
            amounts.setdefault(group, Counter())[situation] += 1
            if not situation.out:
                members[frozenset([group])] += 1
        tally = Tally({group: dict(sums) for group, sums in amounts.items()}, members)
        return tabulate(pool, tally, self.at, self.at)

    def lifts(self, region: str, class_: str, rate: str, profile: Profile) -> dict[str, Lift]:
        """What the repair of each camera would change in one row's figures; only cameras where it would."""
        classes = profile.classes_of_all if class_ == "all" else (class_,)
        paths = self.terms.inventory.paths
        inside = {region, *(code for code, path in paths.items() if f"/{region}/" in path)}
        found = {}
        for camera, (placement, situation) in self.cameras.items():
            if placement.class_ in classes and placement.region in inside:
                gained = lift(situation, rate, profile)
                if gained is not None:
                    found[camera] = gained
        return found


def instant(histories: Iterable[CameraHistory], watch: Watch, terms: Terms, at: Moment) -> Instant:
    """Every camera at `at`, which lies within the watch and its last heartbeat."""
    cameras, watch = {}, watch.judging(terms.profiles)
    for history in histories:
        for piece in pieces(history, watch, at, at + 1):
            cameras[history.camera] = (piece.placement, piece.situation)
    return Instant(at, terms, cameras)
