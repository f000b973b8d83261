"""The SNMP probe against agents with bad manners, and what it leaves behind: nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from probes.base import Credential, Outcome, Probe, Reason
from tests.snmpd import COMMUNITY, V2C, V3, Snmpd, ask, at, make


class _Responder(asyncio.DatagramProtocol):
    def __init__(self, answer: Callable[[bytes], list[bytes]]) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        for datagram in self._answer(data):
            self._transport.sendto(datagram, addr)


@asynccontextmanager
async def responder(answer: Callable[[bytes], list[bytes]], host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A UDP socket that answers each datagram with `answer(datagram)`; its port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Responder(answer), (host, 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def tlv(tag: int, body: bytes) -> bytes:
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2)
    return bytes([tag]) + length + body


def reply(request: bytes, bindings: bytes, shift: int = 0, pdu: int = 0xA2) -> bytes:
    """A v2c message that answers `request`; `shift` is added to its request-id."""
    start = request.index(COMMUNITY.encode()) + len(COMMUNITY)
    header = 2 if request[start + 1] < 128 else 2 + (request[start + 1] & 0x7F)
    id_at = start + header
    number = int.from_bytes(request[id_at + 2 : id_at + 2 + request[id_at + 1]], signed=True) + shift
    number_bytes = tlv(2, number.to_bytes(5, signed=True))
    body = tlv(pdu, number_bytes + b"\x02\x01\x00\x02\x01\x00" + tlv(0x30, bindings))
    return tlv(0x30, b"\x02\x01\x01" + tlv(4, COMMUNITY.encode()) + body)


def bind(last: int, value: bytes) -> bytes:
    """The pair of 1.3.6.1.2.1.1.`last`.0 and an encoded value."""
    return tlv(0x30, tlv(6, bytes([0x2B, 6, 1, 2, 1, 1, last, 0])) + value)


GARBAGE = {
    "words": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "zeros": bytes(64),
    "lying length": b"\x30\x84\xff\xff\xff\xff\x02\x01\x01",
    "no length": b"\x30\x81",
    "deep": b"\x30\x20" * 30,
    "half a v3 message": b"\x30\x0b\x02\x01\x03\x30\x00\x04\x02\x30\x09\x04\x00",
    "many values": tlv(0x30, b"\x05\x00" * 2000),
}
BAD_ANSWERS: dict[str, tuple[Callable[[bytes], bytes], Reason]] = {
    "half": (lambda request: reply(request, bind(1, tlv(4, b"x")))[:-3], Reason.PROTOCOL),
    "an empty binding": (lambda request: reply(request, b"\x30\x00"), Reason.PROTOCOL),
    "no binding": (lambda request: reply(request, b""), Reason.PROTOCOL),
    "an unknown type": (lambda request: reply(request, bind(1, b"\x5e\x01\x00")), Reason.PROTOCOL),
    "a v3 report": (lambda request: reply(request, b"", pdu=0xA8), Reason.PROTOCOL),
    "the question": (lambda request: request, Reason.PROTOCOL),
    "the answer to another question": (
        lambda request: reply(request, bind(1, tlv(4, b"x")), shift=1),
        Reason.TIMEOUT,
    ),
    "huge": (lambda request: reply(request, bind(1, tlv(4, bytes(60000)))), Reason.TOO_LARGE),
}


@pytest.mark.parametrize("credential", [V2C, V3], ids=["v2c", "v3"])
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_is_a_protocol_failure(
    garbage: bytes, credential: Credential, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bytes that are no SNMP message are reason protocol: no exception, and not a word on stderr."""
    async with responder(lambda request: [garbage]) as port:
        result = await ask(at(port, credential))
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.PROTOCOL)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("manner", BAD_ANSWERS)
async def test_a_bad_answer_is_a_counted_reason(manner: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A message that is well made but no answer to the question is a reason too."""
    answer, reason = BAD_ANSWERS[manner]
    async with responder(lambda request: [answer(request)]) as port:
        result = await ask(at(port), seconds=0.2)
    assert (result.outcome, result.reason) == (Outcome.FAIL, reason)
    assert capfd.readouterr().err == ""


async def test_stray_answers_do_not_prolong_the_asking() -> None:
    """An agent that keeps sending answers to other questions is a timeout when the time is over, not later."""
    stop = asyncio.Event()

    async def dribble(transport: socket.socket, request: bytes, peer: Any) -> None:
        while not stop.is_set():
            transport.sendto(reply(request, bind(1, tlv(4, b"x")), shift=1), peer)
            await asyncio.sleep(0.02)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(("127.0.0.1", 0))
        agent.setblocking(False)
        loop = asyncio.get_running_loop()
        began = loop.time()
        asking = asyncio.create_task(ask(at(agent.getsockname()[1]), seconds=0.3))
        request, peer = await loop.sock_recvfrom(agent, 65535)
        dribbling = asyncio.create_task(dribble(agent, request, peer))
        result = await asking
        took = loop.time() - began
        stop.set()
        await dribbling
    assert result.reason is Reason.TIMEOUT
    assert 0.29 < took < 1


@pytest.mark.parametrize("credential", [V2C, V3], ids=["v2c", "v3"])
async def test_damaged_answers_never_raise(snmpd: Snmpd, credential: Credential) -> None:
    """A real agent's answers, damaged in 400 ways at every step of the exchange, all come to a result."""
    dice = random.Random(7)

    def relay(request: bytes) -> list[bytes]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.settimeout(1)
            upstream.sendto(request, ("127.0.0.1", snmpd.port))
            return [damage(upstream.recv(65535), dice)]

    probe = make(0.3)
    async with responder(relay) as port:
        for _ in range(8):
            results = await asyncio.gather(*(probe.ask(at(port, credential)) for _ in range(50)))
            assert {result.outcome for result in results} <= {Outcome.OK, Outcome.FAIL}
            for result in results:
                assert all(shown.isprintable() for shown in result.values.values() if isinstance(shown, str))


def damage(datagram: bytes, dice: random.Random) -> bytes:
    """`datagram` with one to three bytes changed, dropped or doubled; every third one left whole."""
    if dice.random() < 0.33:
        return datagram
    damaged = bytearray(datagram)
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(damaged))
        how = dice.random()
        if how < 0.7:
            damaged[place] = dice.choice(
                [0x00, 0x02, 0x04, 0x06, 0x30, 0x43, 0x80, 0x81, 0xFF, dice.randrange(256)]
            )
        elif how < 0.85:
            del damaged[place]
        else:
            damaged.insert(place, damaged[place])
    return bytes(damaged)


async def test_hostile_texts_are_made_safe() -> None:
    """Control and direction characters, bytes that are no text and endless lines do not get past the probe."""
    nasty = bind(1, tlv(4, b"\x1b[31mred\x00\r\n\xff" + "\u202e".encode())) + bind(5, tlv(4, b"n" * 3000))
    odd = bind(2, b"\x05\x00") + bind(3, tlv(4, b"soon")) + bind(6, b"\x02\x01\x07")
    async with responder(lambda request: [reply(request, nasty + odd)]) as port:
        result = await ask(at(port))
    assert result.outcome is Outcome.OK
    assert result.values == {
        "descr": "[31mred \N{REPLACEMENT CHARACTER}",
        "name": "n" * 255,
        "location": "7",
        "oids": {},
    }
    assert result.learnt == {}


async def test_ipv6() -> None:
    """A camera with an IPv6 address is asked like any other."""
    try:
        async with responder(lambda request: [reply(request, bind(5, tlv(4, b"six")))], "::1") as port:
            result = await ask(at(port, address="::1"))
    except OSError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
    assert result.values["name"] == "six"


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def sweep(snmpd: Snmpd, probe: Probe, credential: Credential, numbers: Iterator[int]) -> None:
    """One seat's work: asks camera after camera."""
    for number in numbers:
        target = at(snmpd.port, credential, f"127.5.{number >> 8}.{number & 255}")
        assert (await probe.ask(target)).outcome is Outcome.OK


@pytest.mark.parametrize("credential", [V2C, V3], ids=["v2c", "v3"])
async def test_memory_and_descriptors_stay_flat(snmpd: Snmpd, credential: Credential) -> None:
    """3,000 cameras more leave no descriptor behind and less than 20 bytes a camera."""
    probe = make(5.0)
    await sweep(snmpd, probe, credential, iter([0]))  # opens what the probe itself keeps
    gc.collect()  # what earlier tests left behind is no part of the count
    before = open_files()
    tracemalloc.start()
    try:
        traced, resident = 0, 0
        for first, last in ((0, 1000), (1000, 4000)):
            numbers = iter(range(first, last))
            traced, resident = tracemalloc.get_traced_memory()[0], resident_bytes()
            await asyncio.gather(*(sweep(snmpd, probe, credential, numbers) for _ in range(20)))
            assert open_files() <= before
            gc.collect()
        assert tracemalloc.get_traced_memory()[0] - traced < 3000 * 20
        assert resident_bytes() - resident < 4 * 1024 * 1024  # what the decoder's own language allocates
    finally:
        tracemalloc.stop()


async def test_failures_leave_no_descriptor() -> None:
    """Refused, silent, garbled and cancelled askings close their sockets without the garbage collector."""
    gc.collect()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        silent = at(mute.getsockname()[1])
        async with responder(lambda request: [b"?"]) as port:
            probe, patient = make(0.05), make()
            await asyncio.gather(probe.ask(at(9)), patient.ask(at(9)))  # opens what the probes themselves keep
            gc.collect()
            before = open_files()
            gc.disable()
            try:
                results = await asyncio.gather(*(probe.ask(t) for t in [at(9), silent, at(port)] * 50))
                assert {result.outcome for result in results} == {Outcome.FAIL}
                asking = [asyncio.create_task(patient.ask(silent)) for _ in range(50)]
                await asyncio.sleep(0.05)
                assert open_files() == before + 50
                for task in asking:
                    task.cancel()
                await asyncio.wait(asking)
                assert all(task.cancelled() for task in asking)
                assert open_files() == before
                await probe.close()
                await patient.close()
                assert open_files() == before - 2
            finally:
                gc.enable()


async def test_our_own_lack_of_descriptors_is_unknown(snmpd: Snmpd) -> None:
    """When this process may open no more files the camera is not to blame."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        result = await make().ask(at(snmpd.port))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.LOCAL)
