"""Symbolic names of SNMP objects (`SNMPv2-MIB::sysContact.0`) to numbers, once, when the configuration is read.

pysnmp brings the names; it asks no device here. Its bundled modules hold the standard groups; modules compiled
for pysnmp are found too when the environment variable PYSNMP_MIB_DIRS names their directory.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NUMBER = re.compile(r"\.?((?:0|[1-9]\d{0,9})(?:\.(?:0|[1-9]\d{0,9})){1,63})")
_SYMBOL = re.compile(r"(?:([A-Za-z][\w-]*)::)?([A-Za-z][\w-]*)((?:\.\d{1,10})*)")
_MODULES = ("SNMPv2-MIB", "RFC1213-MIB", "SNMP-FRAMEWORK-MIB")  # where a name without a module is looked for
_MAX_ARC = 2**32 - 1
_REMEDY = "write its number, such as 1.3.6.1.2.1.1.4.0, or MODULE::name.index, such as SNMPv2-MIB::sysContact.0"


@dataclass(frozen=True, slots=True)
class Oid:
    """An object to ask for: the name as configured, and its number without a leading dot."""

    name: str
    number: str


def resolve(names: Iterable[str]) -> tuple[Oid, ...]:
    """The objects that `names` mean; raises ValueError with a remedy for every name that means none."""
    found: list[Oid] = []
    wrong: list[str] = []
    symbols: _Symbols | None = None
    for name in names:
        try:
            number = _number(name)
            if number is None:
                symbols = symbols or _Symbols()
                number = symbols.number(name)
            found.append(Oid(name, number))
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(found)


def _number(name: str) -> str | None:
    """`name` if it is numeric, None if it may be symbolic."""
    match = _NUMBER.fullmatch(name)
    if match is None:
        return None
    arcs = [int(arc) for arc in match[1].split(".")]
    if arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39) or max(arcs) > _MAX_ARC:
        raise ValueError(
            f"{name!r} is no object identifier: it begins with 0, 1 or 2 and no part passes {_MAX_ARC}"
        )
    return match[1]


class _Symbols:
    """The modules that pysnmp brings."""

    def __init__(self) -> None:
        from pysnmp.smi.builder import MibBuilder  # type: ignore[import-untyped]  # pysnmp has no types

        self._builder = MibBuilder()
        self._builder.load_modules(*_MODULES)
        self._column, self._scalar = self._builder.import_symbols("SNMPv2-SMI", "MibTableColumn", "MibScalar")

    def number(self, name: str) -> str:
        match = _SYMBOL.fullmatch(name)
        if match is None:
            raise ValueError(f"{name!r} names no object: {_REMEDY}")
        module, label, index = match.groups()
        modules = [module] if module else list(_MODULES)
        node = next((names[label] for names in map(self._names, modules) if label in names), None)
        if not isinstance(node, self._scalar):
            problem = f"{name!r}: unknown name{self._nearest(label, modules)}: {_REMEDY}"
        elif isinstance(node, self._column) and not index:  # a column is a scalar to pysnmp
            problem = f"{name!r} is a column of a table: add the row's index, such as {name}.1"
        else:
            return ".".join(str(arc) for arc in node.getName()) + (index or ".0")
        raise ValueError(problem)

    def _names(self, module: str) -> Mapping[str, Any]:
        from pysnmp.smi.error import MibLoadError  # type: ignore[import-untyped]  # pysnmp has no types

        try:
            self._builder.load_modules(module)
        except MibLoadError:
            return {}
        names: Mapping[str, Any] = self._builder.mibSymbols[module]
        return names

    def _nearest(self, label: str, modules: list[str]) -> str:
        known = [
            name
            for module in modules
            for name, node in self._names(module).items()
            if isinstance(node, self._scalar)
        ]
        near = difflib.get_close_matches(label, known, n=1)
        return f" (did you mean {near[0]!r}?)" if near else ""
