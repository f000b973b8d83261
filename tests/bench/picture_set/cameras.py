"""A camera of the set: a scene with its references learnt, and frames of it judged as the daemon would judge
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from probes.picture.context import Context, Judged, Light
from probes.picture.fingerprint import Fingerprint, learn
from probes.picture.judge import judge
from tests.bench.picture_set.degrade import Broken, Shot, broken_shot
from tests.bench.picture_set.live import Benign, benign_frame, kind_of_reference, light_of
from tests.bench.picture_set.scenes import Scene

LEARNT_FRAMES = 8
_OF_REFERENCE, _OF_BROKEN, _OF_BENIGN = 1, 2, 3  # draws that must not coincide


@dataclass(frozen=True, slots=True)
class Camera:
    """`references`: by what they were learnt from."""

    scene: Scene
    references: Mapping[Benign, Fingerprint | None]

    def context(self, shot: Shot, kind: Benign) -> Context:
        """What is known when a frame of `kind` is judged. The frame before it was judged as well."""
        reference = self.references[kind_of_reference(kind)]
        night = shot.light is Light.NIGHT
        earlier = judge(shot.previous, Context(light=shot.light)).signature if shot.previous else None
        return Context(
            expect=shot.expect,
            light=shot.light,
            previous=earlier,
            day=None if night else reference,
            night=reference if night else None,
        )

    def broken(self, kind: Broken, strength: int, number: int, night: bool = False) -> tuple[Judged, Judged]:
        """The `number`th faulty frame, judged with and without the references."""
        draw = [self.scene.seed, _OF_BROKEN, list(Broken).index(kind), strength, number, night]
        shot = broken_shot(self.scene, np.random.default_rng(draw), kind, strength, night)
        context = self.context(shot, Benign.INFRARED_NIGHT if night else Benign.DAY)
        bare = Context(expect=context.expect, light=context.light, previous=context.previous)
        return judge(shot.data, context), judge(shot.data, bare)

    def benign(self, kind: Benign, number: int) -> tuple[Judged, Judged]:
        """The `number`th good frame, judged with and without the references, after another good one."""
        data, earlier = (_good_frame(self.scene, kind, one) for one in (number + 1, number))
        shot = Shot(data, light_of(kind), earlier)
        context = self.context(shot, kind)
        return judge(data, context), judge(data, Context(light=context.light, previous=context.previous))


@lru_cache(maxsize=2)
def _good_frame(scene: Scene, kind: Benign, number: int) -> bytes:
    draw = [scene.seed, _OF_BENIGN, list(Benign).index(kind), number]
    return benign_frame(scene, np.random.default_rng(draw), kind)


@lru_cache(maxsize=2)
def camera_at(scene: Scene) -> Camera:
    """The camera after it has seen `LEARNT_FRAMES` good frames of each kind that has a reference of its own."""
    references = {}
    for kind in {kind_of_reference(kind) for kind in Benign}:
        reference: Fingerprint | None = None
        for number in range(LEARNT_FRAMES):
            draw = [scene.seed, _OF_REFERENCE, list(Benign).index(kind), number]
            data = benign_frame(scene, np.random.default_rng(draw), kind)
            candidate = judge(data, Context(light=light_of(kind))).candidate
            if candidate is not None:
                reference = learn(reference, candidate)
        references[kind] = reference
    return Camera(scene, references)
