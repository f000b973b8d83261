"""What the dashboards cost at 100,000 cameras: `python -m tests.bench.bench_dashboards [CAMERAS] [-o PICTURES]`.

A real daemon watches 300 simulated cameras; its page is blown up to CAMERAS in a city, 12 counties and 200
townships, with series of single cameras for those that are bad only, as `metrics.per_camera: auto` has it
there. A real Prometheus scrapes that every 15 s, evaluates all rules, and has a day of history of the city and
its counties. Every query of every board is then asked, over 24 hours where it is a graph, and the slowest are
printed; each should take less than a second. With -o the boards are drawn.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.bench.board_pictures import draw, first_choice, photograph
from tests.board_kit import LANGUAGES, NAMES, board, filled, queries, variables
from tests.prometheus_kit import Server, backfill, prometheus
from tests.running import Daemon, free_port, started, wait_until
from tests.test_dashboards_live import RULES, text_of

COUNTIES, TOWNSHIPS, SMALL, INCIDENTS_SHOWN, HOURS = 12, 200, 300, 500, 24
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_SCALED = ("_cameras", "_seconds", "_total", "_bucket", "_count", "_sum", "_repairs", "_disagreements")


def blown_up(page: str, cameras: int) -> str:
    """The page of a small city as that of a large one: more regions of each level, each with more cameras."""
    levels = {
        dict(_LABEL.findall(line))["region"]: dict(_LABEL.findall(line))["level"]
        for line in page.splitlines()
        if line.startswith("healthd_region_info{")
    }
    small = {level: [code for code in levels if levels[code] == level] for level in ("city", "county", "township")}
    wanted = {"city": 1, "county": COUNTIES, "township": TOWNSHIPS}
    factor = cameras // SMALL
    lines: list[str] = []
    shown: Counter[str] = Counter()
    for line in page.splitlines():
        match = None if line.startswith("#") else _SAMPLE.fullmatch(line)
        if match is None:
            lines.append(line)
            continue
        name, value = match[1], match[3]
        labels = dict(_LABEL.findall(match[2] or ""))
        copies = factor
        if "camera" not in labels and "incident" not in labels:
            copies = 1
            if labels.get("region") in levels:
                level = levels[labels["region"]]
                at = small[level].index(labels["region"])
                copies = len(range(at, wanted[level], len(small[level])))
                if name.startswith("healthd_region_") and name.endswith(_SCALED):
                    value = f"{float(value) * factor * len(small[level]) / wanted[level]:.0f}"
        for copy in range(copies):
            if "incident" in labels and shown[name] == INCIDENTS_SHOWN:
                break
            shown[name] += 1
            lines.append(f"{name}{_copied(labels, copy, levels)} {value}")
    return "\n".join(lines) + "\n"


def _copied(labels: Mapping[str, str], copy: int, levels: Mapping[str, str]) -> str:
    """Labels of a copy: counties, and the paths and parents in them, are copied a few times, the rest often."""
    few = copy % (COUNTIES // sum(level == "county" for level in levels.values()))

    def code(value: str) -> str:
        number = {"county": few, "township": copy}.get(levels.get(value, ""), 0)
        return f"{value}-{number}" if number else value

    renamed = {}
    for name, value in labels.items():
        new = value
        if name in ("region", "parent"):
            new = code(value)
        elif name == "path":
            new = "/".join(map(code, value.split("/")))
        elif name in ("camera", "incident", "name") and copy:
            new = f"{value}-{copy}"
        renamed[name] = new
    return "{" + ",".join(f'{name}="{value}"' for name, value in renamed.items()) + "}" if renamed else ""


class Pages(BaseHTTPRequestHandler):
    """Serves one page to whoever asks."""

    page = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def small_page(directory: Path) -> str:
    """What a real daemon over a small city shows, single cameras only where they are bad."""
    listen = f"127.0.0.1:{free_port()}"
    command = ["demo", "--cameras", str(SMALL), "--dir", str(directory / "demo"), "--listen", listen]
    with started(command, directory / "demo.log") as program:
        wait_until((directory / "demo" / "healthd.yml").exists, 120)
        daemon = Daemon(program, directory / "demo" / "healthd.yml")
        daemon.url = f"http://{listen}"
        wait_until(lambda: daemon.samples("healthd_region_rate_ratio", window="previous_month"), 180)
        wait_until(lambda: len(daemon.samples("healthd_incident_cameras")) > 2, 120)
        time.sleep(60)
        page = daemon.get("/metrics")[1]
    bad = set(re.findall(r'healthd_camera_(?:online|picture_good)\{camera="([^"]+)".*\} 0', page))
    return "\n".join(
        line
        for line in page.splitlines()
        if not (found := re.match(r'healthd_camera_\w+\{camera="([^"]+)"', line)) or found[1] in bad
    )


def history(server: Server, now: float) -> Iterator[str]:
    """A day of the city as a whole, every five minutes, as it is now."""
    graphed = "healthd:region_(rate_cameras|camera_seconds|cameras|target_ratio|incidents_open)|healthd:.*ratio"
    city = server.query('healthd:region_info{level="city"}', now)[0]["metric"]["region"]
    found = server.query(f'{{__name__=~"{graphed}",region="{city}"}}', now)
    by_name = defaultdict(list)
    for series in found:
        labels = dict(series["metric"])
        by_name[labels.pop("__name__")].append((text_of(labels), series["value"][1]))
    times = [int(now - minutes * 60) for minutes in range(HOURS * 60, 4, -5)]
    for record, entries in by_name.items():
        yield f"# TYPE {record} unknown\n"
        for inner, value in entries:
            yield "".join(f"{record}{{{inner}}} {value} {moment}\n" for moment in times)


def rule_seconds(server: Server) -> dict[str, float]:
    """Group -> how long its last turn took."""
    with urllib.request.urlopen(f"{server.url}/api/v1/rules", timeout=10) as response:
        groups = json.load(response)["data"]["groups"]
    return {group["name"]: group["evaluationTime"] for group in groups}


def ask(server: Server) -> None:
    """Asks every query of every board and prints the slowest of each."""
    now = time.time()
    for name in NAMES:
        choice, defined = first_choice(name, server, {}), variables(board(name))
        took, most = {}, 0
        for query in queries(name):
            asked = filled(query.expression, choice, defined, f"{HOURS}h")
            if query.instant:
                server.query(asked)
            else:
                most = max(most, len(server.query_range(asked, now - HOURS * 3600, now, 240)))
            took[str(query)] = server.took[asked]
        slowest = max(took, key=lambda query: took[query])
        print(
            f"{name}: {len(took)} queries, {sum(took.values()):.2f} s in all, at most {took[slowest]:.2f} s"
            f" ({slowest}), {most} series in one graph"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cameras", type=int, nargs="?", default=100_000)
    parser.add_argument("-o", "--output", type=Path, metavar="PICTURES")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        Pages.page = blown_up(small_page(directory), arguments.cameras).encode()
        print(f"{arguments.cameras} cameras: a page of {len(Pages.page) / 1e6:.1f} MB")
        site = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        target = f"127.0.0.1:{site.server_address[1]}"
        with prometheus(directory, [target], RULES, interval="15s", own_pace=True) as server:
            wait_until(
                lambda: server.query("healthd:region_plan_repairs and on () healthd:region_burn:ratio"), 300
            )
            time.sleep(20)
            lines = [*history(server, time.time() - 2)]
        backfill(directory, lines)
        with prometheus(directory, [target], RULES, interval="15s", own_pace=True) as server:
            time.sleep(150)
            samples = server.query("scrape_samples_scraped")[0]["value"][1]
            recorded = server.query('count({__name__=~"healthd:.*"})')[0]["value"][1]
            print(f"{samples} series scraped, {recorded} recorded; rules take", end=" ")
            print(", ".join(f"{group} {took:.2f} s" for group, took in rule_seconds(server).items()))
            ask(server)
            if arguments.output:
                arguments.output.mkdir(parents=True, exist_ok=True)
                for name in NAMES:
                    for language in LANGUAGES:
                        text, _ = draw(board(name, language), server, HOURS, first_choice(name, server, {}))
                        height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board(name)["panels"])
                        photograph(text, arguments.output / f"{name}-{language}.png", height * 38 + 80)
        site.shutdown()


if __name__ == "__main__":
    main()
