"""The formats that a report is written in: one small module each, none of which knows a camera or a rate.

A module has `render(report, name, options)`, which gives the files by their relative paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from healthd.options.reports import FORMATS
from healthd.report.document import Report

__all__ = ["FORMATS", "FormatError", "Options", "Render", "renderer"]


@dataclass(frozen=True, slots=True)
class Options:
    """`template`: a .docx whose styles, page and letterhead the text document takes; None: our own."""

    template: Path | None = None


Render = Callable[[Report, str, Options], Mapping[str, bytes]]


class FormatError(Exception):
    """This format can't be made here, and what helps; the others can."""


def renderer(name: str) -> Render:
    """The renderer of one of FORMATS. Its library is imported only now: each takes a while, and most commands need
    none of them."""
    render: Render = import_module(f"healthd.report.formats.{name}").render
    return render
