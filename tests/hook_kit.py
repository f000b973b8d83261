"""Fakes of the services that hooks talk to, on loopback, and a bridge over them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from prometheus_client import CollectorRegistry

from healthd.hooks.bridge import Bridge, Pauses
from healthd.hooks.facts import Known
from healthd.hooks.metrics import HookMetrics
from healthd.incidents.incident import Cause, Incident, Kind
from healthd.model import Camera, Device, Inventory, Maintainer, Placement, Region
from healthd.options.hooks import HookOptions
from healthd.options.section import Surroundings

TOKEN, SECRET = "t0ken-9f3a", "SECb6e1"
NOW = 1_795_000_000.25
QUICK = Pauses(answer=1.0, first=0.01, longest=0.05, limited=0.02)
HANGS = -1


@dataclass
class Service:
    """What was asked of a fake, and what it answers next: (status, body), the last one for ever."""

    answers: list[tuple[int, str]] = field(default_factory=lambda: [(200, '{"errcode":0,"code":0}')])
    asked: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        self.bodies.append(await request.read())
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status == HANGS:
            await asyncio.sleep(30)
        return web.Response(status=status, text=body, headers={"Location": "/elsewhere"} if status == 302 else {})

    def json(self, number: int = -1) -> Any:
        return json.loads(self.bodies[number])


@asynccontextmanager
async def service(*answers: tuple[int, str]) -> AsyncIterator[Service]:
    """A fake on a free port."""
    fake = Service([*answers]) if answers else Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()


def hook(kind: str, url: str, **more: Any) -> HookOptions:
    """A hook with token and, where it is signed, a secret."""
    content = {"kind": kind, "base_url": url, "token_env": "TOKEN", "timeout": "300ms", **more}
    if kind in ("dingtalk", "feishu"):
        content.setdefault("secret_env", "SECRET")
    where = Surroundings(Path("/"), {"TOKEN": TOKEN, "SECRET": SECRET})
    return HookOptions.model_validate(content, context=where)


INVENTORY = Inventory(
    regions={
        "3206": Region("3206", "南通市", "city"),
        "320602": Region("320602", "崇川区", "county", "3206"),
    },
    devices={"sw-1": Device("sw-1", "学田交换机", "switch", "320602")},
    cameras={
        "c1": Camera("c1", "人民路东枪机", "10.0.0.1", Placement("320602", "1"), address_text="人民路 5 号"),
    },
    maintainers={"huawang": Maintainer("huawang", "华网通信", "0513-1")},
)


def incident(**changes: Any) -> Incident:
    """A dead switch with forty cameras, since 2026-11-21 10:00 in Nantong."""
    since = 1_795_226_400_000
    values: dict[str, Any] = {
        "id": "I1",
        "kind": Kind.OFFLINE,
        "cause": Cause.POWER,
        "subject": "sw-1",
        "region": "320602",
        "class_": "1",
        "unit": "学田派出所",
        "maintainer": "huawang",
        "camera_ids": frozenset(f"c{number}" for number in range(40)),
        "since": since,
        "opened": since,
        "due": since + 48 * 3_600_000,
        "most_cameras": 40,
    }
    return Incident(**values | changes)


def alert(number: int = 0, status: str = "firing", **changes: Any) -> dict[str, Any]:
    """One alert as Alertmanager posts it."""
    labels = {
        "alertname": "HealthdRegionRateDropped",
        "severity": "critical",
        "region": "320602",
        "n": str(number),
    }
    notes = {
        "summary": f"rate dropped {number}",
        "summary_zh": f"在线率突然下降 {number}",
        "description": "now 93 %",
        "description_zh": "当前 93 %",
        "runbook_url": "http://healthd.lan/runbooks/HealthdRegionRateDropped",
        "dashboard_url": "http://grafana.lan/d/healthd-region?var-region=320602",
        "dashboard_url_zh": "http://grafana.lan/d/healthd-region-zh?var-region=320602",
    }
    return {
        "status": status,
        "labels": labels | changes.pop("labels", {}),
        "annotations": notes | changes.pop("annotations", {}),
        "startsAt": "2026-11-21T02:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        **changes,
    }


def posted(*alerts: Mapping[str, Any], **more: Any) -> bytes:
    """A message of Alertmanager."""
    content = {"version": "4", "status": "firing", "alerts": alerts, "truncatedAlerts": 0, **more}
    return json.dumps(content).encode()


@dataclass
class Running:
    """A bridge, and what it says of itself."""

    bridge: Bridge
    registry: CollectorRegistry

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"healthd_hook_{name}", labels)


@asynccontextmanager
async def bridging(
    hooks: Mapping[str, HookOptions], *incidents: Incident, pauses: Pauses = QUICK
) -> AsyncIterator[Running]:
    """A running bridge with these hooks."""
    known = Known(
        INVENTORY,
        {one.id: one for one in incidents}.get,
        ZoneInfo("Asia/Shanghai"),
        "nantong",
        False,
        "https://healthd.lan:9808",
    )
    registry = CollectorRegistry()
    bridge = Bridge(HookMetrics(registry), lambda: known, lambda: NOW, pauses)
    bridge.replace(hooks)
    try:
        yield Running(bridge, registry)
    finally:
        await bridge.stop(0)
