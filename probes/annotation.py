"""The `annotation` check: what a camera writes on its picture, by ONVIF's GetOSDs. Rare, so it goes by onvif-zeep.

The WSDL is read once and shared: reading it takes 0.2 s and 9 MB, which each camera would else cost. zeep waits in
a thread, so askings have threads of their own; each operation has a timeout, and each answer a size.
"""

from __future__ import annotations

import asyncio
import copy
import importlib.util
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from probes.base import CheckOptions, Duration, Outcome, ProbeKind, Reason, Resources, Result, Target
from probes.http import place
from probes.login import Login

MAX_BYTES = 1_000_000
_THREADS = 4
_MOST_TEXT = 200  # characters kept: a camera's name has a few dozen
_BINDING = "{http://www.onvif.org/ver10/media/wsdl}MediaBinding"
_TIMES = frozenset({"Time", "DateAndTime"})


class AnnotationOptions(CheckOptions):
    """Once a day: what is written on a picture hardly ever changes."""

    interval: Duration = 86400.0
    timeout: Duration = 20.0
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] = 80


class TooMuchError(Exception):
    """An answer passes the size or the time that it may take."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands on one channel's picture: plain texts, and whether the time of day is among the rest."""

    texts: tuple[str, ...]
    time: bool


class AnnotationProbe:
    """Asks for the texts on the picture. `values` of an ok: `texts` (tuple of str), `shows_time`; they are learnt
    as `osd_name` (one text a line), `osd_time`, `osd_read_at`. A camera that does not tell fails the check, and
    nothing is learnt: it is not checked."""

    def __init__(self, options: AnnotationOptions, resources: Resources) -> None:
        self.options = options
        self.resources = resources
        self._wsdl = _Wsdl()
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="annotation")

    async def ask(self, target: Target) -> Result:
        login = Login(target)
        deadline = time.monotonic() + self.options.timeout
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._ask, target, login, deadline)
        found = await work
        if isinstance(found, Result):
            return Result(found.outcome, found.reason, found.detail, learnt=login.learnt(ok=False))
        text = "\n".join(found.texts)[:_MOST_TEXT]
        read_at = int(self.resources.clock())
        learnt = {"osd_name": text, "osd_time": found.time, "osd_read_at": read_at, **login.learnt(ok=True)}
        steps = (f"GetOSDs: {len(found.texts)} texts, {'and' if found.time else 'not'} the time",)
        values = {"texts": found.texts, "shows_time": found.time}
        return Result(Outcome.OK, Reason.OK, values=values, learnt=learnt, steps=steps)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, target: Target, login: Login, deadline: float) -> Shown | Result:
        """The whole asking, in a thread; it ends by the deadline."""
        from requests import RequestException
        from zeep.exceptions import Error, Fault

        try:
            return self._read(target, login, deadline)
        except Fault as fault:
            return _fault(fault, login)
        except TooMuchError as error:
            return Result.fail(Reason.TOO_LARGE, str(error))
        except RequestException as error:
            return _unreached(error)
        except (Error, ValueError, TypeError, AttributeError, LookupError) as error:
            # zeep raises these for answers that are not what the WSDL promises.
            return Result.fail(Reason.PROTOCOL, f"the answer makes no sense: {type(error).__name__}")

    def _read(self, target: Target, login: Login, deadline: float) -> Shown | Result:
        uri = target.memory.media_uri or "http://device/onvif/device_service"
        address = place(uri, target.address, target.onvif_port)
        if address is None:
            return Result.fail(Reason.PROTOCOL, "the address of its media service is none")
        offset = target.memory.clock_offset_seconds or 0.0
        with self._wsdl.service(address, deadline) as (client, service):
            client.wsse = self._token(login, offset)
            configuration = _configuration(service.GetProfiles(), target.channel)
            if configuration is None:
                return Result.fail(Reason.PROTOCOL, f"no profile of video source {target.channel}")
            client.wsse = self._token(login, offset)
            return _shown(service.GetOSDs(ConfigurationToken=configuration), configuration)

    def _token(self, login: Login, offset_seconds: float) -> object | None:
        from zeep.wsse.username import UsernameToken

        known = login.take()
        if known is None:
            return None
        created = datetime.fromtimestamp(self.resources.clock() + offset_seconds, UTC).replace(tzinfo=None)
        token: object = UsernameToken(*known, use_digest=True, created=created)  # type: ignore[no-untyped-call]
        return token


class _Wsdl:
    """The media WSDL, read once at the first asking and shared by all."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._client: Any = None

    def service(self, address: str, deadline: float) -> _Service:
        """A context: (client, service) of one camera. Only what is the camera's own is made anew."""
        from zeep import Client, Settings

        with self._turn:
            if self._client is None:
                settings = Settings(strict=False, forbid_dtd=True, forbid_entities=True, xml_huge_tree=False)
                self._client = Client(str(_wsdl_file()), settings=settings)  # type: ignore[no-untyped-call]
        return _Service(copy.copy(self._client), address, deadline)


class _Service:
    def __init__(self, client: Any, address: str, deadline: float) -> None:
        import requests

        self._session = requests.Session()
        self._session.trust_env = False  # neither proxies nor .netrc: a camera is asked itself
        client.transport = _transport(self._session, deadline)
        self._both = client, client.create_service(_BINDING, address)

    def __enter__(self) -> tuple[Any, Any]:
        return self._both

    def __exit__(self, *_: object) -> None:
        self._session.close()


def _transport(session: Any, deadline: float) -> Any:
    from zeep.transports import Transport

    class Bounded(Transport):
        """Follows nobody elsewhere, and reads neither too much nor too long."""

        def post(self, address: str, message: bytes, headers: dict[str, str]) -> Any:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TooMuchError("it took too long")
            with session.post(
                address, data=message, headers=headers, timeout=left, allow_redirects=False, stream=True
            ) as response:
                body = bytearray()
                for chunk in response.iter_content(16_384):
                    body += chunk
                    if len(body) > MAX_BYTES or time.monotonic() > deadline:
                        raise TooMuchError("the answer is too large or comes too slowly")
                response._content = bytes(body)
            return response

    return Bounded(session=session)  # type: ignore[no-untyped-call]


def _wsdl_file() -> Path:
    """media.wsdl as onvif-zeep brings it, beside its package."""
    found = importlib.util.find_spec("onvif")
    if found is None or found.origin is None:
        raise RuntimeError("onvif-zeep is not installed: pip install onvif-zeep")
    return Path(found.origin).parents[1] / "wsdl" / "media.wsdl"


def _configuration(profiles: Any, channel: int) -> str | None:
    """The token of the video source configuration of the `channel`-th source, in the order in which profiles name
    them."""
    sources: dict[str, str] = {}
    for profile in profiles or ():
        source = getattr(profile, "VideoSourceConfiguration", None)
        if source is not None:
            sources.setdefault(str(source.SourceToken), str(source.token))
    tokens = [*sources.values()]
    return tokens[channel - 1] if 1 <= channel <= len(tokens) else None


def _shown(found: Any, configuration: str) -> Shown:
    texts, shows_time = [], False
    for one in found or ():
        if str(_plain(one.VideoSourceConfigurationToken)) != configuration:
            continue
        for text in _strings(one):
            shows_time = shows_time or str(text.Type) in _TIMES
            if str(text.Type) == "Plain" and text.PlainText:
                texts.append(" ".join(str(text.PlainText).split()))
    return Shown(tuple(texts), shows_time)


def _strings(one: Any) -> Iterator[Any]:
    if str(one.Type) == "Text" and one.TextString is not None:
        yield one.TextString


def _plain(value: Any) -> Any:
    """The text of an element that may carry attributes."""
    return getattr(value, "_value_1", value)


def _fault(fault: Any, login: Login) -> Result:
    codes = " ".join(str(code) for code in [fault.code, *(fault.subcodes or ())]) + f" {fault.message}"
    plain = codes.lower().replace(" ", "")
    if "notauthorized" in plain:
        login.refuse()
        return Result.fail(Reason.AUTH, login.why())
    return Result.fail(Reason.REFUSED, f"GetOSDs: it says: {str(fault.message)[:200]}")


def _unreached(error: Exception) -> Result:
    from requests import ConnectionError as Unreached
    from requests import Timeout

    if isinstance(error, Timeout):
        return Result.fail(Reason.TIMEOUT, "no answer within the time")
    if isinstance(error, Unreached):
        refused = "refused" in str(error).lower()
        return Result.fail(Reason.REFUSED if refused else Reason.UNREACHABLE, "no connection")
    return Result.fail(Reason.PROTOCOL, f"not HTTP: {type(error).__name__}")


KIND = ProbeKind("annotation", AnnotationOptions, AnnotationProbe)
