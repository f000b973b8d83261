"""YAML text -> plain values that remember their lines, checked against a pydantic model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from healthd.problems import BadInput, Problem, brief, did_you_mean

Where: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of the document to a value."""

_LARGEST_BYTES = 4_000_000  # a configuration has a few kB
_DEEPEST = 20
_WHOLE_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """A YAML file as read. `lines`: where each key or list item stands (1-based)."""

    file: str
    value: object
    lines: Mapping[Where, int]
    problems: list[Problem] = field(default_factory=list)  # doubled keys and the like

    def problem(self, where: Where, message: str, remedy: str = "") -> Problem:
        """A problem at the line of `where`, or at that of the nearest key above it that is written."""
        line = next((self.lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in self.lines), None)
        return Problem(self.file, line, _dotted(where), message, remedy)

    def checked(self, model: type[_Model], context: object) -> _Model:
        """The document as `model`; `context` reaches its validators. Raises BadInput with all errors."""
        found = list(self.problems)
        try:
            result = model.model_validate(self.value, context=context)
        except ValidationError as error:
            # Values are left out of everything that is printed: one of them may be a secret in a wrong place.
            for details in error.errors(include_url=False, include_input=False):
                where = tuple(part for part in details["loc"] if part != "[key]")
                found.append(self.problem(where, *_explain(model, where, details)))
            raise BadInput(in_order(found)) from None
        if found:
            raise BadInput(in_order(found))
        return result


def in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.line or 0)


def read_yaml(path: Path) -> Document:
    """Reads one YAML document that is a mapping; raises BadInput where there is none."""
    text = _read_text(path)
    try:
        node = _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        words = ", ".join(part for part in (error.context, error.problem) if part)
        raise _refused(path, f"this is not YAML: {words}", _yaml_remedy(words), line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refused(path, "holds a control character", "remove it, or save the file as text", line) from None
    if node is None:
        raise _refused(path, "is empty", "begin with the example in docs/configuration.md")
    if not isinstance(node, yaml.MappingNode):
        raise _refused(path, "is not a list of `key: value` settings", "see docs/configuration.md", 1)
    return _Plain(str(path)).document(node)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise _refused(path, "no such file", "name the configuration with -c FILE") from None
    except IsADirectoryError:
        raise _refused(path, "is a directory", f"name the file in it, such as {path / 'healthd.yml'}") from None
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}", "check its owner and mode") from None
    if len(data) > _LARGEST_BYTES:
        raise _refused(path, f"is larger than {_LARGEST_BYTES:,} bytes", "this is not a configuration")
    if b"\0" in data:
        raise _refused(path, "is binary, not text", "save it as plain UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(path, "is not UTF-8", "save it as UTF-8", line) from None


def _refused(path: Path, message: str, remedy: str, line: int | None = None) -> BadInput:
    return BadInput([Problem(str(path), line, "", message, remedy)])


def _yaml_remedy(words: str) -> str:
    if r"'\t'" in words:
        return "indent with spaces, not with tabs"
    if "end>" in words or "end of stream" in words:
        return "the file seems to be cut off: a quote or a bracket is still open at its end"
    return "check the indentation, the quotes and the brackets here and in the line before"


class _Composer(yaml.SafeLoader):
    """Composes nodes, and refuses what a configuration needs not and an attacker might use."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # types-PyYAML leaves it open
        if self.check_event(yaml.AliasEvent):
            # Aliases multiply: nine lines of them make a thousand million values.
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not taken: write it out", problem_mark=mark)
        if self.depth >= _DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested more than {_DEEPEST} levels deep", problem_mark=mark)
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Plain:
    """Turns nodes into dicts, lists, text, whole numbers, booleans and None.

    Decimal numbers, dates, octal and base-60 numbers stay text as written: `0.98` is then exact, and
    `site: 0512` is not 330."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: dict[Where, int] = {}
        self._problems: list[Problem] = []

    def document(self, node: yaml.Node) -> Document:
        return Document(self._file, self._value(node, ()), self._lines, self._problems)

    def _value(self, node: yaml.Node, where: Where) -> object:
        if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
            self._add(node, where, "tags (!name) are not taken", "write the plain value")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(child, (*where, index)) for index, child in enumerate(node.value)]
        return _scalar(node)

    def _item(self, node: yaml.Node, where: Where) -> object:
        self._lines[where] = node.start_mark.line + 1
        return self._value(node, where)

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._add(key_node, where, "a key must be plain text", "write `key: value`")
                continue
            key = key_node.value
            here = (*where, key)
            if key in result:
                first = self._lines[here]
                self._add(key_node, here, f"doubled (first on line {first})", "remove one of the two")
                continue
            self._lines[here] = key_node.start_mark.line + 1
            result[key] = self._value(value_node, here)
        return result

    def _add(self, node: yaml.Node, where: Where, message: str, remedy: str) -> None:
        self._problems.append(Problem(self._file, node.start_mark.line + 1, _dotted(where), message, remedy))


def _scalar(node: yaml.Node) -> object:
    kind = node.tag.rpartition(":")[2]
    text = str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in ("yes", "true", "on")
    if kind == "int" and len(text) < 20 and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return text


def _dotted(where: Where) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{brief(part, 60)}" for part in where).lstrip(".")


_WORDS = {
    "missing": "missing",
    "string_type": "must be text (in quotes if it looks like a number)",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "model_type": "must hold keys",
    "dict_type": "must hold keys",
    "mapping_type": "must hold keys",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
}
_HOW = {
    "missing": "add it; docs/configuration.md describes it",
    "model_type": "write the keys below it, indented, or {} for the defaults",
    "dict_type": "write the keys below it, indented, or {} for the defaults",
    "mapping_type": "write the keys below it, indented, or {} for the defaults",
    "list_type": "write [one, two]",
    "tuple_type": "write [one, two]",
}


def _explain(model: type[BaseModel], where: Where, details: Any) -> tuple[str, str]:
    """Message and remedy of one pydantic error."""
    kind = details["type"]
    if kind == "extra_forbidden":
        fields = _fields_at(model, where[:-1])
        known = "known keys: " + ", ".join(fields) if fields else "remove it"
        return "unknown key", did_you_mean(str(where[-1]), fields, known)
    if kind == "literal_error":
        return f"must be one of {details['ctx']['expected']}", ""
    if kind == "value_error":
        error = details["ctx"]["error"]
        return brief(str(error)), getattr(error, "remedy", "")
    message = _WORDS.get(kind) or details["msg"].replace("Input should", "must").replace(
        "must be a valid", "must be a"
    )
    return message, _HOW.get(kind, "")


def _fields_at(model: type[BaseModel], where: Where) -> list[str]:
    """The names of the keys that the model has at `where`."""
    shape: Any = model
    for part in where:
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            shape = shape.model_fields[str(part)].annotation if part in shape.model_fields else None
        else:  # a mapping or a list: its last argument is the value's or the item's type
            arguments = [argument for argument in get_args(shape) if argument is not ...]
            shape = arguments[-1] if arguments else None
        shape = _bare(shape)
    return list(shape.model_fields) if isinstance(shape, type) and issubclass(shape, BaseModel) else []


def _bare(shape: Any) -> Any:
    """Without `Annotated[...]` and `... | None` around it."""
    while get_origin(shape) in (Union, UnionType) or hasattr(shape, "__metadata__"):
        shape = next(argument for argument in get_args(shape) if argument is not type(None))
    return shape
