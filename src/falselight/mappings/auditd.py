"""Linux audit records as ECS, an event a record, as Beats' auditd module indexes them; what the records of one serial number
tell together stands in that of the system call, as Auditbeat's auditd module joins them (``auditd_calls``).

What is no field of ECS stands under ``auditd.log``, as the record names it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from falselight.mappings import auditd_calls
from falselight.mappings.auditd_calls import Pairs
from falselight.mappings.network import address
from falselight.readers.syslog import Document, append, iso

_RECORD = re.compile(
    r"(?:^|\s)(?:node=(\S{1,255}) )?type=([A-Z_]{2,40}|UNKNOWN\[\d+\]) "
    r"msg=audit\((\d{1,12}\.\d{3}):(\d{1,12})\): ?(.*)$"
)
# A value in quotes, or up to the next key: words without a sign of equality are part of it.
_PAIR = re.compile(r"(?<![\w\[\]-])([A-Za-z_][\w\[\]-]{0,63})=(\"[^\"]*\"|'[^']*'|\S*+(?:\s+(?!\S[^\s=]*=)\S+)*+)")
_LOGIN = re.compile(r" old auid=(\d+) new auid=(\d+) old ses=(\d+) new ses=(\d+)")
_AVC = re.compile(r"\bavc: +(?P<action>denied|granted) +\{ (?P<request>[a-z_ ]{1,200}) \}")
_MESSAGE = re.compile(r"(?:^|\s)msg=(['\"])(?P<inner>.*)\1")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_SIGNED = re.compile(r"-?\d{1,18}")
_UNSET = "4294967295"
_QUOTES = frozenset("'\"")
_NOTHING = frozenset({"", "?", "(null)"})
_OUTCOMES = {"yes": "success", "success": "success", "1": "success", "granted": "success"}
_ARCHITECTURES = {"c000003e": "x86_64", "c00000b7": "aarch64"}
_INTERPRETED = tuple(
    (key, "auditd.data." + key)
    for key in ("arch", "syscall", "exit", "tty", "ses", "op", "terminal", "hostname", "addr", "a0", "a1", "a2", "a3")
)
_OF_ANY = _INTERPRETED[:-4]
_NOT_INTERPRETED = frozenset({"?", "(none)"})
_NUMBERS = ("process.pid", "process.parent.pid", "process.exit_code", "process.args_count")
_SIDES = (("source.address", "source.ip"), ("destination.address", "destination.ip"))
_OF_RECORD = ("sequence", "node")
_MACHINE_TYPES = {"start": "start", "stop": "end", "create": "creation", "delete": "deletion"}
# What is learnt of so many keys is kept, and the pairs of a text so long.
_MOST_KEYS, _LONGEST_KEPT = 64, 4_096


@dataclass(slots=True)
class Record:
    """One record of the log; ``text`` is its line."""

    node: str | None
    kind: str
    time: str
    serial: str
    rest: str
    text: str
    _pairs: Pairs | None = None

    def pairs(self) -> Pairs:
        """See ``pairs``."""
        found = self._pairs
        if found is None:
            found = pairs(self.rest)
            if len(self.rest) <= _LONGEST_KEPT:
                self._pairs = found
        return found


@cache
def table() -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath("auditd.toml").read_text("utf-8"))


def event_of(record: Record, others: Sequence[Record] = ()) -> Document:
    """The event of a record; ``others`` are the records with its serial number, of which a system call tells more."""
    kind, raw = record.kind, record.pairs()
    sequence = int(record.serial)
    event: Document = {
        "@timestamp": _time(record.time),
        "event.module": "auditd",
        "event.dataset": "auditd.log",
        "event.kind": "event",
        "event.id": record.serial,
        "event.original": record.text.strip(),
        "auditd.sequence": sequence,
        "auditd.message_type": kind.lower(),
    }
    if record.node is not None:
        event["host.name"] = event["auditd.log.node"] = record.node
    values = _values(raw)
    told = _classified(values, kind)
    event |= told
    values["record_type"] = kind
    keys, names, numbers = (_layout if len(values) <= _MOST_KEYS else _layout.__wrapped__)(tuple(values), tuple(told))
    event.update(zip(names, map(values.__getitem__, keys), strict=True))
    for name in numbers:
        if _SIGNED.fullmatch(event[name]):
            event[name] = int(event[name])
        else:
            del event[name]
    event["auditd.log.sequence"] = sequence
    event["event.action"] = event["event.action"].lower()
    _process(event)
    _outcome(event, raw)
    _relate(event, raw)
    if kind in ("SYSCALL", "EXECVE"):
        auditd_calls.join(event, kind, [(each.kind, each.pairs()) for each in (record, *others)])
    return event


@lru_cache(maxsize=2_048)
def _layout(keys: tuple[str, ...], told: tuple[str, ...]) -> tuple[list[str], list[str], list[str]]:
    """The keys of a record's values in the order of its event, the fields that they become, and those that are numbers.
    ``told`` has the fields that are filled."""
    rest, filled = dict.fromkeys(keys), set(told)
    order, names = [], []
    for key, target in table()["log"]:
        if key in rest and target not in filled:
            del rest[key]
            filled.add(target)
            order.append(key)
            names.append(target)
    # What the record tells of itself outranks keys of the same names.
    kept = [key for key in rest if key not in _OF_RECORD]
    numbers = [name for name in names if name in _NUMBERS]
    numbers += ["auditd.log." + key for key in kept if key in _names("whole")]
    return order + kept, names + ["auditd.log." + key for key in kept], numbers


@lru_cache(maxsize=1_024)
def _time(text: str) -> str | None:
    seconds, _, milli = text.partition(".")
    try:
        return iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds), milliseconds=int(milli)))
    except OverflowError:
        return None  # no date that a calendar has


def pairs(text: str) -> Pairs:
    """What SELinux decided, and ``key=value`` pairs as written, quotes and all; those in the quoted ``msg`` of a user's record
    go before others."""
    found: Pairs = {}
    login = _LOGIN.search(text) if " old auid=" in text else None
    if login is not None:
        found = dict(zip(("old_auid", "new_auid", "old_ses", "new_ses"), login.groups(), strict=True))
        text = text[: login.start()]
    decided = _AVC.search(text) if "avc:" in text else None
    if decided is not None:
        found |= {"avc.action": decided["action"], "avc.request": decided["request"]}
    message = _MESSAGE.search(text) if "msg=" in text else None
    if message is not None and "=" in message["inner"]:
        found |= dict(_PAIR.findall(message["inner"]))
        text = text[: message.start()] + text[message.end() :]
    return {**dict(_PAIR.findall(text)), **found} if found else dict(_PAIR.findall(text))


@cache
def _names(kind: str) -> frozenset[str]:
    return frozenset(table()[kind])


def _values(raw: Pairs) -> Pairs:
    """The values that tell something, without their quotes, control characters as ^A."""
    found: Pairs = {}
    encoded = _names("encoded")
    for key, text in raw.items():
        if text in _NOTHING:
            continue
        if key in encoded and text[0] not in _QUOTES and _HEX.fullmatch(text):
            text = _written(text)
        if key == "arch":
            found[key] = _ARCHITECTURES.get(text, text)
            continue
        start = text[0] in _QUOTES
        if start or text[-1] in _QUOTES:
            text = text[start : len(text) - (text[-1] in _QUOTES and len(text) > 1)]
        if text:
            found[key] = text
    return found


def _written(text: str) -> str:
    """What hexadecimal digits stand for, if that had to be written so: else they are themselves."""
    raw = bytes.fromhex(text)
    if not any(byte < 33 or byte in (34, 127) for byte in raw):
        return text
    shown = "".join(f"^{chr(byte ^ 64)}" if byte < 32 or byte == 127 else chr(byte) for byte in raw if byte < 128)
    return shown if raw.isascii() else auditd_calls.text(text) or text


def _classified(values: Pairs, kind: str) -> Document:
    """Action, category, type and users of a record by its type."""
    told: Document = {}
    records, roles = table()["records"], table()["users"]
    names = (
        [kind, *(f"{kind} {key}" for key in ("apparmor", "seresult") if key in values)] if kind == "AVC" else (kind,)
    )
    for name in names:
        if name in records:
            told["event.action"], told["event.category"], told["event.type"], users = records[name]
            for target, keys in roles.get(users, {}).items():
                value = next(
                    (text for key in keys if (text := values.get(key) or values.get(key.replace("_", "-")))), None
                )
                if value is not None:
                    told[f"{target}.id" if value.isdecimal() else f"{target}.name"] = value
    if kind == "VIRT_CONTROL" and values.get("op") in _MACHINE_TYPES:
        told["event.type"] = [_MACHINE_TYPES[values["op"]]]
    if kind == "VIRT_MACHINE_ID":
        told["container.name"], told["container.runtime"] = values.get("vm"), values.get("virt")
    return told


def _process(event: Document) -> None:
    command = event.get("process.command_line")
    if command:
        event["process.args"] = command.split()
        event["process.args_count"] = len(event["process.args"])
    executable = event.get("process.executable")
    if executable and event.get("process.name") is None:
        event["process.name"] = executable.rsplit("/", 1)[-1]


def _outcome(event: Document, raw: dict[str, str]) -> None:
    """How it ended in ECS's words, and what Auditbeat calls the record's data."""
    result = event.get("event.outcome") or raw.get("success") or raw.get("avc.action")
    if result is not None:
        event["event.outcome"] = _OUTCOMES.get(result, "failure")
        event["auditd.result"] = "success" if event["event.outcome"] == "success" else "fail"
    if "ses" in raw:
        event["auditd.session"] = "unset" if raw["ses"] == _UNSET else raw["ses"]
    for key, name in _INTERPRETED if "syscall" in raw else _OF_ANY:
        text = raw.get(key)
        if text is not None and text not in _NOT_INTERPRETED:
            event[name] = text.strip('"')
    if raw.get("key") not in (None, "(null)"):
        event["tags"] = [part for part in str(auditd_calls.text(raw["key"])).split("\x01") if part]


def _relate(event: Document, raw: Pairs) -> None:
    user = event.get("user.name") or auditd_calls.text(raw.get("UID"))
    if user is not None:
        event["user.name"] = user
        append(event, "related.user", user)
    for told, end in _SIDES:
        text = event.get(told)
        if text is not None and address(text):
            event[end] = text
            append(event, "related.ip", text)


def is_record(line: str) -> Record | None:
    """The parts of one audit record, None for another line."""
    found = _RECORD.search(line) if "type=" in line and len(line) < 131_072 else None
    if found is None:
        return None
    node, kind, time, serial, rest = found.groups()
    return Record(node, kind, time, serial, rest, line)
