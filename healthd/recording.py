"""What the store is told of a setup: where cameras and devices stand from now on, how the levers stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from healthd.config_levers import changed_levers, config_levers
from healthd.model import Change, DeviceLink, Inventory, Moment, Placement
from healthd.setup import Setup
from healthd.store import Batch, Store


def from_store(store: Store, setup: Setup, now: Moment) -> Batch:
    """The dated changes that lead from what the store knows to the setup."""
    links = _last(store.device_links())
    return _batch(store.placements_at(), links, store.levers_now(), setup, now)


def from_setup(old: Setup, setup: Setup, now: Moment) -> Batch:
    """The dated changes that lead from one setup to another."""
    placements = {camera.id: camera.placement for camera in old.inventory.cameras.values()}
    links = {device.id: device.upstream for device in old.inventory.devices.values()}
    return _batch(placements, links, config_levers(old.config), setup, now)


def _batch(
    placements: Mapping[str, Placement],
    links: Mapping[str, str],
    levers: Mapping[tuple[str, str], str],
    setup: Setup,
    now: Moment,
) -> Batch:
    inventory, author = setup.inventory, setup.config.author
    return Batch(
        changes=placement_changes(placements, inventory, now, author),
        names={camera.id: camera.name for camera in inventory.cameras.values()},
        regions=[*inventory.regions.values()],
        links=[*link_changes(links, inventory, now, author)],
        levers=changed_levers(levers, setup.config, now, author),
        recorded=now,
    )


def placement_changes(
    known: Mapping[str, Placement | None], inventory: Inventory, now: Moment, author: str
) -> tuple[Change, ...]:
    """The dated changes that lead from the placements in the store to those of the inventory."""
    changes = [
        Change(camera.id, now, camera.placement, author)
        for camera in inventory.cameras.values()
        if known.get(camera.id) != camera.placement
    ]
    gone = [key for key, placement in known.items() if placement is not None and key not in inventory.cameras]
    return (*changes, *(Change(key, now, None, author) for key in gone))


def link_changes(known: Mapping[str, str], inventory: Inventory, now: Moment, author: str) -> Iterable[DeviceLink]:
    """The dated changes that lead from where devices are known to hang to where the inventory has them."""
    for device in inventory.devices.values():
        if known.get(device.id) != device.upstream:
            yield DeviceLink(device.id, now, device.upstream, author)
    for device_id in known:
        if device_id not in inventory.devices:
            yield DeviceLink(device_id, now, None, author)


def _last(links: Iterable[DeviceLink]) -> Mapping[str, str]:
    last = {link.device: link.upstream for link in links}
    return {device: upstream for device, upstream in last.items() if upstream is not None}
