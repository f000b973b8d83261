"""What is shipped to run beside healthd: Prometheus, Grafana, compose, systemd, checked by who reads it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.running import free_port, wait_until

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "config"


def read(path: str) -> Any:
    return yaml.safe_load((CONFIG / path).read_text("utf-8"))


def run(*arguments: str | Path) -> str:
    """What a program says; AssertionError where it finds something wrong."""
    done = subprocess.run([*map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_takes_prometheus_configuration() -> None:
    """With the rules that it names, and the file of the token."""
    assert "2 rule files found" in run("promtool", "check", "config", CONFIG / "prometheus.yml")


def test_prometheus_loads_every_rule(tmp_path: Path) -> None:
    """The real server starts with the shipped file, and no rule is in error after it was evaluated."""
    port = free_port()
    shutil.copytree(CONFIG, tmp_path / "config")
    content = read("prometheus.yml")
    content["global"]["evaluation_interval"] = "1s"
    (tmp_path / "config" / "prometheus.yml").write_text(yaml.safe_dump(content))
    program = [
        "prometheus",
        f"--config.file={tmp_path / 'config' / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def health() -> set[str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/rules", timeout=5) as response:
                groups = json.load(response)["data"]["groups"]
        except OSError:
            return set()
        return {rule["health"] for group in groups for rule in group["rules"]}

    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(program, stdout=log, stderr=log)
    try:
        # The groups with steps of their own wait for up to five minutes.
        wait_until(lambda: "ok" in health(), 60)
        assert health() <= {"ok", "unknown"}
    finally:
        server.terminate()
        server.wait(20)


def test_links_labels_are_taken_off_alerts() -> None:
    """What only makes links, or tells two servers apart, is no part of an alert's identity."""
    content = read("prometheus.yml")
    (drop,) = content["alerting"]["alert_relabel_configs"]
    assert drop["action"] == "labeldrop"
    kept = {name for name in content["global"]["external_labels"] if not re.fullmatch(drop["regex"], name)}
    assert kept == {"site"}


def test_the_job_is_the_one_that_alerts_look_for() -> None:
    """HealthdDown watches jobs of this name."""
    jobs = [job["job_name"] for job in read("prometheus.yml")["scrape_configs"]]
    assert jobs[0] == "healthd"
    assert 'up{job=~"healthd.*"}' in (CONFIG / "rules" / "alerts.yml").read_text("utf-8")


def test_compose_names_what_is_there() -> None:
    """Fixed versions; paths that exist; declared volumes; a health check each; only loopback ports."""
    compose = read("compose.yml")
    assert set(compose["services"]) == {"healthd", "prometheus", "alertmanager", "grafana"}
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert service["healthcheck"]["test"][0] == "CMD"
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        for volume in service["volumes"]:
            source = re.sub(r"^\$\{\w+:-([^}]+)\}", r"\1", volume).split(":")[0]
            if source.startswith("."):
                assert (CONFIG / source).exists(), source
            else:
                assert source in compose["volumes"]
    for secret in compose["secrets"].values():
        assert (CONFIG / secret["file"]).is_file()
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert compose["services"]["healthd"]["image"] == f"healthd:{version[1]}"


def test_compose_and_grafana_agree() -> None:
    """Grafana finds its data source, and each folder's dashboards where compose mounts them."""
    volumes = read("compose.yml")["services"]["grafana"]["volumes"]
    mounts = {volume.split(":")[1] if "${" not in volume else volume.split(":")[2] for volume in volumes}
    assert "/etc/grafana/provisioning/datasources" in mounts
    assert "/etc/grafana/provisioning/dashboards" in mounts
    languages = set()
    for provider in read("grafana/dashboards/healthd.yml")["providers"]:
        path = Path(provider["options"]["path"])
        assert str(path.parent) in mounts
        languages.add(path.name)
        assert list((ROOT / "dashboards" / path.name).glob("*.json"))
        assert provider["folderUid"] == f"healthd-{path.name}"
    assert languages == {"zh", "en"}
    sources = {source["type"]: source for source in read("grafana/datasources/healthd.yml")["datasources"]}
    assert sources["prometheus"]["url"] == "http://prometheus:9090"
    assert sources["prometheus"]["isDefault"] is True


def test_container_gets_what_the_package_links_to() -> None:
    """The build has the directories that healthd/data points at, and the ignore file lets them in."""
    docker, ignored = (ROOT / "Dockerfile").read_text("utf-8"), (ROOT / ".dockerignore").read_text("utf-8").split()
    for link in (ROOT / "healthd" / "data").iterdir():
        target = str(link.resolve().relative_to(ROOT.resolve()))
        assert f"COPY {target} {target}\n" in docker
        assert f"!{target}" in ignored


def test_systemd_unit(tmp_path: Path) -> None:
    """systemd takes the unit, and rates its hardening as good."""
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: apt-get install systemd"
    text = (CONFIG / "healthd.service").read_text("utf-8")
    unit = tmp_path / "healthd.service"
    unit.write_text(text.replace("/opt/healthd/bin/healthd", "/bin/true"), "utf-8")
    run(program, "verify", unit)
    told = run(program, "security", "--offline=yes", unit)
    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", told)
    assert exposure is not None
    assert float(exposure[1]) <= 2.5
