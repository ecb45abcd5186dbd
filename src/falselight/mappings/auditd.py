"""Linux audit records as ECS: the records of one serial number are one event, as Auditbeat's auditd module joins them.

What a syscall did is told by its name: execve starts a process, connect goes out, accept and bind come in, open and its kin
touch a file. Types of other records have actions in ``auditd.toml``, or are their action in lower case. What the records
say stands under ``auditd.log`` too, as Beats' auditd module names it."""

from __future__ import annotations

import re
import socket
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.network import address
from falselight.readers.syslog import Document, append, iso

RECORD = re.compile(
    r"(?:^|\s)(?:node=(?P<node>\S{1,255}) )?type=(?P<type>[A-Z_]{2,40}|UNKNOWN\[\d+\]) "
    r"msg=audit\((?P<time>\d{1,12}\.\d{3}):(?P<serial>\d{1,12})\): ?(?P<rest>.*)$"
)
_PAIR = re.compile(r"([A-Za-z_][\w-]{0,63})=(?:\"([^\"]*)\"|'([^']*)'|(\S*))")
_HEX = re.compile(r"(?:[0-9A-F]{2}){2,}")
_MOST_RECORDS, _MOST_ARGUMENTS = 256, 1_024
# x86-64 and arm64 numbers of the calls that mean something here (Linux, include/uapi/asm-generic/unistd.h and syscall_64.tbl).
_CALLS = {
    "c000003e": {
        "59": "execve",
        "322": "execveat",
        "42": "connect",
        "43": "accept",
        "288": "accept4",
        "49": "bind",
        "2": "open",
        "257": "openat",
        "87": "unlink",
        "263": "unlinkat",
        "82": "rename",
        "264": "renameat",
        "316": "renameat2",
        "44": "sendto",
        "46": "sendmsg",
        "62": "kill",
        "101": "ptrace",
        "56": "clone",
        "57": "fork",
        "58": "vfork",
        "231": "exit_group",
    },
    "c00000b7": {
        "221": "execve",
        "281": "execveat",
        "203": "connect",
        "202": "accept",
        "242": "accept4",
        "200": "bind",
        "56": "openat",
        "35": "unlinkat",
        "276": "renameat2",
        "206": "sendto",
        "211": "sendmsg",
        "129": "kill",
        "117": "ptrace",
        "220": "clone",
        "94": "exit_group",
    },
}
_DONE: dict[str, tuple[list[str], list[str], str]] = {
    "execve": (["process"], ["start"], "executed"),
    "execveat": (["process"], ["start"], "executed"),
    "connect": (["network"], ["connection", "start"], "connected-to"),
    "accept": (["network"], ["connection", "start"], "accepted-connection-from"),
    "accept4": (["network"], ["connection", "start"], "accepted-connection-from"),
    "bind": (["network"], ["start"], "bound-socket"),
    "sendto": (["network"], ["connection", "info"], "sent-to"),
    "sendmsg": (["network"], ["connection", "info"], "sent-message"),
    "open": (["file"], ["access"], "opened-file"),
    "openat": (["file"], ["access"], "opened-file"),
    "unlink": (["file"], ["deletion"], "deleted"),
    "unlinkat": (["file"], ["deletion"], "deleted"),
    "rename": (["file"], ["change"], "renamed"),
    "renameat": (["file"], ["change"], "renamed"),
    "renameat2": (["file"], ["change"], "renamed"),
    "kill": (["process"], ["end"], "killed-pid"),
    "ptrace": (["process"], ["change"], "changed-process"),
    "exit_group": (["process"], ["end"], "exited"),
}
_USERS = {
    "uid": "user.id",
    "auid": "user.audit.id",
    "euid": "user.effective.id",
    "suid": "user.saved.id",
    "fsuid": "user.filesystem.id",
    "gid": "user.group.id",
    "egid": "user.effective.group.id",
    "sgid": "user.saved.group.id",
    "fsgid": "user.filesystem.group.id",
}
# Keys whose values are fields of ECS; the others stand under auditd.log.
_ECS_KEYS = {
    *_USERS, "acct", "addr", "agid", "arch", "cmd", "comm", "cwd", "dst", "exe", "exit", "msg", "ogid", "ouid", "pid", "ppid",
    "record_type", "res", "src", "terminal",
}  # fmt: skip
_WHOLE = {"lport", "rport", "entries", "dst_prefixlen", "ksize", "size", "src_prefixlen"}
_SIGNED = re.compile(r"-?\d{1,18}")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath("auditd.toml").read_text("utf-8"))


def event_of(records: Sequence[re.Match[str]]) -> Document:
    """The event of all records with one serial number, in their order."""
    first = records[0]
    seconds, _, milli = first["time"].partition(".")
    try:
        time: datetime | None = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            seconds=int(seconds), milliseconds=int(milli)
        )
    except OverflowError:
        time = None
    event: Document = {
        "@timestamp": iso(time),
        "event.module": "auditd",
        "event.dataset": "auditd.log",
        "event.kind": "event",
        "event.id": first["serial"],
        "auditd.sequence": int(first["serial"]),
        "auditd.message_type": first["type"].lower(),
        "host.name": first["node"],
        "event.original": "\n".join(record.group().strip() for record in records[:_MOST_RECORDS]),
        "event.action": first["type"].lower(),
    }
    data: dict[str, str] = {}
    for record in records[:_MOST_RECORDS]:
        pairs = _pairs(record["rest"])
        match record["type"]:
            case "EXECVE":
                _arguments(event, pairs)
            case "CWD":
                event["process.working_directory"] = _text(pairs.get("cwd"))
            case "PATH":
                if pairs.get("item") == "0" or "file.path" not in event:
                    event["file.path"] = _text(pairs.get("name"))
            case "SOCKADDR":
                _address(event, pairs.get("saddr", ""))
            case "PROCTITLE":
                event["process.title"] = _text(pairs.get("proctitle"))
            case _:
                data |= pairs
    _process(event, data)
    _log(event, data, first)
    _meaning(event, data, first["type"])
    return event


def _pairs(text: str) -> dict[str, str]:
    """``key=value`` pairs; those within the quoted ``msg`` of a user record are taken out of it. A text in quotes that could
    be hexadecimal keeps them, for ``_text`` to tell it from one that the kernel encoded."""
    found = {
        key: (f'"{double}"' if _HEX.fullmatch(double) else double) or single or bare
        for key, double, single, bare in _PAIR.findall(text)
    }
    inner = found.pop("msg", None)
    return {**found, **_pairs(inner)} if inner and "=" in inner else found


def _text(value: str | None) -> str | None:
    """A value as the kernel wrote it: hexadecimal where it holds spaces or control characters; NULs are spaces."""
    if value is None or value in ("(null)", "(none)", "?"):
        return None
    if _HEX.fullmatch(value):
        return bytes.fromhex(value).decode("utf-8", "replace").replace("\0", " ").strip()
    return value.strip('"')


def _arguments(event: Document, pairs: dict[str, str]) -> None:
    count = int(pairs["argc"]) if pairs.get("argc", "").isdecimal() and len(pairs["argc"]) < 6 else 0
    arguments = [_text(pairs.get(f"a{number}")) or "" for number in range(min(count, _MOST_ARGUMENTS))]
    if arguments:
        event["process.args"] = arguments
        event["process.args_count"] = count
        event["process.command_line"] = " ".join(arguments)


def _address(event: Document, text: str) -> None:
    """``struct sockaddr`` in hexadecimal: IPv4 and IPv6 addresses with ports, paths of local sockets."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return
    if len(raw) >= 8 and raw[:2] == b"\x02\x00":
        event["_peer"] = (socket.inet_ntop(socket.AF_INET, raw[4:8]), int.from_bytes(raw[2:4], "big"))
    elif len(raw) >= 24 and raw[:2] == b"\x0a\x00":
        event["_peer"] = (socket.inet_ntop(socket.AF_INET6, raw[8:24]), int.from_bytes(raw[2:4], "big"))
    elif raw[:2] == b"\x01\x00":
        event["auditd.data.socket_path"] = raw[2:].split(b"\0")[0].decode("utf-8", "replace")


def _process(event: Document, data: dict[str, str]) -> None:
    for key, target in (("pid", "process.pid"), ("ppid", "process.parent.pid")):
        if data.get(key, "").isdecimal() and len(data[key]) < 19:
            event[target] = int(data[key])
    arguments = event.get("process.args") or [None]
    executable, name = _text(data.get("exe")) or arguments[0] or None, _text(data.get("comm"))
    event["process.executable"] = executable
    event["process.name"] = name or (executable.rsplit("/", 1)[-1] if executable else None)
    event["process.exit_code"] = int(data["exit"]) if _SIGNED.fullmatch(data.get("exit", "")) else None
    event.setdefault("process.working_directory", _text(data.get("cwd")))
    command = _text(data.get("cmd"))
    if command:
        event["process.command_line"], event["process.args"] = command, command.split()
        event["process.args_count"] = len(event["process.args"])
    for key, target in _USERS.items():
        if data.get(key) not in (None, "unset"):
            event[target] = data[key]
    event["user.name"] = _text(data.get("acct")) or _text(data.get("UID"))
    if event["user.name"]:
        append(event, "related.user", event["user.name"])
    if data.get("key") not in (None, "(null)"):
        event["tags"] = [part for part in str(_text(data["key"])).split("\x01") if part]
    result = data.get("success") or data.get("res")
    if result is not None:
        event["event.outcome"] = "success" if result in ("yes", "success", "1") else "failure"
    for key in ("arch", "syscall", "exit", "tty", "ses", "op", "terminal", "hostname", "addr", "a0", "a1", "a2", "a3"):
        if data.get(key) not in (None, "?", "(none)"):
            event[f"auditd.data.{key}"] = data[key]


def _log(event: Document, data: dict[str, str], first: re.Match[str]) -> None:
    """What stands under ``auditd.log``, and the ends, terminal and users that a record of its own names."""
    for key, value in data.items():
        if key in _WHOLE:
            event[f"auditd.log.{key}"] = int(value) if value.isdecimal() and len(value) < 19 else None
        elif key not in _ECS_KEYS and value not in ("", "?", "(null)"):
            event[f"auditd.log.{key}"] = value.strip('"')
    event["auditd.log.sequence"] = int(first["serial"])
    event["auditd.log.node"] = first["node"]
    event["user.terminal"] = _text(data.get("terminal"))
    for side, key in (("source", "src"), ("source", "addr"), ("destination", "dst")):
        end = _text(data.get(key))
        if end is not None and event.get(f"{side}.address") is None:
            event[f"{side}.address"] = end
            event[f"{side}.ip"] = end if address(end) else None
            append(event, "related.ip", event[f"{side}.ip"])


def _name(key: str, value: str | None) -> str | None:
    """A user's or group's name or number; names only are hexadecimal at times."""
    return _text(value) if key == "acct" or value in ("?", "(null)") else value


def _record(event: Document, data: dict[str, str], kind: str) -> None:
    """Action, category, type and users of a record by its type."""
    records, roles = _table()["records"], _table()["users"]
    for name in (kind, *(f"{kind} {key}" for key in ("seresult", "apparmor") if key in data)):
        if name in records:
            event["event.action"], category, types, users = records[name]
            event["event.category"], event["event.type"] = list(category), list(types)
            for target, keys in roles.get(users, {}).items():
                value = next((text for key in keys if (text := _name(key, data.get(key)))), None)
                if value is not None:
                    event[f"{target}.id" if value.isdecimal() else f"{target}.name"] = value


def _meaning(event: Document, data: dict[str, str], kind: str) -> None:
    peer: tuple[str, int] | None = event.pop("_peer", None)
    number = data.get("syscall", "")
    call = number if not number.isdecimal() else _CALLS.get(data.get("arch", ""), {}).get(number)
    done = _DONE.get(call or "")
    if done is not None:
        event["event.category"], event["event.type"], event["event.action"] = list(done[0]), list(done[1]), done[2]
        event["auditd.data.syscall"] = call
    else:
        _record(event, data, kind)
    if peer is not None and call is not None:
        incoming = call.startswith("accept")
        side = "source" if incoming else "destination"
        event[f"{side}.ip"], event[f"{side}.port"], event[f"{side}.address"] = peer[0], peer[1], peer[0]
        event["network.direction"] = "ingress" if incoming else "egress"
        append(event, "related.ip", peer[0])


def is_record(line: str) -> re.Match[str] | None:
    """The parts of one audit record, None for another line."""
    return RECORD.search(line) if "type=" in line and len(line) < 131_072 else None
