"""How captures are told from other files, without loading what reads them."""

from __future__ import annotations

from typing import Literal

SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
# First four bytes of a file: byte order, nanoseconds in a unit of the fraction, bytes by which record headers are longer.
PCAP_MAGICS: dict[bytes, tuple[Literal["<", ">"], int, int]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 0),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 0),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 0),
    b"\xa1\xb2\x3c\x4d": (">", 1, 0),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 8),
    b"\xa1\xb2\xcd\x34": (">", 1000, 8),
}
_ORDER_MARKS = (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d")


def is_capture(head: bytes) -> bool:
    """Whether a file that begins so is a packet capture, pcap or pcapng."""
    return head[:4] in PCAP_MAGICS or (head[:4] == SECTION_MAGIC and head[8:12] in _ORDER_MARKS)
