"""Definitions of binary XML templates, as EVTX chunks hold them: where each part of an event is found.

A definition is the tree of an event with places for values ("substitutions"), which each record gives. The format is
described in [MS-EVEN6] 2.2.12 and in libyal/libevtx. What is no ordinary event raises ``Unsuitable``: such records are
left to the general parser.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

from falselight.columns import is_reserved
from falselight.readers.windows_event import Unsuitable

HEADER_BYTES = 24
BINARY_XML = 0x21
_FRAGMENT = b"\x0f\x01\x01\x00"
_ELEMENT, _ELEMENT_WITH_ATTRIBUTES = 0x01, 0x41
_ATTRIBUTES = frozenset({0x06, 0x46})
_CLOSE_START, _CLOSE_EMPTY, _END = 0x02, 0x03, 0x04
_VALUES, _SUBSTITUTIONS = frozenset({0x05, 0x45}), frozenset({0x0D, 0x0E})
_TEXT = 0x01
_OPEN = struct.Struct("<HII")
_NAME = struct.Struct("<IHH")
_HOLE = struct.Struct("<HB")
_DEEPEST = 8
# What a definition's root is: the event, its EventData or UserData, or the element below UserData.
EVENT, BODY, ELEMENT = 0, 1, 2


class Name(NamedTuple):
    """Where a definition's body tells the place of a name in the chunk, and the name with its length before it; None where the
    name follows right there."""

    at: int
    held: bytes | None


class Hole(NamedTuple):
    """The place of a value: which of the record's, and whether it may hold a tree."""

    number: int
    is_tree: bool


Content = str | Hole | None


@dataclass(slots=True)
class Node:
    """An element of a definition."""

    name: str
    attributes: dict[str, Content]
    content: Content
    children: list[Node]
    trees: list[Hole]


@dataclass(frozen=True, slots=True)
class Definition:
    """The tree's leaves by the path that the general parser gives them, the hole for the tree that stands below the
    root, and what the root of that is."""

    root: int
    literals: dict[tuple[str, ...], str]
    holes: dict[tuple[str, ...], int]
    tree: int | None
    tree_root: int
    user_data: str | None

    def values(self) -> int:
        """How many values a record has at least."""
        return 1 + max((-1 if self.tree is None else self.tree, *self.holes.values()))

    def identity(self) -> tuple[Any, ...]:
        """Equal for definitions that say the same."""
        leaves = tuple(self.literals.items()), tuple(self.holes.items())
        return self.root, *leaves, self.tree, self.tree_root, self.user_data


class _Cursor:
    def __init__(self, chunk: bytes | memoryview, at: int, end: int) -> None:
        self.chunk, self.at, self.end = chunk, at, end
        self.names: list[Name] = []

    def byte(self) -> int:
        self._need(1)
        self.at += 1
        return self.chunk[self.at - 1]

    def unpack(self, form: struct.Struct) -> tuple[int, ...]:
        self._need(form.size)
        self.at += form.size
        return form.unpack_from(self.chunk, self.at - form.size)

    def text(self, units: int) -> str:
        self._need(2 * units)
        self.at += 2 * units
        return _decoded(bytes(self.chunk[self.at - 2 * units : self.at]))

    def name(self, offset: int) -> str:
        """The name at this offset of the chunk, which may be the cursor's; the cursor stands behind the offset."""
        own = offset == self.at
        if offset + _NAME.size > len(self.chunk):
            raise Unsuitable("a name beyond the chunk")
        _, _, units = _NAME.unpack_from(self.chunk, offset)
        start = offset + _NAME.size
        raw = bytes(self.chunk[start : start + 2 * units])
        self.names.append(Name(self.at - 4, None if own else struct.pack("<H", units) + raw))
        if own:
            self._need(_NAME.size + 2 * units + 2)
            self.at = start + 2 * units + 2
        return _decoded(raw)

    def _need(self, count: int) -> None:
        if self.at + count > self.end:
            raise Unsuitable("a definition that ends early")


def definition(chunk: bytes | memoryview, at: int, end: int) -> tuple[Definition, list[Name]]:
    """The definition whose body lies between these offsets of its chunk, and its names in their order."""
    cursor = _Cursor(chunk, at, end)
    if bytes(chunk[at : at + 4]) != _FRAGMENT:
        raise Unsuitable("no fragment")
    cursor.at += 4
    root = _element(cursor, cursor.byte(), 0)
    if cursor.byte() != 0:
        raise Unsuitable("more than one element")
    found = _Leaves()
    if root.name == "Event":
        kind = EVENT
        found.event(root)
    elif root.name in ("EventData", "UserData"):
        kind = BODY
        found.body(root)
    else:
        kind = ELEMENT
        found.element(root)
    if found.tree in found.holes.values():
        raise Unsuitable("a tree for a value")
    made = Definition(kind, found.literals, found.holes, found.tree, found.tree_root, found.user_data)
    return made, cursor.names


def _element(cursor: _Cursor, token: int, depth: int) -> Node:
    if token not in (_ELEMENT, _ELEMENT_WITH_ATTRIBUTES) or depth > _DEEPEST:
        raise Unsuitable("no element")
    _, _, offset = cursor.unpack(_OPEN)
    node = Node(cursor.name(offset), {}, None, [], [])
    if token == _ELEMENT_WITH_ATTRIBUTES:
        cursor.at += 4
        _attributes(cursor, node)
    token = cursor.byte()
    if token == _CLOSE_EMPTY:
        return node
    if token != _CLOSE_START:
        raise Unsuitable("an element that is not closed")
    while (token := cursor.byte()) != _END:
        if token in (_ELEMENT, _ELEMENT_WITH_ATTRIBUTES):
            node.children.append(_element(cursor, token, depth + 1))
            continue
        content = _content(cursor, token)
        if isinstance(content, Hole) and content.is_tree:
            node.trees.append(content)
        elif node.content is not None:
            raise Unsuitable("mixed content")
        else:
            node.content = content
    if node.content is not None and (node.children or node.trees):
        raise Unsuitable("mixed content")
    return node


def _attributes(cursor: _Cursor, node: Node) -> None:
    last = False
    while not last:
        token = cursor.byte()
        if token not in _ATTRIBUTES:
            raise Unsuitable("no attribute")
        last = token == 0x06
        (offset,) = cursor.unpack(struct.Struct("<I"))
        name = cursor.name(offset)
        if name in node.attributes:
            raise Unsuitable("an attribute twice")
        node.attributes[name] = _content(cursor, cursor.byte())


def _content(cursor: _Cursor, token: int) -> Content:
    if token in _VALUES:
        if cursor.byte() != _TEXT:
            raise Unsuitable("a value that is no text")
        (units,) = cursor.unpack(struct.Struct("<H"))
        return cursor.text(units)
    if token in _SUBSTITUTIONS:
        index, kind = cursor.unpack(_HOLE)
        return Hole(index, kind == BINARY_XML)
    raise Unsuitable("odd content")


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise Unsuitable("no text") from error
    if "\0" in text:
        raise Unsuitable("a NUL")
    return text


class _Leaves:
    def __init__(self) -> None:
        self.literals: dict[tuple[str, ...], str] = {}
        self.holes: dict[tuple[str, ...], int] = {}
        self.tree: int | None = None
        self.tree_root = BODY
        self.user_data: str | None = None

    def event(self, root: Node) -> None:
        """The leaves of ``Event``: ``System``, and what stands beside it or in its one hole for a tree."""
        if not root.children or root.children[0].name != "System":
            raise Unsuitable("no event")
        system, *beside = root.children
        if len(beside) + len(root.trees) > 1 or root.content is not None:
            raise Unsuitable("no event")
        if system.attributes or system.content is not None or system.trees:
            raise Unsuitable("an odd System")
        names = [child.name for child in system.children]
        if len(set(names)) != len(names):
            raise Unsuitable("an element twice")
        for child in system.children:
            if child.children or child.trees:
                raise Unsuitable("an odd System")
            path = ("System", child.name)
            for name, content in child.attributes.items():
                self._leaf((*path, "#attributes", name), content)
            self._leaf((*path, "#text") if child.attributes else path, child.content)
        for hole in root.trees:
            self.tree = hole.number
        for child in beside:
            self.body(child)

    def body(self, root: Node) -> None:
        """The leaves of ``EventData`` or ``UserData``."""
        if root.content is not None or any(isinstance(each, Hole) for each in root.attributes.values()):
            raise Unsuitable("odd data")
        if root.name == "UserData" and len(root.trees) == 1 and not root.children:
            self.tree, self.tree_root = root.trees[0].number, ELEMENT
        elif root.trees:
            raise Unsuitable("odd data")
        elif root.name == "EventData":
            self._event_data(root)
        elif root.name == "UserData" and len(root.children) == 1:
            self.element(root.children[0])
        else:
            raise Unsuitable("neither EventData nor UserData")

    def _event_data(self, root: Node) -> None:
        named = ["Name" in child.attributes for child in root.children]
        if any(named) and not all(named):
            raise Unsuitable("values without names")
        if len(root.children) == 1 and not any(named):
            raise Unsuitable("a value that may be many")
        for number, child in enumerate(root.children, start=1):
            if child.name != "Data" or child.children or child.trees or set(child.attributes) - {"Name"}:
                raise Unsuitable("odd data")
            name = child.attributes["Name"] if any(named) else f"param{number}"
            if not isinstance(name, str):
                raise Unsuitable("a name that is a value")
            self._value(("EventData", name), child.content)

    def element(self, element: Node) -> None:
        """The leaves of the one element below ``UserData``."""
        if element.content is not None or element.trees or not is_value(element.name):
            raise Unsuitable("odd data")
        if any(isinstance(each, Hole) for each in element.attributes.values()):
            raise Unsuitable("attributes that are values")
        self.user_data = element.name
        for child in element.children:
            if child.attributes or child.children or child.trees:
                raise Unsuitable("elements below those of UserData")
            self._value(("UserData", element.name, child.name), child.content)

    def _value(self, path: tuple[str, ...], content: Content) -> None:
        if path in self.literals or path in self.holes or not is_value(path[-1]) or is_reserved(path[-1]):
            raise Unsuitable("an odd name")
        if path[-1] in ("Data", "xml_name"):
            raise Unsuitable("an odd name")
        self._leaf(path, content)

    def _leaf(self, path: tuple[str, ...], content: Content) -> None:
        if isinstance(content, Hole):
            if content.is_tree:
                raise Unsuitable("a tree for a value")
            self.holes[path] = content.number
        else:
            self.literals[path] = content or ""


def is_value(name: str) -> bool:
    """Whether the general parser's name is one of a value, not of the attributes beside it."""
    return name != "#attributes" and not name.endswith("_attributes")
