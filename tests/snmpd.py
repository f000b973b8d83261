"""A real Debian snmpd on loopback for tests: every 127.x address answers, v2c and v3 alike; and how to ask it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from probes.base import Credential, Probe, Resources, Result, Target
from probes.snmp import KIND, SnmpOptions

COMMUNITY = "right-community"
V2C = Credential("default", snmp_version="2c", community=COMMUNITY)
V3 = Credential(
    "switches",
    snmp_version="3",
    snmp_user="ops",
    auth_protocol="sha",
    auth_password="auth-password",
    priv_protocol="aes",
    priv_password="priv-password",
)
V3_SIGNED = Credential(
    "signed", snmp_version="3", snmp_user="signer", auth_protocol="sha", auth_password="auth-password"
)
DESCR = "A camera for tests"
NAME = "camera-7"
LOCATION = "崇川区 学田街道 12 号杆"
CONTACT = "upkeep@example.org"
NOW = 1_800_000_000.0  # what the clock of every probe made here says
SECRETS = (COMMUNITY, "auth-password", "priv-password", "wrong-secret")

_CONFIG = f"""
agentAddress udp:0.0.0.0:{{port}}
rocommunity {COMMUNITY}
createUser ops SHA auth-password AES priv-password
createUser signer SHA auth-password
rouser ops priv
rouser signer auth
sysDescr {DESCR}
sysName {NAME}
sysLocation {LOCATION}
sysContact {CONTACT}
"""


@dataclass(frozen=True, slots=True)
class Snmpd:
    """A running snmpd: its UDP port on every address of this machine."""

    port: int
    pid: int


@contextmanager
def run_snmpd(directory: Path) -> Iterator[Snmpd]:
    """Starts snmpd on a free port with its files under `directory`; stops it at the end."""
    program = shutil.which("snmpd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None:
        raise RuntimeError("snmpd is not installed: `make test` as root installs it, or apt-get install snmpd")
    port = _free_port()
    config = directory / "snmpd.conf"
    config.write_text(_CONFIG.format(port=port), encoding="utf-8")
    log = directory / "snmpd.log"
    environment = {"SNMP_PERSISTENT_DIR": str(directory), "MIBS": "", "PATH": "/usr/bin:/bin"}
    command = [program, "-C", "-c", str(config), "-f", "-Lf", str(log), "-p", str(directory / "snmpd.pid")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_bound(port, process, log)
        yield Snmpd(port, process.pid)
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_bound(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until snmpd holds the port: then a second bind is refused."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return
        time.sleep(0.02)
    raise RuntimeError(f"snmpd did not start: {log.read_text(errors='replace') if log.exists() else 'no log'}")


def make(seconds: float = 2.0, oids: Sequence[str] = ()) -> Probe:
    """The SNMP probe with that timeout."""
    options = SnmpOptions.model_validate({"timeout": seconds, "oids": list(oids)})
    return KIND.build(options, Resources(ThreadPoolExecutor(1), lambda: NOW))


def at(port: int, credential: Credential | None = V2C, address: str = "127.0.0.1") -> Target:
    return Target(address, snmp_port=port, credential=credential)


async def ask(target: Target, seconds: float = 2.0, oids: Sequence[str] = ()) -> Result:
    """One asking by a new probe; no secret may show in its result."""
    result = await make(seconds, oids).ask(target)
    assert not [secret for secret in SECRETS if secret in repr(result)]
    return result
