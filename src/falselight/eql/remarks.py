"""Comments of a query and where they stand among the rows of its layout.

A comment belongs above a row, behind it, or at the end of a bracket. The rules depend only on tokens around it, and give
the same answer for the text that is laid out by them: that is what makes the formatter idempotent.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from falselight.eql.layout import EDGE, LINE, Joined, Part, Remark, joined
from falselight.eql.tokens import END, Comment, Token
from falselight.source import Source, Span

_AFTER_ROWS = frozenset((")", "]", ",", "and", "or", END))


@dataclass(frozen=True, slots=True)
class Note:
    """A comment. behind: it follows something on its line, and at most what ends a row follows it there."""

    text: str
    start: int
    behind: bool

    @property
    def ends_line(self) -> bool:
        """Whether nothing can follow on the same line."""
        return self.text.startswith("//")


class Notes:
    """The comments that no row has taken yet, in the order of the text."""

    def __init__(self, source: Source, stream: Sequence[Token], comments: Sequence[Comment]) -> None:
        self._stream = stream
        self._starts = [token.start for token in stream]
        self._ends = [token.end for token in stream]
        self._left = [self._note(source, comment) for comment in comments]

    def _note(self, source: Source, comment: Comment) -> Note:
        after = bisect_left(self._starts, comment.end)
        line = source.position(comment.start)[0]
        follows = after > 0 and source.position(self._stream[after - 1].end)[0] == line
        token = self._stream[after]
        ends = token.kind in _AFTER_ROWS or source.position(token.start)[0] > source.position(comment.end)[0]
        return Note(comment.text.rstrip(), comment.start, follows and ends)

    def index(self, offset: int) -> int:
        """The first token that begins at or after an offset."""
        return bisect_left(self._starts, offset)

    def outer(self, span: Span, within: Span) -> Span:
        """A whole with the brackets around it that stand in ``within``."""
        first, last = self.index(span.start), bisect_right(self._ends, span.end) - 1
        stream = self._stream
        while (
            first > 0
            and stream[first - 1].kind == "("
            and stream[last + 1].kind == ")"
            and stream[first - 1].start >= within.start
            and stream[last + 1].end <= within.end
        ):
            first, last = first - 1, last + 1
        return Span(stream[first].start, stream[last].end)

    def take(self, start: int, end: int) -> list[Note]:
        """The comments that begin in a range; they are taken."""
        first = bisect_left(self._left, start, key=lambda note: note.start)
        last = bisect_left(self._left, end, key=lambda note: note.start)
        taken = self._left[first:last]
        del self._left[first:last]
        return taken

    def give_back(self, notes: list[Note]) -> None:
        """Leaves comments to the whole around; they stand together in the text."""
        if notes:
            place = bisect_left(self._left, notes[0].start, key=lambda note: note.start)
            self._left[place:place] = notes

    def only_closing(self, start: int, end: int) -> bool:
        """Whether nothing but closing brackets stands in a range."""
        index = self.index(start)
        while self._stream[index].kind == ")" and self._stream[index].end <= end:
            index += 1
        return self._stream[index].start >= end


@dataclass
class _Row:
    part: Part
    above: list[Note]
    behind: list[Note] = field(default_factory=list)

    def takes(self, note: Note) -> bool:
        """Whether a comment may go behind the row."""
        return note.behind and not (self.behind and self.behind[-1].ends_line)


class Rows:
    """Wholes of one kind, each on its line where their group is broken, with the comments among them."""

    def __init__(self, notes: Notes, start: int) -> None:
        self._notes = notes
        self._rows: list[_Row] = []
        self._last: list[Note] = []
        self._end = start

    def add(self, part: Part, extent: Span) -> None:
        """A row, laid out already, that stands at ``extent``: comments left there and before it are placed."""
        row = _Row(part, self._after_last(extent.start))
        for note in self._notes.take(extent.start, extent.end):
            closing = row.takes(note) and self._notes.only_closing(note.start, extent.end)
            (row.behind if closing else row.above).append(note)
        self._rows.append(row)
        self._end = extent.end

    def close(self, end: int) -> None:
        """Places what stands between the last row and ``end``."""
        self._last = self._after_last(end)

    def leave_open(self) -> None:
        """Nothing closes the rows: what stands behind the last one belongs to the whole around."""
        self._notes.give_back(self._rows[-1].behind)
        self._rows[-1].behind = []

    def _after_last(self, end: int) -> list[Note]:
        """The comments up to ``end`` that do not go behind the last row."""
        notes = self._notes.take(self._end, end)
        if self._rows:
            row = self._rows[-1]
            while notes and row.takes(notes[0]):
                row.behind.append(notes.pop(0))
        return notes

    def joined(self, separator: str) -> Joined:
        """All rows and comments, with breaks between them."""
        parts: list[Part] = []
        commented = False
        for number, row in enumerate(self._rows):
            if number:
                parts.append(LINE)
            for note in row.above:
                parts += (Remark(note.text), LINE)
            parts.append(row.part)
            if number < len(self._rows) - 1:
                parts.append(separator)
            for note in row.behind:
                parts.append(Remark(" " + note.text))
            commented = commented or bool(row.above or row.behind)
        for note in self._last:
            parts += (LINE, Remark(note.text))
        return joined(*parts, hard=commented or bool(self._last))


def bracketed(opening: str, rows: Joined, closing: str) -> Joined:
    """Rows in brackets, further in where they are broken."""
    return joined(opening, joined(EDGE, rows, indent=2), EDGE, closing)
