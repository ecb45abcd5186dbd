"""Text logs: each recognised by its content and read to fields; damage is counted, never guessed at."""

from __future__ import annotations

import io
import json
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from falselight.diagnostics import Diagnostic
from falselight.mappings.azure_flows import moment
from falselight.readers.detect import Kind, detect
from falselight.readers.settings import Settings
from falselight.reading import _MODULES

SAMPLES = Path(__file__).parents[1] / "data" / "readers"
KINDS = {
    "cisco_asa": Kind.CISCO_ASA, "cisco_ftd": Kind.CISCO_FTD, "checkpoint": Kind.CHECKPOINT, "fortinet": Kind.FORTINET,
    "juniper_srx": Kind.JUNIPER_SRX, "sophos_xg": Kind.SOPHOS_XG, "pfsense": Kind.PFSENSE,
    "proxysg": Kind.PROXYSG,
    "iptables": Kind.IPTABLES,
    "squid": Kind.SQUID, "cisco_umbrella": Kind.CISCO_UMBRELLA, "aws_vpcflow": Kind.AWS_VPC, "dns_server": Kind.DNS_SERVER,
    "azure_flows": Kind.AZURE_FLOWS, "panos": Kind.PANOS, "cef": Kind.CEF, "windows_dns": Kind.WINDOWS_DNS, "auditd": Kind.AUDITD,
    "netflow_csv": Kind.NETFLOW_CSV, "netflow_silk": Kind.NETFLOW_CSV,
}  # fmt: skip


def read(kind: Kind, data: bytes) -> tuple[list[dict[str, Any]], Counter[str], list[Diagnostic]]:
    skipped: Counter[str] = Counter()
    reported: list[Diagnostic] = []
    reader = import_module(_MODULES[kind])
    batches = reader.read(io.BytesIO(data), "p", "p", reported.append, skipped, None, Settings(year=2026))
    rows = [row for batch in batches for row in batch.to_pylist()]
    return [{name: cell for name, cell in row.items() if cell not in (None, [])} for row in rows], skipped, reported


@pytest.mark.parametrize("name", list(KINDS))
def test_the_sample_gives_the_expected_events(name: str) -> None:
    data = (SAMPLES / name / "sample").read_bytes()
    assert detect(data) is KINDS[name]
    made, skipped, reported = read(KINDS[name], data)
    expected = [json.loads(line) for line in (SAMPLES / name / "expected.ndjson").read_text("utf-8").splitlines()]
    assert made == expected
    assert not skipped and reported == []


@pytest.mark.parametrize("name", list(KINDS))
def test_damaged_lines_are_counted(name: str) -> None:
    data = (SAMPLES / name / "sample").read_bytes()
    made, _, _ = read(KINDS[name], data)
    more, skipped, reported = read(KINDS[name], data + b"\n\xff\xfe nonsense \x1b[31m\n" + b"(" * 50_000 + b"\n")
    assert more == made and skipped == {"not a line of this log": 2}
    assert [each.code for each in reported] == ["W0514"]


def test_azure_writes_its_times_in_two_forms() -> None:
    for text in ("7/14/2023, 1:11:02.921 AM", "\ufeff2023-07-14 01:11:02.921"):
        assert str(moment(text)) == "2023-07-14 01:11:02.921000+00:00"
    assert moment("14/7/2023, 1:11:02 AM") is None
