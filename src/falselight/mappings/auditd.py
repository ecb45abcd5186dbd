"""Linux audit records as ECS, an event a record, as Beats' auditd module indexes them; what the records of one serial number
tell together stands in that of the system call, as Auditbeat's auditd module joins them (``auditd_calls``).

What is no field of ECS stands under ``auditd.log``, as the record names it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings import auditd_calls
from falselight.mappings.network import address
from falselight.readers.syslog import Document, append, iso

RECORD = re.compile(
    r"(?:^|\s)(?:node=(?P<node>\S{1,255}) )?type=(?P<type>[A-Z_]{2,40}|UNKNOWN\[\d+\]) "
    r"msg=audit\((?P<time>\d{1,12}\.\d{3}):(?P<serial>\d{1,12})\): ?(?P<rest>.*)$"
)
# A value in quotes, or up to the next key: words without a sign of equality are part of it.
_PAIR = re.compile(r"(?<![\w\[\]-])([A-Za-z_][\w\[\]-]{0,63})=(\"[^\"]*\"|'[^']*'|\S*(?:\s+(?!\S+=)\S+)*)")
_LOGIN = re.compile(r" old auid=(\d+) new auid=(\d+) old ses=(\d+) new ses=(\d+)")
_MESSAGE = re.compile(r"(?:^|\s)msg=(['\"])(?P<inner>.*)\1")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_SIGNED = re.compile(r"-?\d{1,18}")
_UNSET = "4294967295"
_NOTHING = ("", "?", "(null)")
_OUTCOMES = {"yes": "success", "success": "success", "1": "success"}
_INTERPRETED = ("arch", "syscall", "exit", "tty", "ses", "op", "terminal", "hostname", "addr")
_PARAMETERS = ("a0", "a1", "a2", "a3")
_MACHINE_TYPES = {"start": "start", "stop": "end", "create": "creation", "delete": "deletion"}


@cache
def table() -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath("auditd.toml").read_text("utf-8"))


def event_of(record: re.Match[str], others: Sequence[re.Match[str]] = ()) -> Document:
    """The event of a record; ``others`` are the records with its serial number, of which a system call tells more."""
    kind, raw = record["type"], pairs(record["rest"])
    event: Document = {
        "@timestamp": _time(record["time"]),
        "event.module": "auditd",
        "event.dataset": "auditd.log",
        "event.kind": "event",
        "event.id": record["serial"],
        "event.original": record.string.strip(),
        "auditd.sequence": int(record["serial"]),
        "auditd.message_type": kind.lower(),
        "host.name": record["node"],
    }
    encoded = _names("encoded")
    values = {key: text for key, value in raw.items() if (text := _value(key, value, encoded)) is not None}
    _classify(event, values, kind)
    values["record_type"] = kind
    for key, target in table()["log"]:
        if key in values and event.get(target) is None:
            event[target] = values.pop(key)
    whole = _names("whole")
    for key, value in values.items():
        event["auditd.log." + key] = _whole(value) if key in whole else value
    event |= {"auditd.log.sequence": int(record["serial"]), "auditd.log.node": record["node"]}
    event["event.action"] = event["event.action"].lower()
    _process(event)
    _outcome(event, raw)
    _relate(event, raw)
    if kind in ("SYSCALL", "EXECVE"):
        auditd_calls.join(event, kind, [(each["type"], pairs(each["rest"])) for each in (record, *others)])
    return event


def _time(text: str) -> str | None:
    seconds, _, milli = text.partition(".")
    try:
        return iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds), milliseconds=int(milli)))
    except OverflowError:
        return None  # no date that a calendar has


def pairs(text: str) -> dict[str, str]:
    """``key=value`` pairs as written, quotes and all; those within the quoted ``msg`` of a user's record go before others."""
    found: dict[str, str] = {}
    login = _LOGIN.search(text)
    if login is not None:
        found = dict(zip(("old_auid", "new_auid", "old_ses", "new_ses"), login.groups(), strict=True))
        text = text[: login.start()]
    message = _MESSAGE.search(text)
    if message is not None and "=" in message["inner"]:
        found |= dict(_PAIR.findall(message["inner"]))
        text = text[: message.start()] + text[message.end() :]
    return {**dict(_PAIR.findall(text)), **found}


@cache
def _names(kind: str) -> frozenset[str]:
    return frozenset(table()[kind])


def _value(key: str, text: str, encoded: frozenset[str]) -> str | None:
    """A value without its quotes, control characters as ^A; None where nothing is told."""
    if text in _NOTHING:
        return None
    if key in encoded and _HEX.fullmatch(text):
        text = _written(text)
    if key == "arch":
        return {"c000003e": "x86_64", "c00000b7": "aarch64"}.get(text, text)
    start, end = text[0] in "'\"", len(text) - (text[-1] in "'\"" and len(text) > 1)
    return text[start:end] or None


def _written(text: str) -> str:
    """What hexadecimal digits stand for, if that had to be written so: else they are themselves."""
    raw = bytes.fromhex(text)
    if not any(byte < 33 or byte in (34, 127) for byte in raw):
        return text
    shown = "".join(f"^{chr(byte ^ 64)}" if byte < 32 or byte == 127 else chr(byte) for byte in raw if byte < 128)
    return shown if raw.isascii() else auditd_calls.text(text) or text


def _classify(event: Document, values: dict[str, str], kind: str) -> None:
    """Action, category, type and users of a record by its type."""
    records, roles = table()["records"], table()["users"]
    for name in (kind, *(f"{kind} {key}" for key in ("apparmor", "seresult") if key in values)):
        if name in records:
            event["event.action"], category, types, users = records[name]
            event["event.category"], event["event.type"] = list(category), list(types)
            for target, keys in roles.get(users, {}).items():
                value = next(
                    (text for key in keys if (text := values.get(key) or values.get(key.replace("_", "-")))), None
                )
                if value is not None:
                    event[f"{target}.id" if value.isdecimal() else f"{target}.name"] = value
    if kind == "VIRT_CONTROL" and values.get("op") in _MACHINE_TYPES:
        event["event.type"] = [_MACHINE_TYPES[values["op"]]]
    if kind == "VIRT_MACHINE_ID":
        event["container.name"], event["container.runtime"] = values.get("vm"), values.get("virt")


def _whole(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and _SIGNED.fullmatch(text) else None


def _process(event: Document) -> None:
    for name in ("process.pid", "process.parent.pid", "process.exit_code", "process.args_count"):
        event[name] = _whole(event.get(name))
    command = event.get("process.command_line")
    if command:
        event["process.args"] = command.split()
        event["process.args_count"] = len(event["process.args"])
    executable = event.get("process.executable")
    if executable and event.get("process.name") is None:
        event["process.name"] = executable.rsplit("/", 1)[-1]


def _outcome(event: Document, raw: dict[str, str]) -> None:
    """How it ended in ECS's words, and what Auditbeat calls the record's data."""
    result = event.get("event.outcome") or raw.get("success")
    if result is not None:
        event["event.outcome"] = _OUTCOMES.get(result, "failure")
        event["auditd.result"] = "success" if event["event.outcome"] == "success" else "fail"
    if "ses" in raw:
        event["auditd.session"] = "unset" if raw["ses"] == _UNSET else raw["ses"]
    for key in (*_INTERPRETED, *(_PARAMETERS if "syscall" in raw else ())):
        if raw.get(key) not in (None, "?", "(none)"):
            event[f"auditd.data.{key}"] = raw[key].strip('"')
    if raw.get("key") not in (None, "(null)"):
        event["tags"] = [part for part in str(auditd_calls.text(raw["key"])).split("\x01") if part]


def _relate(event: Document, raw: dict[str, str]) -> None:
    event["user.name"] = event.get("user.name") or auditd_calls.text(raw.get("UID"))
    append(event, "related.user", event["user.name"])
    for side in ("source", "destination"):
        end = event.get(f"{side}.address")
        event[f"{side}.ip"] = end if address(end) else None
        append(event, "related.ip", event[f"{side}.ip"])


def is_record(line: str) -> re.Match[str] | None:
    """The parts of one audit record, None for another line."""
    return RECORD.search(line) if "type=" in line and len(line) < 131_072 else None
