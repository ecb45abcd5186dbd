"""AWS VPC flow logs, in the default format or in one that a header line names, as ECS (Elastic, aws.vpcflow)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from falselight.mappings.network import address, community
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document, append, iso

_DEFAULT = (
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
    "start", "end", "action", "log-status",
)  # fmt: skip
# Formats that AWS's documentation shows, which Elastic's integration knows without a header by their number of columns.
_ALL = (
    *_DEFAULT, "vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "region", "az-id",
    "sublocation-type", "sublocation-id", "pkt-src-aws-service", "pkt-dst-aws-service", "flow-direction", "traffic-path",
)  # fmt: skip
_FORMATS: dict[int, tuple[str, ...]] = {
    len(columns): columns
    for columns in (
        _DEFAULT,
        ("instance-id", "interface-id", "srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"),
        (
            "version", "interface-id", "account-id", "vpc-id", "subnet-id", "instance-id", "srcaddr", "dstaddr", "srcport",
            "dstport", "protocol", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "action", "log-status",
        ),
        (
            "version", "vpc-id", "subnet-id", "instance-id", "interface-id", "account-id", "type", "srcaddr", "dstaddr",
            "srcport", "dstport", "pkt-srcaddr", "pkt-dstaddr", "protocol", "bytes", "packets", "start", "end", "action",
            "tcp-flags", "log-status",
        ),
        _ALL,
    )
}  # fmt: skip
_HEADER = re.compile(r"^[a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*)+$")
_HEADS = {"interface-id", "srcaddr", "start"}  # a line of column names has one of them
_TRANSPORTS = {
    "1": "icmp",
    "2": "igmp",
    "6": "tcp",
    "17": "udp",
    "47": "gre",
    "50": "esp",
    "58": "ipv6-icmp",
    "132": "sctp",
}
_TARGETS = {
    "srcaddr": "source.address", "dstaddr": "destination.address", "protocol": "network.iana_number",
    "instance-id": "cloud.instance.id", "region": "cloud.region", "az-id": "cloud.availability_zone",
    "flow-direction": "network.direction", "sublocation-type": "aws.vpcflow.sublocation.type",
    "sublocation-id": "aws.vpcflow.sublocation.id", "pkt-src-aws-service": "aws.vpcflow.pkt_src_service",
    "pkt-dst-aws-service": "aws.vpcflow.pkt_dst_service",
}  # fmt: skip
_WHOLE = {"srcport": "source.port", "dstport": "destination.port", "packets": "source.packets", "bytes": "source.bytes"}
_FLAGS = {1: "fin", 2: "syn", 4: "rst", 8: "psh", 16: "ack", 32: "urg"}


class Parser:
    """Keeps the columns that the last header line named; without one they are known by their number."""

    def __init__(self) -> None:
        self._columns: tuple[str, ...] | None = None

    def __call__(self, line: str, settings: Settings) -> Document | None:
        words = line.split()
        if _HEADER.match(line.strip()) and not _HEADS.isdisjoint(words):
            self._columns = tuple(words)
            return {}
        columns: tuple[str, ...] = self._columns or _FORMATS.get(len(words), ())
        if len(words) != len(columns):
            return None
        row = {name: word for name, word in zip(columns, words, strict=True) if word != "-"}
        if self._columns is None and not _is_known(row):
            return None
        if not row.get("start", "0").isdecimal() or not row.get("end", "0").isdecimal():
            return None
        return _event(line, row)


def _is_known(row: dict[str, str]) -> bool:
    """Whether words can be what the columns of a known format say."""
    return row.get("interface-id", "").startswith("eni-") and row.get("log-status", "OK").isupper()


def _event(line: str, row: dict[str, str]) -> Document:
    event: Document = {
        "event.original": line, "event.kind": "event", "event.category": ["network"], "event.module": "aws",
        "event.dataset": "aws.vpcflow", "cloud.provider": "aws", "cloud.account.id": row.get("account-id"),
        "event.start": _time(row.pop("start", None)), "event.end": _time(row.pop("end", None)),
    }  # fmt: skip
    event["@timestamp"] = event["event.end"] or event["event.start"]
    action = row.get("action")
    verdict = {"ACCEPT": "allowed", "REJECT": "denied"}.get(action or "")
    append(event, "event.type", "connection", verdict)
    event["event.action"] = action.lower() if action else None
    event["event.outcome"] = {"allowed": "success", "denied": "failure"}.get(verdict or "")
    for name, word in row.items():
        if name in _WHOLE:
            event[_WHOLE[name]] = int(word) if word.isdecimal() and len(word) < 19 else None
        elif name in _TARGETS:
            event[_TARGETS[name]] = word
        else:
            event["aws.vpcflow." + name.replace("-", "_")] = word
    event["aws.vpcflow.instance_id"] = row.get("instance-id")
    for side in ("source", "destination"):
        if address(event.get(f"{side}.address")):
            event[f"{side}.ip"] = event[f"{side}.address"]
    _network(event, row)
    packets = [row[name] for name in ("pkt-srcaddr", "pkt-dstaddr") if address(row.get(name))]
    append(event, "related.ip", event.get("source.ip"), event.get("destination.ip"), *packets)
    return event


def _network(event: Document, row: dict[str, str]) -> None:
    event["network.transport"] = _TRANSPORTS.get(row.get("protocol", ""))
    source = event.get("source.ip")
    event["network.type"] = None if source is None else "ipv6" if ":" in source else "ipv4"
    event["network.bytes"], event["network.packets"] = event.get("source.bytes"), event.get("source.packets")
    ports = [row.get("srcport"), row.get("dstport")]
    ends = [source, event.get("destination.ip")]
    # These records do not have the type of ICMP; Elasticsearch's processor takes nought.
    event["network.community_id"] = community(
        ends[0], ends[1], ports[0], ports[1], event["network.transport"], "0", "0"
    )
    flags = row.get("tcp-flags", "")
    if flags.isdecimal() and len(flags) < 4:
        event["aws.vpcflow.tcp_flags_array"] = [name for bit, name in _FLAGS.items() if int(flags) & bit]


def _time(text: str | None) -> str | None:
    try:
        return None if text is None else iso(datetime.fromtimestamp(int(text), UTC))
    except (OverflowError, ValueError, OSError):
        return None  # no date that a calendar has
