"""Networks as conditions over the 16 bytes that stand beside an ip field."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 1918, RFC 4193, loopback and link-local.
INTERNAL = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10",
)  # fmt: skip
# Never of interest as either end (RITA v5 default): unspecified, loopback, link-local, multicast, broadcast.
NEVER = (
    "0.0.0.0/32", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "::1/128", "::/128", "fe80::/10",
    "ff00::/8",
)  # fmt: skip


def parse(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks from CIDR texts; a ValueError names the text that is none."""
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)


def bounds(network: Network) -> tuple[bytes, bytes]:
    """The lowest and highest address as 16 bytes, IPv4 mapped into IPv6."""
    prefix = b"\0" * 10 + b"\xff\xff" if network.version == 4 else b""
    return prefix + network.network_address.packed, prefix + network.broadcast_address.packed


def inside(expression: str, networks: Iterable[Network]) -> str:
    """An SQL condition: the BLOB expression lies in one of the networks. Null stays null."""
    parts = [
        f"({expression} BETWEEN from_hex('{low.hex()}') AND from_hex('{high.hex()}'))"
        for low, high in map(bounds, networks)
    ]
    return "(" + " OR ".join(parts) + ")" if parts else f"({expression} IS NULL AND NULL)"
