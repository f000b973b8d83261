"""What a moment of a camera counts as, for a rate and a profile: the table of docs/rates.md. Pure."""

from __future__ import annotations

import enum

from healthd.model import State
from healthd.rates.profiles import Profile
from healthd.rates.timeline import Situation


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
    return (_judge_intact if rate == "intact" else _judge_online)(situation, profile)


def _judge_online(situation: Situation, profile: Profile) -> tuple[Bucket, str]:
    """The online rate's column; where a profile wants a picture as proof, one that arrives is enough."""
    if situation.online is State.OFFLINE:
        return Bucket.BAD, "offline"
    if not profile.online_needs_picture:
        return Bucket.GOOD, "online"
    match situation:
        case Situation(pictured=False):
            return Bucket.GOOD, "online; no picture is expected"
        case Situation(picture=State.NO_PICTURE):
            return _judge_missing(situation, profile)
        case Situation(picture=State.UNKNOWN):
            return Bucket.UNKNOWN, "the picture was not judged yet"
    return Bucket.GOOD, "online, and a picture arrives"


def _judge_missing(situation: Situation, profile: Profile) -> tuple[Bucket, str]:
    """Online without a picture: undiagnosed as long as the profile's grace lasts."""
    hours = f"{profile.grace / 3_600_000:g} h"
    if situation.overdue >= profile.grace:
        return Bucket.BAD, f"no picture for more than {hours}"
    return Bucket.UNDIAGNOSED, f"no picture, for less than {hours}"


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
        case Situation(picture=State.NO_PICTURE):
            found = _judge_missing(situation, profile)
        case Situation(picture=State.FAULTY) if counted:
            found = Bucket.BAD, "picture faulty: " + ", ".join(counted)
        case Situation(picture=State.FAULTY):
            found = Bucket.GOOD, "only faults that this profile does not count"
        case Situation(picture=State.GOOD):
            found = Bucket.GOOD, "picture good"
        case _:
            found = Bucket.UNKNOWN, "the picture was not judged yet"
    return found
