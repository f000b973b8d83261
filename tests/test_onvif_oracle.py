"""onvif-zeep as the oracle: asked of the same simulated camera, it reads what our template reads."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from probes.base import Credential, Outcome, Resources, Result, Target
from probes.onvif import OnvifOptions, OnvifProbe
from tests.running import city


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    """Five cameras of a running city, with its login."""
    directory: Path = tmp_path_factory.mktemp("oracle")
    with city(directory, 12):
        password = (directory / "secrets" / "camera").read_text("utf-8").strip()
        with (directory / "cameras.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = [*csv.DictReader(file)][:5]
        login = Credential(username="admin", password=password)
        yield [
            Target(
                row["address"],
                onvif_port=int(row["onvif_port"]),
                channel=int(row["channel"] or 1),
                credential=login,
            )
            for row in rows
        ]


async def by_template(target: Target) -> Result:
    with ThreadPoolExecutor(1) as executor:
        probe = OnvifProbe(OnvifOptions(), Resources(executor, time.time))
        try:
            return await probe.ask(target)
        finally:
            await probe.close()


def by_zeep(target: Target) -> dict[str, Any]:
    from onvif import ONVIFCamera

    assert target.credential is not None
    camera = ONVIFCamera(target.address, target.onvif_port, target.credential.username, target.credential.password)
    device = camera.create_devicemgmt_service()
    media = camera.create_media_service()
    information = device.GetDeviceInformation()
    moment = device.GetSystemDateAndTime().UTCDateTime
    profiles = media.GetProfiles()
    source = sorted({profile.VideoSourceConfiguration.SourceToken for profile in profiles})[target.channel - 1]
    mine = [profile for profile in profiles if profile.VideoSourceConfiguration.SourceToken == source]
    main = max(mine, key=lambda profile: profile.VideoEncoderConfiguration.Resolution.Width)
    return {
        "manufacturer": information.Manufacturer,
        "model": information.Model,
        "firmware": information.FirmwareVersion,
        "serial": information.SerialNumber,
        "hardware": information.HardwareId,
        "resolution": (
            main.VideoEncoderConfiguration.Resolution.Width,
            main.VideoEncoderConfiguration.Resolution.Height,
        ),
        "tokens": sorted(profile.token for profile in profiles),
        "minute": (moment.Date.Year, moment.Date.Month, moment.Date.Day, moment.Time.Hour),
        "uris": {media.GetSnapshotUri({"ProfileToken": profile.token}).Uri for profile in mine},
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of zeep's own imports
async def test_template_reads_what_onvif_zeep_reads(cameras: list[Target]) -> None:
    """Names, firmware, profiles, resolution, clock and snapshot address are the same by either way."""
    for target in cameras:
        ours = await by_template(target)
        assert ours.outcome is Outcome.OK, ours.detail
        theirs = await asyncio.to_thread(by_zeep, target)
        for name in ("manufacturer", "model", "firmware", "serial", "hardware"):
            assert ours.values[name] == theirs[name], name
        assert tuple(ours.values["resolution"]) == theirs["resolution"]
        assert sorted(profile["token"] for profile in ours.values["profiles"]) == theirs["tokens"]
        assert ours.learnt["snapshot_uri"] in theirs["uris"]
        there = time.gmtime(time.time() + ours.values["clock_offset_seconds"])
        assert theirs["minute"] == there[:4]
