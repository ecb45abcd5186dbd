"""TCP segments in, the bytes of one direction out, in order: what comes twice is used once, what is missing is told.

The first bytes that are seen of a stretch win, as in Zeek. What waits for a missing segment is bounded; once it is too
much, or the connection is over, the gap is passed over.
"""

from __future__ import annotations

from collections.abc import Callable

MAX_HELD_BYTES = 64 << 10
MAX_HELD_SEGMENTS = 256
_HALF, _ALL = 1 << 31, (1 << 32) - 1

Deliver = Callable[[bytes], None]
Tell = Callable[[int], None]


class Stream:
    """One direction. ``deliver`` gets bytes, ``gap`` the number of bytes that were not captured before the next ones."""

    __slots__ = ("_bytes", "_held", "deliver", "gap", "missed", "next")

    def __init__(self, first: int, deliver: Deliver, gap: Tell) -> None:
        self.next = first & _ALL
        self.deliver, self.gap = deliver, gap
        self.missed = 0
        self._held: dict[int, tuple[bytes, int]] = {}
        self._bytes = 0

    def segment(self, sequence: int, data: bytes, length: int) -> None:
        """A segment of ``length`` bytes, of which ``data`` were captured."""
        ahead = (sequence - self.next) & _ALL
        if ahead == 0 and not self._held:
            self._take(data, length)
            return
        if ahead >= _HALF:
            known = _ALL + 1 - ahead
            if known >= length:
                return
            data, length, ahead = data[known:], length - known, 0
        if ahead == 0:
            self._take(data, length)
            self._continue()
        else:
            self._hold((self.next + ahead) & _ALL, data, length)

    @property
    def held(self) -> int:
        """How many bytes wait."""
        return self._bytes

    @property
    def waits(self) -> bool:
        """Whether something is held for what is missing before it."""
        return bool(self._held)

    def acknowledge(self, sequence: int) -> None:
        """The other end has all bytes before this one: what is missing of them was not captured."""
        while self._held:
            nearest = min(self._held, key=self._ahead)
            if self._ahead(nearest) >= _HALF or (sequence - nearest) & _ALL >= _HALF or sequence == nearest:
                return
            self._skip()

    def finish(self) -> None:
        """Gives what is held, gaps passed over."""
        while self._held:
            self._skip()

    def _take(self, data: bytes, length: int) -> None:
        self.next = (self.next + length) & _ALL
        if data:
            self.deliver(data)
        if length > len(data):
            self.missed += length - len(data)
            self.gap(length - len(data))

    def _hold(self, sequence: int, data: bytes, length: int) -> None:
        known = self._held.get(sequence)
        if known is not None and known[1] >= length:
            return
        self._held[sequence] = (data, length)
        self._bytes += len(data) - (len(known[0]) if known is not None else 0)
        while self._held and (self._bytes > MAX_HELD_BYTES or len(self._held) > MAX_HELD_SEGMENTS):
            self._skip()

    def _skip(self) -> None:
        """Passes over the gap before the nearest segment that is held."""
        nearest = min(self._held, key=self._ahead)
        missing = self._ahead(nearest)
        if 0 < missing < _HALF:
            self.next = nearest
            self.missed += missing
            self.gap(missing)
        self._continue()

    def _ahead(self, sequence: int) -> int:
        ahead = (sequence - self.next) & _ALL
        return ahead if ahead < _HALF else ahead - _ALL - 1

    def _continue(self) -> None:
        while self._held:
            nearest = min(self._held, key=self._ahead)
            ahead = self._ahead(nearest)
            if ahead > 0:
                return
            data, length = self._held.pop(nearest)
            self._bytes -= len(data)
            if length + ahead > 0:
                self._take(data[-ahead:], length + ahead)
