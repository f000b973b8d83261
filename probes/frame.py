"""The `frame` check: fetch one snapshot by HTTP and judge it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from probes.base import CheckOptions, Duration, Outcome, ProbeKind, Reason, Resources, Result, Target
from probes.http import HttpClient, Reply, Request, normalised, place, shown
from probes.login import Login

if TYPE_CHECKING:  # decoders are loaded when the first frame probe is built
    from probes.picture.context import Judged

_GONE = frozenset({404, 410})


class FrameOptions(CheckOptions):
    """`max_bytes`: a larger snapshot is not read. `small_profile`: a smaller stream's picture will do, and its
    resolution is then not judged; it is the onvif check that chooses the stream by it."""

    interval: Duration = 3600.0
    timeout: Duration = 10.0
    max_bytes: Annotated[int, Field(ge=10_000, le=100_000_000, strict=True)] = 4_000_000
    small_profile: bool = True


class FrameProbe:
    """Asks for a picture. ok: one was judged, whatever is wrong with it; fail: there was none to judge.

    The URL is the inventory's (absolute, or a path on the camera), else the one that ONVIF gave, else `no_uri`.
    401 is `auth`; 403, 404, 5xx and any other status but 200 `refused`; a 200 with anything but the first bytes
    of a JPEG, PNG or WebP `protocol`, whatever its content type says.
    `values` of an ok: `bytes`, `width`, `height` (None where the header is unreadable), `faults` (tuple of str),
    `findings` ([{"fault", "value", "threshold"}]), `not_checked` ([{"fault", "why"}]).
    `learnt` of an ok has `signature` (bytes), `reference` (a Fingerprint or None) and `thumbnail` (a JPEG or None)
    for whoever answers `Target.picture` next time. The picture is judged in memory and dropped.
    """

    def __init__(self, options: FrameOptions, resources: Resources) -> None:
        from probes.picture.context import Context
        from probes.picture.decode import kind_of
        from probes.picture.judge import judge

        self._options = options
        self._executor = resources.executor
        self._http = HttpClient(options.max_bytes)
        self._kind_of = kind_of
        self._judge = judge
        # A rate that contractors are paid by cannot rest on what is told without a reference.
        self._unknown = Context(cautious=True)

    async def ask(self, target: Target) -> Result:
        url = _url(target)
        if url is None:
            return Result.fail(Reason.NO_URI, "neither the inventory nor ONVIF says where the snapshot is")
        login = Login(target)
        reply = await self._http.exchange(Request(url), login)
        if isinstance(reply, Result):
            result = reply
        else:
            result = self._refusal(reply, login) or await self._judged(reply.body, target)
        learnt = {**result.learnt, **login.learnt(result.outcome is Outcome.OK)}
        if isinstance(reply, Reply) and reply.status in _GONE and not target.snapshot_url:
            learnt["snapshot_uri"] = None  # ONVIF is to look it up again
        came = result.detail or f"{result.values.get('bytes')} bytes, {_summary(result)}"
        return dataclasses.replace(result, learnt=learnt, steps=(f"GET {shown(url)}: {result.reason}: {came}",))

    def _refusal(self, reply: Reply, login: Login) -> Result | None:
        if reply.status == 401:
            return Result.fail(Reason.AUTH, login.why())
        if reply.status != 200:
            return Result.fail(Reason.REFUSED, f"HTTP {reply.status}")
        if self._kind_of(reply.body) is None:
            return Result.fail(Reason.PROTOCOL, "not a picture" if reply.body else "an empty answer")
        return None

    def _look(self, body: bytes, target: Target) -> Judged:
        """In a worker: what is known of the camera may have to be read from a disk."""
        known = target.picture() if target.picture else self._unknown
        return self._judge(body, dataclasses.replace(known, expect=_expected(target)))

    async def _judged(self, body: bytes, target: Target) -> Result:
        loop = asyncio.get_running_loop()
        try:
            judged = await loop.run_in_executor(self._executor, self._look, body, target)
        except asyncio.CancelledError:
            # The deadline has passed while the picture waited for a worker: the camera did its part, we did not.
            # (Who cancels because nobody wants to know any more loses nothing by an answer.)
            return Result.unknown(Reason.OVERLOAD, "the picture came, but was not judged in time")
        verdict = judged.verdict
        result = Result.ok(
            bytes=len(body),
            width=verdict.width,
            height=verdict.height,
            faults=tuple(str(fault) for fault in verdict.faults),
            findings=[
                {"fault": str(one.fault), "value": one.value, "threshold": one.threshold}
                for one in verdict.findings
            ],
            not_checked=[{"fault": str(one.fault), "why": one.why} for one in verdict.not_checked],
        )
        return dataclasses.replace(result, learnt=_learnt(judged))

    async def close(self) -> None:
        await self._http.close()


def _learnt(judged: Judged) -> dict[str, Any]:
    return {"signature": judged.signature, "reference": judged.reference, "thumbnail": judged.thumbnail}


def _url(target: Target) -> str | None:
    if target.snapshot_url:
        return normalised(target.snapshot_url, target.address)
    # Placed anew: the address may have changed since ONVIF gave it.
    return place(target.memory.snapshot_uri or "", target.address, target.onvif_port)


def _expected(target: Target) -> tuple[int, int] | None:
    """The size to judge the picture by. A small profile's says nothing of what the camera can do; a URL that
    the inventory names is the picture that is meant to be judged."""
    of_small = target.memory.snapshot_is_small and not target.snapshot_url
    return None if of_small else target.resolution


def _summary(result: Result) -> str:
    values: dict[str, Any] = dict(result.values)
    size = f"{values.get('width')}x{values.get('height')}"
    return f"{size}, {', '.join(values.get('faults', ())) or 'no fault found'}"


KIND = ProbeKind("frame", FrameOptions, FrameProbe)
