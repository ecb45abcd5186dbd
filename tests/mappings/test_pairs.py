"""All pairs of the Beats' own test data for the sources that are read, where a checkout is given: FALSELIGHT_PAIRS=…/beats. Every
field that differs must have its reason in ``different``, and 99 of 100 of a core dataset's fields must be equal.

The whole way is gone: recognising, reading and mapping, as ``read --events`` does it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest
from falselight.ecs import release
from falselight.readers.settings import Settings
from tests.mappings.different import DIFFERENT, NOT_RECOGNISED
from tests.mappings.golden import differences, expected_fields

BEATS = Path(os.environ.get("FALSELIGHT_PAIRS", "no checkout"))
FOLDERS = (
    "x-pack/filebeat/module/cisco/asa", "x-pack/filebeat/module/cisco/umbrella", "x-pack/filebeat/module/aws/vpcflow",
    "x-pack/filebeat/module/panw/panos", "x-pack/filebeat/module/cef/log", "x-pack/filebeat/module/fortinet/firewall",
    "x-pack/filebeat/module/iptables/log", "x-pack/filebeat/module/squid/log", "x-pack/filebeat/module/suricata/eve",
    "x-pack/filebeat/module/zeek/*", "x-pack/filebeat/module/coredns/log", "filebeat/module/auditd/log",
    "x-pack/filebeat/module/cisco/ftd", "x-pack/filebeat/module/checkpoint/firewall", "x-pack/filebeat/module/sophos/xg",
    "x-pack/filebeat/module/juniper/srx", "x-pack/filebeat/module/gcp/vpcflow",
    "x-pack/filebeat/module/gcp/firewall",
)  # fmt: skip
SOURCES = sorted(
    path.with_name(path.name.removesuffix("-expected.json"))
    for folder in FOLDERS
    for path in BEATS.glob(f"{folder}/test/*-expected.json")
)
LEAST = 0.99
# Beyond the core: each of these differs in a few fields of every event, for the reasons that ``different`` gives.
LEAST_OF = {"cisco.ftd": 0.96, "checkpoint.firewall": 0.98, "sophos.xg": 0.93, "juniper.srx": 0.98}
pytestmark = pytest.mark.skipif(not SOURCES, reason="no checkout of Beats is named by FALSELIGHT_PAIRS")


def made(path: Path, expected: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The events by their records' numbers; the year is that of most of the expected ones."""
    times = (str(each.get("@timestamp") or each.get("event.start") or "")[:4] for each in expected)
    years = Counter(year for year in times if year)
    settings = Settings(timezone(timedelta(hours=-2)), int(years.most_common(1)[0][0]) if years else None)
    pieces = ingest.stream([path], release.schema(), report=lambda _: None, progress=lambda *_: None, settings=settings)
    rows = [row for _, _, piece in pieces if piece.batch is not None for row in piece.batch.to_pylist()]
    return {row["_record"]: row for row in rows}


def beside(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each expected event and that of its line. The module's tests keep the first hundred, and drop some."""
    expected = json.loads(path.with_name(path.name + "-expected.json").read_bytes())
    found = made(path, expected)
    starts, offset = {}, 0
    for number, line in enumerate(path.read_bytes().split(b"\n")):
        starts[offset] = number
        offset += len(line) + 1
    for document in expected:
        yield document, found.get(starts.get(document["log.offset"], -1), {"_time": 0})


def test_every_difference_has_its_reason_and_few_fields_differ() -> None:
    fields: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    unexplained = []
    for path in SOURCES:
        if any(path.match(name) for name in NOT_RECOGNISED):
            continue
        for document, own in beside(path):
            dataset = document["event.dataset"]
            fields[dataset] += len(list(expected_fields(document)))
            found = differences(own, document)
            wrong[dataset] += len(found)
            unexplained += [(path.name, *each) for each in found if each[0] not in DIFFERENT.get(dataset, {})]
    assert unexplained == []
    equal = {dataset: 1 - wrong[dataset] / count for dataset, count in fields.items()}
    assert not {
        name: share for name, share in equal.items() if share < LEAST_OF.get(name, LEAST) and fields[name] > 200
    }
