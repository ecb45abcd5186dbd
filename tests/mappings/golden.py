"""Comparing normalised batches with what Elastic's own pipelines indexed, field by field."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from falselight import timestamps

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared"))
GOLDEN = SHARED / "data" / "golden"

# What depends on the shipper or the moment of indexing, and values of databases that are not part of the project.
LEFT_OUT = (
    "agent.", "ecs.version", "event.ingested", "event.created", "fileset.", "input.", "service.", "log.offset",
    "log.file.", "log.flags", "host.", "tags", "message", "rsa.",
)  # fmt: skip
DATABASES = (".geo.", ".as.", "user_agent.name", "user_agent.version", "user_agent.os.", "user_agent.device.")


_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,9})?")


def _is_written_number(own: Any, expected: Any) -> bool:
    is_number = isinstance(own, int | float) and not isinstance(own, bool)
    return is_number and isinstance(expected, str) and _NUMBER.fullmatch(expected) is not None


def rows(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()


def expected_fields(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields to compare; objects in a list give one list for each of their names, as columns do."""
    for name, value in document.items():
        if name.startswith(LEFT_OUT) or any(part in name for part in DATABASES):
            continue
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for key in sorted({key for element in value for key in element}):
                yield f"{name}.{key}", [element[key] for element in value if key in element]
        else:
            yield name, value


def differences(made: dict[str, Any], document: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Name, expected and made, for each field that differs. Lists are sets to Elasticsearch, an empty one no value."""
    wrong = []
    for name, value in expected_fields(document):
        own = made.get(name)
        if name == "@timestamp":
            nanos = timestamps.parse(value, "strict_date_optional_time_nanos") or 0
            unit = 1_000 if len(value) > len("2026-01-01T00:00:00.000Z") else 1_000_000
            if made["_time"] is None or nanos // unit != made["_time"] // unit:
                wrong.append((name, value, made["_time"]))
        elif _values(own, value) != _values(value, own if _is_written_number(own, value) else value):
            wrong.append((name, value, own))
    return wrong


def _values(value: Any, beside: Any) -> list[str]:
    if isinstance(beside, int | float) and isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)  # the mapping's type decides: Elasticsearch indexes such a text as a number
    found = [each for each in _flat(value) if each is not None]
    is_date = isinstance(beside, str) and isinstance(value, str) and timestamps.detect(value) is not None
    if is_date:
        found = [(timestamps.parse(each, "strict_date_optional_time_nanos") or 0) // 1_000_000 for each in found]
    found = [_address(each) for each in found]
    plain = [float(each) if isinstance(each, int | float) and not isinstance(each, bool) else each for each in found]
    return sorted(map(repr, plain))


def _flat(value: Any) -> list[Any]:
    """Lists in lists are one list to Elasticsearch."""
    return [each for part in value for each in _flat(part)] if isinstance(value, list) else [value]


def _address(value: Any) -> Any:
    """Elasticsearch's type ip knows one value of each address, however it is written."""
    return (
        str(ipaddress.ip_address(value)) if isinstance(value, str) and value.count(":") > 1 and _is_ip(value) else value
    )


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
