"""Messages of Cisco Firepower Threat Defense as ECS: security events by ``cisco_ftd.toml``, the others as those of ASA."""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from falselight.mappings import cisco_asa
from falselight.mappings.network import domain_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment

_MESSAGE = re.compile(
    r"%(?:FTD|ASA|NGIPS)-(?:(?P<suffix>[^0-9\s-]{1,40})-)?(?P<severity>[0-7])-(?P<id>\d{6})?:? *(?P<text>.*)$",
    re.DOTALL,
)
# Old versions' security events may come without the name of their kind, behind that of a process.
_WITHOUT_NAME = re.compile(
    r"[^%]{0,200}?\[\d{1,10}\]: *(?P<suffix>)(?P<severity>(?!))?(?P<id>(?!))?(?P<text>[A-Z][A-Za-z_ ]{1,60}: .*)$",
    re.DOTALL,
)
# What administrators do in the management center, which logs it as itself.
_MANAGEMENT = re.compile(
    r"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d{4} \d\d:\d\d:\d\d (?P<process>[\w.-]{1,128}): (?P<host>[\w.-]{1,255}): "
    r"(?P<text>(?P<user>[^\s@,]{1,128})@(?P<address>[^,]{1,128}), .*)$",
    re.DOTALL,
)
_UNTOLD = "7"
_KEY = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z1-9_ ]{0,60}):")
_LONGEST = 65_536
_WHOLE = (
    "ConnectionDuration", "DNS_TTL", "DstPort", "FileCount", "FileSize", "HTTPResponse", "InitiatorBytes",
    "InitiatorPackets", "ResponderBytes", "ResponderPackets", "SrcPort",
)  # fmt: skip
_NOBODY = ("Not Found", "No Authentication Required", "Unknown")
_ALERTS = ("Malware", "Custom Detection")
_CONSTANTS = {"event.dataset": "cisco.ftd", "observer.product": "ftd", "observer.type": "firewall"}
_EVENT, _OTHER = "cisco.ftd.security_event.", "cisco.ftd.security."


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath("cisco_ftd.toml").read_text("utf-8"))


@cache
def _own() -> dict[str, str]:
    """Under which name each key of a security event is kept."""
    keys = _table()["keys"]
    return {
        **{key: _EVENT + _snake(key) for key in keys["security_event"]},
        **{key: _OTHER + _snake(key) for key in keys["security"]},
    }


@cache
def _snake(key: str) -> str:
    """The name of one of the table's keys in small letters."""
    parted = re.sub(r"([a-z\d])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", key))
    return re.sub(r"[ _]+", "_", parted).lower()


@cache
def _targets() -> list[tuple[str, str]]:
    """The table's fields as ``cisco_asa.body`` takes them."""
    return [(key, target.replace("cisco.ftd.", "cisco.asa.", 1)) for key, target in _table()["security"]]


@lru_cache(maxsize=4_096)
def _renamed(name: str) -> str:
    """The field of this device for one of ``cisco_asa``."""
    return name.replace("cisco.asa.", "cisco.ftd.", 1)


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is no message of such a device."""
    found = _MESSAGE.search(line)
    if found is None and (managed := _MANAGEMENT.match(line)) is not None:
        return _managed(line, managed, settings)
    found = found or _WITHOUT_NAME.match(line)
    if found is None or (found["severity"] is None and len(_pairs(found["text"])) < 2):
        return None
    begun = found.start("text" if found["severity"] is None else 0)
    event: Document = {**_CONSTANTS, "event.original": line[begun:]}
    time = cisco_asa.header(event, line[:begun], settings)
    code, text = found["id"], found["text"]
    raw: dict[str, str] = {}
    if code is None or code.startswith("43000"):
        raw = _pairs(text)
        code = code or _kind(raw)
    told = _security(event, raw, settings) if raw else cisco_asa.fields(code or "", text)
    cisco_asa.body(event, found["severity"] or _UNTOLD, code, told, time)
    event["cisco.asa.suffix"] = found["suffix"]
    _finish(event, raw, code or "")
    cisco_asa.relate(event)
    append(event, "related.hash", event.get("file.hash.sha256"))
    return {_renamed(name): value for name, value in event.items()}


def _managed(line: str, found: re.Match[str], settings: Settings) -> Document:
    """The event of what an administrator did."""
    event: Document = {**_CONSTANTS, "event.original": found["text"]}
    time = cisco_asa.header(event, line[: found.start("process")], settings)
    told = {"source.address": found["address"], "user.name": found["user"]}
    cisco_asa.body(event, _UNTOLD, None, told, time)
    event["process.name"], event["host.name"] = found["process"], found["host"]
    cisco_asa.relate(event)
    return event


def _pairs(text: str) -> dict[str, str]:
    """``Key: value, Key: value`` of the keys that the table knows. The first of a key counts: what a user sends stands last."""
    if len(text) > _LONGEST:
        return {}
    keys = list(_KEY.finditer(text))
    made: dict[str, str] = {}
    for number, found in enumerate(keys):
        end = keys[number + 1].start() if number + 1 < len(keys) else len(text)
        value = text[found.end() : end].strip()
        if found[1] in _own() and value:
            made.setdefault(found[1], value)
    return made


def _kind(raw: dict[str, str]) -> str | None:
    """The message's number by the keys that it has."""
    counted = {code: sum(key in raw for key in keys) for code, keys in _table()["kinds"].items()}
    best = max(counted, key=lambda code: counted[code])
    return best if counted[best] else None


def _security(event: Document, raw: dict[str, str], settings: Settings) -> Document:
    table = _table()
    for key, text in raw.items():
        event[_OTHER + _snake(key)] = text
        event[_own()[key]] = int(text) if key in _WHOLE and text.isdecimal() and len(text) < 19 else text
    told: Document = {}
    for key, target in _targets():
        if key in raw:
            told.setdefault(target, raw[key])
    told["cisco.asa.rule_name"] = [raw[key] for key in table["rules"]["names"] if key in raw]
    told["duration"] = f"0:00:{told['duration']}" if "duration" in told else None
    begun = MOMENT.fullmatch(told.get("event.start", ""))
    told["event.start"] = iso(moment(begun, settings)) if begun is not None else None
    kind, answer = told.get("dns.question.type", ""), told.get("dns.response_code", "")
    told["dns.question.type"] = table["record_types"].get(kind.lower(), kind) or None
    told["dns.response_code"] = table["response_codes"].get(answer.lower(), answer) or ("NOERROR" if kind else None)
    told["network.application"] = [raw[key].lower() for key in ("WebApplication", "Client") if key in raw]
    user = told.get("user.name")
    told["user.name"] = None if user in _NOBODY or user is None else user.rpartition("\\")[2]
    told["user.id"] = None if user in _NOBODY else user
    return told


def _finish(event: Document, raw: dict[str, str], code: str) -> None:
    number = event.get("network.iana_number")
    event["network.iana_number"] = None if number is None else str(number)
    sides = [event.get(f"{side}.bytes") for side in ("source", "destination")]
    if event.get("network.bytes") is None and None not in sides:
        event["network.bytes"] = sum(side for side in sides if side is not None)
    name = event.get("dns.question.name")
    if name:
        for part, value in zip(("registered_domain", "subdomain", "top_level_domain"), domain_parts(name), strict=True):
            event[f"dns.question.{part}"] = value
    hosts = [event.get("url.domain"), raw.get("ReferencedHost")]
    event["url.domain"] = list(dict.fromkeys(host for host in hosts if host)) or None
    _categorise(event, raw, code)


def _categorise(event: Document, raw: dict[str, str], code: str) -> None:
    table = _table()
    own = (action for action, codes in table["actions"].items() if code in codes)
    action = event["event.action"] = next(own, None) or (cisco_asa.action(code) if code else None)
    if action not in table["categories"]:
        cisco_asa.categorise(event)
        return
    word = (event.pop("outcome", None) or "").lower()
    made = table["categories"][action]
    outcome, kind = table["outcomes"].get(word, (None, ""))
    event["event.kind"], event["event.category"], event["event.type"] = made[0], [made[1]], list(made[2])
    if made[1] in ("network", "intrusion_detection"):
        event["event.outcome"] = outcome
        append(event, "event.type", kind)
        append(event, "event.category", "intrusion_detection" if word == "monitored" else None)
    if code == "430005":
        alert = raw.get("SHA_Disposition") in _ALERTS
        event["event.kind"] = "alert" if alert else "event"
        append(event, "event.category", None if alert else "file")
