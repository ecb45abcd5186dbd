"""Short texts are found where Python's own search finds them."""

from __future__ import annotations

import random

import pytest

from falselight.readers import scanning

LENGTHS = (
    0,
    1,
    3,
    scanning._NEAR - 1,
    scanning._NEAR,
    scanning._NEAR + 3,
    scanning.AT_ONCE + scanning._NEAR + 1,
    400_000,
)


@pytest.mark.parametrize("text", [b"\n", b"\n#", b"}\n{", b'"ts"', b'"ts":', b'"longer text"'])
@pytest.mark.parametrize("length", LENGTHS)
def test_counts_and_places_are_pythons(text: bytes, length: int) -> None:
    chance = random.Random(f"{text!r} {length}")
    for share in (0.0, 0.00001, 0.3):
        data = bytearray(b"x" * length)
        for at in range(0, length, len(text) + 1):
            if chance.random() < share:
                data[at : at + len(text)] = text[: length - at]
        seen = bytes(data)
        assert scanning.count(seen, text) == seen.count(text)
        for start in (0, 1, scanning._NEAR, length // 2, max(0, length - 1)):
            assert scanning.find(seen, text, start) == seen.find(text, start)


@pytest.mark.parametrize("place", [scanning._NEAR - 1, scanning._NEAR, scanning._NEAR + scanning.AT_ONCE - 2, 299_998])
def test_a_text_across_two_pieces_is_found(place: int) -> None:
    data = b"." * place + b"\n#" + b"." * (300_000 - place - 2)
    assert scanning.find(data, b"\n#") == place and scanning.count(data, b"\n#") == 1


@pytest.mark.parametrize("place", [0, 5, scanning._NEAR + 40, 299_999, 300_000])
def test_a_line_is_found_by_a_place_in_it(place: int) -> None:
    for length in (1, 30, 9_000, 400_000):
        data = (b"x" * length + b"\n") * (300_000 // length) + b"end"
        at = min(place, len(data))
        start = data.rfind(b"\n", 0, at) + 1
        expected = data[start : data.find(b"\n", at) + 1 or len(data)]
        assert scanning.line_about(memoryview(data), at) == expected
