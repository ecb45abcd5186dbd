"""How JSON records of Windows events are told from others, without loading what reads them."""

from __future__ import annotations

from typing import Any

TREE, FLAT, BEAT, BEAT_6, JOURNAL = "event-tree", "flat", "winlogbeat", "winlogbeat-6", "journal"


def recognise(document: dict[str, Any]) -> str | None:
    """Which shape of Windows event a JSON object has: ``event-tree``, ``flat``, ``winlogbeat``, ``winlogbeat-6``, ``journal``;
    None if it is none. What Elastic's pipelines already made is no raw event any more, so None too."""
    event = document.get("Event")
    if isinstance(event, dict) and isinstance(event.get("System"), dict):
        return TREE
    if "EventID" in document and ("Channel" in document or "SourceName" in document):
        return FLAT
    if _is_beat(document):
        return BEAT
    message = document.get("MESSAGE")
    if isinstance(message, str) and message.startswith("<Event>"):
        return JOURNAL
    if "event_id" in document and "source_name" in document and ("log_name" in document or "event_data" in document):
        return BEAT_6
    return None


def _is_beat(document: dict[str, Any]) -> bool:
    """Whether this is a document of Winlogbeat 7 or later, or of an Elastic Agent, that no pipeline has seen."""
    winlog = document.get("winlog")
    if not (isinstance(winlog, dict) and "event_id" in winlog) and "winlog.event_id" not in document:
        return False
    event = document.get("event")
    made = set(event) if isinstance(event, dict) else {key[6:] for key in document if key.startswith("event.")}
    if "category" in made:
        return False
    if not made & {"module", "dataset", "ingested"} and "data_stream" not in document:
        return True
    # An Elastic Agent names the data stream before a pipeline has seen the event. Where a pipeline would have given a
    # category, none has. What tells that is loaded for such records only.
    from falselight.readers.windows_beats import would_have_category

    return would_have_category(document)
