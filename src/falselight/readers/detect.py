"""What a file holds, told from its first bytes. What is not recognised is ``unknown``, never guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import orjson

from falselight.readers import json_signs, text_signs, windows_signs
from falselight.readers import suricata_signs as suricata
from falselight.readers import zeek_signs as zeek
from falselight.readers.pcap.signs import is_capture

EVTX_MAGIC = b"ElfFile\0"
PARQUET_MAGIC = b"PAR1"
BOM = b"\xef\xbb\xbf"
_LINES_LOOKED_AT = 50
_DEEPEST = 3
_SPACE = re.compile(r"[ \t\r\n]*")


class Kind(StrEnum):
    """Framing and content of an input: lines hold one JSON document each."""

    EVTX = "evtx"
    ECS_LINES = "ecs-lines"
    ECS_ARRAY = "ecs-array"
    SOURCE_LINES = "source-lines"
    SOURCE_ARRAY = "source-array"
    RESPONSE = "search-response"
    WINDOWS_LINES = "windows-lines"
    WINDOWS_ARRAY = "windows-array"
    WINDOWS_RESPONSE = "windows-response"
    WINDOWS_XML = "windows-xml"
    ZEEK_TSV = "zeek-tsv"
    ZEEK_LINES = "zeek-lines"
    ZEEK_ARRAY = "zeek-array"
    EVE_LINES = "suricata-lines"
    EVE_ARRAY = "suricata-array"
    PCAP = "packet-capture"
    CISCO_ASA = "cisco-asa"
    CISCO_FTD = "cisco-ftd"
    CHECKPOINT = "checkpoint"
    FORTINET = "fortinet-firewall"
    JUNIPER_SRX = "juniper-srx"
    SOPHOS_XG = "sophos-xg"
    PFSENSE = "pfsense"
    ZSCALER = "zscaler-zia"
    PROXYSG = "proxysg"
    IPTABLES = "iptables"
    SQUID = "squid"
    CISCO_UMBRELLA = "cisco-umbrella"
    DNS_SERVER = "dns-server-log"
    AWS_VPC = "aws-vpcflow"
    AZURE_FLOWS = "azure-flows-csv"
    AZURE_FLOW_LOGS = "azure-flow-logs"
    GCP_VPC = "gcp-vpcflow"
    GCP_FIREWALL = "gcp-firewall"
    GCP_DNS = "gcp-dns"
    ROUTE53 = "route53-resolver"
    OCSF = "ocsf"
    OCSF_PARQUET = "ocsf-parquet"
    PASSIVE_DNS = "passive-dns"
    WAZUH = "wazuh"
    NETFLOW = "netflow"
    NETFLOW_CSV = "netflow-csv"
    PANOS = "panos"
    CEF = "cef"
    WINDOWS_DNS = "windows-dns-debug"
    AUDITD = "auditd"
    CSV = "csv"
    UNKNOWN = "unknown"


_FRAMED = {
    "ecs": (Kind.ECS_LINES, Kind.ECS_ARRAY),
    "source": (Kind.SOURCE_LINES, Kind.SOURCE_ARRAY),
    "windows": (Kind.WINDOWS_LINES, Kind.WINDOWS_ARRAY),
    "zeek": (Kind.ZEEK_LINES, Kind.ZEEK_ARRAY),
    "suricata": (Kind.EVE_LINES, Kind.EVE_ARRAY),
}


def detect(head: bytes) -> Kind:
    """The kind of an input that begins with these bytes (some 64 KiB; a document may be cut off by their end)."""
    if head.startswith(EVTX_MAGIC):
        return Kind.EVTX
    if head.startswith(PARQUET_MAGIC):
        return Kind.OCSF_PARQUET
    if is_capture(head):
        return Kind.PCAP
    if zeek.is_tsv(head):
        return Kind.ZEEK_TSV
    data = head.removeprefix(BOM).lstrip()
    array = data.startswith(b"[")
    for number, document in enumerate(_documents(data, array)):
        if number == 0 and not array and _is_response(document):
            return Kind.WINDOWS_RESPONSE if _holds_windows(document) else Kind.RESPONSE
        kind = of_document(document, array)
        if kind is not None:
            return kind
    text = text_signs.recognise(data)
    return Kind.UNKNOWN if text is None else Kind(text)


def of_document(document: dict[str, Any], array: bool = False) -> Kind | None:
    """The kind of an input that holds this document, one a line or in an array; None if it tells none."""
    content = _content(document)
    return None if content is None else _FRAMED[content][array] if content in _FRAMED else Kind(content)


def _documents(data: bytes, array: bool) -> Iterator[dict[str, Any]]:
    if array:
        yield from _elements(data.decode("utf-8", "replace"))
        return
    for line in data.split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT]:
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(document, dict):
            yield document
    if data.startswith(b"{"):
        yield _leading_pairs(data.decode("utf-8", "replace"), 0)


def _elements(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    position = _skip(text, 1)
    for _ in range(_LINES_LOOKED_AT):
        try:
            element, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            if text.startswith("{", position):
                yield _leading_pairs(text, position)
            return
        if isinstance(element, dict):
            yield element
        position = _skip(text, position)
        if not text.startswith(",", position):
            return
        position = _skip(text, position + 1)


def _leading_pairs(text: str, position: int, depth: int = 0) -> dict[str, Any]:
    """The leading pairs of an object whose end is missing; so of an object or array in it that is cut off."""
    decoder = json.JSONDecoder()
    pairs: dict[str, Any] = {}
    position = _skip(text, position + 1)
    while text.startswith('"', position):
        try:
            key, position = decoder.raw_decode(text, position)
            position = _skip(text, position)
            if not text.startswith(":", position):
                return pairs
            pairs[key] = {}
            position = _skip(text, position + 1)
            pairs[key], position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            if depth < _DEEPEST and text.startswith("{", position):
                pairs[key] = _leading_pairs(text, position, depth + 1)
            elif depth < _DEEPEST and text.startswith("[", position):
                pairs[key] = list(_elements(text[position:]))
            return pairs
        position = _skip(text, position)
        if not text.startswith(",", position):
            return pairs
        position = _skip(text, position + 1)
    return pairs


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _is_response(document: dict[str, Any]) -> bool:
    return isinstance(document.get("hits"), dict) and ("took" in document or "hits" in document["hits"])


def _holds_windows(response: dict[str, Any]) -> bool:
    """Whether one of a response's first hits is a Windows event that no pipeline has seen."""
    hits = response["hits"].get("hits")
    found = hits[:_LINES_LOOKED_AT] if isinstance(hits, list) else []
    return any(isinstance(hit, dict) and _content(hit) == "windows" for hit in found)


def _content(document: dict[str, Any]) -> str | None:
    source = document.get("_source")
    if isinstance(source, dict):
        return "windows" if _is_windows(source) else "wazuh" if json_signs.is_wazuh(source) else "source"
    if _is_windows(document):
        return "windows"
    if suricata.recognise(document):
        return "suricata"
    if zeek.log_of(document) is not None:
        return "zeek"
    own = json_signs.recognise(document)
    if own is not None:
        return own
    if "@timestamp" in document or isinstance(document.get("ecs"), dict) or "ecs.version" in document:
        return "ecs"
    return None


def _is_windows(document: dict[str, Any]) -> bool:
    return windows_signs.recognise(document) is not None
