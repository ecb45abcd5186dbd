"""Squid's access log as ECS, with the fields of Elastic's Squid module: the native format, those named combined and common, and
the one with ports and clock times that the module reads too."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import cache

from publicsuffixlist import PublicSuffixList

from falselight.mappings.network import address
from falselight.mappings.urls import url_parts
from falselight.readers.settings import TIMEZONE, Settings
from falselight.readers.syslog import Document, append, iso

_LINE = re.compile(
    r"^(?P<time>\d{9,11})(?P<part>\.\d{1,6})? +(?P<elapsed>-?\d{1,18}) (?P<client>\S+) "
    r"(?P<result>[A-Z_]{3,60})/(?P<status>\d{3}) "
    r"(?P<bytes>\d{1,18}) (?P<method>[A-Za-z_-]+) (?P<url>\S+) (?P<user>\S+) (?P<hierarchy>[A-Z_]+)/(?P<peer>\S+) (?P<type>\S+)"
)
_CLOCK = r"\[(?P<date>\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{1,2}:\d\d:\d\d) (?P<zone>[^\]\"]{1,64})\]"
_CLIENT = r'"(?P<referrer>[^"]*)" "(?P<agent>[^"]*)" '
_REQUEST = r"^(?P<client>\S+) (?P<port>\d{1,5}) " + _CLOCK + r' "(?P<method>[A-Z_]{3,20}) (?P<url>\S+) [^"]*" '
_CLOCKED = tuple(
    re.compile(pattern)
    for pattern in (
        _REQUEST + r'(?P<peer>\S+) \S+ (?P<user>\S+) "(?P<page>[^"]*)" (?P<status>\S+) (?P<type>\S+) (?P<bytes>\d{1,18}) '
        + _CLIENT + r"(?P<result>\S.{0,120})$",
        _REQUEST + r"(?P<status>\S+) (?P<bytes>\d{1,18}) " + _CLIENT
        + r"(?P<result>\S+) (?P<peer>\S+) (?P<type>\S+) (?P<seconds>\d{1,9}(?:\.\d{1,9})?)$",
        r"^(?P<client>\S+) \S+ (?P<user>\S+) " + _CLOCK + r' "(?P<method>[A-Z_]{3,20}) (?P<url>\S+) HTTP/[\d.]{1,8}" '
        + r"(?P<status>\d{3}) (?P<bytes>\d{1,18}|-) (?:" + _CLIENT
        + r")?(?P<result>[A-Z_]{3,60}):(?P<hierarchy>[A-Z_]{2,60})$",
    )
)  # fmt: skip
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4])[0-5]\d")
_AUTHORITY = re.compile(r"^(?:[^@/]*@)?(?P<host>\[[^\]]*\]|[^:/\[\]]+):(?P<port>\d{1,5})$")


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is in none of Squid's formats."""
    found = _LINE.match(line)
    told: dict[str, str | None] = {} if found is None else found.groupdict()
    if found is None:
        clocked = next((made for pattern in _CLOCKED if (made := pattern.match(line))), None)
        if clocked is None:
            return None
        told = clocked.groupdict()
        time = _moment(told["date"] or "", told["zone"] or "", settings)
    else:
        time = datetime.fromtimestamp(int(found["time"]), UTC)
    event = _event(line, told, time)
    _url(event, told["url"] or "")
    _sent(event, told)
    append(event, "related.ip", event.get("source.ip"), event.get("destination.ip"))
    append(event, "related.user", event.get("user.name"))
    append(event, "related.hosts", event.get("url.domain"))
    return event


def _event(line: str, told: dict[str, str | None], time: datetime | None) -> Document:
    is_native = "elapsed" in told
    event: Document = {
        "@timestamp": iso(time),
        "event.original": line, "event.module": "squid", "event.dataset": "squid.log",
        "event.action": told["result"], "event.code": told["method"], "observer.product": "Proxy",
        "observer.type": "Proxies", "observer.vendor": "Squid", "source.bytes": _whole(told["bytes"]),
        "source.port": _whole(told.get("port")), "url.original": told["url"],
        "user.name": told.get("user") if is_native or told.get("user") != "-" else None,
        "squid.elapsed": _whole(told.get("elapsed")), "squid.status_code": _whole(told["status"]),
        "squid.hierarchy": told.get("hierarchy"), "squid.content_type": told.get("type"),
    }  # fmt: skip
    for name, value in (("source", told["client"]), ("destination", told.get("peer"))):
        if address(value):
            event[f"{name}.ip"] = value
    return event


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,18}", text) else None


def _moment(date: str, zone: str, settings: Settings) -> datetime | None:
    """A clock's time in the zone beside it, if that is one, else the user's; None if there is no such date."""
    own: tzinfo | None = datetime.strptime(zone, "%z").tzinfo if _OFFSET.fullmatch(zone) else None
    if own is None:
        settings.assumed[TIMEZONE] += 1
    try:
        return datetime.strptime(date, "%d/%b/%Y:%H:%M:%S").replace(tzinfo=own or settings.timezone)
    except ValueError:
        return None


def _sent(event: Document, told: dict[str, str | None]) -> None:
    """What a client says of itself. In the module's own format the referrer's root stands in url.path too."""
    referrer, agent = told.get("referrer"), told.get("agent")
    is_modules = "page" in told or "seconds" in told
    if is_modules:
        event["file.name"] = told.get("page")
    event["http.request.referrer"] = referrer if referrer != "-" else None
    event["user_agent.original"] = agent if agent != "-" else None
    parts = url_parts(referrer) if referrer else {}
    if parts.get("domain") and parts.get("scheme"):
        append(event, "related.hosts", parts["domain"])
        if is_modules:
            event["url.path"] = [event.get("url.path"), f"{parts['scheme']}://{parts['domain']}"]


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
