"""What the benchmarks write down."""

from __future__ import annotations

from datetime import date

from tests.bench.document import merged
from tests.bench.table import Row

NAMES = ("ping", "snmp")


def test_measuring_one_anew_keeps_the_others() -> None:
    """A benchmark's section is replaced, the others stay with their dates, and all held targets are counted."""
    first = {
        "ping": [Row("a ping", "healthd", [1.0], "s", "≤ 2 s", True)],
        "snmp": [Row("an asking", "healthd", [3.0], "s", "≤ 2 s", False)],
    }
    before = merged("", first, NAMES, "- Machine: one\n", date(2026, 1, 1))
    again = {"snmp": [Row("an asking", "healthd", [1.5, 1.0, 2.0], "s", "≤ 2 s", True)]}
    after = merged(before, again, NAMES, "- Machine: two\n", date(2026, 1, 2))
    assert "Targets held: 1 of 2" in before
    assert "Targets held: 2 of 2" in after
    assert "Machine: one" not in after
    assert after.index("## ping\n\nMeasured 2026-01-01.") < after.index("## snmp\n\nMeasured 2026-01-02.")
    assert "| a ping | healthd | 1 s | 1 | ≤ 2 s | yes |" in after
    assert "3 s" not in after
