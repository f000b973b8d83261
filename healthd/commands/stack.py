"""`healthd demo --stack`: a real Prometheus and a real Alertmanager beside the demo, and what they tell."""

from __future__ import annotations

import contextlib
import ctypes
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from healthd.alerting.files import text_of, write
from healthd.problems import Wrong
from healthd.setup import read_setup

_PROMETHEUS = ("prometheus",)
_ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")  # Debian's name first
_START_SECONDS, _STOP_SECONDS = 60.0, 10.0
_MOST_BODY_BYTES = 1_000_000
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the programs answer; `messages`: the file that shows what on-call people would read."""

    prometheus: str
    alertmanager: str
    messages: Path


def find_programs() -> tuple[str, str]:
    """Paths of Prometheus and Alertmanager. Raises Wrong where one is not installed."""
    found = []
    for names, package in ((_PROMETHEUS, "prometheus"), (_ALERTMANAGER, "prometheus-alertmanager")):
        path = next((path for name in names if (path := shutil.which(name))), None)
        if path is None:
            remedy = f"apt-get install {package} on Debian and Ubuntu, or leave --stack out"
            raise Wrong(f"--stack needs the program {names[0]}, which is not installed", remedy)
        found.append(path)
    return found[0], found[1]


@contextlib.contextmanager
def running_stack(programs: tuple[str, str], directory: Path) -> Iterator[Addresses]:
    """Both programs over the demo in `directory`, whose healthd.yml gets a section `alerting`; all is gone
    afterwards, but the data in DIR/stack."""
    home = (directory / "stack").absolute()
    home.mkdir(exist_ok=True)
    ports = _free_ports(2)
    where = Addresses(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", home / "messages.txt")
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(_group_chat(where.messages))
        _configure(directory, home, where, group)
        prometheus, alertmanager = programs
        stack.enter_context(
            _program(
                [
                    alertmanager,
                    f"--config.file={home / 'alertmanager.yml'}",
                    f"--storage.path={home / 'alertmanager'}",
                    f"--web.listen-address={where.alertmanager}",
                    "--cluster.listen-address=",
                ],
                home / "alertmanager.log",
                where.alertmanager,
            )
        )
        stack.enter_context(
            _program(
                [
                    prometheus,
                    f"--config.file={home / 'prometheus.yml'}",
                    f"--storage.tsdb.path={home / 'prometheus'}",
                    f"--web.listen-address={where.prometheus}",
                ],
                home / "prometheus.log",
                where.prometheus,
            )
        )
        yield where


def _free_ports(count: int) -> list[int]:
    """Held together until all are known, so that no two are the same."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _configure(directory: Path, home: Path, where: Addresses, group: int) -> None:
    """healthd.yml with a group chat for everybody, the routes made of it, and prometheus.yml with the rules."""
    file = directory / "healthd.yml"
    content: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    listen = str(content["web"]["listen"])
    (home / "token").write_text("demo\n", "utf-8")
    content["alerting"] = {
        "alertmanager_file": "stack/alertmanager.yml",
        "healthd_url": f"http://{listen}",
        "receivers": {"group": {"hooks": ["group"]}},
        "default": "group",
        "day_hours": "00:00-24:00",
        "hooks": {
            "group": {"kind": "wecom", "base_url": f"http://127.0.0.1:{group}", "token_file": "stack/token"}
        },
    }
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")
    setup = read_setup(file)
    write(text_of(setup.config, setup.inventory), home / "alertmanager.yml")
    rules = resources.files("healthd").joinpath("data", "rules")
    (home / "rules").mkdir(exist_ok=True)
    for rule in rules.iterdir():
        (home / "rules" / rule.name).write_bytes(rule.read_bytes())
    (home / "prometheus.yml").write_text(yaml.safe_dump(_prometheus(listen, where), sort_keys=False), "utf-8")


def _prometheus(listen: str, where: Addresses) -> dict[str, Any]:
    """As config/prometheus.yml, with shorter steps."""
    return {
        "global": {
            "scrape_interval": "10s",
            "evaluation_interval": "10s",
            "external_labels": {
                "site": "demo",
                "healthd_url": f"http://{listen}",
                "grafana_url": "http://127.0.0.1:3000",
            },
        },
        "rule_files": ["rules/*.yml"],
        "alerting": {
            "alert_relabel_configs": [{"action": "labeldrop", "regex": "grafana_url|healthd_url|replica"}],
            "alertmanagers": [{"static_configs": [{"targets": [where.alertmanager]}]}],
        },
        "scrape_configs": [{"job_name": "healthd", "static_configs": [{"targets": [listen]}]}],
    }


@contextlib.contextmanager
def _program(arguments: list[str], log: Path, address: str) -> Iterator[None]:
    """A program that answers at its address; it is stopped afterwards, and also when this process is killed."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 (found by `find_programs`; no word of a stranger's is in it)
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is ours to pass on, after the daemon has stopped
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (no thread of ours holds a lock yet)
        )
    try:
        _wait_until_ready(process, log, address)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, address: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/-/ready", timeout=2):
            return
        time.sleep(0.1)
    last = (log.read_text("utf-8", "replace").splitlines() or [""])[-1]
    raise Wrong(f"{log.stem} did not start: {last[:300]}", f"see {log}")


@contextlib.contextmanager
def _group_chat(messages: Path) -> Iterator[int]:
    """Stands in for WeCom's group bots on a port of its own, and writes what it is told into a file."""

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length", "0")), _MOST_BODY_BYTES)
            text = json.loads(self.rfile.read(length))["text"]["content"]
            with messages.open("a", encoding="utf-8") as file:
                file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')}\n{text}\n\n")
            body = b'{"errcode":0,"errmsg":"ok"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The file is the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    thread = threading.Thread(target=server.serve_forever, name="group chat", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
