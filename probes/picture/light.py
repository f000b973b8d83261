"""When a frame was taken: by day, by night, between the two, or nobody knows."""

from __future__ import annotations

import enum


class Light(enum.StrEnum):
    """`auto`: told from the picture (grey is night), and then grey is no fault. `twilight`: neither a day nor a
    night reference fits, so none is used."""

    DAY = "day"
    NIGHT = "night"
    TWILIGHT = "twilight"
    AUTO = "auto"
