"""What the store tells of all that moves a denominator: exemptions, placements, rules and marks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from healthd.false_alarms import LEVER, FalseAlarm, false_alarms, reaching
from healthd.filings.exemptions import Cover
from healthd.model import DeviceLink, Exemption, LeverChange, Moment, PlacementChange
from healthd.rates.timeline import FOREVER
from healthd.store import exemption_rows
from healthd.store.errors import damaged, explained
from healthd.store.placement_rows import changes_within

UNDECODABLE = (ValueError, LookupError, TypeError)
"""What decoding raises for a row that healthd cannot have written."""


class LeverReader:
    """Read access to one store; any thread may call any method, all raise StoreError for what the disk does."""

    def __init__(self, path: Path, engine: Engine, name: str = "") -> None:
        """`path`: the store's file, or where files that belong to it are kept. `name`: the store in messages."""
        self.path = path
        self.name = name or str(path)
        self._engine = engine

    def close(self) -> None:
        """Close every connection; running readers finish with theirs."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(self.name), self._engine.connect() as connection:
            yield connection

    def exemptions(self, start: Moment = 0, end: Moment = FOREVER) -> list[Exemption]:
        """Exemptions that were filed for a moment of [start, end), as they stand now, in the order in which they
        were filed; those that were ended or corrected before they covered anything are among them."""
        with self._reading() as connection, self._decoding("exemptions"):
            return exemption_rows.within(exemption_rows.read_exemptions(connection), start, end)

    def cover(self) -> Cover:
        """What all exemptions together cover."""
        with self._reading() as connection:
            return self._cover(connection)

    def last_exemption_record(self) -> int:
        """A number that grows with every record of exemptions; 0 while there is none. Cheap."""
        with self._reading() as connection:
            return exemption_rows.last_record(connection)

    def device_links(self) -> list[DeviceLink]:
        """Where each device ever hung, in the order of time."""
        with self._reading() as connection:
            return exemption_rows.read_links(connection)

    def lever_changes(self, start: Moment = 0, end: Moment = FOREVER) -> list[LeverChange]:
        """Changes of rules, thresholds and marks dated within [start, end), in the order of time; a lever's first
        value (`before` None) is among them. Marks of findings that began before `start` and reach into the period
        come first."""
        with self._reading() as connection, self._decoding("marks of false alarms"):
            earlier = exemption_rows.read_levers(connection, 0, start, LEVER) if start else []
            return [*reaching(earlier, start), *exemption_rows.read_levers(connection, start, end)]

    def false_alarms(self) -> dict[str, list[FalseAlarm]]:
        """camera -> the findings of its picture that were marked as false, in the order of time."""
        with self._reading() as connection:
            return self._false_alarms(connection, FOREVER)

    def _false_alarms(self, connection: Connection, end: Moment) -> dict[str, list[FalseAlarm]]:
        """Those that begin before `end`."""
        with self._decoding("marks of false alarms"):
            return false_alarms(exemption_rows.read_levers(connection, 0, end, LEVER))

    def levers_now(self) -> Mapping[tuple[str, str], str]:
        """(lever, subject) -> the value that was recorded last; what is gone is left out."""
        with self._reading() as connection:
            return exemption_rows.levers_now(connection)

    def placement_changes(
        self, start: Moment, end: Moment, cameras: Collection[str] | None = None
    ) -> list[PlacementChange]:
        """Dated changes of cameras' placements within [start, end), each with what held before, by camera and
        time; of several of one moment the last recorded one. `cameras`: only of these."""
        with self._reading() as connection, self._decoding("placements"):
            return [*changes_within(connection, start, end, cameras)]

    def _cover(self, connection: Connection) -> Cover:
        with self._decoding("exemptions"):
            return exemption_rows.read_cover(connection)

    @contextmanager
    def _decoding(self, what: str) -> Iterator[None]:
        try:
            yield
        except UNDECODABLE as error:
            raise damaged(self.name, f"{what}: {error!r}") from error
