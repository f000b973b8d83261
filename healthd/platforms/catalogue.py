"""A platform's catalogue: which of our cameras it calls online. One reading of a file is a frozen value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from healthd.folding.disagreements import Saying
from healthd.inventory.rows import quoted
from healthd.inventory.tables import Columns, Table, read_table
from healthd.model import Camera, Moment
from healthd.options.platforms import CatalogueColumns, PlatformOptions
from healthd.periods import parse_moment
from healthd.problems import BadInput, Problem, Problems, brief, did_you_mean

_EXAMPLES = 5
_ON = frozenset({"on", "online", "1", "true", "yes", "在线"})
_OFF = frozenset({"off", "offline", "0", "false", "no", "离线", "不在线"})
_NEITHER = frozenset({"vlost", "defect", ""})
"""What GB/T 28181 (Annex N) says of a channel whose picture or device is ill: not whether it can be reached."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row that could be read; `on` None: it says neither on nor off."""

    on: bool | None
    at: Moment


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One reading of a file. `written`: when the file was (ms). `said`: by camera of the inventory, each once, on
    or off and when the platform said so. `neither`: cameras of which it says neither. `unknown_ids`: rows of ids
    that no camera has, a few of them in `examples`. `doubled`: rows beyond the first of one id. `problems`: rows
    that could not be read."""

    platform: str
    written: Moment
    rows: int
    said: Mapping[str, tuple[bool, Moment]]
    neither: Set[str]
    unknown_ids: int
    examples: Sequence[str]
    doubled: int
    malformed: int
    problems: Sequence[Problem]

    def sayings(self, now: Moment, max_age: Moment, patience: Moment) -> dict[str, Saying]:
        """What it says that is young enough, by camera."""
        return {
            camera: Saying(on, at, self.platform, patience)
            for camera, (on, at) in self.said.items()
            if now - at <= max_age
        }


def cameras_by_code(cameras: Iterable[Camera], column: str) -> Mapping[str, Sequence[str]]:
    """The platform's id -> our cameras: by `id`, or by another column of cameras.csv."""
    found: dict[str, list[str]] = defaultdict(list)
    for camera in cameras:
        code = camera.id if column == "id" else camera.tags.get(column, "")
        if code:
            found[code].append(camera.id)
    return found


def read_catalogue(
    options: PlatformOptions, written: Moment, codes: Mapping[str, Sequence[str]], zone: ZoneInfo
) -> Catalogue:
    """Read the file. `written`: when it was; `codes`: as `cameras_by_code` gives them; times without an offset are
    of `zone`. Raises BadInput where the whole file cannot be read; rows that cannot are counted and told."""
    path, columns, problems = options.catalogue, options.columns, Problems()
    if not path.exists():
        remedy = f"have the platform export its catalogue there, or correct `platforms:` ({options.name})"
        raise BadInput([Problem(path.name, None, "", f"no such file: {path}", remedy)])
    table, _ = read_table(path, Columns((columns.id, columns.status), (columns.at,)), problems)
    if table is None:
        raise BadInput(problems.errors())
    reader = _Reader(path.name, written, zone, problems)
    rows, count = reader.by_code(table, columns)
    if table.torn and not count:
        raise BadInput(problems.errors())
    unknown = [code for code in rows if code not in codes]
    decided = {code: _decided(mine) for code, mine in rows.items() if code in codes}
    said = {
        camera: (row.on, row.at) for code, row in decided.items() if row.on is not None for camera in codes[code]
    }
    return Catalogue(
        platform=options.name,
        written=written,
        rows=count,
        said=said,
        neither=frozenset(camera for code, row in decided.items() if row.on is None for camera in codes[code]),
        unknown_ids=sum(len(rows[code]) for code in unknown),
        examples=unknown[:_EXAMPLES],
        doubled=sum(len(mine) - 1 for mine in rows.values()),
        malformed=problems.count - len(problems.warnings()),
        problems=problems.errors(),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Takes the rows of one file; what is wrong with them goes to `problems`."""

    file: str
    written: Moment
    zone: ZoneInfo
    problems: Problems

    def by_code(self, table: Table, columns: CatalogueColumns) -> tuple[Mapping[str, Sequence[Row]], int]:
        """The rows of each id, and how many there are, those that could not be read too."""
        rows: dict[str, list[Row]] = defaultdict(list)
        count = 0
        code, status = table.columns.index(columns.id), table.columns.index(columns.status)
        at = table.columns.index(columns.at) if columns.at in table.columns else None
        for line, cells in table.rows(self.problems):
            count += 1
            row = self._row(line, cells[status], "" if at is None else cells[at])
            if row is not None:
                rows[cells[code]].append(row)
        return rows, count

    def _row(self, line: int, status: str, at: str) -> Row | None:
        word = status.lower()
        if word not in _ON | _OFF | _NEITHER:
            remedy = did_you_mean(word, _ON | _OFF) or "write ON or OFF"
            self.problems.add(self.file, line, quoted("status", status), "is neither ON nor OFF", remedy)
            return None
        try:
            moment = parse_moment(at.replace("/", "-"), self.zone) if at else self.written
        except ValueError as error:
            self.problems.add(self.file, line, "at", brief(str(error)))
            return None
        on = True if word in _ON else False if word in _OFF else None
        return Row(on, min(moment, self.written))  # nobody has said by then what he says tomorrow


def _decided(rows: Sequence[Row]) -> Row:
    """What holds of several rows of one id: the latest; where two of one moment contradict each other, neither."""
    latest = max(row.at for row in rows)
    words = {row.on for row in rows if row.at == latest}
    return Row(words.pop() if len(words) == 1 else None, latest)


def together(sayings: Iterable[Mapping[str, Saying]]) -> dict[str, Saying]:
    """What several platforms say of each camera: one that says ON is believed before one that says OFF, and of
    those the one that spoke last."""
    found: dict[str, Saying] = {}
    for mine in sayings:
        for camera, said in mine.items():
            known = found.get(camera)
            if known is None or (said.on, said.at) > (known.on, known.at):
                found[camera] = said
    return found
