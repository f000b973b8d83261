"""Bytes to pixels: told by content, measured by the header first, decoded reduced and strictly."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 50_000_000  # of a JPEG; more is refused by its header
MAX_PLAIN_PIXELS = 16_000_000  # of PNG and WebP, which cannot be decoded reduced
MAX_SCANNED_PIXELS = (
    500_000_000  # pixels x scans: a progressive JPEG may pass over the whole frame thousands of times
)
WIDTH, HEIGHT = 480, 270  # decoded to no less than this, a quarter of 1080p each way


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame. `pixels`: (rows, columns, 3) BGR, reduced; `width`, `height`: of the original."""

    pixels: NDArray[np.uint8]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Why there are no pixels, or none to be trusted. `width`, `height` None where the header is unreadable."""

    why: str
    width: int | None = None
    height: int | None = None


def kind_of(data: bytes) -> str | None:
    """`jpeg`, `png` or `webp` by the first bytes, whatever a name or header says; None: not a picture."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None


def decode(data: bytes) -> Picture | Damage:
    """The picture, or what is wrong with it. Memory and time are bounded by the limits above."""
    kind = kind_of(data)
    if kind is None:
        return Damage("not a picture" if data else "empty")
    return _jpeg(data) if kind == "jpeg" else _plain(data, _png_size(data) if kind == "png" else _webp_size(data))


def _jpeg(data: bytes) -> Picture | Damage:
    import simplejpeg  # type: ignore[import-untyped] # it has no py.typed

    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError) as error:  # KeyError: a chroma subsampling that the decoder has no name for
        return Damage(f"unreadable header: {error}")
    scans = _scans(data)
    if width * height > MAX_PIXELS or width * height * scans > MAX_SCANNED_PIXELS:
        return Damage(f"too large to decode: {width}x{height} in {scans} scans", width, height)
    four = colours in ("CMYK", "YCCK")
    space = "CMYK" if four else "BGR"
    try:
        pixels = simplejpeg.decode_jpeg(data, colorspace=space, min_width=WIDTH, min_height=HEIGHT, strict=True)
    except ValueError as error:
        return Damage(str(error), width, height)
    return Picture(_without_key(pixels) if four else pixels, width, height)


def _scans(data: bytes) -> int:
    """How often a scan begins: in coded data 0xff is always followed by 0 or a marker. `bytes.count` of two bytes
    takes ten times as long."""
    levels = np.frombuffer(data, np.uint8)
    return int(np.count_nonzero((levels[:-1] == 0xFF) & (levels[1:] == 0xDA)))


def _without_key(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """BGR of inverted CMYK, the only kind that is met in JPEGs."""
    colour = pixels[..., 2::-1].astype(np.uint16) * pixels[..., 3:]
    return (colour // 255).astype(np.uint8)


def _plain(data: bytes, size: tuple[int, int] | None) -> Picture | Damage:
    import cv2

    if size is None:
        return Damage("unreadable header, or cut off")
    width, height = size
    if width * height > MAX_PLAIN_PIXELS:
        return Damage(f"too large to decode: {width}x{height}", width, height)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return Damage("the decoder gave up", width, height)
    if pixels is None:
        return Damage("the decoder found no picture", width, height)
    step = max(1, min(width // WIDTH, height // HEIGHT))
    return Picture(np.ascontiguousarray(pixels[::step, ::step], dtype=np.uint8), width, height)


def _png_size(data: bytes) -> tuple[int, int] | None:
    """None unless every chunk is whole and nothing is animated: the decoder believes a chunk's length before it
    has seen the chunk, and would make room for 2 GB."""
    at, size = 8, None
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 4 : at + 8 + length]
        end = at + 12 + length
        if end > len(data) or zlib.crc32(body) != struct.unpack_from(">I", data, end - 4)[0] or name == b"acTL":
            return None
        if name == b"IHDR" and length == 13:
            size = struct.unpack_from(">II", body, 4)
        if name == b"IEND":
            return size
        at = end
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 30 or len(data) < struct.unpack_from("<I", data, 4)[0]:
        return None
    if data[12:16] == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
