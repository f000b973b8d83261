"""From the fault to the page: a real daemon over a real city."""

from __future__ import annotations

import time
from pathlib import Path

from healthd.city.faults import CAUSES, Kind
from tests.notice_kit import Listener, judge
from tests.running import city, daemon, edit_checks, edit_config

INTERVAL, RETRY, FAIL_AFTER = 2.0, 1.0, 3
BOUND = INTERVAL + (FAIL_AFTER - 1) * RETRY + 5.0
"""A fault waits an interval at most to be met, is confirmed by fast retries, and is on the page 5 s later."""


TOLD_BY_THE_PORT = {Kind.HANG, Kind.CABLE, Kind.POE, Kind.PORT_DOWN, Kind.PORT_OFF}


def test_a_fault_is_on_the_page_in_time_and_its_cause_is_true(tmp_path: Path) -> None:
    """Whatever takes a camera down, the feed and the page have its incident within the bound; where the port tells
    the cause, it is the true one."""
    with city(tmp_path, 100, "--outages-per-hour", "2400", "--upstream-faults-per-hour", "600", "--seed", "3"):
        config = tmp_path / "healthd.yml"
        edit_checks(
            config,
            ping={"interval": f"{INTERVAL}s", "timeout": "500ms"},
            device={"interval": "5s", "timeout": "3s"},
        )
        edit_config(config, state={"fail_after": FAIL_AFTER, "ok_after": 2, "retry_interval": f"{RETRY}s"})
        with daemon(config) as running:
            running.ready()
            listener, begun = Listener(running), time.time()
            listener.listen(20)
            told = judge(listener, tmp_path / "truth.jsonl", begun, time.time() - 0.5, BOUND)
    assert len(told) >= 5, "the city had too few faults"
    late = [one for one in told if one.page_seconds > BOUND]
    assert late == []
    alone = {
        one.outage.camera: (CAUSES[kind], incident["cause"])
        for one in told
        if (kind := Kind(one.outage.cause)) in TOLD_BY_THE_PORT
        and (incident := listener.of_camera(one.outage.camera)) is not None
    }
    assert len(alone) >= 2
    assert {camera: causes for camera, causes in alone.items() if causes[0] != causes[1]} == {}
