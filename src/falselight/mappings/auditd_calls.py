"""What the records of one system call tell together: its program and arguments, files, folder and peer.

execve starts a process, connect goes out, accept and bind come in, open and its kin touch a file."""

from __future__ import annotations

import re
import socket
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.readers.syslog import Document, append

Pairs = dict[str, str]
_HEX = re.compile(r"(?:[0-9A-F]{2}){2,}")
_ARGUMENT = re.compile(r"a(\d{1,6})(?:\[(\d{1,6})\])?")
_KEPT = re.compile(r"auditd\.log\.a(\d{1,6})(?:\[|_len|\Z)")
_MOST_ARGUMENTS = 1_024
_INGRESS = ("accept", "accept4", "recvfrom", "recvmsg")
_EGRESS = ("connect", "sendto", "sendmsg")


@cache
def _calls() -> dict[str, tuple[str, list[str], list[str]]]:
    return {name: (action, kinds, types) for action, kinds, types, names in _table()["calls"] for name in names}


@cache
def _numbers() -> dict[str, dict[str, str]]:
    return {arch: {str(number): name for name, number in calls.items()} for arch, calls in _table()["numbers"].items()}


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath("auditd.toml").read_text("utf-8"))


def text(value: str | None) -> str | None:
    """A value as the kernel wrote it: hexadecimal where it holds spaces or control characters; NULs are spaces."""
    if value is None or value in ("(null)", "(none)", "?"):
        return None
    if value[:1] != '"' and _HEX.fullmatch(value):
        return bytes.fromhex(value).decode("utf-8", "replace").replace("\0", " ").strip()
    return value.strip('"')


def _argument(value: str) -> bytes:
    """An argument, or a part of one, which may end within a character."""
    if value[:1] != '"' and _HEX.fullmatch(value):
        return bytes.fromhex(value)
    return value.strip('"').encode("utf-8", "replace")


def join(event: Document, kind: str, records: Sequence[tuple[str, Pairs]]) -> None:
    """Puts into the event of a system call, or of a program's start, what its records tell, its own first."""
    own = records[0][1]
    call = own.get("syscall", "") if kind == "SYSCALL" else ""
    call = _numbers().get(own.get("arch", ""), {}).get(call, call)
    if kind == "SYSCALL":
        event["event.action"], event["event.category"], event["event.type"] = _calls().get(
            call, ("syscall", ["process"], ["info"])
        )
        if call in _INGRESS or call in _EGRESS:
            event["network.direction"] = "ingress" if call in _INGRESS else "egress"
        if call in _calls():
            event["auditd.data.syscall"], event["auditd.log.record_type"] = call, kind
    if started := [pairs for name, pairs in records if name == "EXECVE"]:
        _arguments(event, started)
    for name, pairs in records[1:]:
        match name:
            case "CWD":
                event["process.working_directory"] = text(pairs.get("cwd"))
            case "PATH" if pairs.get("item") == "0" or "file.path" not in event:
                event["file.path"] = text(pairs.get("name"))
            case "SOCKADDR":
                _peer(event, call, pairs.get("saddr", ""))
            case "PROCTITLE":
                event["process.title"] = text(pairs.get("proctitle"))


def _arguments(event: Document, records: Sequence[Pairs]) -> None:
    """``a0``, ``a1`` and so on of all records; a long argument comes in parts, ``a1[0]``, ``a1[1]``; the first may be lost."""
    parts: dict[int, list[tuple[int, bytes]]] = {}
    for pairs in records:
        for key, value in pairs.items():
            found = _ARGUMENT.fullmatch(key) if key[0] == "a" else None
            if found is None:
                continue
            number, part = int(found[1]), (int(found[2] or 0), _argument(value))
            if number in parts:
                parts[number].append(part)
            elif len(parts) < _MOST_ARGUMENTS:
                parts[number] = [part]
    if not parts:
        return
    first = min(parts)
    arguments = [
        b"".join([part for _, part in sorted(parts[number])]).decode("utf-8", "replace").replace("\0", " ")
        for number in sorted(parts)
    ]
    if first == 0:
        event["process.executable"] = event.get("process.executable") or arguments[0] or None
        event["process.name"] = event.get("process.name") or arguments[0].rsplit("/", 1)[-1] or None
        event["process.command_line"] = " ".join(arguments)
    else:
        arguments.insert(0, f"[... {first} truncated arguments ...]")
    event["process.args"] = arguments
    if event.get("auditd.log.syscall") is None:  # they are no parameters of the call, whose names are the same
        _forget(event, set(map(str, parts)))
    event["process.args_count"] = event.get("process.args_count") or next(
        (int(pairs["argc"]) for pairs in records if pairs.get("argc", "").isdecimal() and len(pairs["argc"]) < 8), None
    )


def _forget(event: Document, numbers: set[str]) -> None:
    for key in [key for key in event if key.startswith("auditd.log.a")]:
        found = _KEPT.match(key)
        if found is not None and found[1] in numbers:
            del event[key]


def _peer(event: Document, call: str, digits: str) -> None:
    """``struct sockaddr`` in hexadecimal: IPv4 and IPv6 addresses with ports, paths of local sockets."""
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return
    if len(raw) >= 8 and raw[:2] == b"\x02\x00":
        end = socket.inet_ntop(socket.AF_INET, raw[4:8])
    elif len(raw) >= 24 and raw[:2] == b"\x0a\x00":
        end = socket.inet_ntop(socket.AF_INET6, raw[8:24])
    else:
        if raw[:2] == b"\x01\x00":
            event["auditd.data.socket_path"] = raw[2:].split(b"\0")[0].decode("utf-8", "replace")
        return
    side = "source" if call in _INGRESS else "destination"
    event[f"{side}.ip"] = event[f"{side}.address"] = end
    event[f"{side}.port"] = int.from_bytes(raw[2:4], "big")
    event["network.direction"] = "ingress" if side == "source" else "egress"
    append(event, "related.ip", end)
