"""What Elastic's own pipelines made of Suricata's EVE records, field by field."""

from __future__ import annotations

import io
import json
from collections import Counter

import pytest

from falselight.diagnostics import Diagnostic
from falselight.mappings import suricata as mapping
from falselight.readers import suricata
from tests.mappings.golden import GOLDEN, differences, rows


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden files beside the project")
@pytest.mark.parametrize("name", ["eve-small.log", "eve-dns-4.1.4.log"])
def test_every_field_is_as_elastic_indexes_it(name: str) -> None:
    source = GOLDEN / "filebeat-suricata-eve" / name
    reported: list[Diagnostic] = []
    made = list(rows(suricata.read(io.BytesIO(source.read_bytes()), name, name, reported.append, Counter())))
    expected = json.loads(source.with_name(name + "-expected.json").read_bytes())
    assert len(made) == len(expected)
    wrong = [
        (place, *each) for place, pair in enumerate(zip(made, expected, strict=True)) for each in differences(*pair)
    ]
    assert wrong == []
    assert reported == []


def test_only_what_is_wanted_is_read() -> None:
    steps, needed = mapping.table().only(frozenset({"destination.domain"}))
    assert needed == {"http.hostname", "tls.sni"}
    assert len(steps) < 6
