"""healthd.yml: what is taken, with which defaults, and what every mistake is told."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from pydantic import BaseModel

from healthd.config import Config, _WholeFile, load_config
from healthd.inventory.read import load_inventory
from healthd.options.alerting import AlertingOptions, OnCall, Receiver, Smtp, Webhook, WecomApp
from healthd.options.credentials import Login
from healthd.options.hooks import HookOptions, SmsOptions
from healthd.options.pictures import OwnThreshold
from healthd.options.platforms import PlatformOptions
from healthd.options.profiles import ProfileOptions
from healthd.options.reports import MailOptions, ScheduledReport
from healthd.options.scores import Deduction
from healthd.options.web import Tls, Token
from healthd.problems import BadInput
from healthd.settings import web_settings
from probes import PROBES

REPOSITORY = Path(__file__).parents[1]
INVENTORY = "inventory: {regions: regions.csv, devices: devices.csv, cameras: data/cameras.csv}\n"
SMALLEST = "site: nantong\n" + INVENTORY + "checks: {ping: {}}\n"
SECRET = "hunter2-very-secret"
DIGEST = hashlib.sha256(b"token").hexdigest()


def load(directory: Path, text: str, environment: Mapping[str, str] | None = None) -> Config:
    path = directory / "healthd.yml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, environment or {})


def errors(directory: Path, text: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """The problems as `LINE: key: message (remedy)`."""
    with pytest.raises(BadInput) as caught:
        load(directory, text, environment)
    start = f"{directory / 'healthd.yml'}:"
    return [str(problem).removeprefix(start).strip() for problem in caught.value.problems]


def error(directory: Path, addition: str, text: str = SMALLEST) -> str:
    """The one problem that `addition` makes in an otherwise good file."""
    (found,) = errors(directory, text + addition)
    return found


def test_defaults(tmp_path: Path) -> None:
    """The smallest file has the documented defaults, and absolute paths from the file's own directory."""
    config = load(tmp_path, SMALLEST)
    assert config.site == "nantong"
    assert config.timezone == ZoneInfo("Asia/Shanghai")
    assert config.inventory.cameras == tmp_path / "data" / "cameras.csv"
    assert config.inventory.maintainers is None
    assert config.store.url == f"sqlite:///{tmp_path}/healthd.db"
    assert (config.store.retention.flips, config.store.retention.days) == (400 * 86400, 3650 * 86400)
    assert {name: (c.interval, c.timeout) for name, c in config.checks.items()} == {"ping": (60, 1)}
    assert (config.uplink_limits.turns, config.uplink_limits.bytes_per_second) == (16, 2_000_000)
    assert (config.state.fail_after, config.state.ok_after, config.state.retry_interval) == (3, 2, 15)
    assert config.profiles == ("default",)
    assert config.month_starts_on == 1
    assert config.web.address == ("127.0.0.1", 9808)
    assert (config.metrics.per_camera, config.metrics.per_camera_limit) == ("auto", 20_000)
    assert config.seats == {"snmp": 64, "device": 64, "onvif": 64, "frame": 32, "annotation": 4}
    assert config.inventory_guard.max_lost == Fraction(1, 5)
    incidents = config.incidents
    assert (incidents.mass_cameras, incidents.mass_window, incidents.settle, incidents.shown) == (8, 120, 3, 500)
    assert (incidents.repair.single, incidents.repair.mass, incidents.repair.by_class) == (86400, 172800, {})
    assert (config.assessments.clock.warn, config.assessments.clock.fail) == (5, 30)
    assert (incidents.flapping.flips, incidents.flapping.window) == (6, 3600)
    assert (config.author, config.simulated) == ("inventory", False)
    assert (config.reference_targets, config.probe_networks, config.credentials) == ((), (), {})


def test_relative_to_the_file_not_to_where_we_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration named by a relative path gives absolute paths all the same."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "healthd.yml").write_text(SMALLEST)
    monkeypatch.chdir(tmp_path)
    config = load_config(Path("etc/healthd.yml"), {})
    assert config.inventory.regions == tmp_path / "etc" / "regions.csv"
    assert config.store.url == f"sqlite:///{tmp_path}/etc/healthd.db"


def test_contracts_example(tmp_path: Path) -> None:
    """The whole file as the users' contract shows it is taken, secrets and all."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "camera").write_text("pass word\n\n")
    text = """
site: nantong
timezone: Asia/Shanghai
inventory: {regions: regions.csv, devices: devices.csv, cameras: cameras.csv, maintainers: maintainers.csv}
credentials:
  default:  {username: admin, password_file: secrets/camera, snmp_version: 2c, community_env: SNMP_COMMUNITY}
  switches: {snmp_version: 3, snmp_user: ops, auth_protocol: sha, auth_password_env: SNMP_AUTH, priv_protocol: aes,
             priv_password_env: SNMP_PRIV}
checks:
  ping:  {interval: 60s, timeout: 1s, packets: 1}
  snmp:  {interval: 5m, timeout: 2s, port: 161}
  device: {interval: 5m, timeout: 30s, port: 161, max_rows: 20000}
  onvif: {interval: 1h, timeout: 5s, port: 80}
  frame: {interval: 1h, timeout: 10s, max_bytes: 4000000, small_profile: true}
  annotation: {interval: 1d, timeout: 20s, port: 80}
uplink_limits: {turns: 16, bytes_per_second: 2000000}
state: {fail_after: 3, ok_after: 2, retry_interval: 15s}
profiles: [default]
month_starts_on: 26
store: {url: "sqlite:///healthd.db", retention: {flips: 400d, days: 10y}}
web: {listen: "127.0.0.1:9808"}
metrics: {per_camera: auto, per_camera_limit: 20000}
reference_targets: [10.0.0.1]
"""
    config = load(tmp_path, text, {"SNMP_COMMUNITY": "c0mmunity", "SNMP_AUTH": "auth-secret", "SNMP_PRIV": SECRET})
    login, switches = config.credentials["default"], config.credentials["switches"]
    assert (login.name, login.username, login.password) == ("default", "admin", "pass word\n")
    assert (login.snmp_version, login.community) == ("2c", "c0mmunity")
    assert (switches.snmp_version, switches.auth_password, switches.priv_password) == ("3", "auth-secret", SECRET)
    assert list(config.checks) == list(PROBES)
    assert config.picture_max_age_seconds == 3 * 3600
    assert config.month_starts_on == 26
    assert SECRET not in repr(config)


def test_all_errors_at_once(tmp_path: Path) -> None:
    """One run tells every mistake: unknown and doubled keys, wrong types, bare numbers, each with its line."""
    text = """site: nantong
timezone: Asia/Shangai
inventory: {regions: regions.csv, devices: devices.csv, camera: cameras.csv}
checks:
  ping: {interval: 60, timeout: 0.5}
  snmp: {interval: 5s, timeout: 8s}
  frame:
  onwif: {}
profiles: [nantong2017]
month_starts_on: 31
state: {fail_after: "3"}
site: again
"""
    assert errors(tmp_path, text) == [
        '2: timezone: "Asia/Shangai" is not a time zone (did you mean "Asia/Shanghai"?)',
        "3: inventory.cameras: missing (add it; docs/configuration.md describes it)",
        '3: inventory.camera: unknown key (did you mean "cameras"?)',
        "5: checks.ping.interval: 60 is not a duration: write a number and a unit, such as 10s, 5m, 1h or 1d",
        "5: checks.ping.timeout: '0.5' is not a duration: write a number and a unit, such as 10s, 5m, 1h or 1d",
        "6: checks.snmp: timeout is not below interval (a turn must be over before the next is due)",
        "7: checks.frame: must hold keys (write the keys below it, indented, or {} for the defaults)",
        '8: checks.onwif: unknown key (did you mean "onvif"?)',
        '9: profiles[0]: "nantong2017" is not a profile (did you mean "nantong-2017"?)',
        "10: month_starts_on: must be less than or equal to 28",
        "11: state.fail_after: must be a whole number",
        "12: site: doubled (first on line 1) (remove one of the two)",
    ]


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("profile_definition: {}\n", 'profile_definition: unknown key (did you mean "profile_definitions"?)'),
        ("seats: {frames: 3}\n", 'seats.frames: unknown key (did you mean "frame"?)'),
        ("seats: {frame: 0}\n", "seats.frame: must be greater than or equal to 1"),
        ("uplink_limits: {turns: true}\n", "uplink_limits.turns: must be a whole number"),
        ("state: {retry_interval: 0s}\n", "state.retry_interval: must be greater than 0"),
        ("profiles: []\n", "profiles: is empty (write [default])"),
        ("profiles: default\n", "profiles: must be a list (write [one, two])"),
        ("profiles: [default, default]\n", 'profiles: "default" is there twice (remove one of the two)'),
        (
            "store: {url: 'postgresql://u:hunter2@db/x'}\n",
            "store.url: is not the URL of a PostgreSQL database, or holds a password (",
        ),
        ("store: {url: 'sqlite://'}\n", "store.url: is not the URL of an SQLite file ("),
        ("store: {url: 'sqlite:///:memory:'}\n", "store.url: is not the URL of an SQLite file ("),
        ("store: {retention: {flips: 30d}}\n", "store.retention.flips: is shorter than 62 days ("),
        ("metrics: {per_camera: some}\n", "metrics.per_camera: must be one of 'auto', "),
        ("reference_targets: [gateway]\n", "reference_targets[0]: 'gateway' is not an IP address ("),
        ("reference_targets: [0.0.0.0]\n", "reference_targets[0]: '0.0.0.0' is not the address of one device"),
        ("probe_networks: [10.0.0.1/8]\n", 'probe_networks[0]: \'10.0.0.1/8\' is not a network (did'),
        ("inventory_guard: {max_lost: 20}\n", "inventory_guard.max_lost: 20 is not a share (write"),
        ("author: ''\n", "author: must be 1 to 64 printable characters"),
        ("web: {listen: 9808}\n", "web.listen: must be text (in quotes if it looks like a number)"),
        ("web: {listen: ':9808'}\n", "web.listen: ':9808' is not an address and a port (write ADDRESS:PORT"),
        ("web: {listen: '127.0.0.1:99999'}\n", "web.listen: '127.0.0.1:99999' is not an address and a port"),
        ("web: {listen: 'nas.local:80'}\n", "web.listen: 'nas.local' is not an IP address ("),
        ("web: {listen: '0.0.0.0:9808'}\n", "web: 0.0.0.0:9808 is open to other machines, and there"),
        ("web: {listen: '[::]:9808', insecure: true}\n", "web: [::]:9808 is open to other machines, and there"),
        ("web: {tls: {cert_file: a, key_file: b}}\n", "web.tls: no such file: "),
        ("web: {tokens: [{name: a, sha256: my-token}]}\n", "web.tokens[0].sha256: is not a SHA-256 digest of"),
        ("timezone: ../../etc/passwd\n", 'timezone: "../../etc/passwd" is not a time zone (write'),
        ("simulated: 1\n", "simulated: must be true or false"),
        ("incidents: {mass_cameras: 1}\n", "incidents.mass_cameras: must be greater than or equal to 2"),
        ("incidents: {mass_window: 2}\n", "incidents.mass_window: 2 is not a duration: write a number and a unit"),
        ("incidents: {settle: 3m}\n", "incidents: settle is above mass_window (it waits for flips that come"),
        ("incidents: {repair: {by_class: {4: 1h}}}\n", 'incidents.repair.by_class: "4" is not a class (there are'),
        ("incidents: {repair: {by_class: {1: 0s}}}\n", "incidents.repair.by_class.1: must be greater than 0"),
        ("incidents: {repair: {mas: 1h}}\n", 'incidents.repair.mas: unknown key (did you mean "mass"?)'),
        ("incidents: {flapping: {flips: 2}}\n", "incidents.flapping.flips: must be greater than or equal to 3"),
        ("credentials: [a]\n", "credentials: must hold keys ("),
        ("web:\n", "web: must hold keys (write the keys below it, indented, or {} for the defaults)"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, addition: str, message: str) -> None:
    """Every mistake is told in one line with its key, what is wrong, and what to write."""
    found = error(tmp_path, addition)
    assert found.startswith(f"4: {message}")
    assert "hunter2" not in found
    assert "my-token" not in found


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        ("onvif: {port: 0}", "checks.onvif.port: must be greater than or equal to 1"),
        ("onvif: {port: 70000}", "checks.onvif.port: must be less than or equal to 65535"),
        ("onvif: {port: true}", "checks.onvif.port: must be a whole number"),
        ("frame: {max_bytes: -1}", "checks.frame.max_bytes: must be greater than or equal to 10000"),
        ("frame: {max_bytes: 4000000000}", "checks.frame.max_bytes: must be less than or equal to 100000000"),
    ],
)
def test_figures_of_checks_have_bounds(tmp_path: Path, checks: str, message: str) -> None:
    """A port that is none, and a picture size that no camera sends or no memory holds, are refused."""
    text = SMALLEST.replace("ping: {}", checks)
    assert text != SMALLEST
    assert message in error(tmp_path, "", text)


def test_repair_limits_by_class(tmp_path: Path) -> None:
    """A class has a limit of its own, with or without quotes around its number."""
    for class_ in ('"1"', "1"):
        incidents = load(
            tmp_path, SMALLEST + f"incidents: {{repair: {{by_class: {{{class_}: 12h}}}}}}\n"
        ).incidents
        assert (incidents.repair.by_class, incidents.repair.single) == ({"1": 12 * 3600}, 86400)


def test_nothing_to_ask(tmp_path: Path) -> None:
    """A configuration without any check is a mistake, not a quiet daemon."""
    text = SMALLEST.replace("{ping: {}}", "{}")
    assert errors(tmp_path, text) == ["3: checks: is empty: nothing would be asked (add ping: {})"]


def test_picture_age(tmp_path: Path) -> None:
    """A picture must not be too old before the next is due; unless set, it is good for three intervals."""
    text = SMALLEST.replace("{ping: {}}", "{ping: {}, frame: {interval: 10m}}")
    assert load(tmp_path, text).picture_max_age_seconds == 1800
    assert load(tmp_path, text + "state: {picture_max_age: 15m}\n").picture_max_age_seconds == 900
    assert error(tmp_path, "state: {picture_max_age: 10m}\n", text).startswith(
        "4: state.picture_max_age: is not above"
    )


def write_certificate(directory: Path, name: str) -> rsa.RSAPrivateKey:
    """NAME.crt and NAME.key, good for an hour; returns the key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "healthd")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    (directory / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    write_key(directory / f"{name}.key", key, NoEncryption())
    return key


def write_key(path: Path, key: rsa.RSAPrivateKey, lock: KeySerializationEncryption) -> None:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, lock))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    key = write_certificate(directory, "one")
    write_certificate(directory, "two")
    write_key(directory / "locked.key", key, BestAvailableEncryption(b"secret"))
    return directory


def test_open_to_the_network(tmp_path: Path, certificate: Path) -> None:
    """Addresses other than loopback need tokens and TLS, or tokens and an explicit `insecure: true`."""
    tokens = f"tokens: [{{name: prometheus, sha256: {DIGEST.upper()}}}]"
    tls = f"tls: {{cert_file: {certificate}/one.crt, key_file: {certificate}/one.key}}"

    def listening(*more: str) -> str:
        return "web: {" + ", ".join(["listen: '0.0.0.0:9808'", *more]) + "}\n"

    assert error(tmp_path, listening(tokens)).startswith(
        "4: web: 0.0.0.0:9808 is open to other machines without tls ("
    )
    config = load(tmp_path, SMALLEST + listening(tokens, tls))
    assert [(token.name, token.sha256) for token in config.web.tokens] == [("prometheus", DIGEST)]
    assert not web_settings(config).read_only
    looking = tokens.replace("}]", ", read_only: true}]")
    assert web_settings(load(tmp_path, SMALLEST + listening(looking, tls))).read_only == {"prometheus"}
    assert DIGEST not in repr(config)
    assert load(tmp_path, SMALLEST + listening(tokens, "insecure: true")).web.insecure
    assert error(tmp_path, listening(tls)).startswith(
        "4: web: 0.0.0.0:9808 is open to other machines, and there are no"
    )
    for loopback in ("127.9.9.9:0", "[::1]:9808", "localhost:9808"):
        assert load(tmp_path, SMALLEST + f"web: {{listen: '{loopback}'}}\n").web.listen == loopback


@pytest.mark.parametrize("key", ["two.key", "one.crt", "locked.key"])
def test_certificates_that_do_not_fit(tmp_path: Path, certificate: Path, key: str) -> None:
    """A key that is another's, none, or locked by a passphrase is found at the start, without asking for one."""
    tls = f"web: {{tls: {{cert_file: {certificate}/one.crt, key_file: {certificate / key}}}}}\n"
    assert error(tmp_path, tls).startswith("4: web.tls: the certificate and its key cannot be used: ")


def test_unreadable(tmp_path: Path) -> None:
    """A path that the system refuses is told with the system's reason."""
    (tmp_path / "healthd.yml").write_text(SMALLEST)
    with pytest.raises(BadInput, match="cannot be read: Not a directory"):
        load_config(tmp_path / "healthd.yml" / "more", {})


def test_example_passes() -> None:
    """The configuration and the inventory that the project ships are valid, without a warning."""
    config = load_config(REPOSITORY / "config" / "healthd.yml", {})
    inventory, warnings = load_inventory(config)
    assert set(config.checks) == set(PROBES)
    assert len(inventory.cameras) == 10
    assert warnings == []


def test_every_key_is_documented() -> None:
    """docs/configuration.md has a row for every key that the file may hold, and none for others."""
    text = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([a-z0-9_.<>\[\]]+)` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(keys_below(_WholeFile, ""))


REFUSED_SECRETS = {"password", "community", "auth_password", "priv_password", "token", "secret"}
# Sections that the schema holds in a list, a mapping or not at all: how their keys are written, and what they are.
BELOW: Mapping[str, tuple[str, type[BaseModel]]] = {
    "credentials": (".<name>", Login),
    "profile_definitions": (".<name>", ProfileOptions),
    "deductions": ("[]", Deduction),
    "tokens": ("[]", Token),
    "thresholds": ("[]", OwnThreshold),
    "platforms": ("[]", PlatformOptions),
    "reports": ("[]", ScheduledReport),
    "mail": ("", MailOptions),
    "tls": ("", Tls),
    "alerting": ("", AlertingOptions),
    "smtp": ("", Smtp),
    "receivers": (".<name>", Receiver),
    "webhooks": ("[]", Webhook),
    "wecom_app": ("", WecomApp),
    "maintainers": (".<id>", OnCall),
    "hooks": (".<name>", HookOptions),
    "sms": ("", SmsOptions),
}


def keys_below(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Dotted names of all keys, from the schema itself; without those that are known only to be refused."""
    for name, info in model.model_fields.items():
        shape, where = str(info.annotation), prefix + name
        if name in BELOW and "healthd" in shape:
            mark, below = BELOW[name]
            keys = keys_below(below, f"{where}{mark}.")
            yield from (key for key in keys if key.split(".")[-1] not in REFUSED_SECRETS)
        elif name in PROBES and prefix == "checks.":
            yield from keys_below(PROBES[name].options, f"{where}.")
        elif isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            keys = keys_below(info.annotation, f"{where}.")
            yield from (key for key in keys if key.split(".")[-1] not in REFUSED_SECRETS)
        else:
            plain = "healthd" not in shape or any(name in shape for name in ("DayHours", "StoreUrl"))
            assert plain, f"{where} has keys that are not listed"
            yield where.removesuffix("_")
