"""Writes what a daemon needs to watch a simulated city: configuration, inventory, secrets."""

from __future__ import annotations

import csv
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from healthd.city.answers import Login
from healthd.city.options import CityOptions
from healthd.city.plan import Plan
from healthd.model import Camera

# fmt: off
_CAMERA_COLUMNS = (
    "id", "name", "region", "class", "address", "vendor", "model", "unit", "maintainer", "upstream",
    "upstream_port", "longitude", "latitude", "resolution", "reach", "onvif_port", "snapshot_url", "snmp_port",
    "channel", "install_time", "contact", "record_save_days", "address_text", "power", "simulated",
)
# fmt: on


def new_login() -> Login:
    """Fresh secrets for one city."""
    return Login("admin", secrets.token_urlsafe(12), secrets.token_hex(6))


def write_city(directory: Path, plan: Plan, login: Login, options: CityOptions) -> None:
    """Writes healthd.yml, the four inventory files and secrets/ (mode 0600) into `directory`, over older ones."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "secrets").mkdir(mode=0o700, exist_ok=True)
    _write_secret(directory / "secrets" / "camera", login.password)
    _write_secret(directory / "secrets" / "community", login.community)
    _write_rows(
        directory / "regions.csv",
        ("code", "name", "level", "parent"),
        ((region.code, region.name, region.level, region.parent) for region in plan.regions.values()),
    )
    _write_rows(
        directory / "devices.csv",
        (
            "id",
            "name",
            "kind",
            "region",
            "address",
            "credential",
            "upstream",
            "upstream_port",
            "maintainer",
            "reach",
        ),
        (
            (
                device.id,
                device.name,
                device.kind,
                device.region,
                device.address,
                device.credential,
                device.upstream,
                device.upstream_port,
                device.maintainer,
                "icmp" if device.reach_port is None or not device.address else f"tcp:{device.reach_port}",
            )
            for device in plan.devices.values()
        ),
    )
    _write_rows(
        directory / "maintainers.csv",
        ("id", "name", "contact", "from", "to", "repair_hours"),
        ((m.id, m.name, m.contact, m.start, m.end, m.repair_hours) for m in plan.maintainers.values()),
    )
    _write_rows(
        directory / "cameras.csv",
        _CAMERA_COLUMNS,
        (_camera_row(camera, with_url=not options.onvif_interval) for camera in plan.cameras.values()),
    )
    # Last of all, so that whoever waits for it finds the rest in place.
    (directory / "healthd.yml").write_text(configuration(plan, login, options), encoding="utf-8")


def configuration(plan: Plan, login: Login, options: CityOptions) -> str:
    """The text of healthd.yml."""
    checks = {
        "ping": (options.ping_interval, "timeout: 1s"),
        "snmp": (options.snmp_interval, f"timeout: 2s, port: {plan.ports.snmp}"),
        "device": (options.device_interval, f"timeout: 30s, port: {plan.ports.snmp}"),
        "onvif": (options.onvif_interval, f"timeout: 5s, port: {plan.ports.http}"),
        "annotation": (options.annotation_interval, f"timeout: 20s, port: {plan.ports.http}"),
        "frame": (options.frame_interval, "timeout: 10s, small_profile: true"),
    }
    lines = [
        "# Written by `healthd city`: everything in it is simulated, and it is written anew at every start.",
        "simulated: true",
        "site: simulated-city",
        "timezone: Asia/Shanghai",
        "inventory:",
        *(f"  {name}: {name}.csv" for name in ("regions", "devices", "cameras", "maintainers")),
        "credentials:",
        f"  default: {{username: {login.username}, password_file: secrets/camera, snmp_version: 2c, "
        "community_file: secrets/community}",
        "checks:",
        *(f"  {name}: {{interval: {every}, {rest}}}" for name, (every, rest) in checks.items() if every),
        f"state: {{retry_interval: {options.retry_interval}}}",
        'picture: {day: "00:00-23:59"}' if options.noon else 'picture: {day: "07:00-18:00"}',
        "profiles: [default, nantong-2017, ningxia-2014]",
        'store: {url: "sqlite:///healthd.db"}',
        f"web: {{listen: {json.dumps(options.listen)}}}",
    ]
    if plan.ports.reach is None:
        lines.append("reference_targets: [127.0.0.1]")
    return "\n".join(lines) + "\n"


def _camera_row(camera: Camera, with_url: bool) -> Sequence[object]:
    place = camera.placement
    width, height = camera.resolution or (0, 0)
    url = f"http://{camera.address}:{camera.onvif_port}/snapshot/{camera.channel}/main.jpg" if with_url else ""
    return (
        camera.id,
        camera.name,
        place.region,
        place.class_,
        camera.address,
        camera.vendor,
        camera.model,
        place.unit,
        place.maintainer,
        place.upstream,
        camera.upstream_port,
        camera.longitude,
        camera.latitude,
        f"{width}x{height}",
        "icmp" if camera.reach_port is None else f"tcp:{camera.reach_port}",
        camera.onvif_port,
        url,
        camera.snmp_port,
        camera.channel,
        camera.install_time,
        camera.contact,
        camera.record_save_days,
        camera.address_text,
        camera.tags["power"],
        camera.tags["simulated"],
    )


def _write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_secret(path: Path, text: str) -> None:
    """Never readable by others, not even for a moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
