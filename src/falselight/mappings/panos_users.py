"""PAN-OS logs of users, their hosts and administrators: what beyond their columns becomes of them."""

from __future__ import annotations

from collections.abc import Callable

from falselight.mappings.network import address
from falselight.readers.syslog import Document, append

_UNSET = frozenset({None, "0.0.0.0", "::"})
_OUTCOMES = {"Succeeded": "success", "Failed": "failure"}
_COMMANDS = frozenset({"add", "clone", "commit", "delete", "edit", "move", "rename", "set"})


def fill(event: Document, kind: str, iso: Callable[[str | None], str | None]) -> None:
    """Puts into the event what a log of users, hosts or administrators tells. ``iso`` writes a time of the log."""
    if kind == "GLOBALPROTECT":
        _gateway(event)
    elif kind == "USERID":
        event["event.action"] = event.get("panw.panos.sub_type")
        if "panw.panos.user_by_source" in event:
            event["source.user.name"] = event["panw.panos.user_by_source"]
        completed = "panw.panos.factorcompletiontime"
        event[completed] = iso(event.get(completed))
    elif kind in ("HIPMATCH", "HIP-MATCH"):
        _choose(event, "source.ip", event.get("source.ip"), event.get("panw.panos.source.ipv6"))
        _host(event)
    elif kind == "CONFIG":
        _command(event)
    elif kind == "AUTHENTICATION":
        written, normal = event.get("source.user"), event.get("panw.panos.normalize_user")
        event["panw.panos.user"] = written
        event["source.user.name"] = [name for name in (written, normal) if name is not None] or None


def _gateway(event: Document) -> None:
    event["panw.panos.source.region"] = event.get("source.geo.name")
    _choose(event, "source.ip", event.get("panw.panos.private.ip"), event.get("panw.panos.private.ipv6"))
    _choose(event, "panw.panos.source.nat.ip", event.get("panw.panos.public.ip"), event.get("panw.panos.public.ipv6"))
    event["host.ip"] = event["client.address"] = event["source.ip"]
    event["panw.panos.event.status"] = event["event.outcome"]
    if event["event.outcome"] not in ("success", "failure"):
        event["event.outcome"] = "success"
    event.setdefault("observer.hostname", event.get("panw.panos.portal"))
    _host(event)
    seconds = event.get("panw.panos.login_duration", "")
    if seconds.isdecimal() and len(seconds) < 10:
        event["event.duration"] = int(seconds) * 10**9


def _host(event: Document) -> None:
    if "panw.panos.machine.name" in event:
        event["host.name"] = event["panw.panos.machine.name"]
    if "panw.panos.machine.mac_address" in event:
        own = "panw.panos.machine.mac_address"
        event["host.mac"] = event[own] = mac(event[own])


def _choose(event: Document, name: str, own: str | None, other: str | None) -> None:
    """The address of the older version, or the newer's where that is none."""
    value = other if own in _UNSET and other not in _UNSET else own
    event[name] = value if address(value) else None


def _command(event: Document) -> None:
    host, command = event.get("panw.panos.host.ip"), event.get("panw.panos.cmd")
    event["host.ip"] = event["panw.panos.host.ip"] = host if address(host) else None
    event["event.action"] = f"cmd-{command}" if command in _COMMANDS else None
    event["event.outcome"] = _OUTCOMES.get(event.get("panw.panos.result", ""), "unknown")
    append(event, "related.ip", event["host.ip"])
    append(event, "related.user", event.get("panw.panos.admin"))


def account(text: str) -> tuple[str | None, str | None]:
    """Name and domain of ``domain\\name`` or ``name@domain``."""
    domain, separator, name = text.rpartition("\\")
    if not separator:
        name, _, domain = text.partition("@")
    return name or None, domain.rstrip("\\") or None


def mac(text: str) -> str:
    """A hardware address as ECS has it."""
    return text.replace(":", "-").replace(".", "-").upper()
