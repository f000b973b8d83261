"""Mutated pictures against the judge: `python -m tests.bench.fuzz_picture [COUNT] [--seed N]`.

Every input must get a verdict: no exception, no more than a second, no growing memory. Prints what came out and
exits with 1 at the first input that breaks the promise, after writing it to `fuzz-picture-failed.bin`.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from healthd.city.pictures import View, draw
from probes.picture.context import Context, Light
from probes.picture.fingerprint import learn
from probes.picture.judge import judge

LONGEST_SECONDS = 1.0
_FAILED = Path("fuzz-picture-failed.bin")
_MARKERS = [bytes([0xFF, code]) for code in (0xC0, 0xC2, 0xC4, 0xD0, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE1, 0xFE)]
Random = np.random.Generator


def seeds() -> Sequence[bytes]:
    """Small whole pictures of every kind that is taken."""
    frame = cv2.imdecode(
        np.frombuffer(draw(View("fuzz", 1_763_697_600.0, 0.0, 320, 180)), np.uint8), cv2.IMREAD_COLOR
    )
    assert frame is not None
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    deep = frame.astype(np.uint16) * 257
    ways = [
        (".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 60]),
        (".jpg", frame, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        (".jpg", frame, [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]),
        (".jpg", grey, []),
        (".jpg", frame[:1, :1], []),
        (".png", frame, []),
        (".png", deep[:40, :60], []),
        (".webp", frame, [cv2.IMWRITE_WEBP_QUALITY, 50]),
        (".webp", frame, [cv2.IMWRITE_WEBP_QUALITY, 101]),
    ]
    return [cv2.imencode(suffix, pixels, options)[1].tobytes() for suffix, pixels, options in ways]


def mutated(random: Random, pictures: Sequence[bytes]) -> bytes:
    """One picture with one to five things done to it."""
    data = bytearray(pictures[int(random.integers(0, len(pictures)))])
    for _ in range(int(random.integers(1, 6))):
        if not data:
            break
        at = int(
            random.integers(0, min(len(data), 700) if random.random() < 0.5 else len(data))
        )  # often the header
        length = int(random.integers(1, 40))
        way = int(random.integers(0, 7))
        if way == 0:
            data[at] ^= 1 << int(random.integers(0, 8))
        elif way == 1:
            data[at : at + length] = random.bytes(length)
        elif way == 2:
            del data[at : at + length]
        elif way == 3:
            data[at:at] = random.bytes(length)
        elif way == 4:
            data[at : at + 2] = _MARKERS[int(random.integers(0, len(_MARKERS)))]
        elif way == 5:
            data[at : at + 2] = [b"\x00\x00", b"\xff\xff", b"\x7f\xff", b"\x00\x01"][int(random.integers(0, 4))]
        else:
            del data[at:]
    return bytes(data)


def contexts(pictures: Sequence[bytes]) -> Sequence[Context]:
    """With nothing known, and with everything."""
    first = judge(pictures[0], Context())
    assert first.candidate is not None
    reference = None
    for _ in range(3):
        reference = learn(reference, first.candidate)
    full = Context((320, 180), Light.DAY, {}, first.signature, reference, reference)
    return [Context(), full]


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    random, pictures = np.random.default_rng(arguments.seed), seeds()
    known = itertools.cycle(contexts(pictures))
    outcomes: Counter[str] = Counter()
    slowest, warm = 0.0, 0
    for number in range(arguments.count):
        data = mutated(random, pictures)
        begun = time.process_time()
        try:
            verdict = judge(data, next(known)).verdict
        except BaseException:
            _FAILED.write_bytes(data)
            print(f"input {number}, kept in {_FAILED}", file=sys.stderr)
            raise
        took = time.process_time() - begun
        slowest = max(slowest, took)
        outcomes["corrupt" if "corrupt" in verdict.faults else "judged"] += 1
        if took > LONGEST_SECONDS:
            _FAILED.write_bytes(data)
            print(f"input {number} took {took:.1f} s, kept in {_FAILED}", file=sys.stderr)
            return 1
        if number == arguments.count // 5:
            warm = peak_bytes()
    print(f"{arguments.count} inputs: {dict(outcomes)}; slowest {slowest * 1000:.1f} ms of CPU; ", end="")
    print(f"peak memory {peak_bytes() >> 20} MB, of them {(peak_bytes() - warm) >> 20} MB in the last four fifths")
    return 0


if __name__ == "__main__":
    sys.exit(main())
