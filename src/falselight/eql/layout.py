"""Documents that know where they may be broken → text, no line longer than needs be.

A group stands on one line if it fits there and holds nothing that ends a line; otherwise every break in it is taken, and
its own groups are asked anew (Oppen 1980, Wadler 2003). Printing needs no recursion, so that depth is no danger.
"""

from __future__ import annotations

from dataclasses import dataclass

INDENT = 2


@dataclass(frozen=True, slots=True)
class Break:
    """A place for a line break; ``flat`` stands there where the line goes on."""

    flat: str = " "


@dataclass(frozen=True, slots=True)
class Remark:
    """Text that does not count when a line is measured."""

    text: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts one after another, further in by ``indent``. hard: a part must stand on a line of its own."""

    parts: tuple[Part, ...]
    hard: bool
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """A whole that is broken everywhere or nowhere."""

    content: Joined


Part = str | Break | Remark | Joined | Group

LINE = Break()
EDGE = Break("")


def joined(*parts: Part, hard: bool = False, indent: int = 0) -> Joined:
    """Parts in a row; hard if one of them is."""
    return Joined(parts, hard or any(map(_is_hard, parts)), indent)


def group(*parts: Part, hard: bool = False) -> Group:
    return Group(joined(*parts, hard=hard))


def _is_hard(part: Part) -> bool:
    return part.hard if isinstance(part, Joined) else isinstance(part, Group) and part.content.hard


def render(part: Part, limit: int) -> str:
    """The text, with lines up to ``limit`` characters where the breaks allow it."""
    text: list[str] = []
    column = 0
    pending: list[tuple[int, bool, Part]] = [(0, True, part)]
    while pending:
        indent, broken, current = pending.pop()
        if isinstance(current, Break):
            piece = "\n" + " " * indent if broken else current.flat
        elif isinstance(current, str):
            piece = current
        elif isinstance(current, Remark):
            piece = current.text
        elif isinstance(current, Group):
            content = current.content
            if not content.hard:
                pending.append((indent, False, content))
                broken = not _fits(pending, limit - column)
                pending.pop()
            else:
                broken = True
            pending.append((indent, broken, content))
            continue
        else:
            inner = indent + current.indent
            pending.extend((inner, broken, each) for each in reversed(current.parts))
            continue
        text.append(piece)
        line_break = piece.rfind("\n")
        column = column + len(piece) if line_break < 0 else len(piece) - line_break - 1
    return "".join(text)


def _fits(pending: list[tuple[int, bool, Part]], room: int) -> bool:
    """Whether the last pending part, and what follows it up to the next line break, has room."""
    rest = len(pending) - 1
    stack = [pending[rest][1:]]
    while room >= 0:
        if not stack:
            rest -= 1
            if rest < 0:
                return True
            stack.append(pending[rest][1:])
            continue
        broken, part = stack.pop()
        if isinstance(part, str):
            room -= len(part)
        elif isinstance(part, Break):
            if broken:
                return True
            room -= len(part.flat)
        elif isinstance(part, Group):
            stack.append((part.content.hard, part.content))
        elif isinstance(part, Joined):
            stack.extend((broken, each) for each in reversed(part.parts))
    return False
