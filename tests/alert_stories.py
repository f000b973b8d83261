"""The stories of tests/rules/alerts*_test.yml: for every alert one in which it fires, one in which it just does
not, one in which it resolves, and those of bad days. `python -m tests.alert_stories` writes the files anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.alert_kit import (
    COUNTY,
    NEVER,
    OF_INCIDENT,
    OF_RATE,
    RATE,
    SELF,
    THREE,
    Check,
    Labels,
    Series,
    Story,
    at_county,
    booked,
    healthd,
    incident,
    many,
    one,
    three,
    tree,
    verdict,
)
from tests.alert_stories_of_regions import region_stories

DIRECTORY = Path(__file__).parent / "rules"
RULES = DIRECTORY.parent.parent / "config" / "rules" / "alerts.yml"


def _incidents() -> list[Story]:
    fleet = many(healthd(), tree())
    restart = healthd("1x29 stale _x3 0x2 1x200")
    other = {"job": "healthd", "instance": "b"}
    found = [
        *three(
            "HealthdMassIncident",
            (many(fleet, incident("8x60")), Check("3m", OF_INCIDENT)),
            (many(fleet, incident("7x60")), Check("8m", NEVER)),
            (many(fleet, incident("40x20 3x10 stale")), "29m", OF_INCIDENT, "40m"),
        ),
        Story(
            "HealthdMassIncident",
            "is the same through a change of cause, a restart of healthd, and blindness",
            many(
                restart,
                tree(values="Nx29 stale _x3 Nx200"),
                incident("40x19 stale", cause="upstream"),
                {
                    text: values
                    for text, values in incident("_x20 40x9 stale _x3 40x100", cause="power").items()
                    if "info" in text
                },
                {text: "40x29 stale _x3 40x100" for text in incident("1", cause="power") if "cameras" in text},
            ),
            [Check(f"{minute}m", OF_INCIDENT) for minute in (10, 21, 30, 32, 34, 36, 45, 60)],
        ),
        Story(
            "HealthdMassIncident",
            "stays while a blind healthd does not tell of it",
            many(healthd(blind="0x29 1x20 0x100"), tree(), incident("40x29 stale _x19 40x100")),
            [Check(f"{minute}m", OF_INCIDENT) for minute in (29, 35, 49, 51, 60)],
        ),
        Story(
            "HealthdMassIncident",
            "resolves when it was closed while healthd was down",
            many(restart, tree(values="Nx29 stale _x3 Nx200"), incident("40x29 stale")),
            [Check("33m", OF_INCIDENT), Check("45m", NEVER)],
        ),
        Story(
            "HealthdMassIncident",
            "is one alert with two healthds, and the same while the one that is believed restarts",
            many(
                healthd("1x30 stale _x2 1x100"),
                tree(values="Nx30 stale _x2 Nx100"),
                healthd(target=other),
                tree(target=other, cameras=98),
                incident("40x30 stale _x2 40x100"),
                incident("40x130", target=other, id_="J9"),
            ),
            [Check(f"{minute}m", OF_INCIDENT) for minute in (5, 29, 32, 34, 40, 60)],
        ),
        Story(
            "HealthdMassIncident",
            "moves to the other healthd when the one that is believed stays away",
            many(
                healthd("1x30 stale"),
                tree(values="Nx30 stale"),
                healthd(target=other),
                tree(target=other, cameras=98),
                incident("40x30 stale"),
                incident("40x130", target=other, id_="J9"),
            ),
            [Check("44m", OF_INCIDENT), Check("60m", {**OF_INCIDENT, "incident": "J9"})],
        ),
        *three(
            "HealthdUpstreamIncident",
            (many(fleet, incident("2x60")), Check("3m", OF_INCIDENT)),
            (many(fleet, incident("1x60")), Check("8m", NEVER)),
            (many(fleet, incident("7x29 stale")), "29m", OF_INCIDENT, "40m"),
        ),
        *three(
            "HealthdCameraIncident",
            (many(fleet, incident("1x60")), Check("17m", OF_INCIDENT)),
            (many(fleet, incident("1x60")), Check("14m", NEVER)),
            (many(fleet, incident("1x39 stale")), "39m", OF_INCIDENT, "50m"),
        ),
        *three(
            "HealthdRepairOverdue",
            (many(fleet, incident("3x60", overdue="true")), Check("7m", OF_INCIDENT)),
            (many(fleet, incident("3x60", overdue="false")), Check("10m", NEVER)),
            (many(fleet, incident("3x39 stale", overdue="true")), "39m", OF_INCIDENT, "50m"),
        ),
    ]
    return found + _inhibitors(fleet)


def _inhibitors(fleet: Series) -> list[Story]:
    def gap(values: str) -> Series:
        return one("healthd_region_gap_cameras", values, region=COUNTY, **{k + "_": v for k, v in RATE.items()})

    failing = many(fleet, verdict("1x200", "_x201"))
    link = incident("60x60", cause="region_link", id_="L1", region=COUNTY, subject=COUNTY)
    closed = incident("60x29 stale", cause="region_link", id_="L1", region=COUNTY, subject=COUNTY)
    part, subsumed = incident("5x60"), {"incident": "I1"}
    return [
        *three(
            "HealthdRateExplained",
            (many(failing, incident("10x60"), gap("10x60")), Check("5m", OF_RATE)),
            (many(failing, incident("10x60"), gap("11x60")), Check("20m", NEVER)),
            (many(failing, incident("10x29 stale"), gap("10x60")), "29m", OF_RATE, "50m"),
        ),
        *three(
            "HealthdBudgetExplained",
            (many(fleet, booked((120, 300)), incident("10x120"), gap("10x120")), Check("70m", OF_RATE)),
            (many(fleet, booked((120, 300)), incident("10x120"), gap("11x120")), Check("70m", NEVER)),
            (many(fleet, booked((160, 300)), incident("10x89 stale"), gap("10x160")), "89m", OF_RATE, "150m"),
        ),
        *three(
            "HealthdIncidentSubsumed",
            (many(fleet, part, link), Check("5m", subsumed)),
            (many(fleet, part, incident("60x60", id_="L1", region=COUNTY, subject=COUNTY)), Check("5m", NEVER)),
            (many(fleet, part, closed), "29m", subsumed, "45m"),
        ),
        Story(
            "HealthdIncidentSubsumed",
            "fires for a camera whose switch has an incident of its own",
            many(
                fleet,
                incident("1x60", id_="I1", subject="cam-1"),
                incident("9x60", id_="S1", subject="sw-9", region=COUNTY),
                one("healthd_camera_info", "1x60", camera="cam-1", upstream="sw-9", region="32060201"),
            ),
            [Check("5m", subsumed)],
        ),
    ]


def _self() -> list[Story]:
    check = {"prober": "local", "check": "ping"}

    def turns(skipped: int, lasting: int = 200) -> Series:
        """A thousand results a minute, and so many turns left out."""
        return many(
            one(
                "healthd_check_results_total",
                f"0+1000x{lasting} {lasting * 1000}+1000x200",
                outcome="ok",
                reason="ok",
                **check,
            ),
            one("healthd_check_turns_skipped_total", f"0+{skipped}x{lasting} {lasting * skipped}x200", **check),
        )

    def coverage(values: str) -> Series:
        labels = {"region": COUNTY, **{k + "_": v for k, v in RATE.items()}, "window": "now"}
        return one("healthd_region_coverage_ratio", values, **labels)

    fleet = many(healthd(), tree())
    covered = at_county(rate="online")
    hook, job = {"hook": "ding", **SELF}, {"exported_job": "roll-over", **SELF}
    failed = {"hook": "ding", "reason": "refused"}
    return [
        *three(
            "HealthdDown",
            (one("up", "0x60"), Check("4m", SELF)),
            (one("up", "1x9 0x1 1x60"), Check("20m", NEVER)),
            (one("up", "0x19 1x60"), "19m", SELF, "30m"),
        ),
        *three(
            "HealthdBlind",
            (healthd(blind="1x60"), Check("3m", SELF)),
            (healthd(blind="1x1 0x60"), Check("5m", NEVER)),
            (healthd(blind="1x19 0x60"), "19m", SELF, "30m"),
        ),
        *three(
            "HealthdNotReady",
            (healthd("0x60"), Check("16m", SELF)),
            (healthd("0x60"), Check("14m", NEVER)),
            (healthd("0x29 1x60"), "29m", SELF, "40m"),
        ),
        *three(
            "HealthdLate",
            (turns(11), Check("30m", SELF)),
            (turns(9), Check("35m", NEVER)),
            (turns(11, 60), "60m", SELF, "90m"),
        ),
        Story(
            "HealthdLate",
            "fires while frames are held back",
            one("healthd_overloaded", "1x60", prober="local"),
            [Check("30m", SELF)],
        ),
        Story(
            "HealthdLate",
            "leaves hard minutes now and then alone",
            one("healthd_overloaded", "1x7 0 1x9 0 1x8 0 1x9", prober="local"),
            [Check("34m", NEVER)],
        ),
        *three(
            "HealthdStoreFailing",
            (one("healthd_store_errors_total", "0+1x60"), Check("10m", SELF)),
            (one("healthd_store_pending", "100x60"), Check("30m", NEVER)),
            (one("healthd_store_pending", "101x29 0x60"), "29m", SELF, "45m"),
        ),
        *three(
            "HealthdReloadRefused",
            (one("healthd_config_last_reload_successful", "0x60"), Check("6m", SELF)),
            (one("healthd_config_last_reload_successful", "0x4 1x60"), Check("10m", NEVER)),
            (one("healthd_config_last_reload_successful", "0x19 1x60"), "19m", SELF, "30m"),
        ),
        *three(
            "HealthdCoverageLow",
            (many(fleet, coverage("0.94x60")), Check("35m", covered)),
            (many(fleet, coverage("0.95x60")), Check("40m", NEVER)),
            (many(fleet, coverage("0.9x49 1x60")), "49m", covered, "65m"),
        ),
        Story(
            "HealthdCoverageLow",
            "leaves blindness to its own alert",
            many(healthd(blind="1x60"), tree(), coverage("0.1x60")),
            [Check("40m", NEVER)],
        ),
        *three(
            "HealthdJobFailed",
            (one("healthd_jobs_failed_total", "0x10 1x60", exported_job="roll-over"), Check("15m", job)),
            (one("healthd_jobs_failed_total", "3x60", exported_job="roll-over"), Check("30m", NEVER)),
            (one("healthd_jobs_failed_total", "0x10 1x300", exported_job="roll-over"), "20m", job, "150m"),
        ),
        *three(
            "HealthdRoutesStale",
            (one("healthd_alerting_routes_current", "0x60"), Check("31m", SELF)),
            (one("healthd_alerting_routes_current", "0x28 1x60"), Check("40m", NEVER)),
            (one("healthd_alerting_routes_current", "0x49 1x60"), "49m", SELF, "60m"),
        ),
        *three(
            "HealthdHookFailing",
            (one("healthd_hook_messages_failed_total", "0x10 1x60", **failed), Check("12m", hook)),
            (one("healthd_hook_messages_failed_total", "5x60", **failed), Check("30m", NEVER)),
            (one("healthd_hook_messages_failed_total", "0x10 1x200", **failed), "15m", hook, "60m"),
        ),
        Story("HealthdWatchdog", "fires", {}, [Check("1m", {}), Check("10m", {})]),
        Story("HealthdWatchdog", "does not fire just below", {}, [Check("1m", {})]),
        Story("HealthdWatchdog", "resolves", {}, [Check("1m", {})]),
    ]


def stories() -> list[Story]:
    """All of them, in the order of the file."""
    return [*region_stories(), *_incidents(), *_self()]


def documents() -> dict[str, str]:
    """The test files of promtool: name -> what it should hold. Stories of many hours are a file of their own, with
    steps of four minutes: what is older than five minutes is stale."""
    own: dict[str, Labels] = {name: dict(rule["labels"]) for name, rule in alerts(RULES).items()}
    long = [story for story in stories() if story.long]
    short = [story for story in stories() if not story.long]
    return {
        "alerts_test.yml": _document([story for story in short if story.name in THREE], own, "1m"),
        "alerts_bad_days_test.yml": _document([story for story in short if story.name not in THREE], own, "1m"),
        "alerts_long_test.yml": _document(long, own, "4m"),
    }


def _document(told: Sequence[Story], own: Mapping[str, Labels], step: str) -> str:
    content = {
        "rule_files": ["../../config/rules/regions.yml", "../../config/rules/alerts.yml"],
        "evaluation_interval": step,
        "group_eval_order": ["healthd_regions", "healthd_alerts", "healthd_burn_fast", "healthd_burn_slow"],
        "tests": [_group(story, own[story.alert]) for story in told],
    }
    head = "# Written by `python -m tests.alert_stories`; the stories are there. `promtool test rules` runs it.\n"
    return head + yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=200)


def _group(story: Story, own: Labels) -> dict[str, object]:
    series = story.series or {"unused": "1x60"}
    return {
        "name": f"{story.alert} {story.name}",
        "interval": "1m",
        "input_series": [{"series": text, "values": values} for text, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{story.alert}", alertstate="firing"}}',
                "eval_time": check.at,
                "exp_samples": []
                if check.labels is None
                else [{"labels": _sample(story, own, check), "value": 1}],
            }
            for check in story.checks
        ],
    }


def _sample(story: Story, own: Labels, check: Check) -> str:
    labels = {"alertname": story.alert, "alertstate": "firing", **own, **(check.labels or {})}
    return "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def alerts(rules: Path) -> dict[str, dict[str, Any]]:
    """The alerting rules of a rule file, by name."""
    groups = yaml.safe_load(rules.read_text("utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


if __name__ == "__main__":
    for file, content in documents().items():
        (DIRECTORY / file).write_text(content, "utf-8")
