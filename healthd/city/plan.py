"""Lays out a simulated city: regions, power feeds, routers, switches, recorders, cameras. Pure: a seed, a city."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from healthd.city import names
from healthd.city.shapes import port_name, shape_of
from healthd.model import Camera, Device, Maintainer, Placement, Region

CITY_CODE = "3206"  # the shape of GB/T 2260; the places under it are invented
CORE = "RT-3206-CORE"
_CENTRE = (120.90, 32.00)  # longitude, latitude
_SWITCH_SLOTS = (8, 20)
_RECORDER_SHARE, _RECORDER_CHANNELS = 0.02, (4, 8)
_CLASS_SHARES = {"1": 35, "2": 30, "3": 35}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where every simulated address listens; `reach` None: reached by ICMP."""

    http: int
    snmp: int
    reach: int | None = None


@dataclass(frozen=True)
class Plan:
    """The whole city. `power` names the feed of each switch; what a feed supplies hangs on those switches."""

    regions: Mapping[str, Region]
    devices: Mapping[str, Device]
    cameras: Mapping[str, Camera]
    maintainers: Mapping[str, Maintainer]
    power: Mapping[str, str]
    ports: Ports

    @cached_property
    def cameras_on(self) -> Mapping[str, list[Camera]]:
        """Device id -> the cameras that hang on it directly."""
        found: dict[str, list[Camera]] = {}
        for camera in self.cameras.values():
            found.setdefault(camera.placement.upstream, []).append(camera)
        return found

    @cached_property
    def devices_on(self) -> Mapping[str, list[Device]]:
        """Device id -> the devices that hang on it directly."""
        found: dict[str, list[Device]] = {}
        for device in self.devices.values():
            found.setdefault(device.upstream, []).append(device)
        return found

    @cached_property
    def switches_of(self) -> Mapping[str, list[str]]:
        """Power feed id -> the switches that it supplies."""
        found: dict[str, list[str]] = {}
        for switch, feed in self.power.items():
            found.setdefault(feed, []).append(switch)
        return found

    @cached_property
    def channels_at(self) -> Mapping[str, list[Camera]]:
        """Address -> the cameras behind it, by channel; one but for recorders."""
        found: dict[str, list[Camera]] = {}
        for camera in self.cameras.values():
            found.setdefault(camera.address, []).append(camera)
        return found

    @cached_property
    def device_at(self) -> Mapping[str, Device]:
        return {device.address: device for device in self.devices.values() if device.address}

    def feeds(self, camera: Camera) -> bool:
        """Whether the camera lives on the power of its switch's port."""
        switch = camera.placement.upstream
        return self.devices[switch].kind == "switch" and shape_of(switch).poe

    def addresses_below(self, device: str) -> list[str]:
        """Every address of a device and of what hangs on it, each once."""
        addresses: dict[str, None] = {}
        for below in self.below(device):
            if below.address:
                addresses[below.address] = None
            for camera in self.cameras_on.get(below.id, ()):
                addresses[camera.address] = None
        return [*addresses]

    def below(self, device: str) -> Iterator[Device]:
        """`device` and every device that hangs on it, however far down."""
        yield self.devices[device]
        for child in self.devices_on.get(device, ()):
            yield from self.below(child.id)


def lay_out(cameras: int, seed: int, addresses: Iterator[str], ports: Ports) -> Plan:
    """A city of `cameras` cameras. Takes addresses as it needs them; the same arguments make the same city."""
    return _Builder(cameras, random.Random(seed), addresses, ports).build(cameras)


class _Builder:
    """Collects the city while it is laid out; gone afterwards."""

    def __init__(self, cameras: int, rng: random.Random, addresses: Iterator[str], ports: Ports) -> None:
        self.rng = rng
        self.addresses = addresses
        self.ports = ports
        self.regions = {CITY_CODE: Region(CITY_CODE, names.CITY, "city")}
        self.devices: dict[str, Device] = {}
        self.cameras: dict[str, Camera] = {}
        self.power: dict[str, str] = {}
        self.serial = 0
        count = 4 if cameras <= 2000 else len(names.MAINTAINERS)
        self.maintainers = {
            f"M{number:02}": Maintainer(f"M{number:02}", name, f"模拟 000-{number:04}", "2024-01-01", "", hours)
            for number, (name, hours) in enumerate(names.MAINTAINERS[:count], 1)
        }

    def build(self, cameras: int) -> Plan:
        self.add(Device(CORE, "市核心路由器", "router", CITY_CODE))
        townships = self._tree(cameras)
        for township, share in zip(townships, self._shares(cameras, len(townships)), strict=True):
            _Township(self, township, share).fill()
        return Plan(self.regions, self.devices, self.cameras, self.maintainers, self.power, self.ports)

    def _tree(self, cameras: int) -> list[Region]:
        """Counties and townships; their numbers grow with the fourth root of the cameras, as real cities' do."""
        counties = min(len(names.COUNTIES), max(1, round(cameras**0.25)))
        each = min(len(names.TOWNSHIPS), max(1, round(cameras**0.22)))
        townships: list[Region] = []
        for number, name in enumerate(names.COUNTIES[:counties], 1):
            county = Region(f"{CITY_CODE}{number:02}", name, "county", CITY_CODE)
            self.regions[county.code] = county
            router = Device(f"RT-{county.code}", f"{name}汇聚路由器", "router", county.code)
            self.add(replace(router, upstream=CORE, upstream_port=f"Te1/0/{number}"))
            suffix = "街道" if name.endswith("区") else "镇"
            for index, word in enumerate(self.rng.sample(names.TOWNSHIPS, each), 1):
                township = Region(f"{county.code}{index:02}", word + suffix, "township", county.code)
                self.regions[township.code] = township
                townships.append(township)
        return townships

    def _shares(self, cameras: int, townships: int) -> list[int]:
        """Cameras for each township: uneven, none empty while they last, exact in sum."""
        weights = [self.rng.uniform(0.6, 1.6) for _ in range(townships)]
        total, given, seen = sum(weights), 0, 0.0
        shares = []
        for weight in weights:
            seen += weight
            upto = round(cameras * seen / total)
            shares.append(upto - given)
            given = upto
        return shares

    def add(self, device: Device) -> Device:
        """Takes a device into the city, with an address unless it is a power feed."""
        if device.kind != "power":
            device = replace(device, address=next(self.addresses), reach_port=self.ports.reach)
        self.devices[device.id] = device
        return device

    def next_id(self, township: str, kind: str) -> str:
        """A GB/T 28181-2022 Annex E code: region 8, industry 2, type 3, network 1, serial 6."""
        self.serial += 1
        return f"{township}00{kind}0{self.serial % 1_000_000:06}"


@dataclass(frozen=True, slots=True)
class _Cabinet:
    """A box at the street: its switch, where it stands, and what its cameras have in common."""

    switch: str
    road: str
    longitude: float
    latitude: float
    tags: Mapping[str, str]


class _Township:
    """Fills one township: cabinet after cabinet, each a switch with cameras and now and then a recorder."""

    def __init__(self, city: _Builder, region: Region, cameras: int) -> None:
        self.city, self.region, self.left = city, region, cameras
        self.rng = city.rng
        self.county = city.regions[region.parent]
        number = int(self.county.code[4:6])
        keys = sorted(city.maintainers)
        self.maintainer = {
            class_: keys[(number + (class_ == "3")) % len(keys)] for class_ in _CLASS_SHARES
        }  # shops and housing have a contractor of their own
        self.centre = (
            _CENTRE[0] + 0.25 * (number % 5 - 2) + self.rng.uniform(-0.1, 0.1),
            _CENTRE[1] + 0.2 * (number // 5 - 1) + self.rng.uniform(-0.08, 0.08),
        )
        self.feed = ""
        self.feeds = self.switches = 0
        city.serial = 0  # serials run anew in each township

    def fill(self) -> None:
        while self.left:
            self._cabinet()

    def _cabinet(self) -> None:
        cabinet = self._open_cabinet()
        for slot in range(1, self.rng.randint(*_SWITCH_SLOTS) + 1):
            if not self.left:
                return
            if self.left >= _RECORDER_CHANNELS[1] and self.rng.random() < _RECORDER_SHARE:
                self._recorder(cabinet, port_name(cabinet.switch, slot))
            else:
                class_ = self.rng.choices([*_CLASS_SHARES], [*_CLASS_SHARES.values()])[0]
                placement = self._placement(class_, cabinet.switch)
                port = port_name(cabinet.switch, slot)
                self._camera(cabinet, placement, next(self.city.addresses), channel=1, port=port)

    def _open_cabinet(self) -> _Cabinet:
        """A switch on a feed: often that of the cabinet before."""
        self.switches += 1
        code, name = self.region.code, self.region.name
        if not self.feed or self.rng.random() < 0.6:
            self.feeds += 1
            self.feed = f"PW-{code}-{self.feeds:03}"
            self.city.add(Device(self.feed, f"{name}{self.feeds}号街道配电", "power", code))
        switch = Device(f"SW-{code}-{self.switches:03}", f"{name}{self.switches}号机柜交换机", "switch", code)
        uplink = f"Gi{code[6:]}/0/{self.switches}"
        router = f"RT-{self.county.code}"
        self.city.add(replace(switch, upstream=router, upstream_port=uplink, maintainer=self.maintainer["1"]))
        self.city.power[switch.id] = self.feed
        return _Cabinet(
            switch.id,
            self.rng.choice(names.ROADS),
            self.centre[0] + self.rng.uniform(-0.03, 0.03),
            self.centre[1] + self.rng.uniform(-0.03, 0.03),
            {"power": self.feed, "simulated": "yes"},
        )

    def _recorder(self, cabinet: _Cabinet, port: str) -> None:
        key = self.city.next_id(self.region.code, "118")
        class_ = self.rng.choice("23")
        recorder = Device(key, f"{self.region.name}{cabinet.road}录像机", "nvr", self.region.code)
        recorder = self.city.add(
            replace(recorder, upstream=cabinet.switch, upstream_port=port, maintainer=self.maintainer[class_])
        )
        placement = self._placement(class_, key)
        for channel in range(1, self.rng.randint(*_RECORDER_CHANNELS) + 1):
            self._camera(cabinet, placement, recorder.address, channel=channel, port=str(channel))

    def _placement(self, class_: str, upstream: str) -> Placement:
        owner = self.rng.choice(names.UNITS[class_])
        return Placement(
            self.region.code, class_, self.county.name + owner, self.maintainer[class_], upstream=upstream
        )

    def _camera(self, cabinet: _Cabinet, placement: Placement, address: str, *, channel: int, port: str) -> None:
        rng, ports = self.rng, self.city.ports
        self.left -= 1
        key = self.city.next_id(self.region.code, "132")
        spot = rng.choice(names.PLACES.get(placement.class_, names.SPOTS))
        vendor, model, resolution = rng.choice(names.MODELS)
        self.city.cameras[key] = Camera(
            id=key,
            name=f"{self.region.name}{cabinet.road}{spot}{int(key[-6:])}号",
            address=address,
            placement=placement,
            vendor=vendor,
            model=model,
            upstream_port=port,
            longitude=round(cabinet.longitude + rng.uniform(-0.002, 0.002), 6),
            latitude=round(cabinet.latitude + rng.uniform(-0.002, 0.002), 6),
            resolution=resolution,
            reach_port=ports.reach,
            onvif_port=ports.http,
            snmp_port=ports.snmp,
            channel=channel,
            install_time=f"20{rng.randint(18, 24)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            contact=self.city.maintainers[placement.maintainer].contact,
            record_save_days=30,
            address_text=f"{self.county.name}{self.region.name}{cabinet.road}",
            tags=cabinet.tags,
        )
