"""Fingerprints of TLS hellos: JA3 and JA3S (https://github.com/salesforce/ja3), JA4 (https://github.com/FoxIO-LLC/ja4,
technical_details/JA4.md; this one is under BSD-3-Clause, its siblings are not)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from falselight.readers.pcap.handshakes import ALPN, SERVER_NAME, ClientHello, ServerHello

_VERSIONS = {
    0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2",
    0xFEFF: "d1", 0xFEFD: "d2", 0xFEFC: "d3",
}  # fmt: skip
_NOTHING = "0" * 12


def is_grease(value: int) -> bool:
    """Whether a number is one of RFC 8701's, which clients strew in at random."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def ja3(hello: ClientHello) -> str:
    """MD5 of version, ciphers, extensions, groups and point formats in their order."""
    parts = (hello.ciphers, hello.extensions, hello.groups)
    lists = ["-".join(str(value) for value in part if not is_grease(value)) for part in parts]
    return _md5(f"{hello.version},{','.join(lists)},{'-'.join(map(str, hello.formats))}")


def ja3s(hello: ServerHello) -> str:
    """MD5 of version, cipher and extensions in their order."""
    return _md5(f"{hello.version},{hello.cipher},{'-'.join(map(str, hello.extensions))}")


def ja4(hello: ClientHello, transport: str = "t") -> str:
    """Transport, version, SNI, counts and ALPN in the clear; then digests of the sorted ciphers, and of the sorted
    extensions with the signature algorithms in their order."""
    ciphers = [value for value in hello.ciphers if not is_grease(value)]
    extensions = [value for value in hello.extensions if not is_grease(value)]
    offered = [value for value in hello.versions if not is_grease(value)]
    version = _VERSIONS.get(max(offered, default=hello.version), "00")
    name = "d" if SERVER_NAME in extensions else "i"
    counts = f"{min(len(ciphers), 99):02}{min(len(extensions), 99):02}"
    first = f"{transport}{version}{name}{counts}{_protocol(hello.protocols)}"
    listed = _hexadecimal(sorted(value for value in extensions if value not in (SERVER_NAME, ALPN)))
    signatures = _hexadecimal(value for value in hello.signatures if not is_grease(value))
    third = f"{listed}_{signatures}" if signatures else listed
    return f"{first}_{_short(_hexadecimal(sorted(ciphers)))}_{_short(third)}"


def _protocol(protocols: list[bytes]) -> str:
    """First and last character of the first ALPN value; of its hexadecimal form where one is no letter or digit."""
    if not protocols or not protocols[0]:
        return "00"
    value = protocols[0]
    ends = bytes((value[0], value[-1]))
    if ends.isalnum():
        return ends.decode("ascii")
    written = value.hex()
    return written[0] + written[-1]


def _hexadecimal(values: Iterable[int]) -> str:
    return ",".join(f"{value:04x}" for value in values)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12] if text else _NOTHING


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("ascii"), usedforsecurity=False).hexdigest()
