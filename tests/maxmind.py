"""A MaxMind database of autonomous systems, written as its format says, for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

MARKER = b"\xab\xcd\xefMaxMind.com"
Short, Long = type("Short", (int,), {}), type("Long", (int,), {})  # 16 and 64 bits; others have 32
Tree = list[Any]  # two branches: another tree, a record's offset, or None


def write(path: Path, networks: Mapping[str, tuple[int, str]]) -> Path:
    """Networks (IPv4, none inside another) with the number and the holder of their system."""
    root: Tree = [None, None]
    data = b""
    for text, (number, holder) in networks.items():
        network, at = IPv4Network(text), root
        bits = [(int(network.network_address) >> (31 - place)) & 1 for place in range(network.prefixlen)]
        for bit in bits[:-1]:
            if at[bit] is None:
                at[bit] = [None, None]
            at = at[bit]
        at[bits[-1]] = len(data)
        data += _encoded({"autonomous_system_number": number, "autonomous_system_organization": holder})
    nodes = [root]
    for node in nodes:
        nodes += [branch for branch in node if isinstance(branch, list)]
    places = {id(node): place for place, node in enumerate(nodes)}
    tree = b""
    for node in nodes:
        for branch in node:
            value = len(nodes) if branch is None else branch
            if isinstance(branch, list):
                value = places[id(branch)]
            elif branch is not None:
                value = len(nodes) + 16 + branch
            tree += struct.pack(">I", value)
    about = {"node_count": len(nodes), "record_size": Short(32), "ip_version": Short(4), "database_type": "ASN", "languages": [],
             "binary_format_major_version": Short(2), "binary_format_minor_version": Short(0), "build_epoch": Long(1),
             "description": {}}  # fmt: skip
    path.write_bytes(tree + bytes(16) + data + MARKER + _encoded(about))
    return path


def _encoded(value: Any) -> bytes:
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b"".join(_encoded(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return bytes([len(value), 4])
    if isinstance(value, Short):
        return bytes([5 << 5 | 2]) + value.to_bytes(2)
    if isinstance(value, Long):
        return bytes([8, 2]) + value.to_bytes(8)
    if isinstance(value, int):
        return bytes([6 << 5 | 4]) + value.to_bytes(4)
    text = value.encode()
    head = bytes([2 << 5 | len(text)]) if len(text) < 29 else bytes([2 << 5 | 29, len(text) - 29])
    return head + text
