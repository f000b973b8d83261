"""References of pictures: rows of the store and back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, Select, delete, select

from healthd.model import PictureReference
from healthd.store import schema
from healthd.store.sql import replace_rows

_TABLE, _CAMERAS = schema.picture_references, schema.cameras


def write_references(
    connection: Connection,
    learnt: Collection[PictureReference],
    forgotten: Collection[str],
    key: Callable[[str], int],
) -> None:
    """Forget first: what was learnt since then is new."""
    for camera in forgotten:
        connection.execute(delete(_TABLE).where(_TABLE.c.camera == key(camera)))
    if learnt:
        rows = [
            {"camera": key(one.camera), "lit": one.lit, "at": one.at, "fingerprint": one.fingerprint}
            for one in learnt
        ]
        replace_rows(connection, _TABLE, rows)


def of_camera(camera: str) -> Select[Any]:
    """Both references of one camera, as far as there are any."""
    columns = (_TABLE.c.lit, _TABLE.c.at, _TABLE.c.fingerprint)
    return select(*columns).join(_CAMERAS, _CAMERAS.c.key == _TABLE.c.camera).where(_CAMERAS.c.id == camera)
