"""What a moment of a camera counts as, for a rate and a profile: the table of docs/rates.md. Pure."""

from __future__ import annotations

import enum

from healthd.model import State
from healthd.profiles import Profile
from healthd.timeline import Situation


class Bucket(enum.IntEnum):
    """What a moment of a camera counts as; the numbers are places in `rates.Vector`."""

    GOOD = 0
    BAD = 1
    UNDIAGNOSED = 2
    UNKNOWN = 3
    EXEMPT = 4
    OUT_OF_SERVICE = 5


def judge(situation: Situation, rate: str, profile: Profile) -> tuple[Bucket, str]:
    """The bucket of a moment, and why: the first that holds."""
    if situation.out:
        return Bucket.OUT_OF_SERVICE, situation.out
    if situation.exempt:
        return Bucket.EXEMPT, "exempt"
    if not situation.seen:
        return Bucket.UNKNOWN, "healthd was not watching"
    if situation.online is State.UNKNOWN:
        return Bucket.UNKNOWN, "nobody knows whether it was online"
    if rate == "intact":
        return _judge_intact(situation, profile)
    return (Bucket.GOOD, "online") if situation.online is State.ONLINE else (Bucket.BAD, "offline")


def _judge_intact(situation: Situation, profile: Profile) -> tuple[Bucket, str]:
    """The intact rate's column of the table, for a camera that is known to be online or offline."""
    counted = [fault for fault in situation.faults if profile.faults is None or fault in profile.faults]
    match situation:
        case Situation(online=State.OFFLINE) if profile.offline_is_bad:
            found = Bucket.BAD, "offline"
        case Situation(online=State.OFFLINE):
            found = Bucket.UNDIAGNOSED, "offline: this profile judges only pictures"
        case Situation(pictured=False):
            found = Bucket.UNDIAGNOSED, "no picture is expected"
        case Situation(picture=State.NO_PICTURE, overdue=True):
            found = Bucket.BAD, "no picture for more than 24 h"
        case Situation(picture=State.NO_PICTURE):
            found = Bucket.UNDIAGNOSED, "no picture, for less than 24 h"
        case Situation(picture=State.FAULTY) if counted:
            found = Bucket.BAD, "picture faulty: " + ", ".join(counted)
        case Situation(picture=State.FAULTY):
            found = Bucket.GOOD, "only faults that this profile does not count"
        case Situation(picture=State.GOOD):
            found = Bucket.GOOD, "picture good"
        case _:
            found = Bucket.UNKNOWN, "the picture was not judged yet"
    return found
