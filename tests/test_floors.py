"""Imports go downward only: read from the source, so that an import inside a function counts too."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Lowest first. A module imports from the floors below its own, never from its own; a package stands for all of its
# modules, which may import each other. A new module is put on the lowest floor that is above all it imports.
FLOORS = (
    "probes.picture",
    "probes.base probes.ber probes.icmp_socket probes.mib probes.port_names probes.readiness probes.soap",
    "probes.icmp_lane probes.login probes.snmp_session",
    "probes.http probes.icmp probes.snmp_exchange",
    "probes.snmp_rows",
    "probes.ports probes.walk",
    "probes.tables",
    "probes.annotation probes.device probes.frame probes.onvif probes.ping probes.snmp",
    "probes",
    "healthd healthd.agenda healthd.collector healthd.device_code healthd.exposition healthd.geometry healthd.heap"
    " healthd.jobs healthd.pace healthd.problems healthd.store_url healthd.words",
    "healthd.dashboards healthd.model",
    "healthd.child healthd.clock healthd.daylight healthd.kept healthd.periods healthd.schedule"
    " healthd.selfmetrics healthd.service_hours healthd.topology",
    "healthd.inventory healthd.rates",
    "healthd.false_alarms healthd.options",
    "healthd.assessing healthd.config healthd.folding healthd.picture_evidence",
    "healthd.alerting healthd.config_levers healthd.platforms healthd.prober",
    "healthd.filings healthd.probing healthd.setup",
    "healthd.incidents",
    "healthd.city healthd.core healthd.live healthd.store",
    "healthd.exempting healthd.figures healthd.metrics healthd.picture_desk healthd.recording"
    " healthd.upkeep healthd.web",
    "healthd.hooks healthd.report healthd.settings",
    "healthd.front healthd.keeping",
    "healthd.daemon",
    "healthd.commands",
    "healthd.cli",
    "healthd.__main__",
)
FLOOR_OF = {unit: floor for floor, units in enumerate(FLOORS) for unit in units.split()}
TREES = ("probes", "healthd")  # these two are also modules of their own: only their __init__


def unit_of(module: str) -> str | None:
    """The entry of FLOORS that `module` belongs to."""
    name = module
    while name not in FLOOR_OF or (name in TREES and name != module):
        name, dot, _ = name.rpartition(".")
        if not dot:
            return None
    return name


def modules() -> dict[str, Path]:
    """Every module of both packages by its dotted name."""
    found = {}
    for tree in TREES:
        for path in (ROOT / tree).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported(module: str, source: str, known: Mapping[str, object]) -> Iterator[str]:
    """The modules of ours that `source` imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: write the whole name of what is imported"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else str(node.module) for name in inside]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in TREES and name != module)


def objections(graph: Mapping[str, set[str]]) -> list[str]:
    """What in `graph` (module -> modules it imports) breaks a rule, a sentence each."""
    found = [f"{module} is on no floor: give it a place in FLOORS" for module in graph if unit_of(module) is None]
    for module, targets in graph.items():
        for target in sorted(targets):
            mine, other = unit_of(module), unit_of(target)
            if mine is None or other is None or mine == other:
                continue
            if FLOOR_OF[other] >= FLOOR_OF[mine]:
                where = "its own floor" if FLOOR_OF[other] == FLOOR_OF[mine] else "a floor above"
                found.append(f"{module} imports {target} from {where}")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append("a circle: " + " < ".join(error.args[1]))
    return found


def test_imports_go_downward_only() -> None:
    """Every module of healthd and probes imports strictly downward, and none is without a floor."""
    known = modules()
    graph = {name: set(imported(name, path.read_text("utf-8"), known)) for name, path in known.items()}
    assert objections(graph) == []


def test_floors_name_only_what_exists() -> None:
    """A module that is gone leaves its floor."""
    assert [unit for unit in FLOOR_OF if unit not in modules()] == []


@pytest.mark.parametrize(
    ("graph", "objection"),
    [
        ({"probes.ping": {"healthd.model"}}, "probes.ping imports healthd.model from a floor above"),
        ({"healthd.live": {"healthd.store"}}, "healthd.live imports healthd.store from its own floor"),
        ({"healthd.live": {"healthd.web.deps"}}, "healthd.live imports healthd.web.deps from a floor above"),
        ({"healthd.stray": set()}, "healthd.stray is on no floor: give it a place in FLOORS"),
        ({"healthd.web.a": {"healthd.web.b"}, "healthd.web.b": {"healthd.web.a"}}, "a circle"),
        ({"healthd.web.a": {"healthd.web.b", "probes.base"}}, ""),
    ],
)
def test_the_rules_bite(graph: dict[str, set[str]], objection: str) -> None:
    """Upward, sideways, circular and unplaced are each told; imports inside one package are free."""
    told = objections(graph)
    assert told == [] if not objection else objection in told[0]


def test_imports_inside_functions_count() -> None:
    """An import is found however it is written and wherever it stands."""
    source = (
        "import os\nfrom healthd.city import plan\ndef f():\n  import probes.base\n  from healthd import model\n"
    )
    known = dict.fromkeys(["healthd.city.plan", "healthd.model", "probes.base"])
    assert set(imported("x", source, known)) == {"healthd.city.plan", "probes.base", "healthd.model"}
