"""Verdicts on drawn scenes, faults and broken files."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from probes.picture import facts, rules
from probes.picture.context import Context
from probes.picture.decode import Damage, Picture, decode, kind_of
from probes.picture.judge import judge as judge_with
from probes.picture.measure import grey_of, measure
from probes.picture.verdict import Fault, Verdict

Pixels = NDArray[np.float64]


def judge(data: bytes, expect: tuple[int, int] | None) -> Verdict:
    """The verdict on a picture of which nothing else is known."""
    return judge_with(data, Context(expect=expect)).verdict


@cache
def scene(width: int = 1920, height: int = 1080, noise: float = 3.0) -> Pixels:
    """A street by day: soft ground, hard-edged things, a sensor's noise."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[0:height, 0:width]
    waves = (120 + 60 * np.sin(x / 97 + y / 41), 110 + 60 * np.sin(x / 50), 130 + 50 * np.cos(y / 33 + x / 200))
    pixels = np.stack(waves, axis=-1)
    for _ in range(40):
        left, top = int(random.integers(0, width)), int(random.integers(0, height))
        right, bottom = left + int(random.integers(10, 300)), top + int(random.integers(10, 200))
        pixels[top:bottom, left:right] = random.integers(20, 235, 3)
    pixels += random.normal(0, noise, pixels.shape)
    pixels.setflags(write=False)
    return pixels


def plain(*colour: float, width: int = 1920, height: int = 1080) -> Pixels:
    """One colour, BGR."""
    return np.zeros((height, width, 3)) + colour


def captioned(
    pixels: Pixels, text: str = "2026-11-21 10:00:00", at: tuple[int, int] = (40, 90), size: int = 2
) -> Pixels:
    drawn = np.clip(pixels, 0, 255).astype(np.uint8)
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 2 * size)
    return drawn.astype(np.float64)


def lamp() -> Pixels:
    """A night with one street lamp in it: the rest is as black as noise lets it be."""
    pixels = plain(3, 3, 3) + np.random.default_rng(4).normal(0, 1.5, (1080, 1920, 3))
    cv2.circle(pixels, (900, 500), 60, (200, 220, 230), -1)
    return np.asarray(cv2.GaussianBlur(pixels, (101, 101), 30), dtype=np.float64)


def encoded(pixels: Pixels, suffix: str = ".jpg", *options: int) -> bytes:
    done, data = cv2.imencode(suffix, np.clip(pixels, 0, 255).astype(np.uint8), list(options))
    assert done
    return data.tobytes()


DAY = encoded(scene(), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 80)


def fog() -> Pixels:
    far = np.linspace(0.08, 0.45, 1080)[:, None, None]
    return scene() * far + 190 * (1 - far)


def wall() -> Pixels:
    return plain(150, 150, 150) + np.linspace(-6, 6, 1920)[None, :, None]


# Each picture is drawn when its test runs: all at once they take 800 MB.
@pytest.mark.parametrize("quality", [50, 90])
@pytest.mark.parametrize(
    ("drawn", "faults"),
    [
        pytest.param(scene, (), id="day"),
        pytest.param(lambda: captioned(scene()), (), id="day with caption"),
        pytest.param(lambda: scene() * 0.3, (), id="dusk"),
        pytest.param(fog, (), id="fog"),
        pytest.param(wall, (), id="a white wall"),
        pytest.param(lamp, (), id="night with a lamp"),
        pytest.param(lambda: scene() * 0.1, (Fault.DARK,), id="too dark"),
        pytest.param(lambda: captioned(scene() * 0.06), (Fault.DARK,), id="too dark, with caption"),
        pytest.param(lambda: plain(0, 0, 0), (Fault.NO_SIGNAL,), id="black"),
        pytest.param(lambda: captioned(plain(0, 0, 0)), (Fault.NO_SIGNAL,), id="black with caption"),
        pytest.param(lambda: plain(16, 16, 16), (Fault.NO_SIGNAL,), id="video black"),
        pytest.param(lambda: captioned(plain(200, 40, 20)), (Fault.NO_SIGNAL,), id="blue"),
        pytest.param(
            lambda: captioned(plain(90, 30, 10), "NO VIDEO", (500, 560), 5), (Fault.NO_SIGNAL,), id="card"
        ),
        pytest.param(lambda: plain(128, 128, 128), (Fault.NO_SIGNAL,), id="decoder grey"),
        pytest.param(lambda: plain(255, 255, 255), (Fault.BRIGHT,), id="white"),
        pytest.param(lambda: scene() + 170, (Fault.BRIGHT,), id="burnt out"),
    ],
)
def test_faults_are_told_apart(drawn: Callable[[], Pixels], faults: tuple[Fault, ...], quality: int) -> None:
    """Each fault is found at any JPEG quality; night, fog, captions and walls are none."""
    assert judge(encoded(drawn(), ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality), None).faults == faults


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
@pytest.mark.parametrize(("width", "height"), [(640, 360), (704, 576), (720, 1280)])
def test_any_size_and_format_is_judged(suffix: str, width: int, height: int) -> None:
    """JPEG, PNG and WebP of usual sizes are measured right and found good."""
    verdict = judge(encoded(scene(width, height), suffix), None)
    assert (verdict.faults, verdict.width, verdict.height) == ((), width, height)
    assert judge(encoded(plain(0, 0, 0, width=width, height=height), suffix), None).faults == (Fault.NO_SIGNAL,)


def test_a_finding_carries_its_value_and_threshold() -> None:
    """What was measured and what it passed stand in the verdict."""
    (finding,) = judge(encoded(plain(255, 255, 255)), None).findings
    assert (finding.fault, finding.value, finding.threshold) == (Fault.BRIGHT, 1.0, facts.BRIGHT_RATIO)
    (finding,) = judge(encoded(scene() * 0.1), None).findings
    assert 0 < finding.value < finding.threshold == facts.DARK_LUMA


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        (None, None),
        ((1920, 1080), None),
        ((1080, 1920), None),
        ((1280, 720), None),
        ((2560, 1440), 0.75),
        ((1920, 1440), 0.75),
    ],
)
def test_resolution_is_judged_by_the_promise(expect: tuple[int, int] | None, found: float | None) -> None:
    """Smaller than promised, either way up, is a fault with the share that is reached; no promise, no verdict."""
    verdict = judge(DAY, expect)
    assert [finding.value for finding in verdict.findings] == ([] if found is None else [found])
    not_checked = {one.fault for one in verdict.not_checked}
    assert (Fault.RESOLUTION in not_checked) == (expect is None)


def test_every_fault_is_judged_or_said_not_to_be() -> None:
    """Of the closed set none is missing: a good picture's verdict lists what no rule looked at, with a reason."""
    assert set(rules.RULES) | {Fault.CORRUPT, Fault.RESOLUTION} == set(Fault)
    not_checked = {one.fault for one in judge(DAY, (1920, 1080)).not_checked}
    assert not_checked == {"greyscale", "occluded", "moved", "frozen", "jitter", "stutter", "ptz"}
    assert all(one.why for one in judge(DAY, None).not_checked)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_truncation_is_corrupt(suffix: str) -> None:
    """A file cut at any tenth, or by its last bytes, is corrupt or no picture, never good."""
    whole = encoded(scene(640, 360), suffix)
    for cut in [len(whole) * tenth // 10 for tenth in range(10)] + [len(whole) - 2]:
        verdict = judge(whole[:cut], (640, 360))
        assert verdict.faults == (Fault.CORRUPT,), cut
        assert {one.fault for one in verdict.not_checked} >= {Fault.DARK, Fault.NO_SIGNAL}


def test_lost_packets_are_corrupt() -> None:
    """A packet's worth of zeros in the middle, or an end glued to half a file, is corrupt."""
    middle = len(DAY) // 2
    assert judge(DAY[:middle] + bytes(1400) + DAY[middle + 1400 :], None).faults == (Fault.CORRUPT,)
    assert judge(DAY[:middle] + b"\xff\xd9", None).faults == (Fault.CORRUPT,)


def test_kinds_of_jpeg() -> None:
    """Progressive, grey, EXIF-turned and padded JPEGs are pictures like any other."""
    assert judge(encoded(scene(), ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1), None).faults == ()
    grey = cv2.cvtColor(np.clip(scene(), 0, 255).astype(np.uint8), cv2.COLOR_BGR2GRAY)
    assert judge(encoded(grey.astype(np.float64)), None).faults == ()
    assert judge(DAY + bytes(64), None).faults == ()
    turned = struct.pack(">2sHHIHHHIHHI", b"MM", 42, 0, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    turned = b"Exif\0\0" + struct.pack(">2sHI", b"MM", 42, 8) + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    with_exif = DAY[:2] + b"\xff\xe1" + struct.pack(">H", len(turned) + 2) + turned + DAY[2:]
    verdict = judge(with_exif, (1920, 1080))
    assert (verdict.faults, verdict.width, verdict.height) == ((), 1920, 1080)


def test_cmyk_is_decoded() -> None:
    """A four-colour JPEG gives pixels of the right brightness."""
    import simplejpeg  # type: ignore[import-untyped] # it has no py.typed

    ink = np.full((64, 64, 4), 255, np.uint8)
    ink[..., 0] = 100  # inverted: less is more ink, here cyan, which takes red away
    data = simplejpeg.encode_jpeg(ink, colorspace="CMYK", colorsubsampling="444")
    picture = decode(data)
    assert isinstance(picture, Picture)
    assert picture.pixels.reshape(-1, 3).mean(axis=0).round(-1).tolist() == [260, 260, 100]


def test_sixteen_bit_png() -> None:
    """A PNG of 16 bits a channel is judged as 8."""
    deep = (np.clip(scene(640, 360), 0, 255) * 257).astype(np.uint16)
    done, data = cv2.imencode(".png", deep)
    assert done
    assert judge(data.tobytes(), None).faults == ()


def test_one_pixel() -> None:
    """The smallest picture is judged: it holds one colour."""
    verdict = judge(encoded(plain(10, 10, 10, width=1, height=1)), (1, 1))
    assert (verdict.faults, verdict.width, verdict.height) == ((Fault.NO_SIGNAL,), 1, 1)


def test_bombs_are_refused_by_their_header() -> None:
    """A header of 20000 x 20000, in any format, or a thousand scans, costs neither memory nor time."""
    small = encoded(plain(0, 0, 0, width=64, height=64))
    frame = small.index(b"\xff\xc0")
    huge = small[: frame + 5] + struct.pack(">HH", 20_000, 20_000) + small[frame + 9 :]
    large = encoded(plain(0, 0, 0, width=4000, height=3000))
    scan = large.index(b"\xff\xda")
    scans = large[:-2] + large[scan:-2] * 100 + b"\xff\xd9"
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100_000))), (b"IEND", b""))
    )
    webp = bytearray(encoded(plain(0, 0, 0, width=64, height=64), ".webp", cv2.IMWRITE_WEBP_QUALITY, 80))
    webp[26:30] = struct.pack("<HH", 16_000, 16_000)
    for data in (huge, scans, png, bytes(webp)):
        started = time.process_time()
        damage = decode(data)
        assert isinstance(damage, Damage)
        assert "too large" in damage.why
        assert judge(data, None).faults == (Fault.CORRUPT,)
        assert time.process_time() - started < 0.1
    assert (judge(huge, (640, 360)).width, judge(png, None).width) == (20_000, 20_000)


def test_a_png_is_whole_before_it_is_decoded() -> None:
    """A chunk that claims 2 GB, a wrong checksum and an animation are corrupt before the decoder sees them."""
    whole = encoded(plain(1, 2, 3, width=64, height=64), ".png")
    body = whole.index(b"IDAT")
    claims = whole[: body - 4] + struct.pack(">I", 0x7FFFFFFF) + whole[body:]
    animated = b"acTL" + struct.pack(">II", 2, 0)
    chunk = struct.pack(">I", 8) + animated + struct.pack(">I", zlib.crc32(animated))
    for data in (claims, whole[: body + 6] + b"\x00\x01" + whole[body + 8 :], whole[:33] + chunk + whole[33:]):
        started = time.process_time()
        assert isinstance(decode(data), Damage)
        assert time.process_time() - started < 0.1
    assert isinstance(decode(whole), Picture)


@pytest.mark.parametrize(
    "data", [b"", b"<html>no</html>", b"GIF89a", b"\xff\xd8", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]
)
def test_what_is_no_picture_is_corrupt(data: bytes) -> None:
    """Nothing, a web page, another format and a bare beginning are corrupt, of unknown size."""
    verdict = judge(data, (1, 1))
    assert (verdict.faults, verdict.width) == ((Fault.CORRUPT,), None)


def test_kinds_are_told_by_content() -> None:
    """The first bytes say what it is."""
    pixels = plain(1, 2, 3, width=8, height=8)
    assert [kind_of(encoded(pixels, suffix)) for suffix in (".jpg", ".png", ".webp")] == ["jpeg", "png", "webp"]
    assert kind_of(b"<html>") is None


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(DAY) - 1), st.binary(min_size=1, max_size=40), st.sampled_from([b"", b"\xff\xd8\xff"]))
def test_no_bytes_raise(at: int, noise: bytes, head: bytes) -> None:
    """Bytes overwritten anywhere in a picture, or random ones, get a verdict."""
    for data in (DAY[:at] + noise + DAY[at + len(noise) :], head + noise):
        assert judge(data, None).faults is not None


def test_the_verdict_is_the_same_every_time() -> None:
    """Judging the same bytes again gives the same verdict."""
    assert judge(DAY, (1920, 1080)) == judge(DAY, (1920, 1080))


def test_measures_are_those_of_the_middle() -> None:
    """Levels and shares come out of a frame whose numbers are known; the top and bottom eighth do not count."""
    pixels = np.zeros((160, 320, 3), np.uint8)
    pixels[:20] = 255
    pixels[20:140, :160] = 250
    measures = measure(pixels, grey_of(pixels))
    assert (measures.luma_p99, measures.saturated_ratio, measures.uniform_ratio) == (250, 0.5, 0.0)
    assert (measures.luma_p10, measures.chroma_p99, measures.channels) == (0, 0.0, (2000, 2000, 2000))
    pixels[20:140] = (200, 40, 20)
    luma = (29 * 200 + 150 * 40 + 77 * 20) >> 8
    measures = measure(pixels, grey_of(pixels))
    assert (measures.uniform_ratio, measures.uniform_luma) == (1.0, luma)


def test_a_full_hd_picture_takes_milliseconds() -> None:
    """The usual snapshot is judged in a few milliseconds of processor time."""
    judge(DAY, None)
    best = 1.0
    for _ in range(10):
        started = time.process_time()
        judge(DAY, None)
        best = min(best, time.process_time() - started)
    assert best < 0.02  # about 0.0035 here; the bound is for a slow machine
