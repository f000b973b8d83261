"""The rules that Prometheus evaluates, by promtool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
RULES = sorted((ROOT / "config" / "rules").glob("*.yml"))
CASES = sorted(Path(__file__).with_name("rules").glob("*_test.yml"))


def promtool(*arguments: str | Path) -> str:
    """What promtool says; AssertionError if it found something wrong."""
    program = shutil.which("promtool")
    assert program, "promtool is missing: apt-get install prometheus"
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_are_well_formed(path: Path) -> None:
    """Prometheus takes the file."""
    assert "SUCCESS" in promtool("check", "rules", path)


@pytest.mark.timeout(300)  # days of stories, on a machine that may be busy
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_rules_say_what_they_should(path: Path) -> None:
    """Each story in tests/rules ends as it is written there."""
    assert "SUCCESS" in promtool("test", "rules", path)


def test_recordings_are_named_once() -> None:
    """No two rules record under one name."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    names = [rule["record"] for group in groups for rule in group["rules"] if "record" in rule]
    assert len(names) == len(set(names)) > 20
