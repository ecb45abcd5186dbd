"""Mutated inputs of every reader: nothing is raised, and time and memory stay bounded.

Some on every run, 10,000 a reader at night (captures have their own, in ``tests/readers/pcap``)."""

from __future__ import annotations

import gzip
import random
import re
import time
from pathlib import Path

import pytest

from falselight import ingest
from falselight.ecs import release
from falselight.readers.csv_mapping import CsvMapping, Layout
from falselight.readers.settings import Settings
from falselight.store import EventTable

SAMPLES = Path(__file__).parents[1] / "data" / "readers"
NAMES = sorted(
    str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file() and path.name != "expected.ndjson"
)
DAY = Path(__file__).parents[2] / "examples" / "day"
MAPPING = CsvMapping(csv=Layout(columns=["when", "client"], time="when"), fields={"client": "source.ip"})
AT_ONCE, SECONDS = 100, 60


def _lines(name: str, count: int) -> list[bytes]:
    data = (DAY / name).read_bytes()
    return (gzip.decompress(data) if name.endswith(".gz") else data).splitlines()[:count]


_ASA = (SAMPLES / "cisco_asa" / "sample").read_bytes().replace(b'"', b"").replace(b"\\", b"/").splitlines()[:6]
# Sources without a sample of their own.
OTHERS = {
    "ECS lines": b"\n".join(_lines("laptops-elastic-defend.ndjson", 8)),
    "ECS array": b"[" + b",\n".join(_lines("laptops-elastic-defend.ndjson", 8)) + b"]",
    "search response": b'{"took":1,"hits":{"hits":[%s]}}'
    % b",".join(b'{"_index":"a","_source":%s}' % line for line in _lines("laptops-elastic-defend.ndjson", 8)),
    "NXLog": b"\n".join(_lines("fs01-nxlog.json", 8)),
    "Winlogbeat": b"\n".join(_lines("workstations-winlogbeat.json.gz", 8)),
    "Splunk lines": b"\n".join(
        b'{"preview":false,"offset":%d,"result":{"_raw":"%s","_time":"2026-03-02"}}' % (at, line)
        for at, line in enumerate(_ASA)
    ),
    "Splunk CSV": b'"_raw","_time"\n' + b"".join(b'"%s","2026-03-02"\n' % line for line in _ASA),
    "CSV": b'when,client,note\n2026-03-11T09:00:00Z,10.4.0.13,a\n2026-03-11T09:00:01Z,10.4.0.14,"b, c"\n,,\n',
}
SIGNS = [
    b"\n", b"\0", b'"', b"\\", b",", b"=", b"|", b"{", b"}", b"[", b"]", b"(", b"9" * 40, b"-1", b"\xff\xfe", b" ", b"\x1b[31m",
    b"%s", b"\t", b"A" * 3000,
]  # fmt: skip


def mutated(data: bytes, draw: random.Random) -> bytes:
    """A few changes: bytes flipped, signs put in, parts taken out, doubled or moved, numbers made long."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(changed) + 1)
        span = draw.randint(1, 40)
        match draw.randrange(6):
            case 0 if changed:
                changed[min(at, len(changed) - 1)] ^= 1 << draw.randrange(8)
            case 1:
                changed[at:at] = draw.choice(SIGNS)
            case 2:
                del changed[at : at + span]
            case 3:
                changed[at:at] = changed[at : at + span] * draw.randint(1, 3)
            case 4 if (number := re.compile(rb"\d+").search(changed, at)) is not None:
                changed[number.start() : number.end()] = b"7" * draw.choice([19, 20, 310, 5_000])
            case _:
                part = bytes(changed[at : at + span])
                del changed[at : at + span]
                other = draw.randrange(len(changed) + 1)
                changed[other:other] = part
    return bytes(changed)


def whole(name: str) -> bytes:
    return OTHERS.get(name) or (SAMPLES / name).read_bytes()[:20_000]


def survive(name: str, folder: Path, count: int, seed: int) -> None:
    """Reads mutations many at a time, as small files are; one that raises is read again by itself, to be named."""
    data, draw = whole(name), random.Random(f"{seed} {name}")
    for first in range(0, count, AT_ONCE):
        paths = [folder / f"{number:03}" for number in range(min(AT_ONCE, count - first))]
        for path in paths:
            path.write_bytes(mutated(data, draw))
        begun = time.process_time()
        try:
            table = read(paths)
        except Exception:
            for path in paths:
                read([path])
            raise
        assert time.process_time() - begun < SECONDS
        assert len(table.inputs) == len(paths) and table.rows <= 20_000 * len(paths)


def read(paths: list[Path]) -> EventTable:
    return ingest.read_events(
        paths, release.schema(), report=lambda _: None, settings=Settings(year=2026, csv=(MAPPING,))
    )


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_some_mutations_are_survived(name: str, tmp_path: Path) -> None:
    survive(name, tmp_path, 20, 1)


@pytest.mark.nightly
@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_ten_thousand_mutations_are_survived(name: str, tmp_path: Path) -> None:
    survive(name, tmp_path, 10_000, 2)
