"""Access logs of ProxySG (W3C Extended Log File Format) as ECS, by the table ``proxysg.toml``."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.firewalls import relate, settle, whole
from falselight.mappings.network import address
from falselight.mappings.urls import url_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document, append, iso

_CELL = re.compile(r'"((?:[^"]|"")*)"(?=\s|$)|(\S+)')
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_().-]{0,63}")
_SIDES = {
    "cs": "client_to_server", "sc": "server_to_client", "rs": "remote_to_server", "sr": "server_to_remote",
    "c": "client", "s": "server", "r": "remote",
}  # fmt: skip
_LONGEST, _MOST = 65_536, 200
_REFUSED = frozenset({"DENIED", "TCP_DENIED"})


@cache
def table() -> dict[str, Any]:
    """The table as written."""
    return tomllib.loads(files("falselight.mappings").joinpath("proxysg.toml").read_text("utf-8"))


@cache
def own(name: str) -> str:
    """Under which field a column is kept: ``cs(User-Agent)`` below proxysg.client_to_server as user_agent."""
    found = re.fullmatch(r"(cs|sc|rs|sr|c|s|r)(?:-(.+)|\((.+)\))", name)
    side, rest = (f"{_SIDES[found[1]]}.", found[2] or found[3]) if found is not None else ("", name)
    return f"proxysg.{side}{re.sub(r'[^a-z0-9]+', '_', rest.lower()).strip('_')}"


class Parser:
    """Keeps the columns that the last ``#Fields`` line named."""

    def __init__(self) -> None:
        self._names: list[str] = table()["columns"]["main"]

    def parse(self, line: str, settings: Settings) -> Document | None:
        """The event of one line; nothing for a line about the log; None for a line with too few cells or no time."""
        if line.startswith("#") or not line.strip():
            if line.startswith("#Fields:"):
                names = [name for name in line[8:].split()[:_MOST] if _NAME.fullmatch(name)]
                self._names = names or self._names
            return {}
        cells = [found[1].replace('""', '"') if found[1] is not None else found[2] for found in _CELL.finditer(line)]
        if len(line) > _LONGEST or len(cells) < len(self._names):
            return None
        raw = {name: cell for name, cell in zip(self._names, cells, strict=False) if cell not in ("-", "")}
        time = _time(raw)
        return None if time is None else _event(raw, line, iso(time))


def _time(raw: dict[str, str]) -> datetime | None:
    """The format's date and time are in UTC."""
    written = f"{raw.get('date', '')}T{raw.get('time', '')}"
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?", written) is None:
        return None
    try:
        return datetime.fromisoformat(written).replace(tzinfo=UTC)
    except ValueError:
        return None


def _event(raw: dict[str, str], line: str, time: str | None) -> Document:
    event: Document = {**table()["constants"], "@timestamp": time, "event.original": line}
    for name, target in table()["fields"]:
        if name in raw and event.get(target) is None:
            event[target] = raw[name]
    for name, cell in raw.items():
        if name not in ("date", "time"):
            event[own(name)] = cell
    settle(event)
    for name in ("client.bytes", "server.bytes", "proxysg.time_taken", "proxysg.client_to_server.uri_port"):
        event[name] = whole(event.get(name))
    for name in ("client.ip", "server.ip", "observer.ip"):
        event[name] = event.get(name) if address(event.get(name)) else None
    host = event.get("destination.domain")
    if address(host):
        event["destination.ip"] = event.get("destination.ip") or host
    event["event.type"] = ["access", "connection"]
    refused = raw.get("sc-filter-result") in _REFUSED or raw.get("s-action", "").startswith("TCP_DENIED")
    append(event, "event.type", "denied" if refused else "allowed")
    event["event.outcome"] = "failure" if refused else "success"
    milliseconds = event["proxysg.time_taken"]
    if milliseconds is not None and milliseconds < 10**12:
        event["event.duration"] = milliseconds * 1_000_000
    _url(event, host)
    relate(event)
    append(event, "related.ip", event["observer.ip"])
    return event


def _url(event: Document, host: str | None) -> None:
    written = event.get("url.original")
    if written is not None:
        event.update(
            {f"url.{name}": part for name, part in url_parts(written).items() if event.get(f"url.{name}") is None}
        )
        return
    scheme, port, path = (event.get(f"url.{name}") for name in ("scheme", "port", "path"))
    if host is not None and scheme in ("http", "https", "ftp"):
        usual = port in (None, {"http": 80, "https": 443, "ftp": 21}[scheme])
        full = f"{scheme}://{host}{'' if usual else f':{port}'}{path or ''}{event.get('url.query') or ''}"
        event["url.original"] = event["url.full"] = full
