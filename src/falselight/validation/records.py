"""Windows event records as the event's own tree: what ``evtx_dump`` writes and ``readers.windows_json`` reads.

Channels, providers and field names are those of recorded events of the same ids, but for DNS Client 3008, of which no
recording is at hand: its fields are those of the provider's manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]
HOST, USER = "WS03.marlfinch.example", "MARLFINCH\\t.wrack"
_SYSMON = ("Microsoft-Windows-Sysmon", "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}", "Microsoft-Windows-Sysmon/Operational")
_SECURITY = ("Microsoft-Windows-Security-Auditing", "{54849625-5478-4994-A5BA-3E3B0328C30D}", "Security")
_POWERSHELL = (
    "Microsoft-Windows-PowerShell",
    "{A0C1853B-5C40-4B15-8766-3CF1C58F985A}",
    "Microsoft-Windows-PowerShell/Operational",
)
_DNS = (
    "Microsoft-Windows-DNS-Client",
    "{1C95126E-7EEA-49A9-A3FE-A378B03DDB4D}",
    "Microsoft-Windows-DNS-Client/Operational",
)


@dataclass(frozen=True)
class Process:
    """A process that records speak of."""

    pid: int
    image: str
    command_line: str
    user: str = USER
    parent: Process | None = None

    @property
    def guid(self) -> str:
        """Sysmon's ProcessGuid: the same for the same process in each record."""
        digest = hashlib.sha256(f"{self.pid} {self.image} {self.command_line}".encode()).hexdigest().upper()
        return f"{{{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}}}"


@dataclass
class Log:
    """Records of one host in the order of their writing; ``now`` moves with ``wait``."""

    now: datetime = datetime(2026, 3, 11, 9, 0, 0, tzinfo=UTC)
    records: list[Record] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _write(
        self, origin: tuple[str, str, str], event_id: int, data: Mapping[str, Any], pid: int, **system: Any
    ) -> None:
        provider, guid, channel = origin
        tree = {
            "Provider": {"#attributes": {"Name": provider, "Guid": guid}},
            "EventID": event_id,
            "Version": 5,
            "Level": 4,
            "Task": event_id,
            "Opcode": 0,
            "Keywords": "0x8000000000000000",
            "TimeCreated": {"#attributes": {"SystemTime": self._time("%Y-%m-%dT%H:%M:%S.%fZ")}},
            "EventRecordID": len(self.records) + 1,
            "Execution": {"#attributes": {"ProcessID": pid, "ThreadID": pid + 4}},
            "Channel": channel,
            "Computer": HOST,
            "Security": {"#attributes": {"UserID": "S-1-5-18"}},
            **system,
        }
        self.records.append({"Event": {"System": tree, "EventData": dict(data)}})

    def _time(self, form: str) -> str:
        return self.now.strftime(form)

    def _sysmon(self, event_id: int, data: Mapping[str, Any]) -> None:
        utc = self._time("%Y-%m-%d %H:%M:%S.%f")[:-3]
        self._write(_SYSMON, event_id, {"RuleName": "-", "UtcTime": utc, **data}, 2300)

    def process_created(self, process: Process) -> None:
        """Sysmon 1."""
        parent = process.parent or Process(640, r"C:\Windows\explorer.exe", r"C:\Windows\explorer.exe")
        self._sysmon(
            1,
            {
                "ProcessGuid": process.guid,
                "ProcessId": process.pid,
                "Image": process.image,
                "CommandLine": process.command_line,
                "CurrentDirectory": "C:\\Windows\\system32\\",
                "User": process.user,
                "IntegrityLevel": "High",
                "ParentProcessGuid": parent.guid,
                "ParentProcessId": parent.pid,
                "ParentImage": parent.image,
                "ParentCommandLine": parent.command_line,
            },
        )

    def connected(self, process: Process, address: str, port: int, name: str = "-") -> None:
        """Sysmon 3: a TCP connection that the process began."""
        self._sysmon(
            3,
            {
                "ProcessGuid": process.guid,
                "ProcessId": process.pid,
                "Image": process.image,
                "User": process.user,
                "Protocol": "tcp",
                "Initiated": "true",
                "SourceIsIpv6": "false",
                "SourceIp": "127.0.0.1" if address.startswith("127.") else "10.4.0.13",
                "SourceHostname": HOST,
                "SourcePort": 49_700 + len(self.records),
                "SourcePortName": "-",
                "DestinationIsIpv6": "false",
                "DestinationIp": address,
                "DestinationHostname": name,
                "DestinationPort": port,
                "DestinationPortName": "-",
            },
        )

    def asked(self, process: Process, name: str, status: int, results: str = "-") -> None:
        """Sysmon 22: a name that the process asked for."""
        about = {"ProcessGuid": process.guid, "ProcessId": process.pid, "Image": process.image, "User": process.user}
        self._sysmon(22, {**about, "QueryName": name, "QueryStatus": status, "QueryResults": results})

    def lookup_ended(self, process: Process, name: str, status: int, results: str = "") -> None:
        """DNS Client 3008: a query came to its end."""
        data = {"QueryName": name, "QueryType": 1, "QueryOptions": 140737488355328, "QueryStatus": status}
        self._write(_DNS, 3008, {**data, "QueryResults": results}, process.pid, Version=0, Task=0)

    def script_ran(self, process: Process, script: str) -> None:
        """PowerShell 4104: the text of a script block."""
        block = hashlib.sha256(script.encode()).hexdigest()
        data = {"MessageNumber": 1, "MessageTotal": 1, "ScriptBlockText": script, "Path": ""}
        block_id = f"{block[:8]}-{block[8:12]}-{block[12:16]}-{block[16:20]}-{block[20:32]}"
        self._write(_POWERSHELL, 4104, {**data, "ScriptBlockId": block_id}, process.pid, Version=1, Task=2, Opcode=15)

    def task_created(self, name: str, content: str) -> None:
        """Security 4698."""
        domain, user = USER.split("\\")
        data = {
            "SubjectUserSid": "S-1-5-21-1004336348-1177238915-682003330-1104",
            "SubjectUserName": user,
            "SubjectDomainName": domain,
            "SubjectLogonId": "0x3e7f1",
            "TaskName": name,
            "TaskContent": content,
        }
        keywords = "0x8020000000000000"
        self._write(_SECURITY, 4698, data, 652, Version=0, Level=0, Task=12804, Keywords=keywords)
