"""alertmanager.yml: written, and compared with what it should hold."""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from healthd.alerting.receivers import DEADMAN
from healthd.alerting.routes import alertmanager_config
from healthd.config import Config
from healthd.model import Inventory
from healthd.problems import BadInput, Problem, Wrong, did_you_mean

_HEAD = """\
# Written by `healthd alerting generate` from the section `alerting` of {name} and from the inventory:
# change those and generate it anew. docs/alerts.md says what is what.
"""
_SECRET = re.compile(r"(api_secret: ).*")
_MODE = 0o640


def text_of(config: Config, inventory: Inventory) -> str:
    """The file that Alertmanager should have. Raises BadInput where `alerting` is missing or does not fit the
    inventory."""
    options = config.alerting
    if options is None:
        raise BadInput([Problem(str(config.path), None, "alerting", "missing", "docs/alerts.md describes it")])
    problems = misfits(config, inventory)
    if problems:
        raise BadInput(problems)
    try:
        content = alertmanager_config(options, inventory, str(config.timezone))
    except Wrong as wrong:
        raise BadInput([Problem(str(config.path), None, "alerting", str(wrong), wrong.remedy)]) from None
    body = yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1000)
    return _HEAD.format(name=config.path.name) + body


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, short lists on one line, others indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _list(dumper: yaml.SafeDumper, value: list[object]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, all(isinstance(item, str) for item in value))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def misfits(config: Config, inventory: Inventory) -> list[Problem]:
    """Regions and maintainers of `alerting` that the inventory does not have."""
    options, found = config.alerting, []
    if options is None:
        return []

    def unknown(key: str, noun: str, name: str, known: Sequence[str]) -> None:
        remedy = did_you_mean(name, known, "correct it, or remove it")
        found.append(
            Problem(str(config.path), None, f"alerting.{key}", f'"{name}": there is no such {noun}', remedy)
        )

    regions, maintainers = [*inventory.regions], [*inventory.maintainers]
    for code in options.regions:
        if code not in inventory.regions:
            unknown("regions", "region", code, regions)
    for maintainer, on_call in options.maintainers.items():
        if maintainer not in inventory.maintainers:
            unknown("maintainers", "maintainer", maintainer, maintainers)
        for code in on_call.regions:
            if code not in inventory.regions:
                unknown(f"maintainers.{maintainer}.regions", "region", code, regions)
    return found


def remarks(config: Config, inventory: Inventory) -> list[str]:
    """What the operator should know of the routes, a sentence each."""
    options = config.alerting
    if options is None:
        return []
    found = []
    missing = [code for code in inventory.maintainers if code not in options.maintainers]
    if missing:
        found.append(
            f"no receiver of their own, so regions and {options.default} hear: {', '.join(sorted(missing))}"
        )
    if options.deadman is None:
        found.append(f'no alerting.deadman: nobody notices when alerting itself is dead (receiver "{DEADMAN}")')
    return found


def differences(config: Config, inventory: Inventory, path: Path) -> list[str]:
    """Lines in which the file at `path` differs from what it should hold, as a diff without secrets; none when
    Alertmanager would do the same with both. Raises BadInput like `text_of`."""
    wanted = text_of(config, inventory)
    try:
        there = path.read_text("utf-8")
    except FileNotFoundError:
        return [f"{path}: no such file"]
    except (OSError, UnicodeDecodeError) as error:
        return [f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}"]
    if _meaning(there) == _meaning(wanted):
        return []
    lines = difflib.unified_diff(
        _masked(there), _masked(wanted), f"{path} as it is", "as it should be", lineterm="", n=1
    )
    return [*lines] or [f"{path}: a secret differs"]


def _meaning(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _masked(text: str) -> list[str]:
    return [_SECRET.sub(r"\1<secret>", line) for line in text.splitlines()]


def write(text: str, path: Path) -> None:
    """Replace the file at once: Alertmanager never reads half of it. Others than its group cannot read it."""
    handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else _MODE)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
