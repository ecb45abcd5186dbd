"""EVTX files of one's own as Windows writes them: templates with typed values, and checksums."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass, field
from zlib import crc32

from readers.evtx_files import CHUNK, END_OF_FRAGMENT, FIRST, FRAGMENT, TICKS_TO_1970

TEXT, U8, U16, U32, I32, U64, BOOLEAN, BINARY, GUID, FILE_TIME, SID, HEX32, HEX64, TREE = (
    0x01, 0x04, 0x06, 0x08, 0x07, 0x0A, 0x0D, 0x0E, 0x0F, 0x11, 0x13, 0x14, 0x15, 0x21,
)  # fmt: skip
Value = tuple[int, bytes]
NOTHING: Value = (0, b"")


def text(value: str) -> Value:
    return TEXT, value.encode("utf-16-le", "surrogatepass")


def number(kind: int, value: int) -> Value:
    size = {U8: 1, U16: 2, U32: 4, I32: 4, HEX32: 4, U64: 8, HEX64: 8, FILE_TIME: 8, BOOLEAN: 4}[kind]
    return kind, value.to_bytes(size, "little", signed=kind == I32)


def sid(*parts: int) -> Value:
    first, *rest = parts
    return SID, bytes([1, len(rest)]) + first.to_bytes(6, "big") + b"".join(struct.pack("<I", each) for each in rest)


SYSTEM_USER, COMPUTER = sid(5, 18), text("ws1")


@dataclass
class Hole:
    """Where a value stands in a template."""

    index: int
    kind: int = TEXT


@dataclass
class Element:
    name: str
    attributes: dict[str, str | Hole] = field(default_factory=dict)
    content: str | Hole | None = None
    children: tuple[Element | Hole, ...] = ()


@dataclass
class Record:
    """``head``: event id, level, task, opcode, keywords, version. ``data`` says what the event holds below ``tree``: where a
    record stands for a value, its tree and data do."""

    tree: Element
    data: list[Value | Record]
    provider: str = "Own"
    channel: str = "Own/Operational"
    head: tuple[int, int, int, int, int, int] = (1, 4, 1, 0, 0x8020000000000000, 2)
    ticks: int = TICKS_TO_1970 + 17_000_000_000_000_007
    activity: Value = NOTHING
    user: Value = SYSTEM_USER
    computer: Value = COMPUTER


SYSTEM = Element("System", children=(
    Element("Provider", {"Name": Hole(14), "Guid": Hole(15, GUID)}),
    Element("EventID", {"Qualifiers": Hole(4, U16)}, Hole(3, U16)),
    Element("Version", {}, Hole(11, U8)), Element("Level", {}, Hole(0, U8)), Element("Task", {}, Hole(1, U16)),
    Element("Opcode", {}, Hole(2, U8)), Element("Keywords", {}, Hole(5, HEX64)),
    Element("TimeCreated", {"SystemTime": Hole(6, FILE_TIME)}), Element("EventRecordID", {}, Hole(10, U64)),
    Element("Correlation", {"ActivityID": Hole(7, GUID), "RelatedActivityID": Hole(13, GUID)}),
    Element("Execution", {"ProcessID": Hole(8, U32), "ThreadID": Hole(9, U32)}),
    Element("Channel", {}, Hole(16)), Element("Computer", {}, Hole(18)), Element("Security", {"UserID": Hole(12, SID)}),
))  # fmt: skip
EVENT = Element("Event", {"xmlns": "x"}, children=(SYSTEM, Hole(17, TREE)))


def event_data(*names: str) -> Element:
    """A template of named data, or of unnamed where a name is empty."""
    return Element("EventData", children=tuple(
        Element("Data", {"Name": name} if name else {}, Hole(index)) for index, name in enumerate(names)
    ))  # fmt: skip


def log(records: list[Record], each_chunk: int = 40) -> bytes:
    """The file that holds these records, so many in a chunk."""
    groups = [records[at : at + each_chunk] for at in range(0, len(records), each_chunk)]
    header = struct.pack(
        "<8sQQQIHHHH", b"ElfFile\0", 0, max(len(groups) - 1, 0), len(records) + 1, 128, 1, 3, 4096, len(groups)
    )
    return header.ljust(4096, b"\0") + b"".join(
        _Chunk(place * each_chunk + 1).written(group) for place, group in enumerate(groups)
    )


def sealed(chunk: bytes) -> bytes:
    """The chunk with checksums that hold."""
    (free,) = struct.unpack_from("<I", chunk, 48)
    found = bytearray(chunk)
    struct.pack_into("<II", found, 120, 0, 0)
    struct.pack_into("<I", found, 52, crc32(chunk[FIRST:free]))
    struct.pack_into("<I", found, 124, crc32(found[128:FIRST], crc32(found[:120])))
    return bytes(found)


class _Chunk:
    def __init__(self, first: int) -> None:
        self._first = first
        self._body = b""
        self._names: dict[str, int] = {}
        self._templates: dict[int, int] = {}

    def written(self, records: list[Record]) -> bytes:
        last_at = FIRST
        for identifier, record in enumerate(records, self._first):
            last_at = FIRST + len(self._body)
            tree = FRAGMENT + self._instance(EVENT, self._system(record, identifier, last_at), last_at + 28)
            size = (24 + len(tree) + 1 + 4 + 7) // 8 * 8
            head = struct.pack("<4sIQQ", b"**\0\0", size, identifier, record.ticks)
            self._body += (head + tree + END_OF_FRAGMENT).ljust(size - 4, b"\0") + struct.pack("<I", size)
        if len(self._body) > CHUNK - FIRST:
            raise ValueError("too many records for a chunk")
        last = self._first + len(records) - 1
        header = struct.pack(
            "<8sQQQQIII", b"ElfChnk\0", self._first, last, self._first, last, 128, last_at, FIRST + len(self._body)
        )
        return sealed((header.ljust(FIRST, b"\0") + self._body).ljust(CHUNK, b"\0"))

    def _system(self, record: Record, identifier: int, at: int) -> list[Value | Record]:
        event_id, level, task, opcode, keywords, version = record.head
        guid = uuid.uuid5(uuid.NAMESPACE_DNS, record.provider).bytes_le
        return [
            number(U8, level), number(U16, task), number(U8, opcode), number(U16, event_id), NOTHING,
            number(HEX64, keywords), number(FILE_TIME, record.ticks), record.activity, number(U32, 4 + identifier % 3),
            number(U32, 8), number(U64, identifier), number(U8, version), record.user, NOTHING, text(record.provider),
            (GUID, guid), text(record.channel), record, record.computer,
        ]  # fmt: skip

    def _instance(self, template: Element, values: list[Value | Record], at: int) -> bytes:
        """A template instance that begins at this offset; the definition stands in its first instance."""
        known = self._templates.get(id(template))
        head = struct.pack("<BBI", 0x0C, 1, id(template) & 0xFFFFFFFF)
        if known is None:
            known = self._templates[id(template)] = at + 10
            body = FRAGMENT + self._element(template, at + 10 + 24 + 4) + END_OF_FRAGMENT
            definition = struct.pack("<I16sI", 0, id(template).to_bytes(16, "little"), len(body)) + body
        else:
            definition = b""
        start = at + 10 + len(definition) + 4 + 4 * len(values)
        found: list[Value] = []
        for each in values:
            if isinstance(each, Record):
                place = start + sum(len(raw) for _, raw in found)
                inner = FRAGMENT + self._instance(each.tree, list(each.data), place + 4) + END_OF_FRAGMENT
                found.append((TREE, inner))
            else:
                found.append(each)
        descriptors = b"".join(struct.pack("<HBB", len(raw), kind, 0) for kind, raw in found)
        raws = b"".join(raw for _, raw in found)
        return head + struct.pack("<I", known) + definition + struct.pack("<I", len(found)) + descriptors + raws

    def _element(self, element: Element, at: int) -> bytes:
        start = at + 11
        name = self._name(element.name, start)
        inner = b""
        if element.attributes:
            place = start + len(name) + 4
            attributes = b""
            for count, (key, value) in enumerate(element.attributes.items(), 1):
                own = place + len(attributes) + 5
                written = self._name(key, own)
                token = 0x06 if count == len(element.attributes) else 0x46
                attributes += struct.pack("<BI", token, self._names[key]) + written + _content(value)
            inner += struct.pack("<I", len(attributes)) + attributes
        if element.content is None and not element.children:
            inner += b"\x03"
        else:
            inner += b"\x02" + (b"" if element.content is None else _content(element.content))
            for child in element.children:
                inner += (
                    _content(child) if isinstance(child, Hole) else self._element(child, start + len(name) + len(inner))
                )
            inner += b"\x04"
        token = 0x41 if element.attributes else 0x01
        return struct.pack("<BHII", token, 0xFFFF, len(name) + len(inner), self._names[element.name]) + name + inner

    def _name(self, name: str, at: int) -> bytes:
        """The bytes of a name that is first used here; none if its chunk has it already."""
        if self._names.setdefault(name, at) != at:
            return b""
        return struct.pack("<IHH", 0, 0, len(name)) + name.encode("utf-16-le") + b"\0\0"


def _content(content: str | Hole) -> bytes:
    if isinstance(content, Hole):
        return struct.pack("<BHB", 0x0E, content.index, content.kind)
    return struct.pack("<BBH", 0x05, 0x01, len(content)) + content.encode("utf-16-le")
