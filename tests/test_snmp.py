"""The SNMP probe against a real snmpd, with pysnmp as the oracle."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from probes.base import Credential, Memory, Outcome, Reason, Resources
from probes.snmp import SnmpOptions, SnmpProbe
from probes.snmp_exchange import failure, plain, rebooted, text
from probes.snmp_session import missing
from tests.snmpd import CONTACT, DESCR, LOCATION, NAME, NOW, V2C, V3, V3_SIGNED, Snmpd, ask, at

DAY = 86400.0
WRAP = 2**32 / 100


async def oracle(port: int, credential: Credential, numbers: list[str]) -> dict[str, Any]:
    """The same objects read by pysnmp."""
    from pysnmp.hlapi.v3arch import asyncio as hlapi  # type: ignore[import-untyped]  # pysnmp has no types

    engine = hlapi.SnmpEngine()
    who: Any = hlapi.CommunityData(credential.community, mpModel=1)
    if credential.snmp_version == "3":
        who = hlapi.UsmUserData(
            credential.snmp_user,
            authKey=credential.auth_password,
            privKey=credential.priv_password,
            authProtocol=hlapi.usmHMACSHAAuthProtocol,
            privProtocol=hlapi.usmAesCfb128Protocol if credential.priv_password else hlapi.usmNoPrivProtocol,
        )
    where = await hlapi.UdpTransportTarget.create(("127.0.0.1", port))
    asked = [hlapi.ObjectType(hlapi.ObjectIdentity(number)) for number in numbers]
    error, status, _, pairs = await hlapi.get_cmd(engine, who, where, hlapi.ContextData(), *asked, lookupMib=False)
    engine.close_dispatcher()
    assert (error, int(status)) == (None, 0)
    return {str(name): value for name, value in pairs}


@pytest.mark.parametrize("credential", [V2C, V3, V3_SIGNED], ids=["v2c", "v3 SHA/AES", "v3 SHA"])
async def test_reads_what_pysnmp_reads(snmpd: Snmpd, credential: Credential) -> None:
    """The system group and a named object are, value for value, what an independent implementation reads."""
    result = await ask(at(snmpd.port, credential), oids=("SNMPv2-MIB::sysContact.0",))
    group = {
        key: f"1.3.6.1.2.1.1.{n}.0" for key, n in {"descr": 1, "object_id": 2, "name": 5, "location": 6}.items()
    }
    read = await oracle(snmpd.port, credential, [*group.values(), "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.4.0"])
    assert result.outcome is Outcome.OK
    assert (result.values["descr"], result.values["name"], result.values["location"]) == (DESCR, NAME, LOCATION)
    for key, number in group.items():
        wanted = read[number]
        assert result.values[key] == (str(wanted) if key == "object_id" else wanted.asOctets().decode())
    assert result.values["oids"] == {"SNMPv2-MIB::sysContact.0": CONTACT}
    assert 0 <= int(read["1.3.6.1.2.1.1.3.0"]) / 100 - result.values["uptime_seconds"] < 5
    assert result.learnt["booted_at"] == NOW - result.values["uptime_seconds"]
    assert "6 of 6 objects" in result.steps[0]


@pytest.mark.parametrize(
    ("told", "mac"),
    [
        ({"1": b"", "2": bytes.fromhex("001bc50a0001")}, "00:1b:c5:0a:00:01"),
        ({"1": bytes(6), "3": bytes.fromhex("001bc50a0001")}, "00:1b:c5:0a:00:01"),
        ({"1": bytes.fromhex("001bc50a0001"), "2": bytes.fromhex("001bc50a0001")}, "00:1b:c5:0a:00:01"),
        ({"1": bytes.fromhex("001bc50a0001"), "2": bytes.fromhex("001bc50a0002")}, None),
        ({"1": b"eth0", "2": 7}, None),
        ({}, None),
    ],
)
def test_the_mac_is_that_of_the_only_interface(told: dict[str, bytes | int], mac: str | None) -> None:
    """Loopbacks without an address do not count; of two nobody knows which; what is known is not read again."""
    with ThreadPoolExecutor(1) as executor:
        probe = SnmpProbe(SnmpOptions(), Resources(executor, lambda: NOW))
    answer = {"1.3.6.1.2.1.1.5.0": b"cam", **{f"1.3.6.1.2.1.2.2.1.6.{n}": value for n, value in told.items()}}
    result = probe._read(answer, at(161), V2C)
    assert result.values.get("mac") == result.learnt.get("mac") == mac
    known = replace(at(161), memory=Memory(mac="02:00:00:00:00:01"))
    assert "mac" not in probe._read(answer, known, V2C).values


async def test_an_object_that_the_agent_lacks_is_absent(snmpd: Snmpd) -> None:
    """An extra object that does not exist is left out and fails nothing."""
    result = await ask(at(snmpd.port), oids=("1.3.6.1.4.1.99999.1.0", "sysContact.0"))
    assert (result.outcome, result.values["oids"]) == (Outcome.OK, {"sysContact.0": CONTACT})


async def test_a_wrong_community_is_a_timeout_and_says_so(snmpd: Snmpd) -> None:
    """Silence is a timeout, and its detail names the community as a possible cause."""
    result = await ask(at(snmpd.port, replace(V2C, community="wrong-secret")), seconds=0.2)
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.TIMEOUT)
    assert "another community" in result.detail


@pytest.mark.parametrize(
    "changed",
    [
        {"auth_password": "wrong-secret"},
        {"priv_password": "wrong-secret"},
        {"snmp_user": "nobody"},
        {"auth_protocol": "md5"},
        {"priv_protocol": "des"},
        {"priv_protocol": None, "priv_password": None},
    ],
    ids=str,
)
async def test_a_wrong_v3_credential_is_auth(snmpd: Snmpd, changed: dict[str, str]) -> None:
    """Whatever of an SNMPv3 credential is wrong, the reason is auth, never a camera that does not answer."""
    result = await ask(at(snmpd.port, replace(V3, **changed)), seconds=0.4)
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.AUTH)
    assert "'switches'" in result.detail


@pytest.mark.parametrize(
    ("credential", "remedy"),
    [
        (None, "credentials.default has no SNMP community: set community_env or community_file"),
        (Credential("a", snmp_version="3"), "credentials.a.snmp_user is missing"),
        (Credential("a", snmp_version="1"), "credentials.a.snmp_version is '1': write 2c or 3"),
        (replace(V3, auth_password=None), "set auth_password_env or auth_password_file"),
        (replace(V3, priv_password=""), "set priv_password_env or priv_password_file"),
        (replace(V3, auth_protocol="crc"), "auth_protocol is 'crc': write one of md5, sha, sha224"),
        (replace(V3, priv_protocol=None), "priv_protocol is missing beside its password: write one of des, aes"),
        (replace(V3, auth_protocol=None, auth_password=None), "no auth_protocol"),
    ],
)
async def test_an_incomplete_credential_names_the_key(credential: Credential | None, remedy: str) -> None:
    """A credential that cannot be used is reason auth, with the key to set, and no datagram is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(("127.0.0.1", 0))
        agent.setblocking(False)
        result = await ask(at(agent.getsockname()[1], credential))
        with pytest.raises(BlockingIOError):
            agent.recv(1)
    assert (result.outcome, result.reason) == (Outcome.FAIL, Reason.AUTH)
    assert remedy in result.detail
    assert missing(V2C) is missing(V3) is missing(V3_SIGNED) is None


@pytest.mark.parametrize("credential", [V2C, V3], ids=["v2c", "v3"])
async def test_a_dead_port_is_refused_and_silence_a_timeout(credential: Credential) -> None:
    """An ICMP refusal is told from no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        port = mute.getsockname()[1]
        silent = await ask(at(port, credential), seconds=0.1)
    dead = await ask(at(port, credential))
    assert (silent.outcome, silent.reason) == (Outcome.FAIL, Reason.TIMEOUT)
    assert (dead.outcome, dead.reason) == (Outcome.FAIL, Reason.REFUSED)


@pytest.mark.parametrize(
    ("message", "outcome", "reason"),
    [
        ("Network is unreachable (os error 101)", Outcome.FAIL, Reason.UNREACHABLE),
        ("No route to host (os error 113)", Outcome.FAIL, Reason.UNREACHABLE),
        ("Invalid argument (os error 22)", Outcome.FAIL, Reason.UNREACHABLE),
        ("Connection refused (os error 111)", Outcome.FAIL, Reason.REFUSED),
        ("Operation not permitted (os error 1)", Outcome.UNKNOWN, Reason.LOCAL),
        ("No buffer space available (os error 105)", Outcome.UNKNOWN, Reason.LOCAL),
        ("invalid address", Outcome.UNKNOWN, Reason.LOCAL),
    ],
)
def test_whose_fault_a_socket_error_is(message: str, outcome: Outcome, reason: Reason) -> None:
    """What the network says is the camera's failure; what this machine lacks is ours."""
    result = failure(OSError(message), V2C)
    assert (result.outcome, result.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("uptime", "booted_before", "found"),
    [
        (100.0, None, False),  # never seen before
        (1 * DAY, NOW - 1 * DAY, False),  # the same boot
        (1 * DAY, NOW - 1 * DAY - 50, False),  # a clock was set by less than a minute
        (1 * DAY, NOW - 1 * DAY + 3600, False),  # our clock was set back
        (400 * DAY, NOW - 400 * DAY - 3000, False),  # quartz, 87 ppm slow
        (100.0, NOW - 1 * DAY, True),
        (0.0, NOW - 61.1, True),  # again and again
        (10 * DAY, NOW - 300 * DAY, True),  # while we were not looking
        (25.0, NOW - WRAP - 25, False),  # the counter began again
        (25.0, NOW - WRAP - 2000, False),  # the same with drift
        (40.0, NOW - 2 * WRAP - 40, False),  # twice
        (25.0, NOW - WRAP - 2 * DAY, True),  # two days after it would have begun again
        (25.0, NOW - WRAP + 2 * DAY, True),  # two days before
    ],
)
def test_a_reboot_is_told_from_clocks_and_wraps(uptime: float, booted_before: float | None, found: bool) -> None:
    """The uptime going back is a reboot; a clock being set, drift and the 497-day wrap are not."""
    assert rebooted(uptime, NOW, booted_before) is found


async def test_a_reboot_is_found_through_the_probe(snmpd: Snmpd) -> None:
    """What one asking learns is what the next needs to see a reboot."""
    target = at(snmpd.port)
    first = await ask(target)
    same = await ask(replace(target, memory=Memory(**first.learnt)))
    again = await ask(replace(target, memory=Memory(booted_at=NOW - 5 * DAY)))
    assert [result.values["rebooted"] for result in (first, same, again)] == [False, False, True]


@pytest.mark.parametrize(
    ("oids", "message"),
    [
        (["sysContct.0"], "'sysContct.0': unknown name (did you mean 'sysContact'?): write its number"),
        (["IF-MIB::ifInErrors.1"], "'IF-MIB::ifInErrors.1': unknown name: write its number"),
        (
            ["SNMPv2-MIB::sysORDescr"],
            "is a column of a table: add the row's index, such as SNMPv2-MIB::sysORDescr.1",
        ),
        (["../etc/passwd"], "'../etc/passwd' names no object"),
        (["1.3.4294967296"], "no object identifier"),
        (["9.9.9"], "no object identifier"),
        ([1.3], "write a list of texts"),
        ("sysContact.0", "write a list of texts"),
        (["1.3.6.1.2.1.1.4.0"] * 33, "at most 32"),
    ],
)
def test_a_wrong_oid_is_an_error_with_a_remedy(oids: object, message: str) -> None:
    """An object that cannot be asked for is refused when the options are made, by name."""
    with pytest.raises(ValidationError) as caught:
        SnmpOptions.model_validate({"oids": oids})
    assert message in str(caught.value)


def test_symbolic_names_become_numbers() -> None:
    """Names with and without module and index, and numbers with and without a leading dot, are all understood."""
    names = ["SNMPv2-MIB::sysContact.0", "sysContact", "sysORDescr.3", ".1.3.6.1.4.1", "1.3.6.1.4.1"]
    numbers = [oid.number for oid in SnmpOptions.model_validate({"oids": names}).oids]
    assert numbers == ["1.3.6.1.2.1.1.4.0"] * 2 + ["1.3.6.1.2.1.1.9.1.3.3"] + ["1.3.6.1.4.1"] * 2


def test_values_are_plain() -> None:
    """Finite numbers stay numbers; all else is text on one line."""
    assert [plain(value) for value in (7, 1.5, float("nan"), None)] == [7, 1.5, "nan", "None"]
    assert text("a\u3000b\u2028c\x85d".encode()) == "a b c d"
    assert text(b"\xe5\xb4") == "\N{REPLACEMENT CHARACTER}"
