"""`/probe`: one camera, device or address asked now, in the manner of blackbox_exporter."""

from __future__ import annotations

import ipaddress
import logging
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from aiohttp import web

from healthd.exposition import Family, Format, block, encode, labels, negotiate, number
from healthd.model import Camera, Device, Inventory
from healthd.web.auth import admitted_as
from healthd.web.deps import DEPS, Network, Subject, WebSettings
from probes.base import Outcome, Result

log = logging.getLogger("healthd.web")

_SUCCESS = Family("probe_success", "gauge", "1 if the check got what it asked for.")
_DURATION = Family("probe_duration_seconds", "gauge", "How long the asking took.")
_RESULT = Family("probe_result_info", "info", "How it ended: outcome unknown is a failure of healthd itself.")
_READ = Family("probe_read_info", "info", "Words that were read.")


async def probe(request: web.Request) -> web.Response:
    """`/probe?target=ADDRESS-or-ID&check=NAME[&debug=true]`."""
    deps = request.app[DEPS]
    settings, query = deps.settings(), request.query
    check = query.get("check", "")
    if check not in settings.checks:
        configured = ", ".join(settings.checks) or "none"
        raise web.HTTPBadRequest(text=f"check={check!r}: name one of the configured checks ({configured}).\n")
    subject = find_subject(query.get("target", ""), deps.page().inventory, settings)
    if isinstance(subject, str):
        log.info("stranger probed token=%s address=%s check=%s", admitted_as(request), subject, check)
    began = time.perf_counter()
    result = await deps.ask(subject, check)
    took = time.perf_counter() - began
    form = negotiate(request.headers.get("Accept", ""))
    body = render_result(check, result, took, form)
    if query.get("debug") == "true":
        return web.Response(text=_explain(check, result, took) + "\n" + body.decode(), content_type="text/plain")
    return web.Response(body=body, headers={"Content-Type": form.value})


def find_subject(target: str, inventory: Inventory, settings: WebSettings) -> Subject:
    """Whom a target means. Raises HTTPBadRequest for what is no address and no id, HTTPForbidden for a foreign
    address outside the configured networks."""
    if target in inventory.cameras:
        return inventory.cameras[target]
    if target in inventory.devices:
        return inventory.devices[target]
    address = _parse_address(target)
    known: Iterable[Camera | Device] = chain(inventory.cameras.values(), inventory.devices.values())
    for subject in known:
        if subject.address == str(address):
            return subject
    if not _is_inside(address, settings.probe_networks):
        allowed = ", ".join(map(str, settings.probe_networks)) or "none are configured"
        raise web.HTTPForbidden(
            text=f"{address} is not in the inventory, nor in the networks that may be probed ({allowed}).\n"
        )
    return str(address)


def _parse_address(target: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address(target)
    except ValueError:
        raise web.HTTPBadRequest(
            text=f"target={target[:100]!r}: neither an IP address nor the id of a camera or device.\n"
        ) from None
    if address.version == 6 and address.scope_id is not None:
        raise web.HTTPBadRequest(text=f"target={target[:100]!r}: an address without %zone, please.\n")
    # ::ffff:10.0.0.1 reaches 10.0.0.1: it must be judged as that.
    return (address.ipv4_mapped or address) if address.version == 6 else address


def _is_inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def render_result(check: str, result: Result, took_seconds: float, form: Format) -> bytes:
    """The metrics of one result: success, duration, outcome and reason, and what was read."""
    how = labels({"check": check, "outcome": result.outcome.value, "reason": result.reason.value})
    blocks = [
        block(_SUCCESS, form, [f"probe_success {int(result.outcome is Outcome.OK)}\n"]),
        block(_DURATION, form, [f"probe_duration_seconds {number(took_seconds)}\n"]),
        block(_RESULT, form, [f"probe_result_info{how} 1\n"]),
        *_values(check, result.values, form),
    ]
    return b"".join(encode([*blocks, "# EOF\n"] if form is Format.OPENMETRICS else blocks))


def _values(check: str, values: Mapping[str, Any], form: Format) -> Iterator[str]:
    words, figures = {}, {}
    for key, value in values.items():
        if isinstance(value, str):
            words[_safe(key)] = value
        elif isinstance(value, (bool, int, float)) and math.isfinite(value):
            figures[f"probe_{_safe(check)}_{_safe(key)}"] = (key, value + 0)
    for name, (key, value) in figures.items():
        yield block(
            Family(name, "gauge", f"{key} as the check {check} read it."), form, [f"{name} {number(value)}\n"]
        )
    if words:
        yield block(_READ, form, [f"probe_read_info{labels({'check': check, **words})} 1\n"])


def _safe(key: str) -> str:
    """A name that may stand in a metric: keys of extra SNMP values come from configuration."""
    return re.sub(r"[^a-zA-Z0-9_]|^(?=[0-9])", "_", key)


def _explain(check: str, result: Result, took_seconds: float) -> str:
    lines = [f"{check}: {result.outcome.value} ({result.reason.value}) after {took_seconds:.3f} s", result.detail]
    lines += [f"{number}. {step}" for number, step in enumerate(result.steps, 1)]
    lines += [f"{key} = {value!r}" for key, value in result.values.items()]
    return "\n".join(filter(None, lines)) + "\n"
