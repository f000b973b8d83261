"""Which probing process asks whom: what hangs on one upstream device stays together, its link has one limit."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from healthd.model import REFERENCE, Camera, Device, Inventory


class Split:
    """The fleet in `processes` shares. The same inventory is always split in the same way."""

    def __init__(self, inventory: Inventory, processes: int) -> None:
        self._inventory = inventory
        self._processes = processes
        self._place: dict[str, int] = {}  # camera, device, reach -> share
        at_address: dict[str, int] = {}  # one ping serves all channels of an address, and one login
        for device in inventory.devices.values():
            place = at_address.setdefault(device.address or device.id, self._of(device.id))
            self._place[device.id] = self._place[device.reach] = place
        for camera in inventory.cameras.values():
            place = at_address.setdefault(camera.address, self._of(camera.placement.upstream or camera.address))
            self._place[camera.id] = self._place[camera.reach] = place

    def _of(self, key: str) -> int:
        return zlib.crc32(key.encode()) % self._processes

    def of(self, subject: str) -> Sequence[int]:
        """The shares that ask this subject: one; all for a reference target; none for who is not in the fleet."""
        if subject.startswith(REFERENCE):
            return range(self._processes)
        place = self._place.get(subject)
        return () if place is None else (place,)

    def inventory(self, share: int) -> Inventory:
        """What this share needs to know of the inventory."""
        devices: dict[str, Device] = {}
        cameras: dict[str, Camera] = {}
        for device in self._inventory.devices.values():
            if self._place[device.id] == share:
                devices[device.id] = device
        for camera in self._inventory.cameras.values():
            if self._place[camera.id] == share:
                cameras[camera.id] = camera
        return Inventory({}, devices, cameras, credentials=self._inventory.credentials)
