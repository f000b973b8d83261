"""cameras.csv -> cameras. Written for 100,000 rows: what many rows share is checked and kept once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from healthd.device_code import doubts, is_device_code
from healthd.inventory.fields import (
    one_of,
    parse_address,
    parse_channel,
    parse_id,
    parse_latitude,
    parse_longitude,
    parse_name,
    parse_port,
    parse_reach,
    parse_resolution,
    parse_snapshot_url,
    parse_whole,
    parse_yes_no,
)
from healthd.inventory.rows import Names, References, Rows, quoted
from healthd.inventory.tables import Columns, Table
from healthd.model import CLASSES, Camera, Lifecycle, Placement
from healthd.problems import Problems, Severity
from healthd.service_hours import parse_service_hours
from probes.tables import normal_mac

CAMERA_COLUMNS = Columns(
    required=("id", "name", "region", "class", "address"),
    optional=(
        "credential", "vendor", "model", "unit", "maintainer", "upstream", "upstream_port", "longitude",
        "latitude", "resolution", "lifecycle", "reach", "onvif_port", "snapshot_url", "snmp_port", "channel",
        "picture", "ptz", "service_hours", "install_time", "contact", "record_save_days", "address_text",
        "mac",
    ),
    tags=True,
)  # fmt: skip
_PLACEMENT = ("region", "class", "unit", "maintainer", "lifecycle", "upstream", "service_hours", "picture")
_SETTINGS = ("reach", "onvif_port", "snmp_port", "channel", "resolution", "ptz", "record_save_days")
_REST = tuple(column for column in CAMERA_COLUMNS.known if column not in _PLACEMENT + _SETTINGS)
_LIFECYCLES = tuple(str(lifecycle) for lifecycle in Lifecycle)
_Pick: TypeAlias = Callable[[Sequence[str]], tuple[str, ...]]


class _Settings(NamedTuple):
    """The columns that most cameras fill in alike."""

    reach_port: int | None
    onvif_port: int | None
    snmp_port: int | None
    channel: int
    resolution: tuple[int, int] | None
    ptz: bool
    record_save_days: int | None


def read_cameras(references: References, devices: Names, table: Table, problems: Problems) -> dict[str, Camera]:
    """Cameras by id, in the order of the file; valid only if no problem was added."""
    return _Reader(references, devices, table, problems).read()


class _Reader(Rows):
    def __init__(self, references: References, devices: Names, table: Table, problems: Problems) -> None:
        super().__init__(table.file, problems)
        self._devices = devices
        self._table = table
        self._references = references
        self._placements: dict[tuple[str, ...], Placement] = {}
        self._settings: dict[tuple[str, ...], _Settings] = {}
        self._tags: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._shared: dict[str, str] = {}
        self._ids: dict[str, int] = {}
        self._reached: dict[tuple[object, ...], int] = {}

    def read(self) -> dict[str, Camera]:
        columns = self._table.columns
        pick_placement, pick_settings, pick_rest = (
            _picker(columns, wanted) for wanted in (_PLACEMENT, _SETTINGS, _REST)
        )
        tags = [(column, at) for at, column in enumerate(columns) if column not in CAMERA_COLUMNS.known]
        cameras: dict[str, Camera] = {}
        for line, cells in self._table.rows(self.problems):
            cells.append("")  # what a column that is not in the file is picked from
            placement = self._shared_placement(line, pick_placement(cells))
            settings = self._shared_settings(line, pick_settings(cells))
            mine = self._shared_tags(tags, tuple([cells[at] for _, at in tags]))
            camera = self._camera(line, pick_rest(cells), placement, settings, mine)
            cameras[camera.id] = camera
        return cameras

    def _shared_placement(self, line: int, key: tuple[str, ...]) -> Placement:
        """Equal placements are one value: checked once, and 100,000 cameras share a few thousand."""
        placement = self._placements.get(key)
        if placement is not None:
            return placement
        before = self.problems.count
        region, class_, unit, maintainer, lifecycle, upstream, service_hours, picture = key
        refer = self._references
        self.required(line, "region", region)
        self.look_up(line, "region", region, refer.regions)
        self.look_up(line, "maintainer", maintainer, refer.maintainers)
        self.look_up(line, "unit", unit, refer.units)
        self.look_up(line, "upstream", upstream, self._devices)
        self.take(line, "class", class_, partial(one_of, words=CLASSES), "")
        stage = self.take(
            line, "lifecycle", lifecycle or "in_service", partial(one_of, words=_LIFECYCLES), "retired"
        )
        if service_hours:
            self.take(line, "service_hours", service_hours, parse_service_hours, None)
        expected = self.take(line, "picture", picture or "yes", parse_yes_no, False)
        placement = Placement(
            region, class_, unit, maintainer, Lifecycle(stage), upstream, service_hours, expected
        )
        if self.problems.count == before:  # a wrong one is told again at each of its rows
            self._placements[key] = placement
        return placement

    def _shared_settings(self, line: int, key: tuple[str, ...]) -> _Settings:
        """As with placements."""
        settings = self._settings.get(key)
        if settings is not None:
            return settings
        before = self.problems.count
        reach, onvif_port, snmp_port, channel, resolution, ptz, saved = key
        take = self.take
        settings = _Settings(
            take(line, "reach", reach or "icmp", parse_reach, None),
            take(line, "onvif_port", onvif_port, parse_port, None) if onvif_port else None,
            take(line, "snmp_port", snmp_port, parse_port, None) if snmp_port else None,
            take(line, "channel", channel or "1", parse_channel, 1),
            take(line, "resolution", resolution, parse_resolution, None) if resolution else None,
            take(line, "ptz", ptz or "no", parse_yes_no, False),
            take(line, "record_save_days", saved, parse_whole, None) if saved else None,
        )
        if self.problems.count == before:
            self._settings[key] = settings
        return settings

    def _shared_tags(self, tags: Sequence[tuple[str, int]], key: tuple[str, ...]) -> Mapping[str, str]:
        """Equal tags are one value, too."""
        mine = self._tags.get(key)
        if mine is None:
            mine = self._tags[key] = {column: text for (column, _), text in zip(tags, key, strict=True) if text}
        return mine

    def _address(self, line: int, text: str, placement: Placement, settings: _Settings) -> str:
        address = self.take(line, "address", text, parse_address, "")
        # The address of a retired camera may be that of its successor.
        if address and placement.lifecycle is not Lifecycle.RETIRED:
            first = self._reached.setdefault((address, *settings[:4]), line)
            if first != line:
                message = f"same address, ports and channel as line {first}"
                remedy = "number the channels of one device in column channel, or correct the address"
                self.problems.add(self.file, line, quoted("address", text), message, remedy)
        return address

    def _camera(
        self, line: int, cells: tuple[str, ...], placement: Placement, settings: _Settings, tags: Mapping[str, str]
    ) -> Camera:
        (
            id_, name, address, credential, vendor, model, upstream_port, longitude, latitude, snapshot_url,
            install_time, contact, address_text, mac,
        ) = cells  # fmt: skip
        share = self._shared.setdefault
        if snapshot_url:
            self.take(line, "snapshot_url", snapshot_url, parse_snapshot_url, "")
        self._identity(line, id_, name, placement)
        self.look_up(line, "credential", credential, self._references.credentials)
        east, north = self._place(line, longitude, latitude) if longitude or latitude else (None, None)
        return Camera(
            id=id_,
            name=name,
            address=self._address(line, address, placement, settings),
            placement=placement,
            credential=share(credential, credential),
            vendor=share(vendor, vendor),
            model=share(model, model),
            upstream_port=share(upstream_port, upstream_port),
            longitude=east,
            latitude=north,
            resolution=settings.resolution,
            reach_port=settings.reach_port,
            onvif_port=settings.onvif_port,
            snmp_port=settings.snmp_port,
            snapshot_url=snapshot_url,
            channel=settings.channel,
            ptz=settings.ptz,
            install_time=share(install_time, install_time),
            contact=share(contact, contact),
            record_save_days=settings.record_save_days,
            address_text=share(address_text, address_text),
            mac=self._mac(line, mac) if mac else "",
            tags=tags,
        )

    def _mac(self, line: int, text: str) -> str:
        """It only helps to learn links: a wrong one is no mistake that keeps the file out."""
        mac = normal_mac(text)
        if mac is None:
            message, remedy = (
                "is no MAC address and is not used",
                "write e.g. 00:1b:c5:0a:00:01, or leave it empty",
            )
            self.problems.add(self.file, line, quoted("mac", text), message, remedy, severity=Severity.WARNING)
        return mac or ""

    def _identity(self, line: int, id_: str, name: str, placement: Placement) -> None:
        self.take(line, "id", id_, parse_id, "")
        self.first_of(line, "id", id_, self._ids)
        if self._devices.known is not None and id_ in self._devices.known:
            message = f"is also the id of a device in {self._devices.file}"
            self.problems.add(self.file, line, quoted("id", id_), message, "rename one of the two")
        if is_device_code(id_):
            for message, remedy in doubts(id_, placement.region):
                self._doubt(line, id_, message, remedy)
        self.take(line, "name", self.required(line, "name", name), parse_name, "")

    def _place(self, line: int, longitude: str, latitude: str) -> tuple[float | None, float | None]:
        if not (longitude and latitude):
            column = "latitude" if longitude else "longitude"
            self.problems.add(
                self.file, line, column, "is empty", "fill in both longitude and latitude, or neither"
            )
            return None, None
        east = self.take(line, "longitude", longitude, parse_longitude, None)
        north = self.take(line, "latitude", latitude, parse_latitude, None)
        return east, north

    def _doubt(self, line: int, id_: str, message: str, remedy: str) -> None:
        self.problems.add(self.file, line, quoted("id", id_), message, remedy, severity=Severity.WARNING)


def _picker(columns: Sequence[str], wanted: Sequence[str]) -> _Pick:
    at = {column: index for index, column in enumerate(columns)}
    return itemgetter(*(at.get(column, len(columns)) for column in wanted))
