"""Who is told what: the tree of routes, the receivers, and what silences what. Pure: values in, dicts out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from healthd.alerting.receivers import DEADMAN, NOBODY, receivers
from healthd.model import Inventory
from healthd.options.alerting import AlertingOptions

Config: TypeAlias = dict[str, Any]

DIGEST = "digest "
"""Prefix of the receivers of digests: they hear of what is broken, not of each repair."""
DIRECT = "direct "
"""Prefix of the receivers that are not reached by healthd's own hooks."""
DAY = "day"

_PLACES = "rates|budget|targets|pictures|clocks"
_REPAIRS = ("incidents", "repairs", "cameras")


def alertmanager_config(options: AlertingOptions, inventory: Inventory, zone: str) -> Config:
    """The whole of alertmanager.yml, as Alertmanager 0.25 and later take it. Raises Wrong for a secret that has to
    be written into it and cannot be read."""
    return {
        "global": _global(options),
        "time_intervals": [_day(options, zone)],
        "route": _root(options, inventory),
        "inhibit_rules": _inhibitions(),
        "receivers": receivers(options, _used(options, inventory)),
    }


def _global(options: AlertingOptions) -> Config:
    # Longer than any rule's interval: an alert ends when Prometheus says so, not because an evaluation was late.
    found: Config = {"resolve_timeout": "10m"}
    if options.smtp is not None:
        smtp = options.smtp
        found |= {"smtp_smarthost": smtp.smarthost, "smtp_from": smtp.from_, "smtp_require_tls": smtp.require_tls}
        if smtp.username:
            found["smtp_auth_username"] = smtp.username
        if smtp.password_file:
            found["smtp_auth_password_file"] = smtp.password_file
    return found


def _day(options: AlertingOptions, zone: str) -> Config:
    start, _, end = options.day_hours.partition("-")
    return {
        "name": DAY,
        "time_intervals": [{"times": [{"start_time": start, "end_time": end}], "location": zone}],
    }


# --- Routes: the first that matches takes an alert ---------------------------------------------------------------


def _root(options: AlertingOptions, inventory: Inventory) -> Config:
    return {
        "receiver": options.default,
        "group_by": ["alertname", "region"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": _duration(options.repeat.critical),
        "routes": [
            _watchdog(options),
            {"receiver": NOBODY, "matchers": ['severity="none"']},
            *_own(options),
            # Before the regions' routes, or each single camera would reach the region's duty at once.
            _digests(options, inventory),
            _overdue(options, inventory),
            _incidents(options, inventory),
            *_places(options, inventory),
        ],
    }


def _watchdog(options: AlertingOptions) -> Config:
    return {
        "receiver": DEADMAN if options.deadman is None else options.deadman,
        "matchers": ['topic="watchdog"'],
        "group_wait": "0s",
        "group_interval": "1m",
        "repeat_interval": "5m",
    }


def _own(options: AlertingOptions) -> Iterator[Config]:
    """healthd's own troubles, to those who run it; a hook's troubles by another way than hooks."""
    operators = options.operators or options.default
    yield {"receiver": DIRECT + operators, "matchers": ['topic="hook"'], "group_by": ["alertname"]}
    yield {"receiver": operators, "matchers": ['topic="healthd"'], "group_by": ["alertname", "instance"]}


def _digests(options: AlertingOptions, inventory: Inventory) -> Config:
    """Single cameras: by day, a message a maintainer, with all that are open."""
    route = {
        "receiver": DIGEST + options.default,
        "matchers": ['severity="info"'],
        "group_by": ["maintainer"],
        "group_wait": "15m",
        "group_interval": "4h",
        "repeat_interval": _duration(options.repeat.digest),
    }
    by_day = _Branch(options, inventory, DIGEST, by_day=True)
    return by_day.marked(route) | {"routes": [*by_day.maintainers(), *by_day.regions()]}


def _overdue(options: AlertingOptions, inventory: Inventory) -> Config:
    route = {
        "receiver": options.default,
        "matchers": ['topic="repairs"'],
        "group_by": ["maintainer"],
        "group_wait": "5m",
        "group_interval": "1h",
        "repeat_interval": _duration(options.repeat.digest),
    }
    by_day = _Branch(options, inventory, by_day=True)
    return by_day.marked(route) | {"routes": [*by_day.maintainers(), *by_day.regions()]}


def _incidents(options: AlertingOptions, inventory: Inventory) -> Config:
    """One page an incident: to who repairs it, else to who is on call for its region."""
    branch = _Branch(options, inventory)
    return {
        "receiver": options.default,
        "matchers": ['topic="incidents"'],
        "group_by": ["incident"],
        "routes": [*branch.maintainers(), *branch.regions()],
    }


def _places(options: AlertingOptions, inventory: Inventory) -> Iterator[Config]:
    """Rates, pictures and clocks: to who is on call for the region; what is no emergency waits for the day."""
    route = {
        "receiver": options.default,
        "matchers": [f'topic=~"{_PLACES}"', 'severity!="critical"'],
        "group_by": ["alertname", "profile"],
        "group_wait": "1m",
        "repeat_interval": _duration(options.repeat.warning),
    }
    by_day = _Branch(options, inventory, by_day=True)
    yield by_day.marked(route) | {"routes": [*by_day.regions()]}
    yield {
        "receiver": options.default,
        "matchers": [f'topic=~"{_PLACES}"'],
        "group_by": ["alertname", "profile"],
        "routes": [*_Branch(options, inventory).regions()],
    }


@dataclass(frozen=True, slots=True)
class _Branch:
    """Routes by maintainer and by region below one route. `by_day`: they notify in the day's hours only; child
    routes inherit all of their parent's but that."""

    options: AlertingOptions
    inventory: Inventory
    prefix: str = ""  # of the receivers
    by_day: bool = False

    def marked(self, route: Config) -> Config:
        return route | {"active_time_intervals": [DAY]} if self.by_day else route

    def maintainers(self) -> Iterator[Config]:
        for maintainer in sorted(self.inventory.maintainers.keys() & self.options.maintainers.keys()):
            on_call = self.options.maintainers[maintainer]
            route = self._route(on_call.receiver, _equal("maintainer", maintainer))
            own = _deepest_first(on_call.regions, self.inventory)
            if own:
                route["routes"] = [self._route(on_call.regions[code], self._inside(code)) for code in own]
            yield route

    def regions(self) -> Iterator[Config]:
        """For each region with somebody on call, and for each city and county: a new one shows here."""
        options, inventory = self.options, self.inventory
        listed = [
            code
            for code, region in inventory.regions.items()
            if code in options.regions or region.level in ("city", "county")
        ]
        for code in _deepest_first(listed, inventory):
            above = (options.regions[step] for step in inventory.line_of(code) if step in options.regions)
            yield self._route(next(above, options.default), self._inside(code))

    def _route(self, receiver: str, matcher: str) -> Config:
        return self.marked({"receiver": self.prefix + receiver, "matchers": [matcher]})

    def _inside(self, code: str) -> str:
        # Codes hold letters, digits and ._- only, and Alertmanager's matchers know no escape for a dot.
        return f'path=~"{self.inventory.paths[code].replace(".", "[.]")}.*"'


def _deepest_first(codes: Sequence[str] | Mapping[str, object], inventory: Inventory) -> list[str]:
    known = [code for code in codes if code in inventory.regions]
    return sorted(known, key=lambda code: (-inventory.paths[code].count("/"), inventory.paths[code]))


def _equal(label: str, value: str) -> str:
    return f'{label}="{value}"'  # ids hold letters, digits and ._- only


def _duration(seconds: float) -> str:
    whole = round(seconds)
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{max(1, whole)}s"


def _used(options: AlertingOptions, inventory: Inventory) -> list[str]:
    """Every receiver that a route names, each once."""
    found: dict[str, None] = {}

    def walk(route: Config) -> None:
        found[route["receiver"]] = None
        for child in route.get("routes", ()):
            walk(child)

    walk(_root(options, inventory))
    return [*found]


# --- What silences what ------------------------------------------------------------------------------------------


def _inhibitions() -> list[Config]:
    return [
        # A region's line before its devices, a device before its cameras: the rules find out what lies below what.
        {
            "source_matchers": ['alertname="HealthdIncidentSubsumed"'],
            "target_matchers": [f'topic=~"{"|".join(_REPAIRS)}"'],
            "equal": ["incident"],
        },
        # A rate whose gap is made of incidents that were paged.
        *(
            {
                "source_matchers": [f'alertname="{inhibitor}"'],
                "target_matchers": [f'topic="{topic}"'],
                "equal": ["region", "class", "rate", "profile"],
            }
            for inhibitor, topic in (("HealthdRateExplained", "rates"), ("HealthdBudgetExplained", "budget"))
        ),
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity=~"warning|info"'],
            "equal": ["topic", "region", "class", "rate", "profile", "incident", "instance"],
        },
    ]
