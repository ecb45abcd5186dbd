"""Small batches wait for one another, whatever of their fields is a list in which."""

from __future__ import annotations

import pyarrow as pa

from falselight.batches import INPUT, Gatherer


def test_lists_and_single_values_of_one_field_wait_together() -> None:
    gatherer = Gatherer()
    single, several = pa.table({"host.ip": ["10.4.0.1", None]}), pa.table({"host.ip": [["10.4.0.2", "10.4.0.3"]]})
    for number, table in enumerate((single, several, single)):
        assert list(gatherer.add(table, number)) == []
    (joined,) = gatherer.flush()
    assert joined.column("host.ip").to_pylist() == [["10.4.0.1"], None, ["10.4.0.2", "10.4.0.3"], ["10.4.0.1"], None]
    assert joined.column(INPUT).to_pylist() == [0, 0, 1, 2, 2]


def test_another_type_does_not_wait() -> None:
    gatherer = Gatherer()
    assert list(gatherer.add(pa.table({"source.port": [443]}), 0)) == []
    (first,) = gatherer.add(pa.table({"source.port": ["x"]}), 1)
    assert first.column("source.port").to_pylist() == [443]
    (second,) = gatherer.flush()
    assert second.column("source.port").to_pylist() == ["x"]
