"""The simulated city's life: what falls silent and when, its truth, its start and its end."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from healthd.city.faults import Fault, Kind
from healthd.city.ground import CityError
from healthd.city.options import CityOptions, Reach
from healthd.city.serve import City, serving
from tests.city_kit import answers, both_reaches, chosen, living, needs_nft, run, snmp, truth, until

UPTIME = "1.3.6.1.2.1.1.3.0"


@needs_nft
async def test_a_hung_camera_answers_nothing_at_all(tmp_path: Path) -> None:
    """While it hangs: no ping, no connection, no SNMP; an open connection goes silent and is not reset."""
    camera = await chosen(tmp_path)
    planned = [Fault(0.5, 2.5, Kind.HANG, camera.id)]
    async with living(tmp_path, planned=planned, reach=Reach.ICMP) as city:
        camera, ports = city.plan.cameras[camera.id], city.plan.ports
        reader, writer = await asyncio.open_connection(camera.address, ports.http)
        assert (await run("ping", "-c1", "-W1", camera.address))[0] == 0
        await until(lambda: len(truth(tmp_path)) == 121)
        silent = await asyncio.gather(
            run("ping", "-c1", "-W1", camera.address),
            answers(camera.address, ports.http),
            snmp("snmpget", city, tmp_path, camera.address, UPTIME),
        )
        assert (silent[0][0] != 0, silent[1], "Timeout" in silent[2][1]) == (True, False, True)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        writer.transport.abort()
        other = next(one for one in city.plan.cameras.values() if one.address != camera.address)
        assert await answers(other.address, ports.http)
        await until(lambda: len(truth(tmp_path)) == 122)
        assert (await run("ping", "-c1", "-W1", camera.address))[0] == 0
        assert await answers(camera.address, ports.http)
        code, ticks = await snmp("snmpget", city, tmp_path, camera.address, UPTIME)
        assert (code, ticks.split()[-1][:8]) == (0, "0:0:00:0")


async def test_a_dead_switch_does_not_answer_by_tcp_either(tmp_path: Path) -> None:
    """Where devices are reached by TCP the inventory says so, and a dead switch refuses while others answer."""
    async with serving(CityOptions(60, tmp_path, reach=Reach.TCP)) as city:
        switch = next(device.id for device in city.plan.devices.values() if device.kind == "switch")
    planned = [Fault(0.3, 2.0, Kind.SWITCH_DEAD, switch)]
    async with living(tmp_path, planned=planned, reach=Reach.TCP) as city:
        dead, port = city.plan.devices[switch], city.plan.ports.http
        rows = (tmp_path / "devices.csv").read_text("utf-8").splitlines()
        assert {row.rpartition(",")[2] for row in rows[1:] if f",{dead.address}," in row} == {f"tcp:{port}"}
        above = city.plan.devices[dead.upstream]
        assert await answers(dead.address, port)
        await until(lambda: len(truth(tmp_path)) > 120)
        assert (await answers(dead.address, port), await answers(above.address, port)) == (False, True)
        await asyncio.sleep(2.0)
        assert await answers(dead.address, port)


async def look(city: City) -> dict[str, bool]:
    """A naive prober's single round: address -> whether it answered, by fping or by connecting."""
    addresses = [*city.plan.channels_at]
    if city.reach is Reach.TCP:
        up = await asyncio.gather(*(answers(one, city.plan.ports.http, 2.0) for one in addresses))
        return dict(zip(addresses, up, strict=True))
    _, output = await run("fping", "-q", "-C1", "-t300", "-i1", *addresses)
    lines = (line.split(" : ") for line in output.splitlines())
    return {words[0].strip(): words[1].strip() != "-" for words in lines}


async def watch(city: City, stop: asyncio.Event) -> list[tuple[float, float, dict[str, bool]]]:
    """Rounds of the prober: (begun, done, what was seen)."""
    rounds = []
    while not stop.is_set():
        begun = time.time()
        seen = await look(city)
        rounds.append((begun, time.time(), seen))
    return rounds


def planned_storm(city: City) -> Sequence[Fault]:
    """Overlapping outages of cameras, ports and switches within three seconds."""
    cameras = [one for one in city.plan.cameras.values() if len(city.plan.channels_at[one.address]) == 1]
    faults = [Fault(0.3 + n * 0.07, 0.9 + n * 0.09, Kind.HANG, one.id) for n, one in enumerate(cameras[:20])]
    switches = [device.id for device in city.plan.devices.values() if device.kind == "switch"]
    faults += [Fault(0.5 + n * 0.3, 1.5 + n * 0.4, Kind.SWITCH_DEAD, one) for n, one in enumerate(switches[:3])]
    place = cameras[-1].placement
    return [*faults, Fault(0.4, 2.0, Kind.PORT_DOWN, place.upstream, cameras[-1].upstream_port)]


@both_reaches
async def test_the_truth_is_what_a_prober_sees(tmp_path: Path, reach: Reach) -> None:
    """Whatever a prober sees of a camera in a round without a change agrees with truth.jsonl."""
    async with serving(CityOptions(60, tmp_path, reach=reach)) as city:
        storm = planned_storm(city)
    async with living(tmp_path, reach=reach, planned=storm) as city:
        stop = asyncio.Event()
        prober = asyncio.create_task(watch(city, stop))
        await asyncio.sleep(3.5)
        stop.set()
        rounds = await prober
    changes: dict[str, list[tuple[float, bool]]] = {}
    lines = truth(tmp_path)
    for line in lines:
        if line.get("axis") == "online":
            at = datetime.fromisoformat(line["at"]).timestamp()
            changes.setdefault(city.plan.cameras[line["camera"]].id, []).append((at, line["good"]))
    judged = {True: 0, False: 0}
    for begun, done, seen in rounds:
        for camera in city.plan.cameras.values():
            later = changes[camera.id][1:]
            # 50 ms: the line is stamped once the change is in force, so a little after it began to be.
            if not any(begun - 0.05 < at < done + 0.05 for at, _ in later):
                expected = [good for at, good in changes[camera.id] if at <= begun][-1:] or [True]
                assert seen[camera.address] == expected[0], (camera.id, begun, changes[camera.id])
                judged[expected[0]] += 1
    assert judged[True] > 200
    assert judged[False] > 20
    for states in changes.values():
        assert all(one[1] != two[1] for one, two in itertools.pairwise(states))
    devices = [line for line in lines if "device" in line]
    assert {line["fault"] for line in devices} == {"switch_dead", "port_down"}
    assert {line["cause"] for line in devices} == {"device", "link"}
    assert all(line["cameras"] for line in devices)
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)


@both_reaches
async def test_two_cities_do_not_meet(tmp_path: Path, reach: Reach) -> None:
    """Two cities at once share no address and no port, and a fault in one leaves the other alone."""
    async with living(tmp_path / "a", reach=reach) as first:
        storm = planned_storm(first)
        async with living(tmp_path / "b", reach=reach, planned=storm) as second:
            ours, theirs = ({*city.plan.channels_at, *city.plan.device_at} for city in (first, second))
            assert ours.isdisjoint(theirs)
            assert {first.plan.ports.http, first.plan.ports.snmp}.isdisjoint(
                {second.plan.ports.http, second.plan.ports.snmp}
            )
            await until(lambda: len(truth(tmp_path / "b")) > 130)
            up = await asyncio.gather(*(answers(one, first.plan.ports.http) for one in first.plan.channels_at))
            assert all(up)
    assert len(truth(tmp_path / "a")) == 120


async def has_table(directory: Path) -> bool:
    """Whether the nftables table of the city that wrote `directory` is there."""
    nft = shutil.which("nft", path=os.environ["PATH"] + ":/usr/sbin")
    assert nft
    block = (directory / "cameras.csv").read_text().split(",127.")[1].split(".")[0]
    return f"healthd_city_{block}" in (await run(nft, "list", "tables"))[1].split()


SERVE = """
import asyncio, signal, sys
from pathlib import Path
from healthd.city.options import CityOptions
from healthd.city.serve import run_city

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_city(CityOptions(50, Path(sys.argv[1])), stop)

asyncio.run(main())
"""


@needs_nft
async def test_a_city_leaves_no_table_behind(tmp_path: Path) -> None:
    """SIGTERM ends a city with exit 0 and takes its table away; a killed city's table goes with the next start."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        directory = tmp_path / str(number)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVE, str(directory))
        await until((directory / "truth.jsonl").exists, 10)
        await asyncio.sleep(0.2)
        assert await has_table(directory)
        process.send_signal(number)
        assert await process.wait() == (0 if number == signal.SIGTERM else -9)
        assert await has_table(directory) is (number == signal.SIGKILL)
    async with living(tmp_path / "next", reach=Reach.TCP):  # one that makes no table of its own
        assert not await has_table(directory)


@needs_nft
async def test_ten_thousand_cameras_start_within_five_seconds(tmp_path: Path) -> None:
    """Laying out and writing 10,000 cameras takes less than 5 s, in CPU time of this process."""
    started = time.process_time()
    async with living(tmp_path, 10_000, reach=Reach.ICMP) as city:
        assert len(city.plan.cameras) == 10_000
    assert time.process_time() - started < 5.0


async def test_a_city_too_large_for_listeners_says_so(tmp_path: Path) -> None:
    """Without nftables a city of thousands is refused with the limit and the remedy."""
    with pytest.raises(CityError, match=r"at most 2000.*run as root with nftables"):
        async with serving(CityOptions(3000, tmp_path, reach=Reach.TCP)):
            pass


async def test_a_city_that_cannot_write_says_so(tmp_path: Path) -> None:
    """A directory that cannot be made is one clear error, and the ground is given back."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CityError, match=r"file.*Not a directory.*--dir"):
        async with serving(CityOptions(5, tmp_path / "file" / "city", reach=Reach.TCP)):
            pass
