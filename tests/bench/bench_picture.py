"""How accurate the picture's judgement is: `python -m tests.bench.bench_picture [--half tuning] [--quick] [-o
FILE]`.

Builds the set (fetched photographs, drawn streets), degrades it, judges every frame and writes the tables as
Markdown. Thresholds were set on the scenes of the tuning half; the published table is of the testing half. Every
draw is seeded: the same versions of the decoders give the same table.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2

from probes.picture.confirm import Seen, confirmed
from probes.picture.context import Judged
from probes.picture.verdict import Fault
from tests.bench.picture_set.cameras import Camera, camera_at
from tests.bench.picture_set.degrade import STRENGTHS, UNUSABLE, Broken
from tests.bench.picture_set.live import Benign
from tests.bench.picture_set.pages import page
from tests.bench.picture_set.scenes import Half, Scene, all_scenes
from tests.bench.picture_set.tally import Tally
from tests.bench.picture_set.week import simulate

FRAMES_OF_A_FAULT = 3  # in a row: what confirmation asks for
BENIGN_FRAMES = 16
NIGHT = (Broken.BLUR, Broken.NOISE, Broken.STRIPES, Broken.OCCLUDED, Broken.MOVED)
APART = 10 * 60_000  # milliseconds between the frames of one fault
CAMERAS = 1000


def count_broken(tally: Tally, camera: Camera, kind: Broken, strength: int, night: bool) -> None:
    """Three frames of one fault at one strength."""
    key = kind, strength, night
    history = []
    for number in range(FRAMES_OF_A_FAULT):
        judged, bare = camera.broken(kind, strength, number, night)
        seen = _seen(judged, number * APART)
        history.append(seen)
        fault = Fault(kind.fault)
        tally.found[key] = tally.found[key].plus(fault in seen.faults)
        tally.bare[key] = tally.bare[key].plus(fault in bare.verdict.faults)
        tally.any_fault[key] = tally.any_fault[key].plus(bool(seen.faults))
        tally.not_checked[key] += fault in seen.not_checked
        if fault not in seen.faults and strength >= UNUSABLE:
            why = next((one.why for one in judged.verdict.not_checked if one.fault == fault), "")
            tally.missed.append(f"{kind} {strength} {camera.scene.name}: {why} {sorted(seen.faults)}")
    tally.held[key] = tally.held[key].plus(Fault(kind.fault) in confirmed(history))


def _seen(judged: Judged, at: int) -> Seen:
    verdict = judged.verdict
    return Seen(at, frozenset(verdict.faults), frozenset(str(one.fault) for one in verdict.not_checked))


def count_benign(tally: Tally, camera: Camera, kind: Benign, frames: int) -> None:
    for number in range(frames):
        judged, bare = camera.benign(kind, number)
        faults = frozenset(judged.verdict.faults)
        tally.alarms[kind] = tally.alarms[kind].plus(bool(faults))
        tally.bare_alarms[kind] = tally.bare_alarms[kind].plus(bool(bare.verdict.faults))
        tally.accused[kind].update(faults)
        tally.pool[camera.scene.name, kind].append(faults)
        for finding in judged.verdict.findings:
            told = f"{kind}, {camera.scene.name}: {finding.fault} {finding.value:.3f} {finding.threshold:.3f}"
            print("accused:", told, file=sys.stderr)


def measure(scenes: Sequence[Scene], quick: bool, processes: int) -> Tally:
    """All scenes, each in one of `processes`; what comes out does not depend on how many these are."""
    tally = Tally()
    with ProcessPoolExecutor(processes, initializer=cv2.setNumThreads, initargs=(1,)) as executor:
        for of_scene in executor.map(partial(measure_scene, quick=quick), scenes):
            tally.add(of_scene)
    return tally


def measure_scene(scene: Scene, quick: bool) -> Tally:
    """Every kind of frame of one scene."""
    tally, begun = Tally(), time.process_time()
    camera = camera_at(scene)
    for kind in Broken:
        for strength in STRENGTHS:
            count_broken(tally, camera, kind, strength, night=False)
    for kind in NIGHT:
        for strength in STRENGTHS[UNUSABLE - 1 :]:
            count_broken(tally, camera, kind, strength, night=True)
    for benign in Benign:
        count_benign(tally, camera, benign, 2 if quick else BENIGN_FRAMES)
    print(f"{scene.name}: {time.process_time() - begun:.0f} s", file=sys.stderr)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", type=Half, default=Half.TESTING, choices=list(Half))
    parser.add_argument("--quick", action="store_true", help="every fifth scene and fewer good frames")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    arguments = parser.parse_args()
    scenes = [scene for scene in all_scenes() if scene.half is arguments.half]
    scenes = scenes[::5] if arguments.quick else scenes
    tally = measure(scenes, arguments.quick, arguments.processes)
    week = simulate(tally.pool, CAMERAS, seed=1)
    written = page(tally, week, scenes, arguments.half)
    if arguments.output:
        arguments.output.write_text(written, "utf-8")
    else:
        print(written)
    print("\n".join(["missed:", *tally.missed]), file=sys.stderr)


if __name__ == "__main__":
    main()
