"""Real processes for tests: a simulated city, a daemon over it, and ways to look at both."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HEALTHD = [sys.executable, "-m", "healthd"]


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(what: Callable[[], Any], seconds: float = 30.0, pause: float = 0.1) -> Any:
    """The first true value of `what`; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(pause)


def healthd(*arguments: str, check: bool = True, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    done = subprocess.run([*HEALTHD, *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def edit_config(path: Path, **changes: Any) -> None:
    """Replace top-level keys of a healthd.yml; None removes one."""
    config = yaml.safe_load(path.read_text("utf-8"))
    for key, value in changes.items():
        config.pop(key, None)
        if value is not None:
            config[key] = value
    path.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")


def edit_checks(path: Path, **changes: dict[str, Any]) -> None:
    """Change settings of checks of a healthd.yml, their ports kept; the checks that are not named go."""
    checks = yaml.safe_load(path.read_text("utf-8"))["checks"]
    edit_config(path, checks={name: checks.get(name, {}) | settings for name, settings in changes.items()})


@dataclass
class Program:
    """A started process whose output goes to a file."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    def stop(self, number: int = signal.SIGTERM, timeout: float = 10.0) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout)


@contextlib.contextmanager
def started(arguments: list[str], log: Path, program_of: list[str] = HEALTHD) -> Iterator[Program]:
    """A process that is gone afterwards, whatever happens."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*program_of, *arguments], stdout=output, stderr=output, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
    program = Program(process, log)
    try:
        yield program
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextlib.contextmanager
def city(directory: Path, cameras: int, *options: str) -> Iterator[Program]:
    """A city that answers; its healthd.yml listens on a free port."""
    arguments = ["city", "--cameras", str(cameras), "--dir", str(directory), *options]
    directory.mkdir(exist_ok=True)
    with started(arguments, directory / "city.log") as program:
        wait_until(lambda: "cameras answer" in program.text or program.process.poll() is not None, 60)
        assert program.process.poll() is None, program.text
        edit_config(directory / "healthd.yml", web={"listen": f"127.0.0.1:{free_port()}"})
        yield program


@dataclass
class Daemon:
    """A running `healthd run`."""

    program: Program
    config: Path
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = "http://" + yaml.safe_load(self.config.read_text("utf-8"))["web"]["listen"]

    def get(self, path: str, headers: dict[str, str] | None = None, timeout: float = 10) -> tuple[int, str]:
        """(status, body); status 0 while nobody listens."""
        return self._open(urllib.request.Request(self.url + path, headers=headers or {}), timeout)

    def post(self, path: str) -> tuple[int, str]:
        return self._open(urllib.request.Request(self.url + path, data=b"", method="POST"))

    def _open(self, request: urllib.request.Request, timeout: float = 10) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""

    def ready(self, seconds: float = 60.0) -> None:
        """Wait until every camera was asked and the windows stand."""

        def is_ready() -> bool:
            assert self.program.process.poll() is None, self.program.text
            return self.get("/-/ready")[0] == 200 and bool(self.samples("healthd_region_rate_ratio"))

        wait_until(is_ready, seconds)

    def samples(self, name: str, **labels: str) -> dict[tuple[tuple[str, str], ...], float]:
        """All samples of one metric that have these labels: sorted label pairs -> value."""
        _, text = self.get("/metrics")
        found = {}
        for line in text.splitlines():
            match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if match:
                pairs = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[1] or ""))
                if pairs.items() >= labels.items():
                    found[tuple(sorted(pairs.items()))] = float(match[2])
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample with these labels, None if there is none."""
        found = self.samples(name, **labels)
        assert len(found) <= 1, found
        return next(iter(found.values()), None)


@contextlib.contextmanager
def daemon(config: Path, program_of: list[str] = HEALTHD) -> Iterator[Daemon]:
    """A started daemon; not yet ready."""
    with started(["run", "-c", str(config)], config.parent / "daemon.log", program_of) as program:
        yield Daemon(program, config)


def rates(config: Path, *arguments: str) -> list[dict[str, Any]]:
    """`healthd rates --json`."""
    rows: list[dict[str, Any]] = json.loads(healthd("rates", "-c", str(config), "--json", *arguments).stdout)
    return rows
