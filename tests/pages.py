"""Pages to render in tests: a small city with Chinese names, its cameras in every state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from healthd.folding.disagreements import Disagreement, Discord
from healthd.incidents.evidence import clue, plain
from healthd.incidents.incident import Acknowledgement, Cause, Incident, Kind
from healthd.incidents.readings import DeviceView, Reading
from healthd.live import CameraView, Page, RegionTraffic, Repairs
from healthd.model import Camera, Device, Inventory, Lifecycle, Maintainer, Moment, Placement, Region, State
from healthd.rates.profiles import BUILT_IN, Profile
from healthd.rates.rows import Row
from healthd.rates.timeline import Situation

AT: Moment = 1_795_255_200_000  # 2026-11-21T10:00:00Z
HOUR = 3_600_000
MONTH_START: Moment = AT - 20 * 24 * HOUR - 18 * HOUR

_REGIONS = (
    Region("3206", "南通市", "city"),
    Region("320602", "崇川区", "county", "3206"),
    Region("320602001", "城东街道", "township", "320602"),
    Region("320602002", "狼山镇街道", "township", "320602"),
    Region("320612", "通州区", "county", "3206"),
    Region("320612100", "金沙街道", "township", "320612"),
)
_DEVICES = (
    Device("sw-1", "城东派出所 2 号交换机", "switch", "320602001", address="127.0.1.1"),
    Device("sw-2", "金沙汇聚交换机", "switch", "320612100", address="127.0.1.2"),
)


def inventory(cameras: Iterable[Camera], regions: Sequence[Region] = _REGIONS) -> Inventory:
    return Inventory(
        regions={region.code: region for region in regions},
        devices={device.id: device for device in _DEVICES},
        cameras={camera.id: camera for camera in cameras},
        maintainers={"m1": Maintainer("m1", "江海安防", "0513-5555 0199")},
        digest="test",
    )


def camera(number: int, region: str = "320602001", class_: str = "1") -> Camera:
    """A camera whose id and address follow from its number."""
    return Camera(
        f"cam-{number:05d}",
        f"人民路与工农路口 {number} 号",
        f"127.{1 + number // 65_536}.{number // 256 % 256}.{number % 256}",
        Placement(region, class_, unit="城东派出所", maintainer="m1", upstream="sw-1"),
        upstream_port=str(number % 24 + 1),
        vendor="海康威视",
        longitude=round(120.86 + number / 1000, 3),
        latitude=round(32.01 + number % 3 / 1000, 3),
    )


def views() -> list[CameraView]:
    """Eight cameras, every state among them."""
    up = CameraView(camera(7, "320602002"), State.ONLINE, AT - 50 * HOUR, reason="ok", loss_ratio=0.0)
    good = replace(
        up,
        camera=camera(1),
        picture=State.GOOD,
        picture_since=AT - 49 * HOUR,
        rtt_seconds=0.0031,
        clock_offset_seconds=-1.25,
        reboots=2,
        vendor="HIKVISION",
        model="DS-2CD",
        firmware="V5.7.3",
    )
    dark = replace(camera(5, "320612100", "2"), address_text="世纪大道 8 号南门")
    mute = replace(camera(6, "320612100", "3"), placement=Placement("320612100", "3", upstream="sw-2"))
    return [
        good,
        replace(good, camera=camera(2, class_="2"), reboots=0),
        replace(good, camera=camera(3, "320602002"), rtt_seconds=0.25, exempt=True),
        CameraView(camera(4), State.OFFLINE, AT - 75 * HOUR, reason="timeout", loss_ratio=1.0),
        replace(
            up,
            camera=dark,
            picture=State.FAULTY,
            picture_since=AT - 5 * HOUR,
            faults=("dark", "resolution"),
        ),
        replace(up, camera=mute, picture=State.NO_PICTURE, picture_since=AT - 12 * 60_000, reason="auth"),
        up,
        CameraView(camera(8, "320602002", "3")),
    ]


def page(
    cameras: Sequence[CameraView], regions: Sequence[Region] = _REGIONS, profiles: Sequence[str] = ("default",)
) -> Page:
    """A page whose head counts and rows agree with the cameras that are given."""
    fleet = inventory((view.camera for view in cameras), regions)
    chosen = [BUILT_IN[name] for name in profiles]
    heads = _heads(fleet, cameras)
    return Page(
        at=AT,
        site="nantong",
        simulated=False,
        inventory=fleet,
        profiles=chosen,
        windows={"now": (AT, AT), "month": (MONTH_START, AT)},
        rows={
            "now": [*_rows(fleet, heads, chosen, (AT, AT))],
            "month": [*_rows(fleet, heads, chosen, (MONTH_START, AT))],
        },
        heads=heads,
        faults={("320612100", "2", "dark"): 1, ("320612100", "all", "dark"): 1},
        booked={
            ("3206", "all", "online", "default", "good"): 7_200_500,
            ("3206", "all", "online", "default", "bad"): 1,
        },
        traffic={"3206": RegionTraffic((0, 5, 1, 0, 0, 2, 0, 1), 2.5, 12, 3)},
        cameras=cameras,
        blind=False,
        ready=True,
    )


def incident(id_: str, cameras: Iterable[str], cause: Cause = Cause.DEVICE, **fields: Any) -> Incident:
    """An open incident of cameras of 城东街道 since three hours ago, due in 21."""
    down = frozenset(cameras)
    standard: dict[str, Any] = {
        "kind": Kind.OFFLINE,
        "subject": min(down, default=""),
        "region": "320602001",
        "class_": "1",
        "unit": "城东派出所",
        "maintainer": "m1",
        "since": AT - 3 * HOUR,
        "opened": AT - 3 * HOUR + 60_000,
        "due": AT + 21 * HOUR,
        "most_cameras": len(down),
    }
    return Incident(id=id_, cause=cause, camera_ids=down, **{**standard, **fields})


def troubled(quiet: Page) -> Page:
    """The page with three open incidents, repairs done, and disagreements between reach and picture."""
    taken = Acknowledgement("王工", AT - 2 * HOUR, "已派人 & 带备件")
    cabinet = incident(
        "i-2",
        ["cam-00004", "cam-00008"],
        Cause.POWER,
        subject="sw-1",
        acknowledged=taken,
        evidence=(clue("device_silent", device="sw-1", cameras=2), plain("2 of 2 cameras behind it are down.")),
    )
    dark = {
        "kind": Kind.PICTURE,
        "region": "320612100",
        "class_": "2",
        "since": AT - 50 * HOUR,
        "due": AT - 2 * HOUR,
    }
    key, other = ("320602001", "offline", "power", "m1"), ("320612100", "offline", "power", "m1")
    walk = Reading(
        AT - 60_000,
        AT - 30 * HOUR,
        1,
        {"up": 20, "down": 3, "off": 1},
        {"delivering": 18, "searching": 2},
        flaps=4,
        errors=12,
        power_watts=370,
        consumption_watts=142,
        temperature_celsius=41.5,
        cpu_ratio=0.25,
    )
    return replace(
        quiet,
        devices=[
            DeviceView(_DEVICES[0], State.OFFLINE, AT - HOUR, 4, 2, walk),
            DeviceView(_DEVICES[1], State.UNKNOWN, 0, 2, 0, None),
        ],
        incidents=[
            incident("i-1", ["cam-00005"], Cause.PICTURE, **dark),
            cabinet,
            incident(
                "i-3", ["cam-00006"], Cause.ACCOUNT, kind=Kind.ACCOUNT, region="320612100", maintainer="", due=0
            ),
        ],
        repairs=Repairs(
            opened={key: 4, other: 1},
            closed={key: 2, other: 1},
            timely={key: 2, other: 0},
            repeated={key: 1},
            durations={key: ((1, 0, 0, 1, 0, 0, 0), 30_000.5), other: ((0, 0, 0, 0, 0, 0, 1), 700_000.0)},
        ),
        standing={view.camera.id: _standing(view) for view in quiet.cameras},
        findings=[
            Disagreement("cam-00006", Discord.REACH_WITHOUT_PICTURE, AT - 12 * 60_000, "auth"),
            Disagreement("cam-00004", Discord.PROTOCOL_WITHOUT_REACH, AT - HOUR, "snmp"),
        ],
        disagreements={("3206", "all", "reach_without_picture"): 2, ("3206", "2", "picture_without_reach"): 0},
    )


def _standing(view: CameraView) -> tuple[tuple[str, str], Situation]:
    placement = view.camera.placement
    situation = Situation("", view.exempt, True, view.online, view.picture, view.faults, False, placement.picture)
    return (placement.region, placement.class_), situation


def _heads(fleet: Inventory, cameras: Iterable[CameraView]) -> Counter[tuple[str, str, str, str]]:
    heads: Counter[tuple[str, str, str, str]] = Counter()
    for view in cameras:
        placement = view.camera.placement
        if placement.lifecycle is not Lifecycle.IN_SERVICE:
            continue
        for code in fleet.line_of(placement.region):
            for class_ in ("all", placement.class_):
                heads[code, class_, "online", "exempt" if view.exempt else view.online.value] += 1
                heads[code, class_, "picture", "exempt" if view.exempt else view.picture.value] += 1
    return heads


def _rows(
    fleet: Inventory,
    heads: Counter[tuple[str, str, str, str]],
    profiles: Sequence[Profile],
    span: tuple[Moment, Moment],
) -> Iterable[Row]:
    each = 1 if span[0] == span[1] else span[1] - span[0]
    for code, class_ in dict.fromkeys((key[0], key[1]) for key in heads):
        online = {
            state: heads[code, class_, "online", state] for state in ("offline", "online", "unknown", "exempt")
        }
        assessed = sum(online.values()) - online["exempt"]
        unseen = heads[code, class_, "picture", "unknown"] - online["offline"]  # unknown, but bad for `intact`
        sums = {
            "online": (online["online"], online["unknown"]),
            "intact": (heads[code, class_, "picture", "good"], unseen),
        }
        for profile, (rate, (good, unknown)) in product(profiles, sums.items()):
            yield replace(
                row(code, class_, rate, span),
                name=fleet.regions[code].name,
                level=fleet.regions[code].level,
                profile=profile.name,
                cameras=sum(online.values()),
                good=good * each,
                bad=(assessed - good - unknown) * each,
                unknown=unknown * each,
                exempt=online["exempt"] * each,
                target=profile.targets.get((rate, class_)),
            )


def row(region: str, class_: str, rate: str, span: tuple[Moment, Moment]) -> Row:
    """A row by region in which nothing was booked."""
    return Row(
        by="region",
        key=region,
        region=region,
        name=region,
        level="county",
        class_=class_,
        rate=rate,
        profile="default",
        start=span[0],
        end=span[1],
        clipped=False,
        cameras=0,
        good=0,
        bad=0,
        undiagnosed=0,
        unknown=0,
        exempt=0,
        out_of_service=0,
        raw_good=0,
        raw_assessed=0,
        target=None,
    )
