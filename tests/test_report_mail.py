"""Mail over TLS with a login, against a real SMTP server: what is refused is told, tried again, and never lost."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry

from healthd.config import load_config
from healthd.kept import Kept, keep, kept_reports
from healthd.options.reports import MailOptions
from healthd.report.desk import ReportDesk
from healthd.report.mail import explained
from tests.report_kit import PastCity, city_with_past
from tests.running import edit_config, free_port

# With TLS from the first byte the server library does not know that all of it is TLS.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
SECRET = "Tr0ub4dor&3-geheim"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> PastCity:
    return city_with_past(tmp_path_factory.mktemp("city"), cameras=5, days=2)


@dataclass
class Authority:
    """A certificate authority of our own, and a server's certificate that it signed. PEM files."""

    folder: Path
    ca: Path = field(init=False)
    server: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        key, name = ec.generate_private_key(ec.SECP256R1()), _name("healthd test authority")
        ca = _certificate(name, name, key.public_key()).add_extension(x509.BasicConstraints(True, 0), True)
        self.ca = self._write("ca.pem", ca.sign(key, hashes.SHA256()))
        own = ec.generate_private_key(ec.SECP256R1())
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        one = _certificate(_name("127.0.0.1"), name, own.public_key())
        one = one.add_extension(x509.SubjectAlternativeName([address]), False)
        self.server = self._write("server.pem", one.sign(key, hashes.SHA256()), own)

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.server)
        return context

    def _write(self, name: str, one: x509.Certificate, key: ec.EllipticCurvePrivateKey | None = None) -> Path:
        pem = serialization.Encoding.PEM
        content = one.public_bytes(pem)
        if key is not None:
            form = serialization.PrivateFormat.PKCS8
            content += key.private_bytes(pem, form, serialization.NoEncryption())
        (self.folder / name).write_bytes(content)
        return self.folder / name


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    found = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    found = found.serial_number(x509.random_serial_number())
    return found.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))


@dataclass
class Office:
    """A real SMTP server on loopback that wants a login over TLS, and remembers who came and what was taken."""

    password: str = SECRET
    logins: list[tuple[str, str]] = field(default_factory=list)
    letters: list[tuple[bool, str]] = field(default_factory=list)  # (over TLS, recipient)

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 (its name there)
        self.letters.append((session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None,
                             envelope.rcpt_tos[0]))  # fmt: skip
        return "250 taken"

    def admit(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login.decode(), given.password.decode()))
        fine = self.logins[-1] == ("healthd", self.password)
        return AuthResult(success=fine, handled=False)

    @contextlib.contextmanager
    def open(self, authority: Authority, way: str) -> Iterator[int]:
        port, context = free_port(), authority.context()
        more: dict[str, Any] = {"ssl_context": context} if way == "tls" else {"tls_context": context}
        if way == "starttls":
            more["require_starttls"] = True
        controller = Controller(
            self, hostname="127.0.0.1", port=port, authenticator=self.admit, auth_required=True,
            auth_require_tls=way == "starttls", **more,
        )  # fmt: skip
        controller.start()
        try:
            yield port
        finally:
            controller.stop()


def configured(city: PastCity, folder: Path, port: int, ca: Path, way: str, *, secret: str = SECRET) -> Path:
    """The configuration, and one report in its folder that waits to be mailed."""
    (folder / "password").write_text(f"{secret}\n")
    mail = {
        "server": "127.0.0.1",
        "port": port,
        "sender": "healthd@example.org",
        "username": "healthd",
        "password_file": str(folder / "password"),
        "ca_file": str(ca),
        way: True,
    }
    edit_config(city.config, reports=None, mail=mail, reports_dir=str(folder / "kept"))
    if not any(kept_reports(folder / "kept")):
        one = Kept("one", "daily", "2026-10-01", "", "zh", "日报", 1, {}, mail=("a@example.org",))
        keep(folder / "kept", one, {"one.json": b"{}"})
    return city.config


def desk_of(config: Path) -> ReportDesk:
    loaded = load_config(config)
    return ReportDesk(lambda: loaded, lambda: 1_000, CollectorRegistry(), nice=0, mail_pause_seconds=0.02)


async def mailing(desk: ReportDesk, folder: Path, *, tries: int) -> Kept:
    """Lets the desk mail until the report is mailed or was tried so often; what is then kept of it."""
    task = asyncio.create_task(desk.keep_mailing())
    try:
        async with asyncio.timeout(20):
            while True:
                [kept] = await asyncio.to_thread(lambda: [*kept_reports(folder / "kept")])
                if kept.mailed or kept.tries >= tries:
                    return kept
                await asyncio.sleep(0.02)
    finally:
        task.cancel()


def said_of(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if "not mailed" in record.getMessage())


@pytest.mark.parametrize("way", ["starttls", "tls"])
async def test_a_report_goes_out_over_tls_with_a_login(
    city: PastCity, tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The server's certificate is checked by the authority that is named, the login and the letter go over TLS,
    once, and the password is in no log and in nothing that is kept."""
    caplog.set_level(logging.DEBUG)
    authority, office = Authority(tmp_path / "ca"), Office()
    with office.open(authority, way) as port:
        kept = await mailing(desk_of(configured(city, tmp_path, port, authority.ca, way)), tmp_path, tries=1)
    assert (kept.mailed, kept.tries) == (1_000, 0)
    assert office.letters == [(True, "a@example.org")]
    assert office.logins == [("healthd", SECRET)]
    assert SECRET not in caplog.text
    assert not any(SECRET in path.read_text("utf-8") for path in (tmp_path / "kept").rglob("*") if path.is_file())


async def test_a_wrong_password_is_told_and_nothing_is_lost(
    city: PastCity, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The refusal names server, user and remedy, never the password; with the right one the report goes
    out, once."""
    authority, office = Authority(tmp_path / "ca"), Office()
    with office.open(authority, "starttls") as port:
        config = configured(city, tmp_path, port, authority.ca, "starttls", secret="not-the-one")
        kept = await mailing(desk_of(config), tmp_path, tries=2)
        assert (kept.mailed, office.letters) == (0, [])
        assert kept.tries >= 2
        said = said_of(caplog)
        assert f"127.0.0.1:{port} refuses the login of healthd: 535 " in said
        assert "(correct mail.username or its password)" in said
        assert "not-the-one" not in caplog.text
        config = configured(city, tmp_path, port, authority.ca, "starttls")
        assert (await mailing(desk_of(config), tmp_path, tries=99)).mailed
    assert office.letters == [(True, "a@example.org")]


@pytest.mark.parametrize("way", ["starttls", "tls"])
async def test_a_certificate_that_is_not_trusted_gets_no_password(
    city: PastCity, tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where another authority signed it, healthd says so and how to name it, and never comes to the login."""
    authority, other, office = Authority(tmp_path / "ca"), Authority(tmp_path / "other"), Office()
    with office.open(authority, way) as port:
        kept = await mailing(desk_of(configured(city, tmp_path, port, other.ca, way)), tmp_path, tries=1)
    assert (kept.mailed, office.logins, office.letters) == (0, [], [])
    said = said_of(caplog)
    assert f"127.0.0.1:{port} is not trusted: " in said
    assert "(name its authority in mail.ca_file)" in said


async def test_a_server_that_is_away_gets_it_when_it_is_back(
    city: PastCity, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Tries are counted and told while nobody listens; another process, later, hands it over once."""
    authority, office = Authority(tmp_path / "ca"), Office()
    config = configured(city, tmp_path, free_port(), authority.ca, "tls")
    kept = await mailing(desk_of(config), tmp_path, tries=2)
    assert kept.tries >= 2
    assert "cannot be reached: Connection refused" in said_of(caplog)
    with office.open(authority, "tls") as port:
        assert (
            await mailing(desk_of(configured(city, tmp_path, port, authority.ca, "tls")), tmp_path, tries=99)
        ).mailed
    assert office.letters == [(True, "a@example.org")]


async def test_what_was_taken_is_not_sent_again_where_the_disk_refuses_to_note_it(
    city: PastCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter that the server took goes out once, though that it did cannot be written down."""
    authority, office = Authority(tmp_path / "ca"), Office()
    with office.open(authority, "tls") as port:
        desk = desk_of(configured(city, tmp_path, port, authority.ca, "tls"))
        about = tmp_path / "kept" / "one" / "report.json.part"
        about.mkdir()  # in the way of what is to be written
        (about / "x").touch()
        task = asyncio.create_task(desk.keep_mailing())
        await asyncio.sleep(1.0)
        task.cancel()
    assert office.letters == [(True, "a@example.org")]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (smtplib.SMTPNotSupportedError("STARTTLS extension not supported by server."), "correct starttls, tls"),
        (
            smtplib.SMTPServerDisconnected("Connection unexpectedly closed"),
            "mail.example.org:587 broke off: Connection unexp",
        ),
        (smtplib.SMTPSenderRefused(550, b"no\r\nsuch sender", "a"), "refuses: 550 no such sender"),
        (TimeoutError("timed out"), "mail.example.org:587 cannot be reached: timed out"),
        (OSError(-2, "Name or service not known"), "cannot be reached: Name or service not known"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "port 465 takes tls"),
        (UnicodeEncodeError("ascii", "密码", 0, 1, "ordinal not in range"), "letters that a login by SMTP cannot"),
    ],
)
def test_failures_are_told_in_a_sentence(error: Exception, says: str) -> None:
    """Each names the server, or what to correct, and never a letter of the password."""
    options = MailOptions(server="mail.example.org", port=587, sender="a@example.org")
    said = explained(error, options)
    assert says in said
    assert "密" not in said
    assert explained(OSError("no mail server"), None) == "no mail server"
