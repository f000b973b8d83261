"""The inventory: what is taken, what every mistake across the files is told, and how two inventories differ."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import pytest

from healthd.inventory.read import Difference, diff, load_inventory, lost_share
from healthd.model import Inventory, Lifecycle
from healthd.problems import BadInput
from probes.base import Credential

REGIONS = """code,name,level,parent
3206,南通市,city,
320602,崇川区,county,3206
32060201,学田街道,township,320602
"""
DEVICES = """id,name,kind,region,address,credential,upstream,upstream_port
core,核心,switch,320602,10.0.0.2,,,
sw-1,接入,switch,32060201,10.0.1.2,default,core,Gi0/1
nvr-1,录像机,nvr,32060201,10.0.1.9,,core,Gi0/2
"""
MAINTAINERS = """id,name,contact,from,to,repair_hours
huawang,华网通信,138,2026-01-01,2026-12-31,24
"""
CAMERAS = """id,name,region,class,address
cam-1,东门,32060201,1,10.0.1.11
cam-2,西门,32060201,2,10.0.1.12
"""


@dataclass(frozen=True)
class Paths:
    regions: Path
    devices: Path
    cameras: Path
    maintainers: Path | None
    departments: Path | None = None


@dataclass(frozen=True)
class Fleet:
    """A good inventory in a directory, of which a test replaces files."""

    inventory: Paths
    credentials: Mapping[str, Credential] = field(default_factory=lambda: {"default": Credential("default")})

    def write(self, **files: str | bytes) -> Fleet:
        for name, content in files.items():
            path: Path = getattr(self.inventory, name)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def load(self, **files: str | bytes) -> Inventory:
        inventory, warnings = load_inventory(self.write(**files))
        assert warnings == []
        return inventory

    def errors(self, **files: str | bytes) -> list[str]:
        with pytest.raises(BadInput) as caught:
            load_inventory(self.write(**files))
        return [str(problem) for problem in caught.value.problems]

    def warnings(self, **files: str | bytes) -> list[str]:
        return [str(problem) for problem in load_inventory(self.write(**files))[1]]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    names = ("regions", "devices", "cameras", "maintainers")
    empty = Fleet(Paths(*(tmp_path / f"{name}.csv" for name in names)))
    return empty.write(regions=REGIONS, devices=DEVICES, cameras=CAMERAS, maintainers=MAINTAINERS)


def camera_row(**cells: str) -> str:
    """cameras.csv with one row: a good one but for `cells`."""
    row = {"id": "cam-1", "name": "东门", "region": "32060201", "class": "1", "address": "10.0.1.11"} | cells
    text = io.StringIO()
    writer = csv.DictWriter(text, list(row))
    writer.writeheader()
    writer.writerow(row)
    return text.getvalue()


def test_defaults(fleet: Fleet) -> None:
    """The five required columns make a camera in service, reached by ICMP, always assessed, with a picture."""
    inventory = fleet.load()
    camera = inventory.cameras["cam-1"]
    assert (camera.name, camera.address, camera.reach_port, camera.channel) == ("东门", "10.0.1.11", None, 1)
    assert (camera.placement.region, camera.placement.class_) == ("32060201", "1")
    assert camera.placement.lifecycle is Lifecycle.IN_SERVICE
    assert camera.placement.picture
    assert not camera.ptz
    assert camera.tags == {}
    assert inventory.paths["32060201"] == "/3206/320602/32060201/"
    assert inventory.devices["sw-1"].upstream == "core"
    assert inventory.maintainers["huawang"].repair_hours == 24
    assert inventory.credentials is fleet.credentials


def test_what_is_no_mac_is_left_out_with_a_warning(fleet: Fleet) -> None:
    """The column only helps to learn links: what is no MAC address there is told, and keeps no file out."""
    rows = camera_row(mac="00:1b:c5")
    assert fleet.warnings(cameras=rows) == [
        'cameras.csv:2: warning: mac "00:1b:c5": is no MAC address and is not used (write e.g. 00:1b:c5:0a:00:01, '
        "or leave it empty)"
    ]


def test_devices_can_be_reached_by_tcp(fleet: Fleet) -> None:
    """The column `reach` of devices.csv may be absent or empty (icmp) or name a TCP port; all else is told."""
    head, *rows = DEVICES.splitlines()
    assert {one.reach for one in fleet.load(devices=DEVICES).devices.values() if one.address} == {
        one.address for one in fleet.load(devices=DEVICES).devices.values() if one.address
    }
    mixed = [f"{head},reach", f"{rows[0]},tcp:22", *(f"{row}," for row in rows[1:])]
    devices = [*fleet.load(devices="\n".join(mixed) + "\n").devices.values()]
    assert (devices[0].reach_port, devices[1].reach_port) == (22, None)
    assert devices[0].reach == (f"{devices[0].address} tcp:22" if devices[0].address else "")
    (told,) = fleet.errors(
        devices="\n".join([f"{head},reach", f"{rows[0]},ping", *(f"{row}," for row in rows[1:])])
    )
    assert told.startswith('devices.csv:2: reach "ping"')


def test_every_column(fleet: Fleet) -> None:
    """Every documented column arrives, checked and converted; others become tags."""
    cells = {
        "credential": "default", "vendor": "海康", "model": "DS-2", "unit": "学田派出所", "maintainer": "huawang",
        "upstream": "sw-1", "upstream_port": "7", "longitude": "120.88", "latitude": "-32.01",
        "resolution": "720P", "lifecycle": "suspended", "reach": "tcp:554",
        "onvif_port": "8000", "snapshot_url": "/snap.jpg",
        "snmp_port": "1161", "channel": "3", "picture": "no", "ptz": "yes", "service_hours": "mon-fri 07:00-19:00",
        "install_time": "2024-05-01", "contact": "138", "record_save_days": "30", "address_text": "人民路, 1号",
        "mac": "001B-C50A-0001", "Pole": "XT-1", "empty": "",
    }  # fmt: skip
    camera = fleet.load(cameras=camera_row(**cells)).cameras["cam-1"]
    placement = camera.placement
    assert (placement.unit, placement.maintainer, placement.upstream) == ("学田派出所", "huawang", "sw-1")
    assert (placement.lifecycle, placement.picture) == (Lifecycle.SUSPENDED, False)
    assert placement.service_hours == "mon-fri 07:00-19:00"
    assert (camera.credential, camera.vendor, camera.model, camera.upstream_port) == (
        "default",
        "海康",
        "DS-2",
        "7",
    )
    assert (camera.longitude, camera.latitude, camera.resolution) == (120.88, -32.01, (1280, 720))
    assert (camera.reach_port, camera.onvif_port, camera.snmp_port, camera.channel) == (554, 8000, 1161, 3)
    assert (camera.snapshot_url, camera.ptz, camera.record_save_days) == ("/snap.jpg", True, 30)
    assert (camera.install_time, camera.contact, camera.address_text) == ("2024-05-01", "138", "人民路, 1号")
    assert (camera.mac, camera.tags) == ("00:1b:c5:0a:00:01", {"Pole": "XT-1"})


def test_the_contracts_example(fleet: Fleet) -> None:
    """An unknown region is told with file, line, the name, and the one that was meant."""
    regions = "code,name,level,parent\n320691,南通开发区,county,\n"
    cameras = "id,name,region,class,address\n" + "".join(
        f"cam-{n},门,{'32069' if n == 14 else '320691'},1,10.0.0.{n}\n" for n in range(2, 20)
    )
    devices = DEVICES.partition("\n")[0] + "\n"
    assert fleet.errors(regions=regions, devices=devices, cameras=cameras) == [
        'cameras.csv:14: region "32069": unknown (did you mean "320691"?)'
    ]


def test_all_files_at_once(fleet: Fleet) -> None:
    """Mistakes in all four files are told in one run."""
    assert fleet.errors(
        regions=REGIONS + "320603,通州区,contry,3260\n320602,又一个,county,3206\n",
        devices=DEVICES + "sw-2,接入,swich,32060,10.0.300.1,defalt,sw-9,\n",
        maintainers=MAINTAINERS + "anlian,安联,,2026-12-31,2026-01-01,soon\n",
        cameras=CAMERAS + "cam-1,,32060299,4,camera.local\ncam 3,南门,32060201,1,10.0.1.12\n",
    ) == [
        'maintainers.csv:3: to "2026-01-01": is before from 2026-12-31 (correct one of the two)',
        'maintainers.csv:3: repair_hours "soon": is not a number of hours (write e.g. 24)',
        'regions.csv:5: level "contry": is not one of city, county, township (did you mean "county"?)',
        'regions.csv:5: parent "3260": unknown (did you mean "3206"?)',
        'regions.csv:6: code "320602": doubled (first on line 3) (each needs its own)',
        'devices.csv:5: kind "swich": is not one of switch, nvr, router, encoder, power '
        '(did you mean "switch"?)',
        'devices.csv:5: region "32060": unknown (did you mean "320602"?)',
        'devices.csv:5: credential "defalt": unknown (did you mean "default"?)',
        'devices.csv:5: address "10.0.300.1": is not an IP address (write an IPv4 or IPv6 address; names are not '
        "looked up, ports have their columns)",
        'devices.csv:5: upstream "sw-9": unknown (did you mean "sw-1"?)',
        'cameras.csv:4: region "32060299": unknown (did you mean "320602"?)',
        'cameras.csv:4: class "4": is not one of 1, 2, 3, 9',
        'cameras.csv:4: id "cam-1": doubled (first on line 2) (each needs its own)',
        "cameras.csv:4: name: is empty (fill it in)",
        'cameras.csv:4: address "camera.local": is not an IP address (write an IPv4 or IPv6 address; names are '
        "not looked up, ports have their columns)",
        'cameras.csv:5: id "cam 3": is not an id (1 to 64 of A-Z a-z 0-9 . _ -, or the 20 digits of GB/T 28181)',
        'cameras.csv:5: address "10.0.1.12": same address, ports and channel as line 3 (number the channels of '
        "one device in column channel, or correct the address)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("address", "", "is not an IP address"),
        ("address", "10.0.0.300", "is not an IP address"),
        ("address", "010.0.0.1", "is not an IP address"),
        ("address", "10.0.0.1:80", "is not an IP address"),
        ("address", "１０.0.0.1", "is not an IP address"),
        ("address", "0.0.0.0", "is not the address of one device"),
        ("address", "255.255.255.255", "is not the address of one device"),
        ("address", "239.1.1.1", "is not the address of one device"),
        ("address", "::", "is not the address of one device"),
        ("address", "fe80::1%eth0", "has a zone"),
        ("id", "3.20602E+19", "Excel took this id for a number and has lost its last digits"),
        ("id", "a" * 65, "is not an id"),
        ("id", "a/b", "is not an id"),
        ("id", "core", "is also the id of a device in devices.csv"),
        ("name", "a\nb", "holds a control character or a line break"),
        ("class", "", "is empty"),
        (
            "lifecycle",
            "in-service",
            'is not one of planned, trial, in_service, suspended, retired (did you mean "in_s',
        ),
        ("reach", "udp:53", "is not a way to reach a camera (write icmp or tcp:PORT, such as tcp:554)"),
        ("reach", "tcp:70000", "is not a port"),
        ("onvif_port", "0", "is not a port"),
        ("snmp_port", "-1", "is not a port"),
        ("channel", "0", "is not a channel"),
        ("resolution", "full hd", "is not a resolution"),
        ("resolution", "0x0", "is not a resolution"),
        ("picture", "maybe", "is neither yes nor no"),
        ("ptz", "1", "is neither yes nor no"),
        ("record_save_days", "a month", "is not a whole number"),
        ("snapshot_url", "ftp://10.0.1.11/x", "is neither an http nor an https URL"),
        ("snapshot_url", "http://admin:pw@10.0.1.11/x", "holds a login (put it under `credentials:`"),
        ("snapshot_url", "http://[10.0.1.11/x", "is not a URL"),
        ("snapshot_url", "http://10.0.1.11:99999/x", "is not a URL"),
        ("service_hours", "7-19", "is not a span of hours"),
        ("maintainer", "huawan", 'unknown (did you mean "huawang"?)'),
        ("upstream", "sw-11", 'unknown (did you mean "sw-1"?)'),
        ("credential", "switches", "unknown (add it to `credentials:` in the configuration, or correct it)"),
        ("longitude", "120.1", "latitude: is empty (fill in both"),
    ],
)
def test_cells(fleet: Fleet, column: str, cell: str, message: str) -> None:
    """A cell that can't be taken is one problem with its column, what is wrong, and the remedy."""
    (found,) = fleet.errors(cameras=camera_row(**{column: cell}))
    assert found.startswith("cameras.csv:2: ")
    assert message in found


@pytest.mark.parametrize(
    ("longitude", "latitude", "message"),
    [
        ("32.01", "120.88", 'latitude "120.88": is not within ±90 (longitude and latitude may be swapped)'),
        ("181", "0", 'longitude "181": is not within ±180'),
        ("nan", "1", 'longitude "nan": is not a number of degrees'),
        ("1e2", "1", 'longitude "1e2": is not a number of degrees'),
    ],
)
def test_places(fleet: Fleet, longitude: str, latitude: str, message: str) -> None:
    """A place on the map is two decimal numbers within the globe."""
    (found,) = fleet.errors(cameras=camera_row(longitude=longitude, latitude=latitude))
    assert message in found


def test_addresses_are_made_equal(fleet: Fleet) -> None:
    """One address written in two ways is one address."""
    camera = fleet.load(cameras=camera_row(address="2001:DB8:0::1")).cameras["cam-1"]
    assert camera.address == "2001:db8::1"
    assert fleet.load(cameras=camera_row(address="::ffff:10.0.0.7")).cameras["cam-1"].address == "10.0.0.7"
    rows = "id,name,region,class,address\na,a,3206,1,2001:db8::1\nb,b,3206,1,2001:DB8:0::1\n"
    assert "same address, ports and channel as line 2" in fleet.errors(cameras=rows)[0]


def test_shared_addresses(fleet: Fleet) -> None:
    """Channels of one recorder, other ports, and a retired camera's successor may share an address."""
    header = "id,name,region,class,address,channel,reach,onvif_port,lifecycle\n"
    rows = [
        "a,a,3206,1,10.0.0.1,1,,,",
        "b,b,3206,1,10.0.0.1,2,,,",
        "c,c,3206,1,10.0.0.1,1,tcp:8554,,",
        "d,d,3206,1,10.0.0.1,1,,8080,",
        "e,e,3206,1,10.0.0.1,1,,,retired",
    ]
    assert len(fleet.load(cameras=header + "\n".join(rows)).cameras) == 5
    (found,) = fleet.errors(cameras=header + "\n".join([*rows, "f,f,3206,1,10.0.0.1,,icmp,,trial"]))
    assert found.startswith('cameras.csv:7: address "10.0.0.1": same address, ports and channel as line 2')


def test_circles(fleet: Fleet) -> None:
    """A circle in either tree is told once, whole; the rest of the tree is fine."""
    regions = REGIONS + "a,甲,county,c\nb,乙,county,a\nc,丙,county,b\nd,丁,county,a\n"
    devices = DEVICES + "x,x,switch,3206,,,x,\n"
    assert fleet.errors(regions=regions, devices=devices) == [
        'regions.csv:5: parent "c": is a circle: a → c → b → a '
        "(a region at the top has no parent: leave the cell empty)",
        'devices.csv:5: upstream "x": is a circle: x → x '
        "(a device hangs on what is nearer to the core, never on itself)",
    ]  # fmt: skip


def test_a_long_chain_is_no_circle(fleet: Fleet) -> None:
    """A tree may be as deep as it likes, and a huge circle neither hangs nor overflows."""
    chain = "".join(f"r{n},r,county,{f'r{n - 1}' if n else ''}\n" for n in range(20_000))
    assert len(fleet.load(regions=REGIONS + chain).regions) == 20_003
    (found,) = fleet.errors(regions=REGIONS + chain.replace("r0,r,county,", "r0,r,county,r19999"))
    assert "r0 → r19999 → r19998 → r19997 → … → r2 → r1 → r0" in found


def test_codes_that_contradict(fleet: Fleet) -> None:
    """A 20-digit id of another region or of no camera is a warning; ids that agree, coarser ones too, are not."""
    rows = [
        "32060201001320000001,好,32060201,1,10.0.0.1",
        "32060200001320000002,区级编码,32060201,1,10.0.0.2",
        "32060201001310000003,好,320602,1,10.0.0.3",
        "32068501001320000004,别区,32060201,1,10.0.0.4",
        "32060201001180000005,录像机,32060201,1,10.0.0.5",
    ]
    assert fleet.warnings(cameras="id,name,region,class,address\n" + "\n".join(rows)) == [
        'cameras.csv:5: warning: id "32068501001320000004": its first digits say region 32068501, its row says '
        "32060201 (correct the one that is wrong)",
        'cameras.csv:6: warning: id "32060201001180000005": its digits 11-13 say type 118, which is not a camera'
        " (a camera has 131 or 132 there)",
    ]


def test_statistical_codes(fleet: Fleet) -> None:
    """Of region codes longer than the standard's eight digits only the county is compared."""
    regions = REGIONS + "320602001,学田街道,township,320602\n"
    rows = "id,name,region,class,address\n32060203001320000001,a,320602001,1,10.0.0.1\n"
    assert fleet.load(regions=regions, cameras=rows)


def test_departments_are_a_second_tree(fleet: Fleet, tmp_path: Path) -> None:
    """With departments.csv units must be in it; its circles and strange parents are told like those of regions."""
    second = replace(fleet, inventory=replace(fleet.inventory, departments=tmp_path / "departments.csv"))
    tree = "id,name,parent\n市局,市公安局,\n学田所,学田派出所,市局\n"
    inventory = second.load(cameras=camera_row(unit="学田所"), departments=tree)
    assert [*inventory.departments_above("学田所")] == ["学田所", "市局"]
    assert [*inventory.departments_above("别处")] == ["别处"]
    told = second.errors(
        cameras=camera_row(unit="学田"), departments=tree + "甲,甲,乙\n乙,乙,甲\n丙,丙,市局局\n市局,,\n"
    )
    assert told == [
        'departments.csv:4: parent "乙": is a circle: 甲 → 乙 → 甲 '
        "(a department at the top has no parent: leave the cell empty)",
        'departments.csv:6: parent "市局局": unknown (did you mean "市局"?)',
        "departments.csv:7: name: is empty (fill it in)",
        'departments.csv:7: id "市局": doubled (first on line 2) (each needs its own)',
        'cameras.csv:2: unit "学田": unknown (did you mean "学田所"?)',
    ]


def test_without_maintainers(fleet: Fleet, tmp_path: Path) -> None:
    """Without a file of maintainers their names are free text."""
    bare = replace(fleet, inventory=replace(fleet.inventory, maintainers=None))
    assert bare.load(cameras=camera_row(maintainer="anybody")).cameras["cam-1"].placement.maintainer == "anybody"


def test_a_broken_file_blames_no_other(fleet: Fleet) -> None:
    """Where regions or devices can't be read, cameras that name them are not called wrong."""
    cameras = camera_row(upstream="sw-1")
    assert fleet.errors(regions=b"\0", cameras=cameras) == [
        "regions.csv:1: holds a NUL byte: it is binary or damaged (save it as CSV UTF-8 or as .xlsx)"
    ]
    fleet.write(regions=REGIONS)
    (found,) = fleet.errors(devices=DEVICES.replace("sw-1,接入,", "sw-1,接入,,"), cameras=cameras)
    assert found.startswith("devices.csv:3: has 9 cells, the header has 8")


def test_rows_are_needed(fleet: Fleet) -> None:
    """An inventory without regions or cameras is a mistake, one without devices is not."""
    header = CAMERAS.partition("\n")[0] + "\n"
    assert fleet.errors(cameras=header) == ["cameras.csv: holds no camera (add at least one row)"]
    fleet.load(cameras=CAMERAS, devices=DEVICES.partition("\n")[0] + "\n")


def test_many_mistakes_are_counted(fleet: Fleet) -> None:
    """A wrong column in thousands of rows shows a hundred of them and the number of the others, quickly."""
    rows = "".join(f"c{n},n,3206020{n % 7}9,1,11.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(20_000))
    began = time.perf_counter()
    found = fleet.errors(cameras=CAMERAS + rows)
    assert len(found) == 101
    assert found[-1] == "cameras.csv: and 19,900 more problems"
    assert time.perf_counter() - began < 5


def test_digest(fleet: Fleet) -> None:
    """The digest is that of the files' content: it changes with any byte of any of them, and only then."""
    digest = fleet.load().digest
    assert fleet.load().digest == digest
    assert fleet.load(cameras=CAMERAS + "\n").digest != digest
    assert fleet.load(cameras=CAMERAS, maintainers=MAINTAINERS.replace("138", "139")).digest != digest


def test_diff(fleet: Fleet) -> None:
    """A difference names what was added, removed and changed, field by field, placements too."""
    old = fleet.load()
    new = fleet.load(
        regions=REGIONS.replace("学田街道", "学田"),
        devices=DEVICES + "sw-2,新,switch,3206,,,,\n",
        cameras=CAMERAS.replace("cam-1,东门,32060201,1", "cam-1,东大门,320602,1").replace("cam-2", "cam-3"),
    )
    assert diff(old, old) == []
    assert diff(old, new) == [
        Difference("region", "32060201", "changed", {"name": ("学田街道", "学田")}),
        Difference("device", "sw-2", "added"),
        Difference("camera", "cam-1", "changed", {"name": ("东门", "东大门"), "region": ("32060201", "320602")}),
        Difference("camera", "cam-2", "removed"),
        Difference("camera", "cam-3", "added"),
    ]
    assert lost_share(old, new) == Fraction(1, 2)
    assert lost_share(old, old) == 0
    assert lost_share(Inventory({}, {}, {}), new) == 0


def test_a_large_city(fleet: Fleet) -> None:
    """100,000 cameras with every column filled in are read and checked in seconds."""
    with fleet.inventory.cameras.open("w", encoding="utf-8") as stream:
        stream.write(
            "id,name,region,class,address,vendor,unit,maintainer,upstream,longitude,latitude,resolution\n"
        )
        for n in range(100_000):
            stream.write(
                f"32060201001320{n:06},路口{n}号,32060201,{n % 3 + 1},10.{n >> 16}.{n >> 8 & 255}.{n & 255},海康,"
                f"派出所{n % 50},huawang,sw-1,120.{n % 9999:04},32.{n % 9999:04},1080p\n".replace(
                    ".0.0.0,", ".9.9.9,"
                )
            )
    began = time.process_time()
    inventory, warnings = load_inventory(fleet)
    assert time.process_time() - began < 10
    assert len(inventory.cameras) == 100_000
    assert warnings == []
    assert (
        inventory.cameras["32060201001320000003"].placement is inventory.cameras["32060201001320000153"].placement
    )
