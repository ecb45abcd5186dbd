"""``read --events``: what Elastic indexed of the same records, and what holds for every line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from falselight import timestamps
from falselight.cli.main import cli
from tests.mappings.golden import GOLDEN, expected_fields

# Rendered by the publisher's message table, which an EVTX file does not hold; the pipeline's version, and its moment.
LEFT_OUT = {"message", "ecs.version", "event.ingested"}
# Sources whose readers give what Elastic's pipelines give, field by field.
FILEBEAT = sorted(path for name in ("zeek", "suricata") for path in GOLDEN.glob(f"filebeat-{name}-*/*.log"))
WINLOGBEAT = sorted(GOLDEN.glob("winlogbeat-*/ingest/*.golden.json"))


def read(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["read", *map(str, words)], standalone_mode=False, catch_exceptions=False)


def leaves(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def same(made: Any, wanted: Any) -> bool:
    """Lists are sets to Elasticsearch, a value is a list of one, and a date is an instant."""
    if wanted == []:
        return made in (None, [])
    made, wanted = ([*each] if isinstance(each, list) else [each] for each in (made, wanted))
    for each in wanted:
        if isinstance(each, str) and timestamps.detect(each) is not None and each[:4].isdigit():
            form = "strict_date_optional_time_nanos"
            return [timestamps.parse(one, form) for one in made] == [timestamps.parse(one, form) for one in wanted]
    return sorted(map(str, (float(e) if type(e) is int else e for e in made))) == sorted(
        map(str, (float(e) if type(e) is int else e for e in wanted))
    )


def flat(line: str) -> dict[str, Any]:
    found = dict(leaves(json.loads(line)))
    return dict(expected_fields(found)) | {name: value for name, value in found.items() if not isinstance(value, dict)}


@pytest.mark.skipif(not FILEBEAT, reason="no golden files beside the project")
@pytest.mark.parametrize("path", FILEBEAT, ids=lambda path: path.name)
def test_sensors_read_as_elastic_indexes_them(path: Path) -> None:
    done = read(path, "--events", "--timezone", "-02:00")
    assert done.return_value == 0, done.stderr
    expected = json.loads(path.with_name(path.name + "-expected.json").read_bytes())
    lines = done.stdout.splitlines()
    # Filebeat had not shipped the last line of the ssl file, which has no line break.
    assert len(lines) - len(expected) == (1 if path.name == "ssl-json.log" else 0)
    wrong = [
        (place, name, value, made.get(name))
        for place, (line, document) in enumerate(zip(lines, expected, strict=False))
        for made in [flat(line)]
        for name, value in expected_fields(document)
        if not same(made.get(name), value)
    ]
    assert wrong == []


@pytest.mark.skipif(not WINLOGBEAT, reason="no golden files beside the project")
@pytest.mark.parametrize("path", WINLOGBEAT, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_windows_reads_as_elastic_indexes_it(path: Path) -> None:
    source = path.parents[1] / "collection" / path.name.replace(".golden.json", ".evtx")
    made = {each["winlog.record_id"]: each for each in map(flat, read(source, "--events").stdout.splitlines())}
    wrong = [
        (wanted["winlog.record_id"], name, value, made[wanted["winlog.record_id"]].get(name))
        for wanted in (dict(leaves(document)) for document in json.loads(path.read_bytes()))
        for name, value in expected_fields(wanted)
        if name not in LEFT_OUT and not same(made[wanted["winlog.record_id"]].get(name), value)
    ]
    assert wrong == []


def test_ecs_documents_stay_whole(tmp_path: Path) -> None:
    documents = [
        {
            "@timestamp": 1767225600123,
            "event.category": ["network"],
            "event": {"type": "start"},
            "labels": {"a.b": "x"},
        },
        {"@timestamp": "2026-01-01T00:00:01+01:00", "tags": ["one", "two"], "own": {"name": None, "list": [{"a": 1}]}},
        {"@timestamp": "2026-01-01T00:00:01.123456789Z", "host": {"name": "caf\u00e9\u202e\x1b"}, "_id": "7"},
    ]
    path = tmp_path / "beat.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in documents) + "{broken\n", encoding="utf-8")
    done = read(path, "--events")
    assert done.return_value == 4
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"@timestamp": "2026-01-01T00:00:00.123Z", "event": {"category": ["network"], "type": "start"},
         "labels": {"a": {"b": "x"}}},
        {"@timestamp": "2025-12-31T23:00:01.000Z", "tags": ["one", "two"], "own": {"list": [{"a": 1}]}},
        {"@timestamp": "2026-01-01T00:00:01.123456789Z", "host": {"name": "caf\u00e9\u202e\x1b"}},
    ]  # fmt: skip
    assert "\u202e" not in done.stdout and "\x1b" not in done.stdout and "caf\u00e9" in done.stdout


def test_options_are_checked(tmp_path: Path) -> None:
    from click import UsageError

    for wrong in (("--timezone", "Mars/Sea"), ("--timezone", "+25:00"), ("--year", "0"), ("--internal", "ten")):
        with pytest.raises(UsageError):
            read(tmp_path, "--events", *wrong)
    assert read(tmp_path / "absent", "--events").return_value == 2


def test_an_inventory_is_a_table_or_json(tmp_path: Path) -> None:
    path = tmp_path / "beat.ndjson"
    event = {"@timestamp": "2026-01-01T00:00:00Z", "event": {"category": "network"}, "process": {"name": "p"}}
    path.write_text(json.dumps(event) + "\nbroken\n", encoding="utf-8")
    told = read(path, "--format", "json")
    found = json.loads(told.stdout)
    assert told.return_value == 4
    assert (found["events"], found["left_out"]) == (1, {str(path): {"not JSON": 1}})
    assert found["fields"][0] == {"name": "@timestamp", "type": "date", "events": 1, "rate": 1.0,
                                  "datasets": {"(none)": 1}}  # fmt: skip
    table = read(path).stdout
    for title in ("1 event in 1 input", "Sources", "Datasets", "Clocks", "Fields", "Left out", "Detections"):
        assert title in table
    assert "event.category" not in table and "event.category" in read(path, "--fields").stdout


@pytest.mark.parametrize(
    ("event", "time", "told"),
    [
        ({"EventTime": "2026-07-01 08:00:00"}, "2026-07-01T06:00:00.000Z", True),
        ({"EventTime": "2026-01-01 08:00:00"}, "2026-01-01T07:00:00.000Z", True),
        ({"EventTime": "2026-07-01T08:00:00+05:00"}, "2026-07-01T03:00:00.000Z", False),
        ({"EventTime": "2026-07-01 08:00:00", "TimeCreated": "2026-07-01T01:00:00Z"}, "2026-07-01T01:00:00.000Z", False),
        (
            {"EventTime": "2026-07-01 08:00:00", "EventReceivedTime": "2026-07-01 08:00:01",
             "@timestamp": "2026-07-01T12:00:01Z"},
            "2026-07-01T12:00:00.000Z",
            False,
        ),
    ],
)  # fmt: skip
def test_a_local_time_is_one_of_the_users_zone(tmp_path: Path, event: dict[str, str], time: str, told: bool) -> None:
    path = tmp_path / "nxlog.json"
    path.write_text(json.dumps({"EventID": 4624, "Channel": "Security", "SourceName": "x", **event}), encoding="utf-8")
    done = read(path, "--events", "--timezone", "Europe/Berlin")
    assert json.loads(done.stdout)["@timestamp"] == time
    assert ("time zone: Europe/Berlin for 1 record without a zone" in done.stderr) is told
