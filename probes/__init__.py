"""How to ask one device one question. `PROBES` is the one list: adding a probe is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from probes import annotation, device, frame, onvif, ping, snmp
from probes.base import ProbeKind

PROBES: Mapping[str, ProbeKind] = {
    kind.name: kind for kind in (ping.KIND, snmp.KIND, device.KIND, onvif.KIND, frame.KIND, annotation.KIND)
}
