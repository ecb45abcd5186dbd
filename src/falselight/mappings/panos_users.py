"""PAN-OS logs of users and their hosts (USERID, HIPMATCH, GLOBALPROTECT): columns and what they become."""

from __future__ import annotations

from falselight.mappings.network import address
from falselight.readers.syslog import Document, append

_GROUPS = tuple(f"panw.panos.device_group_hierarchy.level_{level}" for level in range(1, 5))
_USERID = (
    "panw.panos.virtual_sys", "source.ip", "account", "panw.panos.datasourcename", "event.code", "panw.panos.repeatcnt",
    "panw.panos.timeout", "source.port", "destination.port", "panw.panos.datasource", "panw.panos.datasourcetype",
    "panw.panos.sequence_number", "panw.panos.actionflags", *_GROUPS, "panw.panos.vsys_name", "observer.hostname",
    "panw.panos.vsys_id", "panw.panos.factortype", "panw.panos.factorcompletiontime", "panw.panos.factorno",
    "panw.panos.ugflags", "source.user.name",
)  # fmt: skip
_HIPMATCH = (
    "account", "panw.panos.virtual_sys", "host.name", "host.os.full", "source.ip", "panw.panos.matchname",
    "panw.panos.repeatcnt", "panw.panos.matchtype", "", "", "panw.panos.sequence_number", "panw.panos.actionflags",
    *_GROUPS, "panw.panos.vsys_name", "observer.hostname", "panw.panos.vsys_id", "ipv6", "host.id",
    "panw.panos.serial_number", "host.mac",
)  # fmt: skip
_GLOBALPROTECT = (
    "panw.panos.virtual_sys", "event.code", "panw.panos.stage", "panw.panos.auth_method", "panw.panos.tunnel_type",
    "account", "source.geo.name", "host.name", "source.nat.ip", "public_ipv6", "source.ip", "ipv6", "host.id",
    "panw.panos.serial_number", "panw.panos.client_ver", "host.os.family", "host.os.full", "panw.panos.repeatcnt",
    "event.reason", "panw.panos.error", "panw.panos.description", "event.outcome", "observer.geo.name",
    "event.duration", "panw.panos.connect_method", "panw.panos.error_code", "observer.hostname",
    "panw.panos.sequence_number", "panw.panos.actionflags", "", "panw.panos.selection_type",
    "panw.panos.response_time", "panw.panos.priority", "panw.panos.attempted_gateways", "panw.panos.gateway",
)  # fmt: skip
# The columns behind the seven that all logs share.
_COLUMNS = {"USERID": _USERID, "HIPMATCH": _HIPMATCH, "HIP-MATCH": _HIPMATCH, "GLOBALPROTECT": _GLOBALPROTECT}
# How the integration names what the Beats' module named first: both stand.
_RENAMED = {
    "panw.panos.actionflags": "panw.panos.action_flags", "panw.panos.repeatcnt": "panw.panos.repeat_count",
    "panw.panos.error": "panw.panos.error_message",
    **{name: name.replace(".level_", "") for name in _GROUPS},
}  # fmt: skip
_NUMBERS = ("source.port", "destination.port", "event.duration")
_UNSET = frozenset({"", "0.0.0.0", "::"})


def fill(event: Document, kind: str, cells: list[str]) -> None:
    """Puts into the event what a log of users tells; of other kinds (CONFIG, SYSTEM) nothing."""
    found: Document = {
        name: cell for name, cell in zip(_COLUMNS.get(kind, ()), cells[7:], strict=False) if name and cell
    }
    for name, other in (("source.ip", found.pop("ipv6", "")), ("source.nat.ip", found.pop("public_ipv6", ""))):
        own = found.get(name, "")
        value = other if own in _UNSET and other not in _UNSET else own
        found[name] = value if address(value) else None
        append(event, "related.ip", found[name])
    for name in _NUMBERS:
        text = found.get(name, "")
        found[name] = int(text) if text.isdecimal() and len(text) < 10 else None
    if found["event.duration"] is not None:
        found["event.duration"] *= 10**9
    account = _account(found.pop("account", ""))
    found["source.user.name"] = found.get("source.user.name") or account[0]
    found["source.user.domain"] = account[1]
    found["source.address"], found["panw.panos.source.nat.ip"] = found["source.ip"], found["source.nat.ip"]
    if found["source.ip"] is not None:
        found["network.type"] = "ipv6" if ":" in found["source.ip"] else "ipv4"
    if kind == "GLOBALPROTECT":
        found["client.address"] = found["host.ip"] = found["source.ip"]
    if found.get("event.outcome") not in ("success", "failure"):
        found["event.outcome"] = "success"
    if kind in _COLUMNS:
        found["event.category"] = ["network", *(["iam"] if kind == "USERID" else [])]
    if kind == "USERID":
        found["event.action"] = cells[4]
    for old, new in _RENAMED.items():
        found[new] = found.get(old)
    event |= found
    append(event, "related.user", event["source.user.name"])
    append(event, "related.hosts", event.get("observer.hostname"), event.get("host.name"))


def _account(text: str) -> tuple[str | None, str | None]:
    """Name and domain of ``domain\\name`` or ``name@domain``."""
    domain, separator, name = text.rpartition("\\")
    if not separator:
        name, _, domain = text.partition("@")
    return name or None, domain.rstrip("\\") or None
