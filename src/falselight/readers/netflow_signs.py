"""How the flow records of collectors are told from other JSON, and from each other, without loading what reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def collector(record: Mapping[str, Any]) -> str | None:
    """``nfdump``, ``goflow2``, ``pmacct``, or ``beat`` for a document of Filebeat's that no pipeline has seen; else None."""
    if ("src4_addr" in record or "src6_addr" in record) and ("first" in record or "t_first" in record):
        return "nfdump"
    if ("src_addr" in record and "sampler_address" in record) or ("SrcAddr" in record and "SamplerAddress" in record):
        return "goflow2"
    if "ip_src" in record and "ip_dst" in record and ("packets" in record or "bytes" in record):
        return "pmacct"
    held, network = record.get("netflow"), record.get("network")
    if (
        isinstance(held, dict)
        and held.get("type") == "netflow_flow"
        and not (isinstance(network, dict) and "type" in network)
    ):
        return "beat"
    return None
