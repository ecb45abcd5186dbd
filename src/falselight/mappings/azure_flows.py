"""Azure's network flows as exported from Log Analytics (AzureNetworkAnalytics_CL, CSV) as ECS."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from falselight.mappings.csv_cells import cells as csv_cells
from falselight.mappings.network import address
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document, append, iso

_UNIT = re.compile(r"(?: \[[^\]]*\]|_[a-z])$")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{3,45}")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z?")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}),? (\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,9}))? ([AP]M)")
_TRANSPORTS = {"T": "tcp", "U": "udp", "I": "icmp"}
_DIRECTIONS = {"I": "inbound", "O": "outbound"}
_ALLOWED, _DENIED = ("AllowedInFlows", "AllowedOutFlows"), ("DeniedInFlows", "DeniedOutFlows")


class Parser:
    """Keeps the header's columns."""

    def __init__(self) -> None:
        self._columns: list[str] | None = None

    def __call__(self, line: str, settings: Settings) -> Document | None:
        cells = csv_cells(line, strict=True)
        if cells is None:
            return None
        if self._columns is None:
            names = [_UNIT.sub("", cell.strip().lstrip("\ufeff")) for cell in cells]
            if "FlowStartTime" not in names:
                return None
            self._columns = names
            return {}
        if len(cells) != len(self._columns):
            return None
        row = {name: cell.strip() for name, cell in zip(self._columns, cells, strict=True) if name and cell.strip()}
        return _event(line, row)


def _event(line: str, row: dict[str, str]) -> Document | None:
    start = moment(row.get("FlowStartTime", ""))
    if start is None:
        return None
    event: Document = {
        "@timestamp": iso(start), "event.start": iso(start), "event.end": iso(moment(row.get("FlowEndTime", ""))),
        "event.original": line, "event.kind": "event", "event.category": ["network"], "event.module": "azure",
        "event.dataset": "azure.network_flows", "cloud.provider": "azure", "cloud.region": row.get("VMRegion"),
        "host.name": row.get("VMName"), "network.transport": _TRANSPORTS.get(row.get("L4Protocol", "")),
        "network.protocol": row["L7Protocol"].lower() if "L7Protocol" in row else None,
        "network.direction": _DIRECTIONS.get(row.get("FlowDirection", "")),
        "destination.port": _whole(row.get("DestPort")),
    }  # fmt: skip
    allowed, denied = (any(_whole(row.get(name)) for name in names) for names in (_ALLOWED, _DENIED))
    append(event, "event.type", "connection", "allowed" if allowed else None, "denied" if denied else None)
    own = row.get("VMIPAddress")
    outside = _ADDRESS.findall(row.get("PublicIPs") or row.get("AllExtIPs") or "")
    ends: list[Any] = [row.get("SrcIP"), row.get("DestIP")]
    if ends == [None, None] and row.get("FlowDirection") in _DIRECTIONS:
        ends = [own, outside] if row["FlowDirection"] == "O" else [outside, own]
    for side, end in zip(("source", "destination"), ends, strict=True):
        found = [each for each in (end if isinstance(end, list) else [end]) if address(each)]
        event[f"{side}.ip"] = found if len(found) > 1 else found[0] if found else None
        append(event, "related.ip", *found)
    append(event, "related.hosts", event["host.name"])
    for name, cell in row.items():
        event["azure.network_flows." + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()] = cell
    return event


def moment(text: str) -> datetime | None:
    """The time of ``2019-02-12 13:00:07.000`` or ``7/14/2023, 1:11:02.921 AM``, in UTC as Azure writes it."""
    text = text.strip().strip("\ufeff\u200b").replace("\u202f", " ")
    found = _ISO.fullmatch(text)
    if found is not None:
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    else:
        found = _AMERICAN.fullmatch(text)
        if found is None:
            return None
        month, day, year, hour, minute, second = (int(part) for part in found.groups()[:6])
        hour = hour % 12 + (12 if found[8] == "PM" else 0)
    try:
        return datetime(year, month, day, hour, minute, second, int(((found[7] or "") + "000000")[:6]), UTC)
    except ValueError:
        return None


def _whole(text: str | None) -> int | None:
    head = (text or "").partition(".")[0]
    return int(head) if head.isdecimal() and len(head) < 19 else None
