"""How Suricata's EVE records are told from other JSON, without loading what reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TIME = "timestamp"
_SIGNS = ("flow_id", "src_ip", "stats", "in_iface", "engine", "pcap_cnt")


def recognise(document: Mapping[str, Any]) -> bool:
    """Whether a JSON record is one of EVE's."""
    kind = document.get("event_type")
    named = isinstance(kind, str) and TIME in document
    return named and (any(sign in document for sign in _SIGNS) or isinstance(document.get(str(kind)), dict))
