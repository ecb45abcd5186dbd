"""Named conversions of mappings: each puts what it makes of a text under ``target`` into a flat document.

The document's keys are dotted field names; values are str, int, bool, or lists of str or of objects."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

Document = dict[str, Any]
Conversion = Callable[[str, str, Document], None]

_LONGEST = 9_223_372_036_854_775_807
_SPACE = re.compile(r"\s+")
_MAPPED = re.compile(r"^\[?::ffff:(\d+\.\d+\.\d+\.\d+)(?:\](?::\d+)?)?$")
_DWORD = re.compile(r"DWORD \(0x([0-9a-f]{8})\)", re.IGNORECASE | re.ASCII)
_QWORD = re.compile(r"QWORD \(0x([0-9a-f]{8})-0x([0-9a-f]{8})\)", re.IGNORECASE | re.ASCII)
_BINDING = re.compile(r"name=(.+);\s*value=(.+)$")
_HIVES = {
    "HKEY_CLASSES_ROOT": "HKCR", "HKCR": "HKCR", "HKEY_CURRENT_CONFIG": "HKCC", "HKCC": "HKCC",
    "HKEY_CURRENT_USER": "HKCU", "HKCU": "HKCU", "HKEY_DYN_DATA": "HKDD", "HKDD": "HKDD",
    "HKEY_LOCAL_MACHINE": "HKLM", "HKLM": "HKLM", "HKEY_PERFORMANCE_DATA": "HKPD", "HKPD": "HKPD",
    "HKEY_USERS": "HKU", "HKU": "HKU",
}  # fmt: skip
_RECORD_TYPES = {
    "1": "A", "2": "NS", "3": "MD", "4": "MF", "5": "CNAME", "6": "SOA", "7": "MB", "8": "MG", "9": "MR", "10": "NULL",
    "11": "WKS", "12": "PTR", "13": "HINFO", "14": "MINFO", "15": "MX", "16": "TXT", "17": "RP", "18": "AFSDB",
    "19": "X25", "20": "ISDN", "21": "RT", "22": "NSAP", "23": "NSAPPTR", "24": "SIG", "25": "KEY", "26": "PX",
    "27": "GPOS", "28": "AAAA", "29": "LOC", "30": "NXT", "31": "EID", "32": "NIMLOC", "33": "SRV", "34": "ATMA",
    "35": "NAPTR", "36": "KX", "37": "CERT", "38": "A6", "39": "DNAME", "40": "SINK", "41": "OPT", "43": "DS",
    "46": "RRSIG", "47": "NSEC", "48": "DNSKEY", "49": "DHCID", "100": "UINFO", "101": "UID", "102": "GID",
    "103": "UNSPEC", "248": "ADDRS", "249": "TKEY", "250": "TSIG", "251": "IXFR", "252": "AXFR", "253": "MAILB",
    "254": "MAILA", "255": "ANY", "65281": "WINS", "65282": "WINSR",
}  # fmt: skip
_TRANSPORTS = {"tcp": 6, "udp": 17, "sctp": 132}


def text(value: str, target: str, document: Document) -> None:
    """The text as it is."""
    document[target] = value


def integer(value: str, target: str, document: Document) -> None:
    """Decimal or ``0x…``; what is no 64-bit integer is left out."""
    try:
        number = int(value, 16) if value[:2] in {"0x", "0X"} else int(value) if len(value) < 21 else None
    except ValueError:
        return
    if number is not None and -_LONGEST <= number <= _LONGEST:
        document[target] = number


def boolean(value: str, target: str, document: Document) -> None:
    """true or false."""
    if value.lower() in {"true", "false"}:
        document[target] = value.lower() == "true"


def lower(value: str, target: str, document: Document) -> None:
    """The text in lower case."""
    document[target] = value.lower()


def ip(value: str, target: str, document: Document) -> None:
    """An address as the record writes it (IPv4 mapped into IPv6 becomes IPv4); other text is left out."""
    mapped = _MAPPED.match(value)
    value = mapped.group(1) if mapped else "127.0.0.1" if value == "LOCAL" else value
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return
    document[target] = value


def append(value: str, target: str, document: Document) -> None:
    """The value joins the list, if it is not there yet."""
    known = document.get(target)
    if known is None:
        document[target] = [value]
    elif value not in known:
        known.append(value)


def before_at(value: str, target: str, document: Document) -> None:
    """What stands before the at sign."""
    document[target] = value.partition("@")[0]


def append_before_at(value: str, target: str, document: Document) -> None:
    """What stands before the at sign joins the list."""
    append(value.partition("@")[0], target, document)


def basename(value: str, target: str, document: Document) -> None:
    """What follows the last backslash; nothing if there is none (Sysmon's pipeline)."""
    _, slash, name = value.rpartition("\\")
    if slash and name and target not in document:
        document[target] = name


def last_part(value: str, target: str, document: Document) -> None:
    """What follows the last backslash, or the whole (Security's pipeline)."""
    if target not in document:
        document[target] = value.rpartition("\\")[2]


def path(value: str, target: str, document: Document) -> None:
    """``<target>.path`` and, if it has a backslash, its directory, name and extension."""
    document[target + ".path"] = value
    directory, slash, name = value.rpartition("\\")
    if slash and len(value) > 1:
        document[target + ".name"] = name
        document[target + ".directory"] = directory
        _, dot, extension = value.rpartition(".")
        if dot:
            document[target + ".extension"] = extension


def unix_name(value: str, target: str, document: Document) -> None:
    """What follows the last slash of a path."""
    name = value.rpartition("/")[2]
    if value.startswith("/") and name:
        document[target] = name


def unix_path(value: str, target: str, document: Document) -> None:
    """The directory, name and extension of a path with slashes."""
    directory, slash, name = value.rpartition("/")
    if not slash or not name:
        return
    document[target + ".name"] = name
    document[target + ".directory"] = directory or "/"
    stem, dot, extension = name.rpartition(".")
    if dot and stem and extension:
        document[target + ".extension"] = extension


def unix_account(value: str, target: str, document: Document) -> None:
    """A name without a domain."""
    if "\\" not in value:
        document[target] = value


def arguments(value: str, target: str, document: Document) -> None:
    """``<target>.command_line``, ``.args`` and ``.args_count``."""
    document[target + ".command_line"] = value
    found = split_command_line(value)
    if found:
        document[target + ".args"] = found
    document[target + ".args_count"] = len(found)


def plain_arguments(value: str, target: str, document: Document) -> None:
    """``<target>.command_line`` and ``.args``, split at white space outside quotes, quotes kept (Security 4688)."""
    document[target + ".command_line"] = value
    parts: list[str] = []
    start, quoted = 0, False
    for at, character in enumerate(value):
        if character == '"':
            quoted = not quoted
        elif not quoted and character.isspace():
            parts.append(value[start:at])
            start = at + 1
    if not value[-1].isspace() or quoted:
        parts.append(value[start:])
    else:
        parts.append(value[-1])
    document[target + ".args"] = parts


def split_command_line(line: str) -> list[str]:
    """Arguments by the rules of Microsoft's C runtime before 2008: backslashes count only before a quote, and ``""``
    inside quotes is one quote."""
    if '"' not in line:
        return [part for part in line.replace("\t", " ").split(" ") if part]
    found: list[str] = []
    at, end = 0, len(line)
    while at < end:
        if line[at] in " \t":
            at += 1
            continue
        argument, at = _argument(line, at)
        found.append(argument)
    return found


def _argument(line: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    quoted, slashes, end = False, 0, len(line)
    while at < end:
        character = line[at]
        at += 1
        if character == "\\":
            slashes += 1
            continue
        if character == '"':
            parts.append("\\" * (slashes // 2))
            if slashes % 2:
                parts.append('"')
            else:
                if quoted and line.startswith('"', at):
                    parts.append('"')
                    at += 1
                quoted = not quoted
            slashes = 0
            continue
        if character in " \t" and not quoted:
            break
        parts.append("\\" * slashes + character)
        slashes = 0
    parts.append("\\" * slashes)
    return "".join(parts), at


def account(value: str, target: str, document: Document) -> None:
    """``DOMAIN\\name`` as ``<target>.domain`` and ``<target>.name``."""
    parts = value.split("\\")
    if len(parts) == 2:
        for name, part in zip(("domain", "name"), parts, strict=True):
            if part:
                document[f"{target}.{name}"] = part


def hashes(value: str, target: str, document: Document) -> None:
    """``SHA1=…,IMPHASH=…`` as ``<target>.hash.sha1`` and ``<target>.pe.imphash``; an empty target keeps the related
    values only. Hashes of zeros are none."""
    for pair in value.split(","):
        kind, equals, digest = pair.partition("=")
        if not equals or not digest.strip("0"):
            continue
        kind, digest = kind.strip().lower(), digest.lower()
        if kind not in {"md5", "sha1", "sha256", "imphash"}:
            continue
        if target:
            document[f"{target}.pe.imphash" if kind == "imphash" else f"{target}.hash.{kind}"] = digest
        append(digest, "related.hash", document)


def registry(value: str, target: str, document: Document) -> None:
    """A registry path: hive, key, value (the last part), as Elastic's pipeline takes it apart."""
    document["registry.path"] = value
    path = value.rstrip("\\")
    hive, slash, key = path.partition("\\")
    if hive in _HIVES:
        document["registry.hive"] = _HIVES[hive]
        if slash:
            document["registry.key"] = key
    document["registry.value"] = path.rpartition("\\")[2]


def registry_data(value: str, target: str, document: Document) -> None:
    """``DWORD (0x…)`` and ``QWORD (0x…-0x…)`` as decimal text (the upper half of a QWORD is shifted by 8 bits, as Elastic's
    pipeline does); other details as they are."""
    dword, qword = _DWORD.fullmatch(value), _QWORD.fullmatch(value)
    if qword:
        kind, found = "SZ_QWORD", str((int(qword.group(1), 16) << 8) + int(qword.group(2), 16))
    elif dword:
        kind, found = "SZ_DWORD", str(int(dword.group(1), 16))
    else:
        kind, found = "REG_BINARY" if value == "Binary Data" else "REG_SZ", value
    document["registry.data.type"] = kind
    document["registry.data.strings"] = [found]


def dns_results(value: str, target: str, document: Document) -> None:
    """``type:  5 name;::ffff:192.0.2.1;`` as dns.answers, dns.resolved_ip and the related fields."""
    answers: list[dict[str, str]] = []
    addresses: list[str] = []
    for result in value.split(";"):
        if result.startswith("type:"):
            parts = result.split()
            answer = {"type": kind} if len(parts) > 1 and (kind := _RECORD_TYPES.get(parts[1])) else {}
            if len(parts) == 3:
                answer["data"] = parts[2]
                append(parts[2], "related.hosts", document)
            if answer:
                answers.append(answer)
        elif result:
            found: Document = {}
            ip(result.strip(), "ip", found)
            addresses.extend(found.values())
    for address in addresses:
        answers.append({"type": "AAAA" if ":" in address else "A", "data": address})
        append(address, "related.ip", document)
    if answers:
        document["dns.answers"] = answers
    if addresses:
        document["dns.resolved_ip"] = addresses


def record_type(value: str, target: str, document: Document) -> None:
    """The name of a type of DNS records by its number."""
    document[target] = _RECORD_TYPES.get(value, value)


def without_dot(value: str, target: str, document: Document) -> None:
    """A name without the dot at its end."""
    document[target] = value[:-1] if value.endswith(".") and len(value) > 1 else value


def words(value: str, target: str, document: Document) -> None:
    """The words between white space, as a list."""
    found = _SPACE.split(value.strip())
    if found != [""]:
        document[target] = found


def invocations(value: str, target: str, document: Document) -> None:
    """PowerShell's command details, one a line: type, related command, name, value."""
    document[target] = [_invocation(line, False) for line in value.split("\n")]


def plain_invocations(value: str, target: str, document: Document) -> None:
    """The same of PowerShell's classic log, where a type holds neither colon nor parenthesis."""
    document[target] = [_invocation(line, True) for line in value.split("\n")]


def _invocation(line: str, is_plain: bool) -> dict[str, str]:
    """``type(command): rest``, where the last ``):`` ends the command, and the first or last parenthesis begins it."""
    end = line.rfind("):")
    start = line.find("(") if is_plain else line.rfind("(", 0, max(end - 1, 0))
    if start < 1 or end <= start + 1 or (is_plain and ":" in line[:start]):
        return {"value": line}
    kind, command, rest = line[:start], line[start + 1 : end], line[end + 2 :].lstrip()
    if kind != "ParameterBinding":
        return {"type": kind, "related_command": command, **({"value": rest} if rest else {})}
    binding = _BINDING.match(rest)
    if not binding:
        return {"value": rest}
    return {"type": kind, "related_command": command, "name": binding.group(1), "value": binding.group(2)}


def member_name(value: str, target: str, document: Document) -> None:
    """The common name of a member's distinguished name, and the domain if it is the fourth part."""
    parts = re.split(r"(?<!\\\\),", value)
    name = parts[0].replace("CN=", "").replace("cn=", "")
    document[target] = name
    append(name, "related.user", document)
    if len(parts) >= 4:
        document["user.target.domain"] = parts[3].replace("DC=", "").replace("dc=", "")


def with_member(value: str, target: str, document: Document) -> None:
    """The value, if the event names a member."""
    if "user.target.name" in document:
        document[target] = value


def community_id(value: str, target: str, document: Document) -> None:
    """Community ID version 1, seed 0 (https://github.com/corelight/community-id-spec). ``value`` is not used."""
    protocol = _TRANSPORTS.get(document.get("network.transport", ""))
    packed: list[tuple[bytes, bytes]] = []
    for side in ("source", "destination"):
        address, port = document.get(side + ".ip"), document.get(side + ".port")
        if protocol is None or address is None or port is None or not 0 < port < 65_536:
            return
        packed.append((ipaddress.ip_address(address).packed, int(port).to_bytes(2, "big")))
    packed.sort()
    if len(packed[0][0]) != len(packed[1][0]):
        return
    (low, low_port), (high, high_port) = packed
    whole = b"\0\0" + low + high + bytes((protocol or 0, 0)) + low_port + high_port
    document[target] = "1:" + base64.b64encode(hashlib.sha1(whole, usedforsecurity=False).digest()).decode()


CONVERSIONS: Mapping[str, Conversion] = {
    made.__name__: made
    for made in (
        text, integer, boolean, lower, ip, append, before_at, append_before_at, basename, last_part, path, unix_name,
        unix_path, unix_account, arguments, plain_arguments, account, hashes, registry, registry_data, dns_results,
        record_type, without_dot, words, invocations, plain_invocations, member_name, with_member, community_id,
    )
}  # fmt: skip
