"""The bridge itself: a bounded queue a hook, paced, tried again with longer and longer waits."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from healthd.hooks.facts import Known
from healthd.hooks.metrics import HookMetrics
from healthd.hooks.notice import Notice, read_notice
from healthd.hooks.services import (
    FOR_GOOD,
    TAKEN,
    Reason,
    Request,
    Verdict,
    length_of,
    pace_of,
    requests_of,
    verdict_of,
)
from healthd.hooks.text import Form, message
from healthd.options.hooks import HookOptions
from healthd.problems import Wrong

log = logging.getLogger("healthd.hooks")

_MINUTE = 60.0
_MOST_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds. `answer`: how long Alertmanager is kept waiting for the outcome before it is told that the message
    is accepted. A failed attempt is made again after `first`, then after twice as long each time, up to `longest`;
    after `limited` where the service was asked too often, up to ten times that (DingTalk shuts out for minutes a
    robot that goes on sending)."""

    answer: float = 5.0
    first: float = 1.0
    longest: float = 60.0
    limited: float = 30.0

    def before(self, reason: Reason, attempt: int) -> float:
        """Not all hooks at the same moment."""
        first, longest = (
            (self.limited, 10 * self.limited) if reason is Reason.LIMITED else (self.first, self.longest)
        )
        return min(longest, first * 2.0 ** min(attempt, 10)) * (0.75 + 0.5 * random.random())


@dataclass(frozen=True, slots=True)
class Reply:
    """To Alertmanager: it tries again after 5xx, and gives up after 4xx."""

    status: int
    sentence: str


@dataclass(eq=False)
class _Waiting:
    notice: Notice
    since: float  # of the loop's clock
    outcome: asyncio.Future[Verdict]


@dataclass(eq=False)
class _Channel:
    """One hook: its settings, what waits, and the worker that sends it in order."""

    name: str
    options: HookOptions
    waiting: deque[_Waiting] = field(default_factory=deque)
    sent_at: deque[float] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Bridge:
    """All hooks of one configuration. `known`: what texts are made of, as of now. `now`: Unix time in seconds."""

    def __init__(
        self,
        metrics: HookMetrics,
        known: Callable[[], Known],
        now: Callable[[], float],
        pauses: Pauses = Pauses(),
    ) -> None:
        self._pauses = pauses
        self._metrics = metrics
        self._known = known
        self._now = now
        self._channels: dict[str, _Channel] = {}
        self._session: aiohttp.ClientSession | None = None

    def replace(self, hooks: Mapping[str, HookOptions]) -> None:
        """Take these hooks from now on; what waits for one that stays is sent by its new settings."""
        for name in [*self._channels.keys() - hooks.keys()]:
            channel = self._channels.pop(name)
            self._drop(channel)
            self._metrics.end(name)
        for name, options in hooks.items():
            if name in self._channels:
                self._channels[name].options = options
            else:
                channel = self._channels[name] = _Channel(name, options)
                self._metrics.begin(name)
                channel.task = asyncio.get_running_loop().create_task(self._work(channel), name=f"hook {name}")

    async def take(self, name: str, body: bytes) -> Reply:
        """A message of Alertmanager for the hook of this name."""
        channel = self._channels.get(name)
        if channel is None:
            return Reply(404, "There is no hook of that name in alerting.hooks.")
        try:
            notice = read_notice(body)
        except Wrong as wrong:
            return Reply(400, f"{wrong}: {wrong.remedy}.")
        if len(channel.waiting) >= channel.options.queue:
            self._metrics.failed(name, Reason.FULL)
            return Reply(503, "Too many messages wait for this hook.")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(notice, loop.time(), loop.create_future())
        channel.waiting.append(waiting)
        self._metrics.pending(name, len(channel.waiting))
        channel.wake.set()
        return await _reply(waiting, self._pauses.answer)

    async def stop(self, seconds: float) -> None:
        """Send what waits, for so long at most; what is left is counted."""
        deadline = asyncio.get_running_loop().time() + seconds
        while any(channel.waiting for channel in self._channels.values()):
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(0.05)
        for channel in self._channels.values():
            self._drop(channel)
        tasks = [channel.task for channel in self._channels.values() if channel.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _drop(self, channel: _Channel) -> None:
        if channel.task is not None:
            channel.task.cancel()
        for waiting in channel.waiting:
            self._metrics.failed(channel.name, Reason.STOPPED)
            _settle(waiting, Verdict(Reason.STOPPED))
        if channel.waiting:
            log.error("messages were not sent hook=%s messages=%d", channel.name, len(channel.waiting))
        channel.waiting.clear()

    # --- sending -----------------------------------------------------------------------------------------

    async def _work(self, channel: _Channel) -> None:
        while True:
            channel.wake.clear()
            while channel.waiting:
                waiting = channel.waiting[0]
                try:
                    verdict = await self._deliver(channel, waiting)
                except Exception:
                    # A bug in one message must not stop the others.
                    log.exception("a message could not be made hook=%s", channel.name)
                    verdict = Verdict(Reason.PROTOCOL)
                channel.waiting.popleft()
                self._metrics.pending(channel.name, len(channel.waiting))
                self._count(channel, verdict)
                _settle(waiting, verdict)
            await channel.wake.wait()

    def _count(self, channel: _Channel, verdict: Verdict) -> None:
        if verdict.reason is None:
            self._metrics.sent(channel.name)
            log.debug("message sent hook=%s", channel.name)
            return
        self._metrics.failed(channel.name, verdict.reason)
        log.error(
            "message given up hook=%s kind=%s reason=%s code=%s",
            channel.name,
            channel.options.kind,
            verdict.reason,
            verdict.code or "-",
        )

    async def _deliver(self, channel: _Channel, waiting: _Waiting) -> Verdict:
        """Until it is taken, refused for good, or too old."""
        loop, attempt, done = asyncio.get_running_loop(), 0, 0
        while True:
            options = channel.options
            form = Form(options.language, options.template_file, *length_of(options))
            text = await asyncio.to_thread(message, waiting.notice, self._known(), form)
            # A gateway that takes one number a request does not get twice those it has taken.
            requests = requests_of(options, text, self._now())[done:]
            verdict = TAKEN
            for request in requests:
                await self._pace(channel)
                verdict = await self._ask(options, request)
                if verdict.reason is not None:
                    break
                done += 1
            if verdict.reason is None or verdict.reason in FOR_GOOD:
                return verdict
            wait = self._pauses.before(verdict.reason, attempt)
            if loop.time() + wait - waiting.since > options.give_up_after:
                return verdict
            attempt += 1
            self._metrics.retried(channel.name)
            log.warning(
                "message will be tried again hook=%s reason=%s code=%s in_seconds=%.0f",
                channel.name,
                verdict.reason,
                verdict.code or "-",
                wait,
            )
            await asyncio.sleep(wait)

    async def _pace(self, channel: _Channel) -> None:
        """Wait until one more message does not make too many of a minute."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            while channel.sent_at and channel.sent_at[0] <= now - _MINUTE:
                channel.sent_at.popleft()
            if len(channel.sent_at) < pace_of(channel.options):
                channel.sent_at.append(now)
                return
            await asyncio.sleep(channel.sent_at[0] + _MINUTE - now)

    async def _ask(self, options: HookOptions, request: Request) -> Verdict:
        """One attempt. Errors are told by their kind only: their words may hold the address, which is a secret."""
        if self._session is None:
            # No cookies, no proxy of the environment; a redirect would carry the secret elsewhere.
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        try:
            async with asyncio.timeout(options.timeout):
                async with self._session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    data=request.body or None,
                    headers=request.headers,
                    allow_redirects=False,
                ) as answer:
                    body = await answer.content.read(_MOST_ANSWER_BYTES)
                    return verdict_of(options, answer.status, body)
        except TimeoutError:
            return Verdict(Reason.TIMEOUT)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Verdict(Reason.UNREACHABLE, type(error).__name__)


def _settle(waiting: _Waiting, verdict: Verdict) -> None:
    if not waiting.outcome.done():
        waiting.outcome.set_result(verdict)


async def _reply(waiting: _Waiting, seconds: float) -> Reply:
    try:
        verdict = await asyncio.wait_for(asyncio.shield(waiting.outcome), seconds)
    except TimeoutError:
        return Reply(202, "Accepted; not delivered yet.")
    if verdict.reason is None:
        return Reply(200, "Delivered.")
    if verdict.reason in FOR_GOOD:
        return Reply(422, f"The service refused it (code {verdict.code or '-'}).")
    return Reply(503, f"Not delivered: {verdict.reason}.")
