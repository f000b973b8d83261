"""One upstream fault with 2,000 cameras, through a real Prometheus and a real Alertmanager: one page, and one when
it is over. An hour is a minute here."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from healthd.alerting.files import text_of
from healthd.options.alerting import AlertingOptions
from healthd.setup import read_setup
from tests.running import wait_until
from tests.stack_kit import Told, serving, stack

CONFIG = Path(__file__).parent.parent / "config"
FACTOR = 60
FLEET, DOWN = 5000, 2000
REGIONS = {"3206": "/3206/", "320602": "/3206/320602/", "32060201": "/3206/320602/32060201/"}
TARGETS = {"online": 0.9, "intact": 0.97}


@dataclasses.dataclass
class City:
    """What healthd's page says; changed by the story."""

    up: bool = True
    ready: int = 1
    broken: bool = False
    singles: int = 0
    cause: str | None = None
    booked: dict[str, float] = dataclasses.field(default_factory=lambda: {"good": 0.0, "bad": 0.0})
    at: float = dataclasses.field(default_factory=time.monotonic)

    def page(self) -> str | None:
        return "".join(f"{line}\n" for line in self._lines()) if self.up else None

    def _lines(self) -> Iterator[str]:
        bad = DOWN if self.broken else 0
        self._book(bad)
        yield f"healthd_ready {self.ready}"
        yield 'healthd_blind{prober="local"} 0'
        for region, path in REGIONS.items():
            parent = path.split("/")[-3]
            yield f'healthd_region_info{{region="{region}",name="甲",level="x",parent="{parent}",path="{path}"}} 1'
            for state, cameras in (("online", FLEET - bad), ("offline", bad)):
                labels = f'region="{region}",class="all",axis="online",state="{state}"'
                yield f"healthd_region_cameras{{{labels}}} {cameras}"
            for rate, target in TARGETS.items():
                yield from self._rate(region, rate, target, bad)
        for number in range(self.singles):
            yield from self._incident(f"S{number}", 1, "unknown")
        if self.cause is not None:
            yield from self._incident("I1", DOWN, self.cause)
        for camera in range(DOWN):
            yield f'healthd_camera_online{{camera="c{camera}",region="32060201",class="1"}} {0 if bad else 1}'

    def _book(self, bad: int) -> None:
        """As fast as the rest: a second is a minute."""
        now = time.monotonic()
        span, self.at = FACTOR * (now - self.at), now
        self.booked["good"] += span * (FLEET - bad)
        self.booked["bad"] += span * bad

    def _rate(self, region: str, rate: str, target: float, bad: int) -> Iterator[str]:
        labels = f'region="{region}",class="all",rate="{rate}",profile="default"'
        ratio = (FLEET - bad) / FLEET
        verdict = "pass" if ratio >= target else "fail"
        yield f'healthd_region_rate_ratio{{{labels},window="now"}} {ratio}'
        yield f'healthd_region_verdict{{{labels},window="now",verdict="{verdict}"}} 1'
        yield f"healthd_region_target_ratio{{{labels}}} {target}"
        yield f"healthd_region_gap_cameras{{{labels}}} {max(0, round(FLEET * target) - (FLEET - bad))}"
        for kind, seconds in self.booked.items():
            yield f'healthd_region_camera_seconds_total{{{labels},kind="{kind}"}} {seconds}'

    @staticmethod
    def _incident(name: str, cameras: int, cause: str) -> Iterator[str]:
        yield f'healthd_incident_cameras{{incident="{name}",region="32060201",maintainer="huawang"}} {cameras}'
        labels = f'incident="{name}",cause="{cause}",subject="sw-1",overdue="false",kind="offline"'
        yield f"healthd_incident_info{{{labels}}} 1"


def routes(port: int) -> str:
    """As generated: everybody is a path of one listening port."""
    setup = read_setup(CONFIG / "healthd.yml")
    url = f"http://127.0.0.1:{port}"
    options = AlertingOptions.model_validate(
        {
            "receivers": {name: {"webhooks": [{"url": f"{url}/{name}"}]} for name in ("duty", "crew", "dog")},
            "default": "duty",
            "deadman": "dog",
            "maintainers": {"huawang": "crew"},
            "day_hours": "00:00-24:00",
        }
    )
    return text_of(dataclasses.replace(setup.config, alerting=options), setup.inventory)


def firing(prometheus: str) -> set[str]:
    query = urllib.parse.urlencode({"query": 'group by (alertname) (ALERTS{alertstate="firing"})'})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?{query}", timeout=10) as response:
        return {row["metric"]["alertname"] for row in json.load(response)["data"]["result"]}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_upstream_fault_is_one_page_and_one_when_it_is_over(tmp_path: Path) -> None:
    """2,000 cameras, rates of three regions below target, a cause that changes, a healthd that restarts: the crew
    hears twice, and nobody else anything."""
    for program in ("prometheus", "prometheus-alertmanager"):
        assert shutil.which(program), f"{program} is missing: make test installs it, as root"
    city, told = City(), Told()
    with serving(city.page, told) as port, stack(tmp_path, port, routes(port), FACTOR) as prometheus:
        time.sleep(10)
        wait_until(lambda: firing(prometheus) == {"HealthdWatchdog"}, 60)
        time.sleep(5)
        told.messages.clear()  # Prometheus finds its targets only after seconds, which are minutes here
        city.broken, city.singles = True, 60  # before it is understood
        time.sleep(1)
        city.singles, city.cause = 0, "upstream"
        time.sleep(20)
        during = firing(prometheus)
        city.up = False
        time.sleep(2)
        city.up, city.ready = True, 0
        time.sleep(1)
        city.ready = 1
        time.sleep(10)
        city.cause = "power"
        time.sleep(15)
        city.broken, city.cause = False, None
        time.sleep(60)
        after = firing(prometheus)
    # The rates did fall, and were kept quiet.
    assert {"HealthdMassIncident", "HealthdRegionRateBelowTarget", "HealthdRegionRateDropped"} <= during
    assert {"HealthdRateExplained", "HealthdWatchdog"} <= during
    assert after == {"HealthdWatchdog"}
    assert [(message["status"], len(message["alerts"])) for _, message in told.at("/crew")][:1] == [("firing", 1)]
    assert [message["status"] for _, message in told.at("/crew")] == ["firing", "resolved"]
    assert [message["groupLabels"] for _, message in told.at("/duty")] == []
    assert len(told.at("/dog")) > 5
