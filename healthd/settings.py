"""What the configuration means to the rest: its durations in ms, its names as values."""

from __future__ import annotations

from healthd.config import Config
from healthd.core import CoreRules
from healthd.folding.gallery import Judgement
from healthd.folding.picture_state import PictureRules
from healthd.folding.state import Rules
from healthd.incidents.describe import Policy
from healthd.incidents.facts import Mass
from healthd.live import Naming
from healthd.metrics import PerCamera
from healthd.model import REFERENCE
from healthd.prober import GATED, PING
from healthd.setup import Setup
from healthd.web.deps import WebSettings
from probes.picture.confirm import confirmations


def core_rules(config: Config) -> CoreRules:
    """The state rules of a configuration, in ms."""
    ping, frame = config.checks.get(PING), config.checks.get("frame")
    reach_interval = ping.interval if ping else 60.0
    state = config.state

    def rules(interval: float) -> Rules:
        return Rules(state.fail_after, state.ok_after, round(2000 * max(interval, state.retry_interval)))

    lasting, fleeting, pause = config.picture.pauses(frame.interval if frame else 3600.0)
    believed = confirmations(config.picture.confirm.frames, round(1000 * lasting), round(1000 * fleeting))
    return CoreRules(
        online=rules(reach_interval),
        picture=PictureRules(rules(max(frame.interval, pause)), believed) if frame else None,
        retry_seconds=state.retry_interval,
        picture_retry_seconds=pause,
        online_max_age=round(3000 * reach_interval),
        picture_max_age=round(1000 * config.picture_max_age_seconds),
    )


def judgement(setup: Setup) -> Judgement:
    """How pictures are judged."""
    return Judgement(setup.config.picture, setup.config.timezone, setup.inventory.paths)


def incident_policy(config: Config) -> Policy:
    """What makes one incident of many flips, in ms."""
    options = config.incidents
    ping = config.checks.get(PING)
    return Policy(
        mass=Mass(options.mass_cameras, round(1000 * options.mass_window)),
        settle=round(1000 * options.settle),
        grace=round(3000 * max(ping.interval if ping else 60.0, config.state.retry_interval)),
        flapping_flips=options.flapping.flips,
        flapping_window=round(1000 * options.flapping.window),
        single_limit=round(1000 * options.repair.single),
        mass_limit=round(1000 * options.repair.mass),
        class_limits={name: round(1000 * limit) for name, limit in options.repair.by_class.items()},
    )


def gated_checks(config: Config) -> list[str]:
    """The configured checks that are not asked while the camera does not answer."""
    return [check for check in GATED if check in config.checks]


def references(config: Config) -> list[str]:
    """The subjects that stand for the reference targets."""
    return [REFERENCE + address for address in config.reference_targets]


def naming(config: Config) -> Naming:
    """What stands on every page."""
    return Naming(config.site, config.simulated, config.chosen_profiles)


def per_camera(config: Config) -> PerCamera:
    """Which cameras have series of their own."""
    return PerCamera(config.metrics.per_camera, config.metrics.per_camera_limit)


def web_settings(config: Config) -> WebSettings:
    """What the pages need to know."""
    tokens = {token.name: token.sha256 for token in config.web.tokens}
    return WebSettings(
        config.timezone,
        tokens,
        config.probe_networks,
        [*config.checks],
        config.web.map_without_token,
        read_only=frozenset(token.name for token in config.web.tokens if token.read_only),
        pictures=frozenset(token.name for token in config.web.tokens if token.pictures),
        evidence_max_bytes=config.exemptions.evidence_max_bytes,
    )
