"""How long from a fault to the page: a real daemon over a real city, by cause.

`python -m tests.bench.bench_notices [CAMERAS] [MINUTES] [SEED]`: pings every 20 s, three fails 5 s apart. Mostly
it waits.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.notice_kit import Listener, Told, judge
from tests.running import city, daemon, edit_checks, edit_config

INTERVAL, RETRY, FAIL_AFTER = 20.0, 5.0, 3
BOUND = INTERVAL + (FAIL_AFTER - 1) * RETRY + 5.0


def measure(directory: Path, cameras: int, minutes: float, seed: int) -> Sequence[Told]:
    """What was told of the faults of so many minutes, and when."""
    rates = ("--outages-per-hour", "400", "--upstream-faults-per-hour", "120", "--seed", str(seed))
    with city(directory, cameras, *rates):
        config = directory / "healthd.yml"
        edit_checks(
            config,
            ping={"interval": f"{INTERVAL}s", "timeout": "1s"},
            device={"interval": "60s", "timeout": "10s"},
        )
        edit_config(config, state={"fail_after": FAIL_AFTER, "ok_after": 2, "retry_interval": f"{RETRY}s"})
        with daemon(config) as running:
            running.ready()
            listener, begun = Listener(running), time.time()
            listener.listen(60 * minutes)
            return judge(listener, directory / "truth.jsonl", begun, time.time() - 1.0, BOUND)


def table(told: Sequence[Told]) -> Iterator[str]:
    """By cause: outages of cameras, median and longest until the page had them, how many were late."""
    by_cause: dict[str, list[float]] = defaultdict(list)
    for one in told:
        by_cause[one.outage.cause].append(one.page_seconds)
    yield "| cause | outages | median s | longest s | late |"
    yield "|---|---|---|---|---|"
    for cause, seconds in [*sorted(by_cause.items()), ("all", [one.page_seconds for one in told])]:
        seconds.sort()
        late = sum(one > BOUND for one in seconds)
        yield f"| {cause} | {len(seconds)} | {seconds[len(seconds) // 2]:.1f} | {seconds[-1]:.1f} | {late} |"


def main(arguments: list[str]) -> None:
    numbers = [float(text) for text in arguments]
    cameras, minutes, seed = numbers + [500.0, 5.0, 1.0][len(numbers) :]
    with tempfile.TemporaryDirectory() as directory:
        told = measure(Path(directory), int(cameras), minutes, int(seed))
    print(f"{int(cameras)} cameras, {minutes:g} minutes; to the page within {BOUND:g} s:")
    print("\n".join(table(told)))
    for one in told:
        if one.page_seconds > BOUND:
            print(f"  late: {one}")


if __name__ == "__main__":
    main(sys.argv[1:])
