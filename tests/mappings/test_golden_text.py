"""What Elastic's own pipelines made of text logs, field by field."""

from __future__ import annotations

import io
import json
from collections import Counter
from datetime import timedelta, timezone
from importlib import import_module

import pytest

from falselight.diagnostics import Diagnostic
from falselight.readers.settings import Settings
from tests.mappings.different import DIFFERENT
from tests.mappings.golden import GOLDEN, differences, expected_fields, rows

SETTINGS = Settings(timezone=timezone(timedelta(hours=-2)))
PAIRS = {
    "iptables": "filebeat-iptables-log/iptables.log",
    "fortinet": "filebeat-fortinet-firewall/traffic.log",
    "squid": "filebeat-squid-log/access1.log",
    "cisco_umbrella": "filebeat-cisco-umbrella/umbrella-dnslogs.log",
    "cisco_asa": "filebeat-cisco-asa/sample.log",
}


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden files beside the project")
@pytest.mark.parametrize("name", list(PAIRS))
def test_every_field_is_as_elastic_indexes_it(name: str) -> None:
    source = GOLDEN / PAIRS[name]
    reported: list[Diagnostic] = []
    data = io.BytesIO(source.read_bytes())
    reader = import_module(f"falselight.readers.{name}")
    made = list(rows(reader.read(data, "p", "p", reported.append, Counter(), None, SETTINGS)))
    expected = json.loads(source.with_name(source.name + "-expected.json").read_bytes())
    assert len(made) == len(expected)
    known = DIFFERENT["cisco.umbrella"] if name == "cisco_umbrella" else {}
    wrong = [
        (place, *each)
        for place, pair in enumerate(zip(made, expected, strict=True))
        for each in differences(*pair)
        if each[0] not in known
    ]
    fields = sum(len(list(expected_fields(document))) for document in expected)
    assert wrong == [], f"{len(wrong)} of {fields} fields differ"
    assert reported == []
