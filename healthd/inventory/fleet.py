"""regions.csv, devices.csv and maintainers.csv -> values."""

from __future__ import annotations

from functools import partial

from healthd.inventory.fields import (
    one_of,
    parse_address,
    parse_date,
    parse_hours,
    parse_id,
    parse_name,
    parse_reach,
)
from healthd.inventory.rows import Names, References, Rows, quoted
from healthd.inventory.tables import Columns, Table
from healthd.model import Department, Device, Maintainer, Region
from healthd.problems import Problems

LEVELS = ("city", "county", "township")
KINDS = ("switch", "nvr", "router", "encoder", "power")
REGION_COLUMNS = Columns(("code", "name", "level", "parent"))
DEPARTMENT_COLUMNS = Columns(("id", "name", "parent"))
DEVICE_COLUMNS = Columns(
    ("id", "name", "kind", "region", "address", "credential", "upstream", "upstream_port"),
    ("unit", "maintainer", "reach"),
)
MAINTAINER_COLUMNS = Columns(("id", "name", "contact", "from", "to", "repair_hours"))


def read_regions(table: Table, problems: Problems) -> dict[str, Region]:
    """Regions by code; valid only if no problem was added."""
    rows = Rows(table.file, problems)
    regions: dict[str, Region] = {}
    lines: dict[str, int] = {}
    for line, cells in table.rows(problems):
        row = dict(zip(table.columns, cells, strict=True))
        rows.take(line, "code", row["code"], parse_id, "")
        rows.take(line, "name", rows.required(line, "name", row["name"]), parse_name, "")
        rows.take(line, "level", row["level"], partial(one_of, words=LEVELS), "")
        if rows.first_of(line, "code", row["code"], lines):
            regions[row["code"]] = Region(row["code"], row["name"], row["level"], row["parent"])
    names = Names(table.file, None if table.torn else regions)
    for region in regions.values():
        if region.parent:
            rows.look_up(lines[region.code], "parent", region.parent, names)
    above = {region.code: region.parent for region in regions.values()}
    rows.no_circles("parent", above, lines, "a region at the top has no parent: leave the cell empty")
    return regions


def read_departments(table: Table, problems: Problems) -> dict[str, Department]:
    """Departments by id; valid only if no problem was added."""
    rows = Rows(table.file, problems)
    departments: dict[str, Department] = {}
    lines: dict[str, int] = {}
    for line, cells in table.rows(problems):
        row = dict(zip(table.columns, cells, strict=True))
        rows.take(line, "id", rows.required(line, "id", row["id"]), parse_name, "")
        rows.take(line, "name", rows.required(line, "name", row["name"]), parse_name, "")
        if rows.first_of(line, "id", row["id"], lines):
            departments[row["id"]] = Department(row["id"], row["name"], row["parent"])
    names = Names(table.file, None if table.torn else departments)
    for department in departments.values():
        rows.look_up(lines[department.id], "parent", department.parent, names)
    above = {department.id: department.parent for department in departments.values()}
    rows.no_circles("parent", above, lines, "a department at the top has no parent: leave the cell empty")
    return departments


def read_devices(references: References, table: Table, problems: Problems) -> dict[str, Device]:
    """Devices by id; valid only if no problem was added."""
    rows = Rows(table.file, problems)
    devices: dict[str, Device] = {}
    lines: dict[str, int] = {}
    for line, cells in table.rows(problems):
        row = dict(zip(table.columns, cells, strict=True))
        rows.take(line, "id", row["id"], parse_id, "")
        rows.take(line, "name", rows.required(line, "name", row["name"]), parse_name, "")
        rows.take(line, "kind", row["kind"], partial(one_of, words=KINDS), "")
        rows.look_up(line, "region", rows.required(line, "region", row["region"]), references.regions)
        rows.look_up(line, "credential", row["credential"], references.credentials)
        rows.look_up(line, "maintainer", row.get("maintainer", ""), references.maintainers)
        rows.look_up(line, "unit", row.get("unit", ""), references.units)
        # A street cabinet's power feed has no address.
        address = rows.take(line, "address", row["address"], parse_address, "") if row["address"] else ""
        port = rows.take(line, "reach", row.get("reach") or "icmp", parse_reach, None)
        if rows.first_of(line, "id", row["id"], lines):
            texts = {column: row.get(column, "") for column in DEVICE_COLUMNS.known if column != "reach"}
            devices[row["id"]] = Device(**texts | {"address": address}, reach_port=port)
    names = Names(table.file, None if table.torn else devices)
    for device in devices.values():
        rows.look_up(lines[device.id], "upstream", device.upstream, names)
    above = {device.id: device.upstream for device in devices.values()}
    rows.no_circles("upstream", above, lines, "a device hangs on what is nearer to the core, never on itself")
    return devices


def read_maintainers(table: Table, problems: Problems) -> dict[str, Maintainer]:
    """Maintainers by id; valid only if no problem was added."""
    rows = Rows(table.file, problems)
    maintainers: dict[str, Maintainer] = {}
    lines: dict[str, int] = {}
    for line, cells in table.rows(problems):
        row = dict(zip(table.columns, cells, strict=True))
        rows.take(line, "id", row["id"], parse_id, "")
        rows.take(line, "name", rows.required(line, "name", row["name"]), parse_name, "")
        start = rows.take(line, "from", row["from"], parse_date, "") if row["from"] else ""
        end = rows.take(line, "to", row["to"], parse_date, "") if row["to"] else ""
        if start and end and start > end:
            problems.add(table.file, line, quoted("to", end), f"is before from {start}", "correct one of the two")
        hours = (
            rows.take(line, "repair_hours", row["repair_hours"], parse_hours, None)
            if row["repair_hours"]
            else None
        )
        if rows.first_of(line, "id", row["id"], lines):
            maintainers[row["id"]] = Maintainer(row["id"], row["name"], row["contact"], start, end, hours)
    return maintainers
