"""A real Prometheus and a real Alertmanager over a page made for the test, in time-lapse."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.running import free_port, wait_until

RULES = sorted((Path(__file__).parent.parent / "config" / "rules").glob("*.yml"))
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?<=\[)[0-9]+(?:ms|s|m|h|d)(?=\])|(?<=offset )[0-9]+(?:ms|s|m|h|d)")


def lapsed(text: str, factor: int) -> str:
    """A duration divided by `factor`."""
    number, unit = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", text).groups()  # type: ignore[union-attr]
    return f"{max(1, int(number) * _UNITS[unit] // factor)}ms"


def lapsed_rules(path: Path, factor: int) -> dict[str, Any]:
    """The rule file with every duration divided."""
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    for group in content["groups"]:
        for holder in (group, *group["rules"]):
            for key in ("interval", "for", "keep_firing_for"):
                if key in holder:
                    holder[key] = lapsed(holder[key], factor)
            if "expr" in holder:
                holder["expr"] = _DURATION.sub(lambda match: lapsed(match[0], factor), holder["expr"])
    return content


def lapsed_routes(text: str, factor: int) -> str:
    """alertmanager.yml with every duration divided."""
    pattern = re.compile(
        r"^(\s*(?:group_wait|group_interval|repeat_interval|resolve_timeout): )(\S+)$", re.MULTILINE
    )
    return pattern.sub(lambda match: match[1] + lapsed(match[2], factor), text)


@dataclass
class Told:
    """Everything that Alertmanager sent, by the path it was sent to: (seconds since the start, message)."""

    started: float = field(default_factory=time.monotonic)
    messages: dict[str, list[tuple[float, dict[str, Any]]]] = field(default_factory=dict)

    def hear(self, path: str, body: bytes) -> None:
        self.messages.setdefault(path, []).append((time.monotonic() - self.started, json.loads(body)))

    def at(self, path: str) -> list[tuple[float, dict[str, Any]]]:
        return self.messages.get(path, [])


@contextlib.contextmanager
def serving(page: Callable[[], str | None], told: Told) -> Iterator[int]:
    """A port that serves `page()` on GET (None: breaks the connection off) and hears POSTs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = page()
            if text is None:
                self.close_connection = True
                return
            self._answer(text.encode())

        def do_POST(self) -> None:
            told.hear(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def _program(arguments: list[str], log: Path, ready: str) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output)
    try:
        wait_until(lambda: answers(ready) or process.poll() is not None, 60)
        assert process.poll() is None, log.read_text("utf-8")
        yield
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@contextlib.contextmanager
def stack(directory: Path, port: int, routes: str, factor: int) -> Iterator[str]:
    """Alertmanager with these routes, and Prometheus with the shipped rules that scrapes the page at `port`. Gives
    Prometheus' address."""
    alertmanager, prometheus = (f"127.0.0.1:{free_port()}" for _ in range(2))
    (directory / "alertmanager.yml").write_text(lapsed_routes(routes, factor), "utf-8")
    for path in RULES:
        (directory / path.name).write_text(yaml.safe_dump(lapsed_rules(path, factor), allow_unicode=True), "utf-8")
    step, scrape = lapsed("30s", factor), lapsed("1m", factor)
    target = {"job_name": "healthd", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    content = {
        "global": {"scrape_interval": scrape, "scrape_timeout": scrape, "evaluation_interval": step},
        "rule_files": [str(directory / path.name) for path in RULES],
        "scrape_configs": [target],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(content), "utf-8")
    first = [
        "prometheus-alertmanager",
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address={alertmanager}",
        "--cluster.listen-address=",
    ]
    second = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address={prometheus}",
        f"--query.lookback-delta={lapsed('5m', factor)}",
        "--rules.alert.resend-delay=1s",
        "--rules.alert.for-grace-period=1s",
    ]
    with (
        _program(first, directory / "alertmanager.log", f"http://{alertmanager}/-/ready"),
        _program(second, directory / "prometheus.log", f"http://{prometheus}/-/ready"),
    ):
        yield f"http://{prometheus}"
