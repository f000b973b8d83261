"""What one judgement costs: `python -m tests.bench.bench_picture_speed [FRAMES]`.

CPU of a whole judgement with everything known (reference, frame before, promise), 1080p and 4K photographs at
JPEG quality 80, best of several passes, decoding apart; then the process's memory over FRAMES (default 3,000)
judgements.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from probes.picture.context import Context, Light
from probes.picture.decode import decode
from probes.picture.fingerprint import trusted
from probes.picture.judge import judge
from tests.bench.picture_set.live import Benign, encoded, optics, with_captions, with_noise
from tests.bench.picture_set.scenes import all_scenes

PASSES = 15


def photographs(size: tuple[int, int]) -> Sequence[bytes]:
    """Good frames by day of every 1080p scene, at `size` and quality 80."""
    frames = []
    for scene in all_scenes():
        if scene.photograph and scene.size == (1920, 1080):
            random = np.random.default_rng(scene.seed)
            frame = with_noise(optics(scene, random, Benign.DAY), 1.5, random)
            large = cv2.resize(with_captions(frame, random), size, interpolation=cv2.INTER_CUBIC)
            frames.append(encoded(large.astype(np.uint8), 80))
    return frames


def cost(work: Callable[[bytes], object], frames: Sequence[bytes]) -> float:
    """Milliseconds of CPU a frame, the best pass."""
    passes = []
    for _ in range(PASSES):
        begun = time.process_time()
        for data in frames:
            work(data)
        passes.append((time.process_time() - begun) / len(frames) * 1000)
    return min(passes)


def main() -> None:
    cv2.setNumThreads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    print(f"{'frame':12}{'kB':>8}{'decoding':>12}{'in all':>12}  ms of CPU")
    for name, size in (("1080p", (1920, 1080)), ("4K", (3840, 2160))):
        frames = photographs(size)
        references = [trusted(one) for data in frames if (one := judge(data, Context()).candidate)]
        known = Context(size, Light.DAY, {}, judge(frames[0], Context()).signature, references[0], references[0])
        decoding, whole = cost(decode, frames), cost(partial(judge, context=known), frames)
        kilobytes = sum(map(len, frames)) / len(frames) / 1000
        print(f"{name:12}{kilobytes:8.0f}{decoding:12.2f}{whole:12.2f}")
    frames = photographs((1920, 1080))
    for number in range(count):
        judge(frames[number % len(frames)], known)
        if number in (count // 10, count - 1):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"after {number + 1} judgements the process has had {peak:.0f} MB at most")


if __name__ == "__main__":
    main()
