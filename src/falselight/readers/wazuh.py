"""Wazuh's archives and alerts as normalised batches: Windows events as all of them are mapped, others by ``wazuh.toml``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from falselight.columns import is_reserved
from falselight.mappings import apply
from falselight.mappings.tables import flat, load, once
from falselight.readers import Report, json_logs, tallies
from falselight.readers.json_rows import BEYOND
from falselight.readers.json_shapes import MAX_FIELDS
from falselight.readers.settings import Settings
from falselight.readers.windows_event import CHUNK_EVENTS, WindowsEvent, braced, epoch_nanoseconds, text_of, whole

_FILE = "wazuh.toml"
_WINDOWS = "data.win."
_LONGEST = (1 << 63) - 1


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The events of a log, one a record."""
    names: set[str] = set()
    chunk: list[tuple[int, WindowsEvent]] = []
    unread = 0
    for number, record, _ in json_logs.records(stream, path, label, report, skipped):
        source = record.get("_source")
        event = event_of(source if isinstance(source, dict) else record)
        if event is None:
            unread += 1
            continue
        event.around = {name: event.around[name] for name in _known(event.around, names, skipped)}
        chunk.append((number, event))
        if len(chunk) >= CHUNK_EVENTS:
            yield apply.apply(chunk, wanted)
            chunk = []
    if chunk:
        yield apply.apply(chunk, wanted)
    tallies.tell_unread(unread, "record", path, label, report, skipped)


def _known(fields: Mapping[str, Any], names: set[str], skipped: Counter[str]) -> Iterator[str]:
    """The fields' names, as far as the input has not had too many."""
    for name in fields:
        if name not in names:
            if len(names) >= MAX_FIELDS:
                skipped[BEYOND] += 1
                continue
            names.add(name)
        yield name


def event_of(record: Mapping[str, Any]) -> WindowsEvent | None:
    """The event of one record; None for what is none of Wazuh's."""
    if not isinstance(record.get("agent"), dict) or not isinstance(record.get("decoder"), dict):
        return None
    raw = {name: held for name, value in flat(record).items() if (held := _held(value)) is not None}
    data = record.get("data")
    windows = data.get("win") if isinstance(data, dict) else None
    if isinstance(windows, dict) and isinstance(windows.get("system"), dict):
        return _windows_event(windows["system"], windows, raw)
    event = load(_FILE, "record").event(raw)
    alert = "rule.id" in event
    event["event.dataset"] = "wazuh.alerts" if alert else "wazuh.archives"
    event["event.kind"] = "alert" if alert else "event"
    ends = [event.get("source.ip"), event.get("destination.ip")]
    if None not in ends:
        event["event.category"], event["event.type"] = ["network"], ["connection"]
    if any(ends):
        event["related.ip"] = once(ends)
    around = {name: value for name, value in event.items() if not is_reserved(name)}
    return WindowsEvent(
        time=_time(record.get("timestamp")) or _time(record.get("@timestamp")), around=around, is_mapped=True
    )


def _held(value: Any) -> Any:
    """A leaf in a form that columns hold: what is too large or nested becomes text."""
    if isinstance(value, list):
        return [_held(each) for each in value if each is not None] or None
    if isinstance(value, dict):
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    if isinstance(value, int) and not -_LONGEST <= value <= _LONGEST:
        return str(value)
    return value if value != "" else None


def _time(value: Any) -> int | None:
    return epoch_nanoseconds(value) if isinstance(value, str) else None


def _windows_event(
    system: Mapping[str, Any], windows: Mapping[str, Any], raw: Mapping[str, Any]
) -> WindowsEvent | None:
    event_id = whole(system.get("eventID"))
    if event_id is None:
        return None
    around = load(_FILE, "windows").event({name: value for name, value in raw.items() if not name.startswith(_WINDOWS)})
    keywords = whole(system.get("keywords")) or 0
    user_data: dict[str, str] = {}
    for name, held in windows.items():
        if name not in ("system", "eventdata") and isinstance(held, dict):
            user_data = {"xml_name": _capital(name), **_data(held)}
    message = text_of(system.get("message"))
    return WindowsEvent(
        provider=text_of(system.get("providerName")),
        channel=text_of(system.get("channel")),
        event_id=event_id,
        computer=text_of(system.get("computer")) or None,
        record_id=text_of(system.get("eventRecordID")) or None,
        time=_time(system.get("systemTime")) or _time(raw.get("timestamp")),
        level=whole(system.get("level")),
        task=whole(system.get("task")),
        opcode=whole(system.get("opcode")),
        keywords=keywords & 0xFFFF_FFFF_FFFF_FFFF,
        process_id=whole(system.get("processID")),
        thread_id=whole(system.get("threadID")),
        version=whole(system.get("version")) or 0,
        provider_guid=braced(system.get("providerGuid")),
        message=message.removeprefix('"').removesuffix('"') or None,
        event_data=_data(windows.get("eventdata")),
        user_data=user_data,
        around={name: value for name, value in around.items() if not is_reserved(name)},
    )


def _data(value: Any) -> dict[str, str]:
    """The data under the names that Windows gives it: Wazuh begins them with small letters."""
    held = value if isinstance(value, dict) else {}
    return {_capital(name): text for name, inner in held.items() if (text := text_of(inner))}


def _capital(name: str) -> str:
    return name if name.startswith("param") else name[:1].upper() + name[1:]
