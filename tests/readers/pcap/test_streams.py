"""One direction's bytes in order, however its segments come; what never came is a gap; what waits is bounded."""

from __future__ import annotations

import random

import pytest

from falselight.readers.pcap.streams import MAX_HELD_BYTES, MAX_HELD_SEGMENTS, Stream


class Told:
    """What a stream delivered: bytes, and a mark of each gap."""

    def __init__(self, first: int) -> None:
        self.parts: list[bytes | int] = []
        self.stream = Stream(first, self.parts.append, self.parts.append)

    def bytes(self) -> bytes:
        assert all(isinstance(part, bytes) for part in self.parts), self.parts
        return b"".join(part for part in self.parts if isinstance(part, bytes))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("first", [1000, 2**32 - 500])
def test_any_order_with_overlaps_and_repeats(seed: int, first: int) -> None:
    chance = random.Random(seed)
    content = chance.randbytes(3000)
    segments = [(at, content[at : at + 100]) for at in range(0, 3000, 100)]
    segments += [(at, content[at : at + chance.randrange(1, 400)]) for at in chance.choices(range(3000), k=40)]
    chance.shuffle(segments)
    told = Told(first)
    for at, data in segments:
        told.stream.segment(first + at & 0xFFFFFFFF, data, len(data))
    assert told.bytes() == content and told.stream.missed == 0


def test_the_first_bytes_of_an_overlap_win() -> None:
    told = Told(0)
    told.stream.segment(0, b"aaaa", 4)
    told.stream.segment(2, b"bbbb", 4)
    assert told.bytes() == b"aaaabb"


def test_a_gap_is_told_at_the_end() -> None:
    told = Told(0)
    told.stream.segment(0, b"one", 3)
    told.stream.segment(10, b"two", 3)
    assert told.parts == [b"one"]
    told.stream.finish()
    assert told.parts == [b"one", 7, b"two"] and told.stream.missed == 7


def test_a_segment_that_was_captured_in_part_leaves_a_gap() -> None:
    told = Told(0)
    told.stream.segment(0, b"head", 1000)
    told.stream.segment(1000, b"next", 4)
    assert told.parts == [b"head", 996, b"next"]


def test_what_waits_is_bounded() -> None:
    told = Told(0)
    for at in range(1, 200):
        told.stream.segment(at * 2000, bytes(1000), 1000)
        assert sum(len(part) for part in told.parts if isinstance(part, bytes)) >= at * 1000 - MAX_HELD_BYTES
    many = Told(0)
    for at in range(1, 2000):
        many.stream.segment(at * 2, b"x", 1)
    assert sum(isinstance(part, bytes) for part in many.parts) >= 1999 - MAX_HELD_SEGMENTS
