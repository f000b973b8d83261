"""What one judgement costs: `python -m tests.bench frame`; `python -m tests.bench.bench_frame 100000` watches the
memory of a worker over so many frames.

CPU of a whole judgement with everything known (reference, frame before, promise), 1080p and 4K photographs at
JPEG quality 80, decoding apart; how much two workers gain; and the process's memory over thousands of judgements.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np

from probes.picture.context import Context, Light
from probes.picture.decode import decode
from probes.picture.fingerprint import Fingerprint, Lit, trusted
from probes.picture.judge import judge
from tests.bench.picture_set.live import Benign, encoded, optics, with_captions, with_noise
from tests.bench.picture_set.scenes import all_scenes
from tests.bench.table import Row

PASSES = 7
JUDGED = 5_000


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


def cost(work: Callable[[bytes], object], frames: Sequence[bytes]) -> list[float]:
    """Milliseconds of CPU a frame, of every pass."""
    passes = []
    for _ in range(PASSES):
        begun = time.process_time()
        for data in frames:
            work(data)
        passes.append((time.process_time() - begun) / len(frames) * 1000)
    return passes


def gain(executor: Callable[[int], Executor], work: Callable[[bytes], object], frames: Sequence[bytes]) -> float:
    """How many times faster two workers are than one."""
    took = []
    for workers in (1, 2):
        with executor(workers) as pool:
            [*pool.map(work, frames, chunksize=len(frames) // workers)]
            begun = time.perf_counter()
            [*pool.map(work, [*frames] * 8, chunksize=len(frames))]
            took.append(time.perf_counter() - begun)
    return took[0] / took[1]


def judge_alone(data: bytes, context: Context) -> int:
    """For a process of its own: nothing but a number goes back."""
    return len(judge(data, context).verdict.findings)


def rows() -> Iterator[Row]:
    """The table's rows."""
    cv2.setNumThreads(1)
    medians = []
    for name, size, target in (("1080p", (1920, 1080), 5.0), ("4K", (3840, 2160), 0.0)):
        frames = photographs(size)
        references = [trusted(one) for data in frames if (one := judge(data, Context()).candidate)]
        known = Context(size, Light.DAY, {}, judge(frames[0], Context()).signature, references[0], references[0])
        whole = partial(judge, context=known)
        decoding, passes = statistics.median(cost(decode, frames)), cost(whole, frames)
        medians.append(statistics.median(passes))
        most = target or 4 * medians[0]
        note = f"of which decoding {decoding:.2f} ms; {sum(map(len, frames)) / len(frames) / 1000:.0f} kB a frame"
        yield Row(
            f"a {name} frame decoded and judged, CPU",
            "healthd",
            passes,
            "ms",
            f"≤ {most:.3g} ms",
            medians[-1] <= most,
            note,
        )
        if name == "1080p":
            yield from gains(whole, partial(judge_alone, context=known), frames)
            yield flat(whole, frames)


def gains(
    whole: Callable[[bytes], object], alone: Callable[[bytes], object], frames: Sequence[bytes]
) -> Iterator[Row]:
    """Two of the daemon's threads over one; beside them two processes that share nothing: what the machine has."""
    threads, processes = [], []
    for _ in range(5):
        threads.append(gain(ThreadPoolExecutor, whole, frames))
        processes.append(gain(ProcessPoolExecutor, alone, frames))
    what = "frames judged by two workers over one"
    met = statistics.median(threads) >= 1.7
    yield Row(what, "healthd: threads", threads, "×", "≥ 1.7 ×", met, "wall time; wants two idle cores")
    yield Row(what, "two processes that share nothing", processes, "×", note="what the machine has to give")


def flat(work: Callable[[bytes], object], frames: Sequence[bytes], judged: int = JUDGED) -> Row:
    """Growth of the process over many judgements, from the first tenth on; the peak, so nothing comes and goes
    unseen."""
    before = 0
    for number in range(judged):
        work(frames[number % len(frames)])
        if number == judged // 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = (peak - before) / 1024
    note = f"peak {peak / 1024:.0f} MB"
    return Row(f"growth of memory over {judged:,} judgements", "healthd", [grown], "MB", "flat", grown < 5, note)


def as_a_worker(frames: Sequence[bytes]) -> Callable[[bytes], object]:
    """Judges as the daemon does: each frame after the one before, taken into the reference, a thumbnail where a
    fault is found."""
    learnt: dict[str, bytes | Fingerprint | None] = {"previous": None, "day": None}

    def work(data: bytes) -> object:
        previous, day = learnt["previous"], learnt["day"]
        assert not isinstance(previous, Fingerprint)
        assert not isinstance(day, bytes)
        context = Context((1920, 1080), Light.DAY, {}, previous, day, learning=frozenset(Lit), thumbnail="blurred")
        judged = judge(data, context)
        learnt["previous"] = judged.signature
        if judged.reference is not None:
            learnt["day"] = judged.reference
        return judged

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory of a worker over many frames, good, faulty and cut off.")
    parser.add_argument("count", nargs="?", type=int, default=100_000)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    good = photographs((1920, 1080))
    frames = [*good, *(data[: len(data) * 2 // 3] for data in good), good[0][:-2000] + bytes(1998) + good[0][-2:]]
    print(flat(as_a_worker(frames), frames, arguments.count).as_markdown())


if __name__ == "__main__":
    main()
