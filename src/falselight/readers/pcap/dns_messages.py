"""The bytes of a DNS message in, what it says out (RFC 1035). Names, pointers and counts are bounded as they are read."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

MAX_ANSWERS = 1000
MAX_POINTERS = 64
_MAX_NAME_BYTES = 255
_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
TYPES = {
    1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS", 12: "PTR",
    13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 19: "X25", 20: "ISDN", 21: "RT", 22: "NSAP",
    23: "NSAP-PTR", 24: "SIG", 25: "KEY", 26: "PX", 27: "GPOS", 28: "AAAA", 29: "LOC", 30: "EID", 31: "NIMLOC",
    32: "NB", 33: "SRV", 34: "ATMA", 35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", 39: "DNAME", 40: "SINK", 41: "EDNS",
    42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3",
    51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC",
    63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 100: "DINFO", 108: "EUI48", 109: "EUI64", 249: "TKEY", 250: "TSIG",
    251: "IXFR", 252: "AXFR", 253: "MAILB", 254: "MAILA", 255: "*", 256: "URI", 257: "CAA", 32768: "TA", 32769: "DLV",
}  # fmt: skip
CLASSES = {1: "C_INTERNET", 2: "C_CSNET", 3: "C_CHAOS", 4: "C_HESIOD", 254: "C_NONE", 255: "C_ANY"}
RESPONSE_CODES = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
    8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "unassigned-11", 12: "unassigned-12", 13: "unassigned-13",
    14: "unassigned-14", 15: "unassigned-15",
}  # fmt: skip


class Malformed(ValueError):
    """Bytes that are no DNS message."""


@dataclass
class Message:
    """One message; ``answers`` are texts as Zeek writes them, of the answer section alone."""

    number: int
    flags: int
    query: str | None = None
    kind: int | None = None
    family: int | None = None
    answers: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    counts: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def reply(self) -> bool:
        return bool(self.flags & 0x8000)


def looks_like(data: bytes) -> bool:
    """Whether these bytes can only be a DNS message: a query's or reply's header and a question that can be read."""
    if len(data) < 17:
        return False
    _, flags, questions, answers, authorities, others = _HEADER.unpack_from(data)
    if questions != 1 or flags & 0x7800 not in (0, 0x2000, 0x2800) or flags & 0x0040:
        return False
    if flags & 0x8000 == 0 and (answers or authorities or others > 2):
        return False
    if answers > 100 or authorities > 100 or others > 100:
        return False
    try:
        _, at = name(data, 12)
        kind, family = struct.unpack_from(">HH", data, at)
    except (Malformed, struct.error):
        return False
    whole = at + 4 == len(data) or answers or authorities or others
    return bool(whole and kind in TYPES and family & 0x7FFF in CLASSES)


def parse(data: bytes) -> Message:
    """The message; answers that are cut off are left out. Raises ``Malformed``."""
    if len(data) < 12:
        raise Malformed
    number, flags, *counts = _HEADER.unpack_from(data)
    message = Message(number, flags, counts=(counts[0], counts[1], counts[2], counts[3]))
    at = 12
    try:
        for question in range(min(counts[0], 16)):
            query, at = name(data, at)
            kind, family = struct.unpack_from(">HH", data, at)
            at += 4
            if question == 0:
                message.query, message.kind, message.family = query, kind, family & 0x7FFF
    except struct.error:
        raise Malformed from None
    try:
        for _ in range(min(counts[1], MAX_ANSWERS)):
            owner, at = name(data, at)
            kind, _, seconds, length = _RECORD.unpack_from(data, at)
            at += 10
            if at + length > len(data):
                break
            if message.query is None:
                message.query = owner
            message.answers.append(_answer(data, at, length, kind))
            message.seconds.append(float(seconds))
            at += length
    except (Malformed, struct.error):
        # What stands before the damage is told.
        return message
    return message


def name(data: bytes, at: int) -> tuple[str, int]:
    """A name, its letters in lower case, and where it ends. Raises ``Malformed`` for a name that does not end within
    255 bytes and 64 pointers, or leads out of the message."""
    labels: list[bytes] = []
    size, pointers, end = 0, 0, -1
    while True:
        if at >= len(data):
            raise Malformed
        length = data[at]
        if length == 0:
            end = at + 1 if end < 0 else end
            break
        if length >= 0xC0:
            pointers += 1
            if at + 1 >= len(data) or pointers > MAX_POINTERS:
                raise Malformed
            end = at + 2 if end < 0 else end
            at = (length & 0x3F) << 8 | data[at + 1]
            continue
        size += length + 1
        if length > 63 or size > _MAX_NAME_BYTES or at + 1 + length > len(data):
            raise Malformed
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    return text(b".".join(labels).lower()) if labels else ".", end


def text(data: bytes) -> str:
    """UTF-8, or else one character for each byte."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _answer(data: bytes, at: int, length: int, kind: int) -> str:
    content = data[at : at + length]
    if kind == 1 and length == 4:
        return str(IPv4Address(content))
    if kind in (28, 38) and length == 16:
        return str(IPv6Address(content))
    if kind in (2, 5, 6, 12, 39):
        return name(data, at)[0]
    if kind == 15 and length > 2:
        return name(data, at + 2)[0]
    if kind == 33 and length > 6:
        return name(data, at + 6)[0]
    if kind in (16, 99):
        return _strings(content, "TXT" if kind == 16 else "SPF")
    return f"<unknown type={kind}>"


def _strings(content: bytes, label: str) -> str:
    found, at = [], 0
    while at < len(content):
        length = content[at]
        piece = content[at + 1 : at + 1 + length]
        found.append(f"{label} {len(piece)} {text(piece)}")
        at += 1 + length
    return " ".join(found)


def netbios(name: str) -> str:
    """The name that 32 letters encode for NetBIOS (RFC 1001, 14.1), without its type; other names as they are."""
    first = name.partition(".")[0]
    if len(first) != 32 or not all("a" <= letter <= "p" for letter in first):
        return name
    halves = [ord(letter) - ord("a") for letter in first]
    whole = bytes(high << 4 | low for high, low in zip(halves[::2], halves[1::2], strict=True))
    return text(whole[:15].rstrip(b" \0")) or name
