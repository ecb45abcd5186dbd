"""Inputs are recognised by what they hold; what is not recognised is not guessed."""

from __future__ import annotations

import pytest

from falselight.readers.detect import Kind, detect


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"ElfFile\0rest", Kind.EVTX),
        (b'{"@timestamp": 1}\n', Kind.ECS_LINES),
        (b'\xef\xbb\xbf\n{"event.category": "x", "@timestamp": 1}', Kind.ECS_LINES),
        (b'garbage\n{"@timestamp": 1}\n', Kind.ECS_LINES),
        (b'{"@timestamp": 1, "message": "' + b"x" * 70_000, Kind.ECS_LINES),
        (b' [\n {"@timestamp": 1},', Kind.ECS_ARRAY),
        (b'[{"message": "' + b"x" * 70_000, Kind.UNKNOWN),
        (b'{"_index": "i", "_source": {"a": 1}}\n', Kind.SOURCE_LINES),
        (b'{"_index": "i", "_source": {"a": "' + b"x" * 70_000, Kind.SOURCE_LINES),
        (b'{\n "took": 3,\n "hits": {"hits": [{"_id":', Kind.RESPONSE),
        (b'{"some": "json"}\n', Kind.UNKNOWN),
        (b"", Kind.UNKNOWN),
        (b"\x00\x01\x02", Kind.UNKNOWN),
        (b"[" * 60_000, Kind.UNKNOWN),
    ],
)
def test_detect(head: bytes, kind: Kind) -> None:
    assert detect(head) is kind
