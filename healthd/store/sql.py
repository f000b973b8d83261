"""Statements that SQLite and PostgreSQL both understand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import bindparam
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Text

__all__ = ["greater", "insert", "one_of", "replace_rows"]  # insert: its ON CONFLICT is compiled by both


def replace_rows(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows; one whose primary key is there replaces the old row. Of several of one key the last counts."""
    names = [column.name for column in table.primary_key]
    latest = {tuple(row[name] for name in names): row for row in rows}
    if not latest:
        return
    statement = insert(table)
    rest = {column.name: statement.excluded[column.name] for column in table.c if column.name not in names}
    connection.execute(
        statement.on_conflict_do_update(index_elements=names, set_=rest), [dict(row) for row in latest.values()]
    )


def greater(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The greater of two numbers."""
    return case((one > other, one), else_=other)


def one_of(column: ColumnElement[Any], texts: Iterable[str]) -> ColumnElement[bool]:
    """Whether a column holds one of these texts: one parameter whatever their number."""
    wanted = bindparam(None, json.dumps(sorted(texts), ensure_ascii=False), type_=Text())
    return column.op("IN", is_comparison=True)(_Texts(wanted))


class _Texts(FunctionElement[str]):
    """The texts of a JSON list, as a subquery."""

    inherit_cache = True


@compiles(_Texts)
def _texts(element: _Texts, compiler: SQLCompiler, **more: Any) -> str:
    document = compiler.process(element.clauses, **more)  # a placeholder
    return f"(SELECT value FROM json_each({document}))"  # noqa: S608


@compiles(_Texts, "postgresql")
def _texts_of_postgresql(element: _Texts, compiler: SQLCompiler, **more: Any) -> str:
    document = compiler.process(element.clauses, **more)
    return f"(SELECT jsonb_array_elements_text(CAST({document} AS jsonb)))"
