"""What a simulated city is asked to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from healthd.city.faults import Fault


class Reach(StrEnum):
    """How dead cameras are made: dropped by nftables (asked by ICMP), or their TCP listener closed."""

    AUTO = "auto"  # icmp where nftables may be changed, else tcp
    ICMP = "icmp"
    TCP = "tcp"


class Pictures(StrEnum):
    """Where a camera's pictures come from."""

    DRAWN = "drawn"  # each camera has its own street, drawn when asked
    POOL = "pool"  # a few streets drawn once and shared by all cameras: thousands of frames a second


@dataclass(frozen=True, slots=True)
class CityOptions:
    """The orders for one city. Intervals are durations as in healthd.yml; an empty one leaves that check off."""

    cameras: int
    dir: Path
    seed: int = 1
    outages_per_hour: float = 0.0
    picture_faults_per_hour: float = 0.0
    upstream_faults_per_hour: float = 0.0
    standing_share: float = 0.0  # share of cameras with one fault that is there from start to end
    planned: Sequence[Fault] = ()  # further faults, exactly as given
    listen: str = "127.0.0.1:9808"  # the daemon's web address
    ping_interval: str = "60s"
    snmp_interval: str = "5m"
    device_interval: str = "5m"
    onvif_interval: str = "1h"
    frame_interval: str = "1h"
    annotation_interval: str = ""  # it takes a library that weighs more than all of a small daemon
    retry_interval: str = "15s"
    reach: Reach = Reach.AUTO
    pictures: Pictures = Pictures.DRAWN
    noon: bool = False  # in its pictures it is always about noon
