"""Mutated inputs of every reader: nothing is raised, each line of logs of lines is an event or counted, what stands beside is
read as ever, and time and memory stay bounded.

Some on every run, 10,000 a reader at night (captures have their own, in ``tests/readers/pcap``)."""

from __future__ import annotations

import gzip
import random
import re
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest, rebuild
from falselight.derive import DERIVED, NAME
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
# Of auditd's records several make up an event, wherever they stand; the elements of an array are no lines.
TOGETHER = ("auditd", "ECS array")
AT_ONCE, FILES, SECONDS = 100, 10, 60


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


@dataclass
class Source:
    """What is mutated, and what it gives as it is. In logs of ``lines`` each line is a record of its own."""

    data: bytes
    events: list[tuple[str, Any]]
    lines: bool


def survive(name: str, folder: Path, count: int, seed: int) -> None:
    """Reads mutations many at a time; where they do not hold what they must, each is read again by itself, to be named.
    Mostly those of lines stand in few files behind the source, else each is a file, with the source among them."""
    (folder / "clean").write_bytes(whole(name))
    table = read([folder / "clean"])
    lines = not name.startswith(TOGETHER) and accounted(table, 0) == filled(whole(name))
    source = Source(whole(name), events(table, 0, whole(name)), lines)
    draw = random.Random(f"{seed} {name}")
    for first in range(0, count, AT_ONCE):
        drawn = [mutated(source.data, draw) for _ in range(min(AT_ONCE, count - first))]
        if lines and first // AT_ONCE % 5:
            files = [b"\n".join([source.data, *drawn[at::FILES]]) for at in range(FILES)]
            held = reads(source, files, range(FILES), folder)
        else:
            held = reads(source, [source.data, *drawn], [0], folder)
        for number, changed in enumerate([] if held else drawn, first):
            assert reads(source, [changed], [], folder), f"mutation {number} of seed {seed}: {changed!r}"
        assert held, f"mutations from {first} of seed {seed}, only together"


def reads(source: Source, files: Sequence[bytes], begun: Sequence[int], folder: Path) -> bool:
    """Whether the files are read in time, each as it must, those ``begun`` with the source with all that it gives."""
    paths = [folder / f"{number:03}" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    start = time.process_time()
    try:
        table = read(paths)
    except Exception:
        traceback.print_exc()
        return False
    return (
        time.process_time() - start < SECONDS
        and len(table.inputs) == len(files)
        and all(holds(table, at, data, source.lines) for at, data in enumerate(files))
        and all(events(table, at, source.data) == source.events for at in begun)
    )


def holds(table: EventTable, at: int, data: bytes, lines: bool) -> bool:
    """Whether every line of an input is an event or counted, or the input counted as of no known kind."""
    if table.counts[at].events > 20_000 or "unknown format" in table.counts[at].skipped:
        return table.counts[at].events == 0
    return not lines or accounted(table, at) == filled(data)


def accounted(table: EventTable, at: int) -> int:
    return table.counts[at].events + table.counts[at].skipped.total()


def filled(data: bytes) -> int:
    """How many lines hold something."""
    return sum(1 for line in data.split(b"\n") if line.strip())


def events(table: EventTable, at: int, data: bytes) -> list[tuple[str, Any]]:
    """The records and documents of an input that come of its beginning, but for names that other records told."""
    rows = table.connection.execute(
        f"SELECT _seq FROM {table.name} WHERE _input = ? AND _record <= ? ORDER BY _seq",
        [at, data.rstrip().count(b"\n")],
    ).fetchall()
    found = []
    for _, _, record, document in rebuild.documents(table, [seq for (seq,) in rows]):
        fields = dict(leaves(document))
        if NAME in fields.pop(DERIVED, ""):
            del fields[NAME]
        found.append((record, fields))
    return found


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What a document holds by path; without lists of one, which a field has where another input has several values."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from leaves(below, f"{path}.{name}" if path else name)
    else:
        yield path, value[0] if isinstance(value, list) and len(value) == 1 else value


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
