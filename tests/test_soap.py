"""What the SOAP templates say and what is read out of good, bad and hostile answers."""

from __future__ import annotations

import base64
import re
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import soap
from tests.fakecamera import fault, response


def time_answer(**changes: str) -> bytes:
    given = {"Hour": "23", "Minute": "59", "Second": "58", "Year": "2026", "Month": "2", "Day": "28"} | changes
    text = "".join(f"<tt:{name}>{value}</tt:{name}>" for name, value in given.items())
    return response(
        "GetSystemDateAndTime", f"<SystemDateAndTime><UTCDateTime>{text}</UTCDateTime></SystemDateAndTime>"
    )


def test_the_password_digest_is_the_one_of_the_programmers_guide() -> None:
    """The digest of the ONVIF Application Programmer's Guide's example comes out."""
    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    assert soap.password_digest("userpassword", nonce, "2010-09-16T07:50:45Z") == "tuOSpGlFlIXsozq4HFNeeGeFLEI="


def test_a_login_is_dated_with_the_devices_clock_and_escaped() -> None:
    """A token carries the moment that it was given and a user name cannot end its element."""
    text = soap.envelope(soap.GET_PROFILES, soap.Token("a<b>&", "x", 1_000_000_000.9, b"n" * 16)).decode()
    assert ">2001-09-09T01:46:40Z<" in text
    assert "<w:Username>a&lt;b&gt;&amp;</w:Username>" in text
    assert "x" not in re.findall(r"<w:Password[^>]*>([^<]*)<", text)
    assert b"Header" not in soap.envelope(soap.GET_TIME, None)


def test_a_profile_token_cannot_break_out_of_the_request() -> None:
    """A token that the device made up is quoted when it is sent back."""
    assert b"<q:ProfileToken>&lt;/x&gt;&quot;</q:ProfileToken>" in soap.envelope(
        soap.get_snapshot_uri('</x>"'), None
    )


def test_the_time_is_read() -> None:
    """A good answer gives the UTC moment."""
    read = soap.read_time(time_answer())
    assert read == soap.DeviceTime(datetime(2026, 2, 28, 23, 59, 58, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "changes",
    [
        {"Month": "13"},
        {"Day": "30"},
        {"Year": "0"},
        {"Year": "9999"},
        {"Hour": ""},
        {"Second": "60"},
        {"Minute": "-1"},
        {"Day": "9" * 5000},
        {"Hour": "noon"},
    ],
)
def test_an_impossible_time_is_absent(changes: dict[str, str]) -> None:
    """Impossible dates and empty times are no time, and no error."""
    assert soap.read_time(time_answer(**changes)) == soap.DeviceTime(None)


def test_an_empty_time_is_absent() -> None:
    """An answer without a UTC time, or with an empty one, has no time."""
    assert soap.read_time(response("GetSystemDateAndTime", "")) == soap.DeviceTime(None)
    assert soap.read_time(response("GetSystemDateAndTime", "<UTCDateTime/>")) == soap.DeviceTime(None)


def test_profiles_are_read_as_far_as_they_go() -> None:
    """A profile without encoder, source or size is kept with what it has; one without a token is not."""
    body = response(
        "GetProfiles",
        '<x:Profiles token="a"><x:Name>A</x:Name></x:Profiles><Profiles><Name>B</Name></Profiles>'
        '<Profiles token="c"><VideoSourceConfiguration><SourceToken>s</SourceToken></VideoSourceConfiguration>'
        "<VideoEncoderConfiguration><Encoding>JPEG</Encoding><Resolution><Width>many</Width><Height>480</Height>"
        "</Resolution></VideoEncoderConfiguration></Profiles>",
    )
    assert soap.read_profiles(body) == (
        soap.Profile("a", "A", "", "", 0, 0),
        soap.Profile("c", "", "s", "JPEG", 0, 480),
    )


def test_broken_xml_is_read_as_far_as_it_goes() -> None:
    """Undeclared prefixes, unclosed elements and control characters don't hide what stands before them."""
    body = (
        b"<e:Envelope><e:Body><GetDeviceInformationResponse><tds:Manufacturer>Ma\x01ker</tds:Manufacturer><Model>M"
    )
    read = soap.read_information(body)
    assert isinstance(read, soap.DeviceInformation)
    assert (read.manufacturer, read.model, read.firmware) == ("Maker", "M", "")


@pytest.mark.parametrize(
    ("raw", "read"),
    [("球机".encode("gb18030"), "球机"), ("球机".encode(), "球机"), (b"Cam\xff\xfe1", "Cam\ufffd\ufffd1")],
)
def test_names_in_wrong_encodings_are_read(raw: bytes, read: str) -> None:
    """GB18030 under a UTF-8 declaration is understood; any other bad byte is replaced."""
    body = response("GetDeviceInformation", "<Model>@</Model>").replace(b"@", raw)
    known = soap.read_information(body)
    assert isinstance(known, soap.DeviceInformation)
    assert known.model == read


def test_long_strings_are_cut() -> None:
    """No string of a device is kept beyond 200 characters."""
    known = soap.read_information(response("GetDeviceInformation", f"<Model>{'x' * 5000}</Model>"))
    assert isinstance(known, soap.DeviceInformation)
    assert known.model == "x" * 200


@pytest.mark.parametrize(
    ("text", "of_login"),
    [
        (fault("env:Sender", "ter:NotAuthorized", ""), True),
        (fault("SOAP-ENV:Client", "", "Sender not Authorized"), True),
        (fault("", "", "The requested action requires authorization and the sender is not authorised"), True),
        (fault("", "wsse:FailedAuthentication", "x"), True),
        (fault("", "", "User is locked, 29 minutes left"), True),
        (fault("env:Receiver", "ter:ActionNotSupported", "Optional Action Not Implemented"), False),
        (fault("env:Receiver", "ter:Action", "video blocked"), False),
        (b"<Fault><faultcode>x</faultcode><faultstring>Not authorized</faultstring></Fault>", True),
    ],
)
def test_faults_of_the_login_are_told_by_their_words(text: bytes, of_login: bool) -> None:
    """A refused login is recognised by subcode or by words; any other fault is not one."""
    read = soap.read_profiles(text)
    assert isinstance(read, soap.Fault)
    assert read.of_login is of_login


BOMB = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10 if i else b"&a;" * 10) for i in range(12)
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"\x00" * 1000,
        b"<html><body>Login</body></html>",
        BOMB + b"]><GetDeviceInformationResponse><Model>&a11;</Model></GetDeviceInformationResponse>",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><GetDeviceInformationResponse><Model>&e;</Model>'
        b"</GetDeviceInformationResponse>",
        "<GetDeviceInformationResponse/>".encode("utf-16"),
        response("GetProfiles", ""),
    ],
)
def test_what_is_not_that_answer_is_none(body: bytes) -> None:
    """Garbage, web pages, bombs, outside references and other answers are none, at once."""
    started = time.perf_counter()
    assert soap.read_information(body) is None
    assert time.perf_counter() - started < 1


def test_depth_is_harmless() -> None:
    """A hundred thousand nested elements neither crash nor take long."""
    body = b"<GetProfilesResponse>" + b"<Profiles token='x'>" * 100_000
    read = soap.read_profiles(body)
    assert isinstance(read, tuple)
    assert len(read) <= 1000


@given(st.binary(max_size=300))
def test_no_bytes_raise(body: bytes) -> None:
    """Whatever arrives, bare or inside an answer, every reader returns."""
    readers = (
        soap.read_time,
        soap.read_information,
        soap.read_media_uri,
        soap.read_profiles,
        soap.read_snapshot_uri,
    )
    for read in readers:
        read(body)
        read(b"<GetProfilesResponse><Profiles token='1'>" + body + b"</Profiles></GetProfilesResponse>")
        read(b"<GetSystemDateAndTimeResponse><UTCDateTime>" + body)
