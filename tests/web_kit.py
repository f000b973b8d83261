"""A web site to test: the real application on a real socket, with the daemon's side in plain sight."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from aiohttp import ClientSession, web

from healthd.child import Ended
from healthd.filings.filing import EndingSaid, Said
from healthd.incidents.evidence import Clue
from healthd.incidents.incident import Happening, Incident
from healthd.live import Page
from healthd.model import EvidenceFile, Exemption, Flip, Moment
from healthd.web.deps import Subject, WebDeps, WebSettings
from healthd.web.server import make_app
from probes.base import Result
from tests import pages

NO_HEADERS: Mapping[str, str] = {}


def nobody_files(said: object, evidence: object = None) -> Exemption:
    raise AssertionError(f"nothing is to be filed: {said}")


@dataclass
class Site:
    """The daemon's side, with what was asked of it."""

    page: Page = field(default_factory=lambda: pages.page(pages.views()))
    settings: WebSettings = field(
        default_factory=lambda: WebSettings(ZoneInfo("Asia/Shanghai"), checks=("ping", "onvif"))
    )
    problems: Sequence[str] = ()
    unready: str = ""
    result: Result = field(default_factory=lambda: Result.ok(rtt_avg_seconds=0.25, answered=True, model='A"B'))
    metrics_text: Callable[[], bytes] = lambda: b"healthd_ready 1\n"
    asked: list[tuple[Subject, str]] = field(default_factory=list)
    reloads: list[bool] = field(default_factory=list)
    stored: dict[str, Incident] = field(default_factory=dict)
    happenings: list[tuple[int, Happening]] = field(default_factory=list)
    flipped: list[Flip] = field(default_factory=list)
    acts: list[tuple[str, ...]] = field(default_factory=list)
    objection: Clue | None = None
    exemptions: list[Exemption] = field(default_factory=list)
    read_exemptions: Callable[[], Sequence[Exemption]] | None = None
    filed: Callable[[Said, tuple[str, bytes] | None], Exemption] = nobody_files
    ended: Callable[[EndingSaid], Exemption] = nobody_files
    read_evidence: Callable[[str, str], tuple[EvidenceFile, bytes] | None] = lambda exemption, by: None
    ended_rates: Ended = field(default_factory=lambda: Ended(0, b"[]", ""))
    told: list[Sequence[str]] = field(default_factory=list)
    base: str = ""

    def deps(self) -> WebDeps:
        return WebDeps(
            page=lambda: self.page,
            settings=lambda: self.settings,
            metrics=lambda _page, _form: self.metrics_text(),
            camera_metrics=lambda _page, form, region: f"{form.name} {region}\n".encode(),
            healthy=lambda: "",
            ready=lambda: self.unready,
            reload=self.reload,
            ask=self.ask,
            incident=self.incident,
            incidents=self.incidents,
            feed=lambda since, limit: [entry for entry in self.happenings if entry[0] > since][:limit],
            flips=lambda camera: [flip for flip in self.flipped if flip.camera == camera],
            acknowledge=self.acknowledge,
            close=self.close,
            exemptions=lambda: self.read_exemptions() if self.read_exemptions else self.exemptions,
            file_exemption=self.filed,
            end_exemption=self.ended,
            exemption_evidence=self.read_evidence,
            told=self.tell,
        )

    async def tell(self, arguments: Sequence[str]) -> Ended:
        self.told.append(arguments)
        return self.ended_rates

    async def reload(self, force: bool) -> Sequence[str]:
        self.reloads.append(force)
        return self.problems

    async def ask(self, subject: Subject, check: str) -> Result:
        self.asked.append((subject, check))
        return self.result

    def incident(self, key: str) -> Incident | None:
        return self.stored.get(key)

    def incidents(self, start: Moment, end: Moment) -> Sequence[Incident]:
        return [one for one in self.stored.values() if one.opened < end and not 0 < one.closed < start]

    def acknowledge(self, *act: str) -> Clue | None:
        self.acts.append(("acknowledge", *act))
        return self.objection

    async def close(self, *act: str) -> Clue | None:
        self.acts.append(("close", *act))
        return self.objection


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[ClientSession]:
    runner = web.AppRunner(make_app(site.deps()))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with ClientSession(site.base, auto_decompress=False) as session:
        yield session
    await runner.cleanup()


async def text_of(
    client: ClientSession, path: str, status: int = 200, headers: Mapping[str, str] = NO_HEADERS
) -> str:
    async with client.get(path, headers={"Accept-Encoding": "identity", **headers}) as response:
        assert response.status == status
        return await response.text()
