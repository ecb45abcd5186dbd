"""EVTX files of one's own, after the format's description in libyal/libevtx: chunks of records in plain binary XML."""

from __future__ import annotations

import struct
from dataclasses import dataclass

CHUNK, FIRST, TICKS_TO_1970 = 65_536, 512, 116_444_736_000_000_000
FRAGMENT, END_OF_FRAGMENT = b"\x0f\x01\x01\x00", b"\x00"


@dataclass
class Element:
    name: str
    attributes: dict[str, str]
    text: str = ""
    children: tuple[Element, ...] = ()


def event(event_id: int, data: dict[str, str], provider: str, channel: str, record: int, seconds: int) -> Element:
    def plain(name: str, text: str) -> Element:
        return Element(name, {}, text)

    stamp = f"2026-01-01T00:{seconds // 60 % 60:02d}:{seconds % 60:02d}.000000Z"
    system = (
        Element("Provider", {"Name": provider}),
        plain("EventID", str(event_id)),
        plain("Version", "1"),
        plain("Level", "4"),
        plain("Task", "1"),
        plain("Opcode", "0"),
        plain("Keywords", "0x8020000000000000"),
        Element("TimeCreated", {"SystemTime": stamp}),
        plain("EventRecordID", str(record)),
        Element("Execution", {"ProcessID": "4", "ThreadID": "8"}),
        plain("Channel", channel),
        plain("Computer", "ws1"),
        Element("Security", {"UserID": "S-1-5-18"}),
    )
    named = tuple(Element("Data", {"Name": name}, text) for name, text in data.items())
    return Element("Event", {}, "", (Element("System", {}, "", system), Element("EventData", {}, "", named)))


def log(events: list[Element], each_chunk: int = 20) -> bytes:
    """The file that holds these events, so many in a chunk."""
    groups = [events[at : at + each_chunk] for at in range(0, len(events), each_chunk)]
    header = struct.pack(
        "<8sQQQIHHHH", b"ElfFile\0", 0, max(len(groups) - 1, 0), len(events) + 1, 128, 1, 3, 4096, len(groups)
    )
    chunks = [_chunk(group, number * each_chunk + 1) for number, group in enumerate(groups)]
    return header.ljust(4096, b"\0") + b"".join(chunks)


def _chunk(events: list[Element], first: int) -> bytes:
    body = b""
    last_at = FIRST
    for number, root in enumerate(events, first):
        last_at = FIRST + len(body)
        tree = FRAGMENT + _element(root, last_at + 24 + len(FRAGMENT)) + END_OF_FRAGMENT
        size = (24 + len(tree) + 4 + 7) // 8 * 8
        head = struct.pack("<4sIQQ", b"**\0\0", size, number, TICKS_TO_1970 + number * 10_000_000)
        body += (head + tree).ljust(size - 4, b"\0") + struct.pack("<I", size)
    if len(body) > CHUNK - FIRST:
        raise ValueError("too many events for a chunk")
    last = first + len(events) - 1
    header = struct.pack("<8sQQQQIII", b"ElfChnk\0", first, last, first, last, 128, last_at, FIRST + len(body))
    return (header.ljust(FIRST, b"\0") + body).ljust(CHUNK, b"\0")


def _element(element: Element, at: int) -> bytes:
    """The binary form of an element that begins at this place of its chunk. Every name stands where it is used."""
    has_attributes = bool(element.attributes)
    head = 9
    name = _name(element.name)
    inner = b""
    if has_attributes:
        place = at + head + len(name) + 4
        attributes = b""
        items = list(element.attributes.items())
        for number, (key, value) in enumerate(items):
            token = 0x46 if number + 1 < len(items) else 0x06
            start = place + len(attributes)
            attributes += struct.pack("<BI", token, start + 5) + _name(key) + _value(value)
        inner += struct.pack("<I", len(attributes)) + attributes
    if element.text or element.children:
        inner += b"\x02"
        inner += _value(element.text) if element.text else b""
        for child in element.children:
            inner += _element(child, at + head + len(name) + len(inner))
        inner += b"\x04"
    else:
        inner += b"\x03"
    size = 4 + len(name) + len(inner)
    return struct.pack("<BII", 0x41 if has_attributes else 0x01, size, at + head) + name + inner


def _name(text: str) -> bytes:
    return struct.pack("<IHH", 0, 0, len(text)) + text.encode("utf-16-le") + b"\0\0"


def _value(text: str) -> bytes:
    raw = text.encode("utf-16-le")
    return struct.pack("<BBH", 0x05, 0x01, len(raw) // 2) + raw
