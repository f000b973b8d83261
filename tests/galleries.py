"""Galleries for tests: nothing in the store, everything at its default."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from healthd.folding.gallery import Gallery, Judgement
from healthd.options.pictures import PictureOptions


def empty_gallery() -> Gallery:
    return Gallery(Judgement(PictureOptions(), ZoneInfo("Asia/Shanghai"), {}), lambda _camera: [])
