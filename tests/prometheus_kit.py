"""A real Prometheus to ask: started over a directory, with targets, rules and history."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.running import free_port, wait_until

Series = dict[str, Any]


class QueryError(Exception):
    """Prometheus refused the query, or could not answer it."""


@dataclass
class Server:
    """A running Prometheus."""

    url: str
    took: dict[str, float] = field(default_factory=dict)  # the last queries: expression -> seconds

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """The instant vector (or [] of a scalar). Raises QueryError."""
        when = {} if at is None else {"time": f"{at:.3f}"}
        return self._ask("query", expression, when)

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """The range vector. Raises QueryError."""
        return self._ask(
            "query_range", expression, {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step}"}
        )

    def _ask(self, what: str, expression: str, more: Mapping[str, str]) -> list[Series]:
        body = urllib.parse.urlencode({"query": expression, **more}).encode()
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}", body, timeout=60) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise QueryError(f"{json.load(error).get('error')}: {expression}") from None
        self.took[expression] = time.monotonic() - begun
        data = answer["data"]
        return list(data["result"]) if data["resultType"] in ("vector", "matrix") else []

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False


@contextlib.contextmanager
def prometheus(
    directory: Path,
    targets: Sequence[str],
    rules: Iterable[Path] = (),
    *,
    interval: str = "1s",
    evaluation: str = "",
    labels: Mapping[str, str] | None = None,
    own_pace: bool = False,
) -> Iterator[Server]:
    """A server that scrapes `targets` (host:port); its data stay in `directory`/data. `labels`: external ones;
    `own_pace`: groups of rules that name an interval keep it, else all go at the server's."""
    port = free_port()
    directory.mkdir(parents=True, exist_ok=True)
    config = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": evaluation or interval,
            "external_labels": dict(labels or {}),
        },
        "rule_files": [str(path if own_pace else _at_one_pace(path, directory)) for path in rules],
        "scrape_configs": [{"job_name": "healthd", "static_configs": [{"targets": [*targets]}]}],
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    program = shutil.which("prometheus")
    assert program, "prometheus is missing: apt-get install prometheus"
    with (directory / "prometheus.log").open("ab") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--storage.tsdb.retention.time=10y",
            ],
            stdout=log,
            stderr=log,
        )
    server = Server(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: server.ready() or process.poll() is not None, 60)
        assert process.poll() is None, (directory / "prometheus.log").read_text()
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _at_one_pace(path: Path, directory: Path) -> Path:
    """A copy of a file of rules whose groups have no intervals of their own."""
    content = yaml.safe_load(path.read_text("utf-8"))
    for group in content["groups"]:
        group.pop("interval", None)
    copy = directory / path.name
    copy.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return copy


def backfill(directory: Path, samples: Iterable[str]) -> None:
    """Puts samples (OpenMetrics lines with times in seconds, grouped by name) into the data of a server that does
    not run."""
    directory.mkdir(parents=True, exist_ok=True)
    text = directory / "history.txt"
    with text.open("w", encoding="utf-8") as file:
        file.writelines(samples)
        file.write("# EOF\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(directory / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text.unlink()
