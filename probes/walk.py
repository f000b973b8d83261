"""Walks an SNMP agent column by column (GETBULK): whatever the agent does, it ends, and tells what is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from gufo.snmp import SnmpError, ValueType
from gufo.snmp._fast import GetIter

from probes.ber import NotBerError
from probes.snmp_exchange import REFUSED
from probes.snmp_rows import Index, WalkProblem
from probes.snmp_session import Session, TooLargeError

MAX_REPETITIONS = 100  # rows asked for at once: 100 counters are 2.6 of the 4 kB that an answer may have
_WAITS_SECONDS = (2.0, 4.0)  # for an answer, then for one to the repeated request: one datagram in forty gets lost
_MAX_SILENCES = 2  # requests in a row without an answer: the agent is gone
_MAX_REQUESTS = 2_000
_OBJECTS_AT_ONCE = 20  # in one GET, so that texts fit the 1,472 bytes of a datagram that is not split
_MAX_INDEX = 16  # parts; the longest that is wanted has 7
_MAX_VALUE = 255  # bytes kept of a value

T = TypeVar("T")


class SilentError(Exception):
    """No answer to a request, nor to its repetition."""


class OutOfTimeError(Exception):
    """The walk's time was over before an answer came."""


class Walk:
    """One walk of one device within `seconds`, reading at most `max_rows` rows.

    `columns` is what was read, by column; `problems` what was wrong; `incomplete` names the MIBs of which
    something is left out for that. Errors of the network (OSError) are raised, those of the agent are kept.
    """

    def __init__(self, session: Session, seconds: float, max_rows: int) -> None:
        self.columns: dict[str, dict[Index, ValueType]] = {}
        self.problems: set[WalkProblem] = set()
        self.incomplete: set[str] = set()
        self._session = session
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + seconds
        self._rows_left = max_rows
        self._silences = 0
        self._over = False

    async def start(self, objects: Sequence[str]) -> Mapping[str, ValueType]:
        """Opens the session and reads the first objects; raises whatever goes wrong."""
        await self._answer(self._session.refresh)
        return await self._objects(objects)

    async def get(self, mib: str, objects: Sequence[str]) -> Mapping[str, ValueType]:
        """The objects that the agent has; what fails is kept."""
        found: Mapping[str, ValueType] = {}

        async def ask() -> None:
            nonlocal found
            found = await self._objects(objects)

        await self._attempt(mib, ask)
        return found

    async def cells(self, mib: str, columns: Iterable[str], indexes: Iterable[Index]) -> None:
        """Reads single cells into `columns`: those of a few rows of wide tables."""
        rows = [*indexes]
        wanted = {f"{oid}.{'.'.join(map(str, index))}": (oid, index) for oid in columns for index in rows}
        names = [*wanted]
        for first in range(0, len(names), _OBJECTS_AT_ONCE):
            found = await self.get(mib, names[first : first + _OBJECTS_AT_ONCE])
            for name, value in found.items():
                oid, index = wanted[name]
                self.columns.setdefault(oid, {})[index] = _kept(value)

    async def column(self, mib: str, oid: str, expected: int, cap: int) -> Mapping[Index, ValueType]:
        """Reads a column of about `expected` rows, at most `cap`."""
        column = self.columns[oid] = {}
        repetitions = max(1, min(expected, MAX_REPETITIONS))

        async def ask() -> None:
            nonlocal repetitions
            while True:
                try:
                    return await self._read(mib, oid, repetitions, cap)
                except TooLargeError:
                    if repetitions == 1:
                        raise
                    repetitions //= 2

        await self._attempt(mib, ask)
        return column

    async def _attempt(self, mib: str, ask: Callable[[], Awaitable[None]]) -> None:
        if self._over:
            self.incomplete.add(mib)
            return
        try:
            await ask()
        except SilentError:
            self._lack(mib, WalkProblem.NO_ANSWER)
            self._silences += 1
            self._over = self._silences >= _MAX_SILENCES
        except OutOfTimeError:
            self._lack(mib, WalkProblem.OUT_OF_TIME)
            self._over = True
        except TooLargeError:
            self._lack(mib, WalkProblem.TOO_LARGE)
        except (SnmpError, NotBerError, RuntimeError):
            self._lack(mib, WalkProblem.PROTOCOL)

    async def _read(self, mib: str, oid: str, repetitions: int, cap: int) -> None:
        """Reads the column from its start; an answer too large for that many repetitions raises TooLargeError."""
        column, place = self.columns[oid], GetIter(oid, repetitions)
        column.clear()
        last: Index = ()
        more = True
        while more:
            rows, more = await self._answer(lambda: self._session.get_bulk(place))
            for name, value in rows:
                index = _index(name, len(oid) + 1)
                if index <= last:
                    self._lack(mib, WalkProblem.LOOP if index in column else WalkProblem.OUT_OF_ORDER)
                    return
                if not self._rows_left or len(column) >= cap:
                    self._lack(mib, WalkProblem.TOO_MANY_ROWS)
                    return
                last = index
                self._rows_left -= 1
                if len(index) <= _MAX_INDEX:
                    column[index] = _kept(value)
                else:
                    self.problems.add(WalkProblem.BAD_VALUE)
            if self._session.requests >= _MAX_REQUESTS:
                self._lack(mib, WalkProblem.TOO_MANY_REQUESTS)
                self._over = True
                return

    async def _objects(self, objects: Sequence[str]) -> Mapping[str, ValueType]:
        found = await self._answer(lambda: self._session.get_many(objects))
        return {name: found[name] for name in objects if name in found}  # an agent may give others

    async def _answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        for wait in _WAITS_SECONDS:
            left = self._end - self._clock()
            if left <= 0:
                break
            try:
                async with asyncio.timeout(min(wait, left)) as deadline:
                    answer = await ask()
            except TimeoutError:
                if not deadline.expired():
                    raise ConnectionRefusedError(*REFUSED.args) from None
            else:
                self._silences = 0
                return answer
        if self._clock() >= self._end:
            raise OutOfTimeError
        raise SilentError

    def _lack(self, mib: str, problem: WalkProblem) -> None:
        self.problems.add(problem)
        self.incomplete.add(mib)


def _index(name: str, start: int) -> Index:
    """The numbers after a column's; none if the agent gave the column itself as a row."""
    return tuple(map(int, name[start:].split("."))) if len(name) > start else ()


def _kept(value: ValueType) -> ValueType:
    return value[:_MAX_VALUE] if isinstance(value, (bytes, str)) else value
