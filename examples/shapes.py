"""How shippers write one event: Sysmon through Winlogbeat 6 and NXLog, and Elastic Defend's ECS documents."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PROVIDER = "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}"
CHANNEL = "Microsoft-Windows-Sysmon/Operational"
TITLES = {1: "Process Create", 3: "Network connection detected", 22: "Dns query"}
TASKS = {
    1: "Process Create (rule: ProcessCreate)",
    3: "Network connection detected (rule: NetworkConnect)",
    22: "Dns query (rule: DnsQuery)",
}


@dataclass(frozen=True)
class Event:
    """What happened on a machine. ``kind`` is Sysmon's event number (1, 3 or 22); ``at`` is epoch milliseconds.

    ``detail`` by kind: 1: command, parent, parent_command; 3: protocol, source, source_port, destination,
    destination_port, domain, initiated; 22: query, answers."""

    at: int
    kind: int
    host: str
    user: str
    image: str
    pid: int
    detail: Mapping[str, Any] = field(default_factory=dict)


def stamp(at: int, form: str = "T") -> str:
    """Epoch milliseconds as text: ``2026-03-11T09:00:00.000Z``, or Sysmon's form without ``T`` and ``Z``."""
    text = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % 1000:03d}"
    return text + "Z" if form == "T" else text.replace("T", " ")


def guid(event: Event) -> str:
    """Sysmon's process identifier: stable for one process of one machine."""
    machine = sum(ord(letter) << (index % 24) for index, letter in enumerate(event.host)) & 0xFFFFFFFF
    return f"{{{machine:08x}-{event.pid & 0xFFFF:04x}-69b1-{event.pid % 997:04x}-000000000700}}"


def sysmon_fields(event: Event) -> dict[str, str]:
    """The event's own fields as Sysmon names and writes them (all text; IPv6 in full; "-" for nothing)."""
    head = {
        "RuleName": "-",
        "UtcTime": stamp(event.at - 4, "space"),
        "ProcessGuid": guid(event),
        "ProcessId": str(event.pid),
    }
    return head | {1: _process, 3: _network, 22: _dns}[event.kind](event)


def _process(event: Event) -> dict[str, str]:
    return {
        "Image": event.image,
        "FileVersion": "-",
        "CommandLine": event.detail["command"],
        "User": event.user,
        "IntegrityLevel": "Medium",
        "ParentProcessId": str(event.pid - 412),
        "ParentImage": event.detail["parent"],
        "ParentCommandLine": event.detail["parent_command"],
    }


def _network(event: Event) -> dict[str, str]:
    detail = event.detail
    source, destination = ipaddress.ip_address(detail["source"]), ipaddress.ip_address(detail["destination"])
    return {
        "Image": event.image,
        "User": event.user,
        "Protocol": detail["protocol"],
        "Initiated": str(detail["initiated"]).lower(),
        "SourceIsIpv6": str(source.version == 6).lower(),
        "SourceIp": _full(source),
        "SourceHostname": event.host,
        "SourcePort": str(detail["source_port"]),
        "SourcePortName": "-",
        "DestinationIsIpv6": str(destination.version == 6).lower(),
        "DestinationIp": _full(destination),
        "DestinationHostname": detail["domain"] or "-",
        "DestinationPort": str(detail["destination_port"]),
        "DestinationPortName": {443: "https", 80: "http", 123: "ntp"}.get(detail["destination_port"], "-"),
    }


def _full(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.version == 4:
        return str(address)
    return ":".join(f"{int(part, 16):x}" for part in address.exploded.split(":"))


def _dns(event: Event) -> dict[str, str]:
    answers = "".join(f"::ffff:{a};" if "." in a else f"{a};" for a in event.detail["answers"])
    return {"QueryName": event.detail["query"], "QueryStatus": "0", "QueryResults": answers, "Image": event.image}


def winlogbeat(event: Event, number: int) -> dict[str, Any]:
    """Winlogbeat 6, the shape of a Windows event collector: ``computer_name`` is the machine, ``host.name`` the collector."""
    fields = sysmon_fields(event)
    return {
        "@timestamp": stamp(event.at),
        "@metadata": {"beat": "winlogbeat", "type": "doc", "version": "6.7.0", "topic": "winlogbeat"},
        "level": "Information",
        "computer_name": event.host,
        "event_id": event.kind,
        "process_id": 2440,
        "event_data": fields,
        "opcode": "Info",
        "version": 5,
        "provider_guid": PROVIDER,
        "record_number": str(number),
        "thread_id": 2368,
        "user": {"name": "SYSTEM", "domain": "NT AUTHORITY", "type": "User", "identifier": "S-1-5-18"},
        "source_name": "Microsoft-Windows-Sysmon",
        "host": {"name": "collector.marlfinch.example"},
        "log_name": CHANNEL,
        "task": TASKS[event.kind],
        "beat": {"name": "collector", "hostname": "collector", "version": "6.7.0"},
        "type": "wineventlog",
        "message": _message(event.kind, fields, "\n"),
    }


def nxlog(event: Event, number: int) -> dict[str, Any]:
    """NXLog's flat shape; its message is left out, as its users often do to save room."""
    return {
        "@timestamp": stamp(event.at),
        "TimeCreated": stamp(event.at),
        "EventID": event.kind,
        "Hostname": event.host,
        "SourceName": "Microsoft-Windows-Sysmon",
        "ProviderGuid": PROVIDER,
        "Channel": CHANNEL,
        "Level": "4",
        "Task": str(event.kind),
        "Keywords": "0x8000000000000000",
        "RecordNumber": number,
        **sysmon_fields(event),
    }


def _message(kind: int, fields: Mapping[str, str], line_break: str) -> str:
    return f"{TITLES[kind]}:" + "".join(f"{line_break}{name}: {value}" for name, value in fields.items())


def defend(event: Event, number: int) -> dict[str, Any]:
    """Elastic Defend: nested ECS with lists. Its network events carry no destination.domain."""
    name = event.image.replace("\\", "/").rsplit("/", 1)[1]
    document: dict[str, Any] = {
        "@timestamp": stamp(event.at),
        "agent": {"type": "endpoint", "version": "9.1.4"},
        "data_stream": {"type": "logs", "dataset": _DATASETS[event.kind], "namespace": "default"},
        "ecs": {"version": "8.10.0"},
        "event": {"sequence": number, "module": "endpoint", "dataset": _DATASETS[event.kind], "kind": "event"},
        "host": {"name": event.host, "os": {"type": "macos" if event.image.startswith("/") else "windows"}},
        "process": {"name": name, "executable": event.image, "pid": event.pid, "entity_id": guid(event).strip("{}")},
        "user": {"name": event.user.rsplit("\\", 1)[-1]},
    }
    _DEFEND[event.kind](document, event)
    return document


_DATASETS = {1: "endpoint.events.process", 3: "endpoint.events.network", 22: "endpoint.events.network"}


def _defend_process(document: dict[str, Any], event: Event) -> None:
    document["event"] |= {"category": ["process"], "type": ["start"], "action": "start", "outcome": "success"}
    document["process"] |= {
        "command_line": event.detail["command"],
        "parent": {"executable": event.detail["parent"], "command_line": event.detail["parent_command"]},
    }


def _defend_network(document: dict[str, Any], event: Event) -> None:
    detail = event.detail
    destination = ipaddress.ip_address(detail["destination"])
    document["event"] |= {
        "category": ["network"],
        "type": ["start"],
        "action": "connection_attempted",
        "outcome": "success",
    }
    document["network"] = {
        "direction": "egress" if detail["initiated"] else "ingress",
        "transport": detail["protocol"],
        "type": f"ipv{destination.version}",
    }
    document["source"] = {"ip": detail["source"], "address": detail["source"], "port": detail["source_port"]}
    document["destination"] = {"ip": str(destination), "address": str(destination), "port": detail["destination_port"]}


def _defend_dns(document: dict[str, Any], event: Event) -> None:
    document["event"] |= {"category": ["network"], "type": ["protocol", "info"], "action": "lookup_result"}
    document["dns"] = {"question": {"name": event.detail["query"]}, "resolved_ip": list(event.detail["answers"])}
    document["network"] = {"protocol": "dns"}


_DEFEND: dict[int, Callable[[dict[str, Any], Event], None]] = {1: _defend_process, 3: _defend_network, 22: _defend_dns}
