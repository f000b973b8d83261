"""`healthd demo` and `healthd city`: a simulated city on loopback, with and without a daemon over it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import multiprocessing
import signal
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from zoneinfo import ZoneInfo

from healthd import daemon
from healthd.city.filings import simulate_filings, simulate_links
from healthd.city.ground import CityError
from healthd.city.history import simulate_history
from healthd.city.options import CityOptions, Pictures
from healthd.city.plan import Plan
from healthd.city.readings import simulate_examined
from healthd.city.repairs import simulate_repairs
from healthd.commands.common import Commands
from healthd.commands.stack import Addresses, find_programs, running_stack
from healthd.periods import Span, day, local
from healthd.problems import BadInput, Wrong
from healthd.rates.methods import days_of
from healthd.setup import read_setup
from healthd.store import Batch, Store, StoreError

log = logging.getLogger("healthd.demo")

_STOP_SECONDS = 5.0
_AT_ONCE = 20_000


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 500_000:
        raise argparse.ArgumentTypeError("1 to 500000")
    return number


def add_to(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="a simulated city, watched by a real daemon",
        description="A simulated city on loopback and a daemon over it: open the page that it names. Everything "
        "that it shows is marked as simulated. Works without root (cameras are then reached by TCP).",
    )
    demo.add_argument("--cameras", type=_count, default=300)
    demo.add_argument("--listen", default="127.0.0.1:9808", metavar="ADDRESS:PORT")
    demo.add_argument("--dir", type=Path, default=Path("demo"), help="where its files go; default: demo")
    demo.add_argument("--history", type=int, default=70, metavar="DAYS", help="simulated past; default: 70")
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument(
        "--stack", action="store_true", help="with a real Prometheus and Alertmanager, where they are installed"
    )
    demo.set_defaults(work=_demo)
    city = commands.add_parser(
        "city",
        help="the simulated city alone",
        description="The simulated city alone: writes DIR/healthd.yml and the inventory, answers for every camera "
        "until it is stopped, and writes what is true to DIR/truth.jsonl.",
    )
    city.add_argument("--cameras", type=_count, required=True)
    city.add_argument("--dir", type=Path, required=True)
    city.add_argument("--seed", type=int, default=1)
    for kind in ("outages", "picture-faults", "upstream-faults"):
        city.add_argument(f"--{kind}-per-hour", type=float, default=0.0, metavar="R", help="in the whole city")
    city.add_argument(
        "--pictures",
        choices=[*Pictures],
        default=Pictures.DRAWN,
        help="drawn for each camera, or a pool that all share, for load; default: drawn",
    )
    city.set_defaults(work=_city)


def _city(arguments: argparse.Namespace) -> int:
    options = CityOptions(
        cameras=arguments.cameras,
        dir=arguments.dir,
        seed=arguments.seed,
        outages_per_hour=arguments.outages_per_hour,
        picture_faults_per_hour=arguments.picture_faults_per_hour,
        upstream_faults_per_hour=arguments.upstream_faults_per_hour,
        pictures=Pictures(arguments.pictures),
        annotation_interval="1d",
    )
    try:
        asyncio.run(_serve(options))
    except CityError as error:
        raise Wrong(str(error)) from error
    return 0


async def _serve(options: CityOptions) -> None:
    from healthd.city.serve import serving  # it loads picture code, 30 MB, and `healthd run` passes here too

    stop = _stop_signals()
    async with serving(options) as city:
        print(
            f"{len(city.plan.cameras):,} cameras answer by {city.reach}: healthd run -c {options.dir}/healthd.yml"
        )
        sys.stdout.flush()
        await city.live(stop)


def _stop_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


# --- demo --------------------------------------------------------------------------------------------------


def _demo_options(arguments: argparse.Namespace) -> CityOptions:
    """A lively city: outages, picture faults and dead switches, and short intervals."""
    return CityOptions(
        cameras=arguments.cameras,
        dir=arguments.dir,
        seed=arguments.seed,
        outages_per_hour=arguments.cameras / 5,
        picture_faults_per_hour=arguments.cameras / 10,
        upstream_faults_per_hour=6.0,
        standing_share=0.02,
        listen=arguments.listen,
        ping_interval="10s",
        snmp_interval="60s",
        onvif_interval="5m",
        frame_interval="60s",
        annotation_interval="10m",
        device_interval="60s",
        retry_interval="5s",
    )


def _demo(arguments: argparse.Namespace) -> int:
    options = _demo_options(arguments)
    programs = find_programs() if arguments.stack else None
    # A process of its own: the city's work is not the daemon's.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    print(
        f"Building a city of {arguments.cameras:,} cameras with {arguments.history} days of past ...", flush=True
    )
    city = context.Process(target=_city_process, args=(options, arguments.history, theirs), name="city")
    city.start()
    theirs.close()
    try:
        message = ours.recv()
        if message:
            raise Wrong(message)
        with contextlib.ExitStack() as stack:
            beside = stack.enter_context(running_stack(programs, arguments.dir)) if programs else None
            _greet(arguments, beside)
            fine = asyncio.run(daemon.run(arguments.dir / "healthd.yml"))
    except EOFError:
        raise Wrong("the simulated city could not start; see above") from None
    finally:
        city.terminate()
        city.join(_STOP_SECONDS)
        if city.is_alive():
            city.kill()
    return 0 if fine else 1


def _greet(arguments: argparse.Namespace, beside: Addresses | None) -> None:
    print(f"A simulated city of {arguments.cameras:,} cameras, in {arguments.dir}/.")
    if beside is not None:
        print(f"Prometheus: http://{beside.prometheus}/alerts - Alertmanager: http://{beside.alertmanager}/")
        print(f"What on-call people would read: {beside.messages}")
    print(f"Open http://{arguments.listen}/ - metrics: http://{arguments.listen}/metrics - Ctrl-C stops it.")
    sys.stdout.flush()


def _city_process(options: CityOptions, days: int, ready: Connection) -> None:
    logging.basicConfig(level=logging.WARNING)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the demo ends the city after the daemon
    try:
        asyncio.run(_city_of_demo(options, days, ready))
    except (CityError, BadInput, StoreError, OSError) as error:
        ready.send(str(error))


async def _city_of_demo(options: CityOptions, days: int, ready: Connection) -> None:
    from healthd.city.serve import serving  # it loads picture code, 30 MB, and `healthd run` passes here too

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serving(options) as city:
        if days > 0:
            await asyncio.to_thread(_write_past, options, city.plan, days)
        ready.send("")
        watch = asyncio.create_task(_stop_without_parent(stop))
        await city.live(stop)
        watch.cancel()


async def _stop_without_parent(stop: asyncio.Event) -> None:
    """A demo that was killed takes its city along."""
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive():  # noqa: ASYNC110 (a process has no event to await)
        await asyncio.sleep(1)
    stop.set()


def _write_past(options: CityOptions, plan: Plan, days: int) -> None:
    """A simulated past into a store that is not there yet; one that is there goes on as it was."""
    setup = read_setup(options.dir / "healthd.yml")
    if (options.dir / "healthd.db").exists():
        return
    now = time.time_ns() // 1_000_000
    spans, changes, flips = simulate_history(plan, days, options.seed, now)
    store = Store.open(setup.config.store.url, writer=True)
    try:
        names = {camera.id: camera.name for camera in plan.cameras.values()}
        regions = [*plan.regions.values()]
        links = simulate_links(plan, spans[0][0])
        store.write(Batch(changes=changes, names=names, regions=regions, links=links, recorded=now))
        for first in range(0, len(flips), _AT_ONCE):
            store.write(Batch(flips=flips[first : first + _AT_ONCE]))
        for span in spans:
            store.write(Batch(heartbeat=span))
        store.write(Batch(reached=dict.fromkeys(plan.cameras, spans[0][0])))
        keep_past_days(store, plan, options.seed, Span(spans[0][0], now), setup.config.timezone)
        for record in simulate_filings(plan, days, options.seed, now):
            store.file(record)
        happenings = simulate_repairs(plan, flips, options.seed)
        for first in range(0, len(happenings), _AT_ONCE):
            store.write(Batch(happenings=happenings[first : first + _AT_ONCE]))
    finally:
        store.close()


def keep_past_days(store: Store, plan: Plan, seed: int, past: Span, zone: ZoneInfo) -> None:
    """What cameras counted as for the further rates on each whole day of a simulated past."""
    found = simulate_examined(plan, seed, past.end, zone)
    for one in days_of(past, zone):
        if one.end < past.end:
            store.keep_examined(day(local(one.start, zone).date(), zone).start, replace(found, at=one.end))
