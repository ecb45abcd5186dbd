"""Squid's native access log as ECS, with the fields of Elastic's Squid module."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

from publicsuffixlist import PublicSuffixList

from falselight.mappings.network import address, url_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document, append, iso

_LINE = re.compile(
    r"^(?P<time>\d{9,11})(?P<part>\.\d{1,6})? +(?P<elapsed>-?\d{1,18}) (?P<client>\S+) "
    r"(?P<result>[A-Z_]{3,60})/(?P<status>\d{3}) "
    r"(?P<bytes>\d{1,18}) (?P<method>[A-Za-z_-]+) (?P<url>\S+) (?P<user>\S+) (?P<hierarchy>[A-Z_]+)/(?P<peer>\S+) (?P<type>\S+)"
)
_AUTHORITY = re.compile(r"^(?:[^@/]*@)?(?P<host>\[[^\]]*\]|[^:/\[\]]+):(?P<port>\d{1,5})$")


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is none of Squid's native format."""
    found = _LINE.match(line)
    if found is None:
        return None
    event: Document = {
        "@timestamp": iso(datetime.fromtimestamp(int(found["time"]), UTC)),
        "event.original": line, "event.module": "squid", "event.dataset": "squid.log",
        "event.action": found["result"], "event.code": found["method"], "observer.product": "Proxy",
        "observer.type": "Proxies", "observer.vendor": "Squid", "source.bytes": int(found["bytes"]),
        "url.original": found["url"], "user.name": found["user"],
        "squid.elapsed": int(found["elapsed"]), "squid.status_code": int(found["status"]),
        "squid.hierarchy": found["hierarchy"], "squid.content_type": found["type"],
    }  # fmt: skip
    for name, value in (("source", found["client"]), ("destination", found["peer"])):
        if address(value):
            event[f"{name}.ip"] = value
    _url(event, found["url"])
    append(event, "related.ip", event.get("source.ip"), event.get("destination.ip"))
    append(event, "related.user", event.get("user.name"))
    append(event, "related.hosts", event.get("url.domain"))
    return event


def _url(event: Document, text: str) -> None:
    authority = _AUTHORITY.match(text)
    if authority is not None:
        event["url.domain"] = authority["host"]
    else:
        parts = url_parts(text.replace('"', "%22").replace("|", "%7C"))
        for name in ("domain", "path", "scheme", "port", "query", "fragment"):
            if parts.get(name) not in (None, ""):
                event[f"url.{name}"] = parts[name]
        if "?" in text:
            event.setdefault("url.query", "")
        path = event.get("url.path") or ""
        last = path.rpartition("/")[2]
        if last:
            event["file.name"] = last
        if "." in last:
            event["url.extension"] = last.rpartition(".")[2]
    domain = event.get("url.domain")
    if domain:
        event["server.domain"] = domain
        registered, below, top = _parts(domain)
        for prefix in ("server", "url"):
            event[f"{prefix}.registered_domain"] = registered
            event[f"{prefix}.subdomain"] = below
            event[f"{prefix}.top_level_domain"] = top


@cache
def _suffixes() -> PublicSuffixList:
    # The module divides names at the registries' suffixes only, not at those of private owners.
    return PublicSuffixList(only_icann=True)


def _parts(name: str) -> tuple[str | None, str | None, str | None]:
    if address(name) or len(name) > 1_024:
        return None, None, None
    registered = _suffixes().privatesuffix(name.lower())
    if registered is None:
        return None, None, None
    return registered, name[: -len(registered)].rstrip(".") or None, registered.partition(".")[2] or None
