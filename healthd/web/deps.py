"""What the web pages need, passed in by the daemon."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

from aiohttp import web

from healthd.child import Ended
from healthd.exposition import Format
from healthd.false_alarms import FalseAlarm
from healthd.filings.filing import EndingSaid, Said
from healthd.incidents.evidence import Clue
from healthd.incidents.incident import Happening, Incident
from healthd.kept import Kept
from healthd.live import Page
from healthd.model import Camera, Device, EvidenceFile, Exemption, Flip, Moment
from healthd.platforms.watch import Standing
from healthd.problems import Wrong
from healthd.web.share import Shared
from probes.base import Result

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Subject: TypeAlias = Camera | Device | str
"""Whom `/probe` asks: a camera or device of the inventory with its own credential, or a foreign address with
none."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What configuration says about the web; read anew at every request, so that a reload takes effect."""

    timezone: ZoneInfo
    tokens: Mapping[str, str] = field(default_factory=dict)  # name -> sha256 of the token, in hex; none: open
    probe_networks: Sequence[Network] = ()  # foreign addresses that /probe may ask
    checks: Sequence[str] = ()  # the checks that are configured
    map_without_token: bool = False  # whether the regions' outlines are open
    read_only: Collection[str] = ()  # names of tokens that may not change anything
    pictures: Collection[str] = ()  # names of tokens that may see thumbnails of bad frames
    evidence_max_bytes: int = 10_000_000  # of a document that an exemption rests on


def _refuse_mark(camera: str, fault: str, by: str, note: str, at: Moment | None) -> FalseAlarm:
    raise Wrong("this healthd judges no pictures", "configure checks.frame")


def _refuse(said: object, evidence: object = None) -> Exemption:
    raise Wrong("nothing can be filed here")


async def _tells_nothing(_arguments: Sequence[str]) -> Ended:
    return Ended(1, b"", "There is no store here.")


async def _no_hooks(_name: str, _body: bytes) -> tuple[int, str]:
    return 404, "There are no hooks."


@dataclass(frozen=True, slots=True)
class WebDeps:
    """The daemon's side of the web. The two that make metrics run in a thread, one at a time; so do those that
    read the store, several at a time. All others are quick, or awaited.

    `metrics(page, format)`: the page that Prometheus reads. `camera_metrics(page, format, region)`: all cameras
    of one subtree. `healthy`, `ready`: "" or a sentence that says what is wrong. `reload(force)`: the problems
    that kept the new configuration out, none when it was taken. `ask(subject, check)`: one turn out of the order,
    with the check's own deadline.

    Out of the store: `incident(id)`; `incidents(start, end)`: those opened before `end` and not closed before
    `start`; `feed(since, limit)`: (seq, happening) with seq above `since`, in order; `flips(camera)`: its recent
    ones. `acknowledge(id, by, note)` and `close(id, by, note)`, of an incident that exists: None, or why it is
    not done. `exemptions()`: all that were filed. `file_exemption(said)`, `end_exemption(said)`: blocking, the
    record is on the disk when they return; they raise Wrong with the remedy. `hook(name, body)`: a message of
    Alertmanager; HTTP status and a sentence. `told(arguments)`: what `healthd rates ARGUMENTS --json` answers, in
    a process of its own.

    Of pictures: `mark_false(camera, fault, by, note, at)` and `note_rebase(camera, by, note)` keep what was said,
    blocking, the first raising Wrong; `taken_back(alarm)` and `begin_anew(camera)` then have it take effect.
    `withdraw_mark(camera, fault, by, note, at)` and `withdrawn(alarm)`: the same of a mark that holds no longer.
    `told_changes(arguments)`: the same of `healthd changes`; `picture_stats(arguments)`: what `healthd picture
    stats ARGUMENTS --json` answers, in a process of its own.
    `thumbnails(camera)`: when the bad frames were asked of which one is kept; `thumbnail(camera, at, by)`: its
    JPEG, the reading written down, or None; both blocking. `platforms()`: how their catalogues stand.
    """

    page: Callable[[], Page]
    settings: Callable[[], WebSettings]
    metrics: Callable[[Page, Format], bytes]
    camera_metrics: Callable[[Page, Format, str], bytes]
    healthy: Callable[[], str]
    ready: Callable[[], str]
    reload: Callable[[bool], Awaitable[Sequence[str]]]
    ask: Callable[[Subject, str], Awaitable[Result]]
    incident: Callable[[str], Incident | None]
    incidents: Callable[[Moment, Moment], Sequence[Incident]]
    feed: Callable[[int, int], Sequence[tuple[int, Happening]]]
    flips: Callable[[str], Sequence[Flip]]
    acknowledge: Callable[[str, str, str], Clue | None]
    close: Callable[[str, str, str], Awaitable[Clue | None]]
    exemptions: Callable[[], Sequence[Exemption]] = tuple
    file_exemption: Callable[[Said, tuple[str, bytes] | None], Exemption] = _refuse
    end_exemption: Callable[[EndingSaid], Exemption] = _refuse
    exemption_evidence: Callable[[str, str], tuple[EvidenceFile, bytes] | None] = lambda exemption, by: None
    reports: Callable[[], Iterable[Kept]] = tuple
    report_file: Callable[[str, str], Path | None] = lambda report, name: None
    hook: Callable[[str, bytes], Awaitable[tuple[int, str]]] = _no_hooks
    mark_false: Callable[[str, str, str, str, Moment | None], FalseAlarm] = _refuse_mark
    taken_back: Callable[[FalseAlarm], None] = lambda alarm: None
    withdraw_mark: Callable[[str, str, str, str, Moment | None], FalseAlarm] = _refuse_mark
    withdrawn: Callable[[FalseAlarm], None] = lambda alarm: None
    picture_stats: Callable[[Sequence[str]], Awaitable[Ended]] = _tells_nothing
    note_rebase: Callable[[str, str, str], None] = lambda camera, by, note: None
    begin_anew: Callable[[str], None] = lambda camera: None
    thumbnails: Callable[[str], Sequence[Moment]] = lambda camera: ()
    thumbnail: Callable[[str, Moment, str], bytes | None] = lambda camera, at, by: None
    platforms: Callable[[], Sequence[Standing]] = tuple
    told: Callable[[Sequence[str]], Awaitable[Ended]] = _tells_nothing
    told_changes: Callable[[Sequence[str]], Awaitable[Ended]] = _tells_nothing


DEPS = web.AppKey("deps", WebDeps)
SCRAPES = web.AppKey("scrapes", Shared)
VIEWS = web.AppKey("views", Shared)
