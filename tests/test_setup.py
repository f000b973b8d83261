"""What a reload takes over of the setup before it."""

from __future__ import annotations

from pathlib import Path

from healthd.city.files import new_login, write_city
from healthd.city.options import CityOptions
from healthd.city.plan import Ports, lay_out
from healthd.setup import keep_what_stays, read_setup


def test_who_stays_is_the_very_same(tmp_path: Path) -> None:
    """Of a fleet read twice with one name changed between, all but one camera are the same values, and the one is
    new; nothing of the old setup is changed."""
    options = CityOptions(30, tmp_path, device_interval="")
    addresses = (f"127.77.1.{number}" for number in range(1, 250))
    write_city(tmp_path, lay_out(30, 1, addresses, Ports(8000, 1161)), new_login(), options)
    old = read_setup(tmp_path / "healthd.yml")
    first = next(iter(old.inventory.cameras.values()))
    text = (tmp_path / "cameras.csv").read_text("utf-8")
    (tmp_path / "cameras.csv").write_text(text.replace(first.name, first.name + "x", 1), "utf-8")
    new = keep_what_stays(old, read_setup(tmp_path / "healthd.yml"))
    changed = [key for key, one in new.inventory.cameras.items() if one is not old.inventory.cameras[key]]
    assert changed == [first.id]
    assert new.inventory.cameras[first.id].name == first.name + "x"
    assert old.inventory.cameras[first.id] is first
    assert all(one is old.inventory.devices[key] for key, one in new.inventory.devices.items())
