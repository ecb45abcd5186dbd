"""Dotted quads of whole columns are those that the system's own parser takes, wherever in a column they stand."""

from __future__ import annotations

import random
import socket

import numpy as np
import pyarrow as pa
import pytest

from falselight import quads

PARTS = ("0", "1", "9", "10", "99", "100", "255", "256", "300", "1000", "00", "01", "", "7", "199")
OTHERS = (
    "",
    "...",
    "1...",
    "....1",
    "a.b.c.d",
    "::1",
    "1.2.3.4 ",
    "1.2.3.4\n",
    "١.2.3.4",
    "1.2.3.4:80",
    "é",
    "1.2.3.-4",
    "+1.2.3.4",
)


def texts(count: int, seed: int) -> list[str | None]:
    drawn = random.Random(seed)
    made: list[str | None] = []
    for _ in range(count):
        kind = drawn.random()
        if kind < 0.6:
            made.append(".".join(drawn.choice(PARTS) for _ in range(drawn.choice((4, 4, 4, 3, 5)))))
        elif kind < 0.8:
            made.append("".join(drawn.choice("0123456789.") for _ in range(drawn.randrange(16))))
        else:
            made.append(drawn.choice((*OTHERS, None, "10.0.0.1", "0.0.0.0")))
    return made


def packed(text: str | None) -> bytes | None:
    try:
        return None if text is None else socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        return None


@pytest.mark.parametrize("count", [0, 1, 2, 3, 17, 2 * quads._AT_ONCE + 5])
def test_quads_are_those_that_the_system_takes(count: int) -> None:
    for seed in range(1 if count > 100 else 200):
        given = texts(count, seed)
        for column, expected in (
            (pa.array(given, pa.string()), given),
            (pa.array(given, pa.string()).slice(1), given[1:]),
        ):
            found = quads.read(column)
            assert [bool(each) for each in found.are] == [packed(text) is not None for text in expected]
            for number, text in zip(found.numbers[found.are].tolist(), filter(packed, expected), strict=True):
                assert number.to_bytes(4, "big") == packed(text)


def test_a_network_holds_its_first_and_its_last_address() -> None:
    found = quads.read(pa.array(["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"]))
    assert found.within(0x0A000000, 8).tolist() == [False, True, True, False]
    assert found.within(0, 0).all()
    assert found.within(0x0A000000, 32).tolist() == [False, True, False, False]


def test_bytes_stand_by_their_places_and_null_where_the_place_is() -> None:
    sixteen = quads.sixteen(np.array([0x0A000001, 0xFFFFFFFF], np.uint32))
    mapped = [b"\0" * 10 + b"\xff\xff" + each for each in (b"\x0a\0\0\1", b"\xff" * 4)]
    places = pa.array([1, None, 0, 1], pa.int32())
    expected = [mapped[1], None, mapped[0], mapped[1]]
    assert quads.binary(sixteen, places).to_pylist() == expected
    assert quads.binary(sixteen, places.slice(1)).to_pylist() == expected[1:]
    assert quads.binary(sixteen[:0], pa.array([None], pa.int32())).to_pylist() == [None]
