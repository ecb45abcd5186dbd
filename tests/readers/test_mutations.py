"""Mutated inputs of every reader: nothing is raised, and time and memory stay bounded.

Some on every run, 10,000 a reader at night (captures have their own, in ``tests/readers/pcap``)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from falselight import ingest
from falselight.ecs import release
from falselight.readers.settings import Settings

SAMPLES = Path(__file__).parents[1] / "data" / "readers"
NAMES = sorted(
    str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file() and path.name != "expected.ndjson"
)
SIGNS = [
    b"\n", b"\0", b'"', b"\\", b",", b"=", b"|", b"{", b"}", b"[", b"]", b"(", b"9" * 40, b"-1", b"\xff\xfe", b" ", b"\x1b[31m",
    b"%s", b"\t", b"A" * 3000,
]  # fmt: skip


def mutated(data: bytes, draw: random.Random) -> bytes:
    """A few changes: bytes flipped, signs put in, parts taken out, doubled or moved."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(changed) + 1)
        span = draw.randint(1, 40)
        match draw.randrange(5):
            case 0 if changed:
                changed[min(at, len(changed) - 1)] ^= 1 << draw.randrange(8)
            case 1:
                changed[at:at] = draw.choice(SIGNS)
            case 2:
                del changed[at : at + span]
            case 3:
                changed[at:at] = changed[at : at + span] * draw.randint(1, 3)
            case _:
                part = bytes(changed[at : at + span])
                del changed[at : at + span]
                other = draw.randrange(len(changed) + 1)
                changed[other:other] = part
    return bytes(changed)


def survive(name: str, folder: Path, count: int, seed: int) -> None:
    data = (SAMPLES / name).read_bytes()[:20_000]
    draw = random.Random(f"{seed} {name}")
    path = folder / "input"
    for _ in range(count):
        path.write_bytes(mutated(data, draw))
        table = ingest.read_events([path], release.schema(), report=lambda _: None, settings=Settings(year=2026))
        assert table.rows <= 20_000


@pytest.mark.parametrize("name", NAMES)
def test_some_mutations_are_survived(name: str, tmp_path: Path) -> None:
    survive(name, tmp_path, 4, 1)


@pytest.mark.nightly
@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_mutations_are_survived(name: str, tmp_path: Path) -> None:
    survive(name, tmp_path, 10_000, 2)
