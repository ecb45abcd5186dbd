"""Records straight from their binary form against the same records by the general parser."""

from __future__ import annotations

import io
import random
import struct
from collections import Counter
from typing import Any

import pytest
from mappings.limited import limited
from readers import evtx_files
from readers.evtx_templates import (
    BINARY,
    BOOLEAN,
    FILE_TIME,
    GUID,
    HEX32,
    HEX64,
    I32,
    NOTHING,
    TREE,
    U32,
    U64,
    Element,
    Hole,
    Record,
    Value,
    event_data,
    log,
    number,
    sealed,
    sid,
    text,
)

from falselight.diagnostics import Diagnostic
from falselight.mappings import windows_batches
from falselight.readers import binxml, evtx, evtx_definitions
from falselight.readers.evtx_kinds import Definitions, Intact

SYSMON = "Microsoft-Windows-Sysmon"
BYTES_16 = bytes(range(200, 216))
VALUES: dict[str, list[Value]] = {
    "Image": [text("C:\\a.exe"), text(""), text("-"), NOTHING, text("x" * 300)],
    "CommandLine": [text("a\r\nb\r\n"), text("\u0416\u6f22"), text("\U0001f600!"), text("cut\0off"), text("\0")],
    "User": [text("LAB\\eve"), text("747F3D96-D6EB-5D31-0000-0010E0252500"), text("747f3d96-d6eb-5d31-0000-0010e0252500")],
    "ProcessGuid": [(GUID, BYTES_16), (GUID, bytes(16)), NOTHING],
    "ProcessId": [number(U32, 0), number(U32, 2**32 - 1)],
    "Signed": [number(I32, -5), number(I32, 7)],
    "Big": [number(U64, 2**63 - 1), number(U64, 1)],
    "Bigger": [number(U64, 2**64 - 1), number(U64, 1)],
    "Flag": [number(BOOLEAN, 1), number(BOOLEAN, 0), number(BOOLEAN, 9), NOTHING],
    "Status": [number(HEX32, 0xC000006D), number(HEX32, 0)],
    "Mask": [number(HEX64, 2**64 - 1), number(HEX64, 0x10)],
    "Since": [number(FILE_TIME, 132_000_000_000_000_009), number(FILE_TIME, 0)],
    "TargetUserSid": [sid(5, 21, 1, 2, 3, 500), sid(5, 18), NOTHING],
    "Blob": [(BINARY, b"\x00\xff"), (BINARY, b"")],
    "UtcTime": [text("2024-05-01 10:00:00.123"), text("no time")],
    "DestinationIp": [text("192.0.2.1"), text("::1")],
    "Mixed": [text("7"), number(U32, 7)],
    "Half": [(0x01, b"abc"), text("ab")],
    "Lone": [text("\ud800"), text("ab")],
    "Many": [(0x81, "a\0b\0".encode("utf-16-le")), text("a")],
    "Short": [(U32, b"\1\2"), number(U32, 5)],
    "Odd": [(0x0C, bytes(8)), number(U32, 5)],
    "Tree": [(TREE, b"\x0f\x01\x01\x00\x00"), (TREE, b"abcd")],
}  # fmt: skip
BEYOND = ("Half", "Lone", "Many", "Short", "Odd", "Mixed", "Tree")
WANTED = (None, frozenset({"process.name", "destination.ip", "winlog.event_data.Mask", "related.user", "user.id"}))


def by_the_general_parser(data: bytes, wanted: frozenset[str] | None) -> tuple[list[dict[str, Any]], Any]:
    told: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    events = evtx.read_stream(io.BytesIO(data), "x.evtx", told.append, skipped)
    return [row for chunk in events for row in limited(chunk, wanted)], (told, skipped)


def by_columns(data: bytes, wanted: frozenset[str] | None) -> tuple[list[dict[str, Any]], Any]:
    told: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    batches = windows_batches.read_evtx(io.BytesIO(data), "x.evtx", told.append, skipped, wanted)
    return [row for batch in batches for row in batch.to_pylist()], (told, skipped)


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without nulls; a value and a list of that value are the same."""
    return [
        {
            name: [each for each in value if each is not None] if isinstance(value, list) else [value]
            for name, value in row.items()
            if value is not None
        }
        for row in rows
    ]


def check(data: bytes) -> None:
    for wanted in WANTED:
        made, beside = by_columns(data, wanted)
        expected, told = by_the_general_parser(data, wanted)
        differing = [
            {name: (one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)}
            for one, other in zip(plain(made), plain(expected), strict=True)
        ]
        assert not any(differing), next(each for each in differing if each)
        assert beside == told


def left(data: bytes) -> int:
    return sum(len(found.left) for found in [Intact(data[evtx.HEADER_BYTES :], Definitions())])


def drawn(draw: random.Random, names: list[str], count: int, **other: Any) -> list[Record]:
    tree = event_data(*names)
    return [Record(tree, [draw.choice(VALUES[name]) for name in names], **other) for _ in range(count)]


@pytest.mark.parametrize("fewest", [1, 10_000], ids=["together", "alone"])
@pytest.mark.parametrize("seed", range(8))
def test_every_type_of_value(seed: int, fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_batches, "FEWEST", fewest)
    draw = random.Random(seed)
    usual = [name for name in VALUES if name not in BEYOND]
    records = drawn(draw, draw.sample(usual, 9), 60)
    records += drawn(draw, draw.sample(usual, 9), 40, provider=SYSMON, channel=SYSMON + "/Operational")
    records += drawn(draw, draw.sample(usual, 5), 30, provider=SYSMON, channel=SYSMON + "/Operational", user=NOTHING)
    records += drawn(
        draw, draw.sample(usual, 5), 30, head=(4624, 0, 2, 1, 0x8010000000000000, 0), activity=(GUID, BYTES_16)
    )
    draw.shuffle(records)
    data = log(records)
    assert left(data) == 0
    check(data)


@pytest.mark.parametrize("fewest", [1, 10_000], ids=["together", "alone"])
@pytest.mark.parametrize("name", BEYOND)
def test_values_that_are_left_to_the_general_parser(name: str, fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_batches, "FEWEST", fewest)
    draw = random.Random(1)
    records = drawn(draw, ["Image", name, "Mask"], 50) + drawn(draw, ["Image", "ProcessId"], 50)
    draw.shuffle(records)
    check(log(records))


@pytest.mark.parametrize(
    "tree",
    [
        event_data("", ""),
        event_data(""),
        event_data("Image", ""),
        event_data("Image", "Image"),
        event_data("Data", "_record"),
        event_data("Image", "x_attributes"),
        Element("EventData"),
        Element("EventData", {"Name": "N"}, children=(Element("Data", {"Name": "Image"}, "literal"),)),
        Element("EventData", children=(Element("Data", {"Name": "Image"}, Hole(0)), Element("Other", {}, Hole(1)))),
        Element("EventData", children=(Element("Data", {"Name": Hole(0)}, Hole(1)),)),
        Element("EventData", children=(Element("Data", {"Name": "Image"}, Hole(7)),)),
        Element("UserData", children=(Element("Own", {"xmlns": "y"}, children=(
            Element("Subject", {}, Hole(0)), Element("xml_name", {}, Hole(1)), Element("Fixed", {}, "7"))),)),
        Element("UserData", children=(Element("Own", children=(Element("A", {}, Hole(0)), Element("A", {}, Hole(1)))),)),
        Element("UserData", children=(Element("Own", children=(Element("A", {"b": "c"}, Hole(0)),)), Element("Two"))),
        Element("Unheard", {}, Hole(0)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("fewest", [1, 10_000], ids=["together", "alone"])
def test_forms_of_data(tree: Element, fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_batches, "FEWEST", fewest)
    records = [Record(tree, [text(f"v{place % 5}"), text("w")]) for place in range(60)]
    records += drawn(random.Random(1), ["Image", "ProcessId"], 20)
    check(log(records))


BELOW = Element("UserData", children=(Hole(0, TREE),))
OWN = Element(
    "Own",
    {"xmlns": "y"},
    children=(Element("Name", {}, Hole(0)), Element("Id", {}, Hole(1)), Element("Fixed", {}, "7")),
)


@pytest.mark.parametrize("fewest", [1, 10_000], ids=["together", "alone"])
def test_a_tree_below_user_data(fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_batches, "FEWEST", fewest)
    draw = random.Random(1)
    trees = (OWN, Element("Other", children=(Element("A", {}, Hole(1)),)))
    records = [
        Record(BELOW, [Record(draw.choice(trees), [text(f"v{place % 5}"), number(U32, place)])]) for place in range(60)
    ]
    records += drawn(draw, ["Image", "ProcessId"], 20)
    draw.shuffle(records)
    assert left(log(records)) == 0
    check(log(records))


@pytest.mark.parametrize(
    "value",
    [
        NOTHING,
        (TREE, b""),
        text("no tree"),
        Record(event_data("Image"), [text("a")]),
        Record(Element("UserData", children=(OWN,)), [text("a"), number(U32, 7)]),
        Record(BELOW, [Record(OWN, [text("a"), number(U32, 7)])]),
        Record(Element("Own", {"b": Hole(0)}, children=(Element("Name", {}, Hole(1)),)), [text("a"), text("b")]),
        Record(Element("Own", children=(Hole(0, TREE),)), [Record(Element("Name", {}, Hole(0)), [text("a")])]),
        Record(Element("Own", {}, Hole(0)), [text("a")]),
        Record(Element("Own", children=(Element("Name", {}, Hole(9)),)), [text("a")]),
    ],
)
@pytest.mark.parametrize("fewest", [1, 10_000], ids=["together", "alone"])
def test_odd_trees_below_user_data(value: Value | Record, fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_batches, "FEWEST", fewest)
    records = [Record(BELOW, [value]), Record(BELOW, [Record(OWN, [text("a"), number(U32, 7)])])] * 8
    check(log(records))
    # An event's tree must be its data.
    check(log([Record(OWN, [text("a"), number(U32, 7)]), Record(event_data("Image"), [text("a")])] * 8))


def test_records_without_templates_among_others() -> None:
    ordinary = evtx_files.log([evtx_files.event(1, {"Image": "a"}, SYSMON, SYSMON, place, place) for place in range(9)])
    chunk = sealed(ordinary[evtx.HEADER_BYTES :])
    data = log(drawn(random.Random(1), ["Image"], 30))
    assert left(data + chunk) == 9
    check(data + chunk + data[evtx.HEADER_BYTES :])


def test_times_are_exact_to_the_tick_and_those_beyond_64_bits_are_none() -> None:
    tree = event_data("Image")
    ticks = [0, 1, 132_000_000_000_000_009, 2**63 // 100 + 116_444_736_000_000_000, 2_650_467_743_999_999_999]
    for some in (ticks, ticks[2:3]):
        check(log([Record(tree, [text("a")], ticks=each) for each in some for _ in range(60)]))
    rows, _ = by_columns(log([Record(tree, [text("a")], ticks=ticks[2])]), None)
    assert rows[0]["_time"] == (ticks[2] - 116_444_736_000_000_000) * 100


@pytest.mark.parametrize("part", range(6))
def test_damaged_chunks_with_checksums_that_hold(part: int) -> None:
    """Nothing is lost, whatever stands in a chunk that looks intact; what both read, both read alike."""
    draw = random.Random(part)
    data = log(drawn(draw, ["Image", "ProcessId", "Mask", "User"], 80))
    for _ in range(60):
        found = bytearray(data)
        for _ in range(draw.choice((1, 1, 3, 20))):
            at = evtx.HEADER_BYTES + 512 + draw.randrange(12_000)
            found[at] = draw.randrange(256)
        chunks = [bytes(found[at : at + 65_536]) for at in range(evtx.HEADER_BYTES, len(found), 65_536)]
        made, _ = by_columns(data[: evtx.HEADER_BYTES] + b"".join(map(sealed, chunks)), None)
        numbers = [row["_record"] for row in made]
        assert numbers == sorted(set(numbers))


def test_blocks_that_take_the_place_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evtx, "_BLOCK_CHUNKS", 2)
    monkeypatch.setattr(windows_batches, "FEWEST", 1)
    data = b"".join(
        log(drawn(random.Random(seed), ["Image", "ProcessId", "CommandLine"], 30))[evtx.HEADER_BYTES if seed else 0 :]
        for seed in range(7)
    )
    check(data)


def test_templates_are_learnt_once_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = []
    monkeypatch.setattr(
        evtx_definitions, "definition", lambda *place: learnt.append(place) or binxml.definition(*place)
    )
    draw = random.Random(1)
    trees = [event_data(*draw.sample(["Image", "User", "CommandLine", "QueryName"], 3)) for _ in range(3)]
    records = [Record(draw.choice(trees), [text(f"v{place}"), text("w"), text("x" * place)]) for place in range(240)]
    data = log(records, each_chunk=20)
    check(data)
    places = {place for _, place, _ in learnt}
    # Each has other names of its own, by what stands before it in its chunk.
    assert len(places) > 4 and len(learnt) < 20


def test_a_name_that_its_chunk_spells_otherwise() -> None:
    draw = random.Random(1)
    first, second = (
        event_data("Image", "User"),
        Element("EventData", children=(Element("Data", {"Name": "Own"}, Hole(0)),)),
    )
    records = [Record(draw.choice((first, second)), [text("v"), text("w")]) for _ in range(60)]
    data = log([Record(first, [text("v"), text("w")]), *records])
    chunk = data[evtx.HEADER_BYTES : evtx.HEADER_BYTES + evtx.CHUNK_BYTES]
    for before, after in (("Data\0", "Date\0"), ("Name\0", "Nama\0"), ("EventData\0", "UsentData\0")):
        check(data + sealed(chunk.replace(before.encode("utf-16-le"), after.encode("utf-16-le"))) + chunk)


def test_a_name_that_is_told_twice_and_differs_once() -> None:
    data = log([Record(event_data("Image", "User"), [text("v"), text("w")])] * 30)
    chunk = data[evtx.HEADER_BYTES :]
    own, other = (
        struct.pack("<I", chunk.index(f"{name}\0".encode("utf-16-le")) - 6) for name in ("\x04Data", "\tEventData")
    )
    before, after = chunk.split(own, 2)[:2], chunk.split(own, 2)[2]
    check(data + sealed(own.join(before) + other + after))
