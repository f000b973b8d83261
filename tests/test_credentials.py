"""Logins in the configuration: where secrets come from, what belongs together, and that no message shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from healthd.config import Config, load_config
from healthd.problems import BadInput

SMALLEST = """site: nantong
inventory: {regions: regions.csv, devices: devices.csv, cameras: cameras.csv}
checks: {ping: {}}
"""
SECRET = "hunter2-very-secret"


def load(directory: Path, text: str, environment: Mapping[str, str] | None = None) -> Config:
    path = directory / "healthd.yml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, environment or {})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (f"password: {SECRET}", ".password: a secret must not stand in this file ("),
        (f"community: {SECRET}", ".community: a secret must not stand in this file ("),
        (f"passwort: {SECRET}", ".passwort: unknown key (did you mean"),
        ("password_file: absent", ".password_file: no such file: "),
        ("password_file: .", ".password_file: "),
        ("password_file: empty", ".password_file: "),
        ("password_file: binary", ".password_file: "),
        ("password_file: large", ".password_file: "),
        ("password_env: ABSENT", ".password_env: environment variable ABSENT is not set ("),
        ("username: admin", ": username is given without password (add password_file or password_env)"),
        ("password_file: good", ": password is given without username (add username)"),
        ("password_file: good, password_env: GOOD, username: a", ": password_file and password_env"),
        ("snmp_version: 1, community_env: GOOD", ".snmp_version: must be one of '2c' or '3'"),
        ("snmp_version: 2c", ": snmp_version 2c needs community (add community_file or community_env)"),
        ("community_env: GOOD", ": community is given without snmp_version (add snmp_version: 2c)"),
        ("snmp_version: 3", ": snmp_version 3 needs snmp_user (add snmp_user)"),
        ("snmp_version: 2c, community_env: GOOD, snmp_user: a", ": snmp_user has no meaning"),
        ("snmp_version: 3, snmp_user: a, auth_protocol: sha", ": auth_protocol is given"),
        ("snmp_version: 3, snmp_user: a, auth_protocol: sha1, auth_password_env: GOOD", ".auth_protocol: must"),
        ("snmp_version: 3, snmp_user: a, priv_protocol: aes, priv_password_env: GOOD", ": priv_prot"),
        ("snmp_version: 3, snmp_user: a, auth_protocol: sha, auth_password_env: SHORT", ": auth_pass"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, entry: str, message: str) -> None:
    """A login that can't work is told at the start, and no message ever shows a secret."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + SECRET.encode())
    (tmp_path / "large").write_text(SECRET * 1000)
    (tmp_path / "good").write_text(SECRET)
    text = SMALLEST + f"credentials:\n  default: {{{entry}}}\n"
    with pytest.raises(BadInput) as caught:
        load(tmp_path, text, {"GOOD": SECRET, "SHORT": "short"})
    (problem,) = caught.value.problems
    found = str(problem).removeprefix(f"{tmp_path / 'healthd.yml'}:")
    assert found.startswith(f"5: credentials.default{message}")
    assert SECRET not in found


def test_secret_newlines(tmp_path: Path) -> None:
    """Exactly one newline at a secret's end is the editor's; spaces and further newlines are the secret's."""
    for content, secret in [(b"a b \n", "a b "), (b"x\r\n", "x"), (b"x\n\n", "x\n"), ("密码".encode(), "密码")]:
        (tmp_path / "secret").write_bytes(content)
        config = load(tmp_path, SMALLEST + "credentials: {c: {username: a, password_file: secret}}\n")
        assert config.credentials["c"].password == secret
