"""What the store tells beside the cameras' own past: incidents and their feed, contradictions, frozen months, days
of the further rates, what cameras usually see."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Select

from healthd.assessing.examined import Examined
from healthd.folding.disagreements import Disagreement
from healthd.incidents.incident import Happening, Incident
from healthd.model import Moment, PictureReference
from healthd.store import disagreement_rows, examined_rows, incident_rows, period_rows, picture_rows
from healthd.store.errors import damaged
from healthd.store.lever_reader import UNDECODABLE, LeverReader
from healthd.store.period_rows import PeriodCopy


class RecordReader(LeverReader):
    """Read access to one store; any thread may call any method, all raise StoreError for what the disk does."""

    def period_copies(self) -> list[PeriodCopy]:
        """The frozen copies of all months, in the order in which they were made."""
        with self._reading() as connection:
            return period_rows.copies(connection)

    def period_content(self, copy: PeriodCopy) -> bytes:
        """What is frozen in a copy."""
        with self._reading() as connection:
            found = period_rows.content(connection, copy.seq)
        if found is None:
            raise damaged(self.name, f"the {copy.standing} copy of {copy.month} is gone")
        return found

    def examined_days(self, start: Moment, end: Moment) -> Iterator[Examined]:
        """What each camera counted as for the further rates on the days that began within [start, end), the newest
        first; a day that nothing was kept of is not among them."""
        with self._reading() as connection:
            try:
                yield from examined_rows.days(connection, start, end)
            except examined_rows.UNREADABLE as error:
                raise damaged(self.name, f"days of the further rates: {error!r}") from error

    def disagreements(self, start: Moment, end: Moment) -> list[Disagreement]:
        """Contradictions that began before `end` and had not ended before `start`, by when they began."""
        with self._reading() as connection:
            rows = connection.execute(disagreement_rows.within(start, end)).all()
        try:
            return disagreement_rows.disagreements(rows)
        except UNDECODABLE as error:
            raise damaged(self.name, f"disagreements: {error!r}") from error

    def picture_references(self, camera: str) -> list[PictureReference]:
        """What the camera usually sees, by day and by night, as far as that was learnt."""
        with self._reading() as connection:
            rows = connection.execute(picture_rows.of_camera(camera)).all()
        return [PictureReference(camera, *row) for row in rows]

    def open_incidents(self) -> list[Incident]:
        """The incidents that are not closed, by the time they were opened."""
        return self._incidents(incident_rows.OPEN)

    def incidents(
        self, start: Moment, end: Moment, regions: Collection[str] | None = None, maintainer: str | None = None
    ) -> list[Incident]:
        """The incidents opened before `end` and not closed before `start`, by the time they were opened.

        `regions`: only those that stand in one of these codes (their children are not implied).
        """
        return self._incidents(incident_rows.within(start, end, regions, maintainer))

    def incident(self, key: str) -> Incident | None:
        """One incident by its id; None where there is none, or no longer."""
        found = self._incidents(incident_rows.one(key))
        return found[0] if found else None

    def feed(self, since_seq: int, limit: int) -> list[tuple[int, Happening]]:
        """(number, entry) of what happened after the number `since_seq`, in order, at most `limit`; 0: all kept.

        Numbers only grow, in the order in which entries were committed; there may be gaps between them.
        """
        with self._reading() as connection:
            rows = connection.execute(incident_rows.after(since_seq, limit)).all()
        try:
            return [incident_rows.happening(tuple(row)) for row in rows]
        except UNDECODABLE as error:
            raise damaged(self.name, f"happenings after {since_seq}: {error!r}") from error

    def feed_of(self, start: Moment, end: Moment) -> Iterator[Happening]:
        """The feed of the incidents opened before `end` and not closed before `start`, in order, their whole
        lives as far as they are kept."""
        with self._reading() as connection:
            rows = connection.execute(incident_rows.feed_of(start, end))
            try:
                for row in rows:
                    yield incident_rows.happening(tuple(row))[1]
            except UNDECODABLE as error:
                raise damaged(self.name, f"happenings of {start} to {end}: {error!r}") from error

    def _incidents(self, query: Select[Any]) -> list[Incident]:
        with self._reading() as connection:
            texts = connection.scalars(query).all()
        try:
            return [incident_rows.incident(text) for text in texts]
        except UNDECODABLE as error:
            raise damaged(self.name, f"incidents: {error!r}") from error
