"""Scheduled tasks, the classic log of PowerShell, the DNS client and the task scheduler."""

from __future__ import annotations

from typing import Any

import pytest

from falselight.mappings.apply import apply, nested
from falselight.mappings.conversions import CONVERSIONS
from falselight.readers.windows_event import WindowsEvent

SECURITY = "Microsoft-Windows-Security-Auditing"
TASK = """<?xml version="1.0" encoding="UTF-16"?>
<!DOCTYPE x [<!ENTITY a "aaaa">]>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Author>LAB\\eve</Author><URI>\\updater</URI></RegistrationInfo>
  <Triggers>
    <LogonTrigger><Enabled>false</Enabled></LogonTrigger>
    <BootTrigger />
    <TimeTrigger><Repetition><Interval>PT5M</Interval><StopAtDurationEnd>false</StopAtDurationEnd></Repetition></TimeTrigger>
  </Triggers>
  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
  <Settings><Enabled>true</Enabled><Hidden>true</Hidden></Settings>
  <Actions Context="Author">
    <ComHandler><ClassId>{1}</ClassId></ComHandler>
    <Exec><Command>c:\\t\\a.exe</Command><Arguments>-x "a=b|c"</Arguments></Exec>
  </Actions>
</Task>"""


def made(provider: str, channel: str, event_id: int, **data: str) -> dict[str, Any]:
    return nested(WindowsEvent(provider, channel, event_id, event_data=data))


@pytest.mark.parametrize(("event_id", "name"), [(4698, "TaskContent"), (4699, "TaskContent"), (4702, "TaskContentNew")])
def test_a_scheduled_task(event_id: int, name: str) -> None:
    document = made(SECURITY, "Security", event_id, TaskName="\\updater", **{name: TASK})
    task = document["winlog"]["scheduled_task"]
    assert task["uri"] == "\\updater" and task["settings"] == {"enabled": True, "hidden": True}
    assert task["principals"] == [{"id": "Author", "user": {"identifier": "S-1-5-18"}, "run_level": "HighestAvailable"}]
    assert task["triggers"] == [
        {"type": "boot", "enabled": True, "definition": "v=1|type=boot|enabled=true|interval=|duration=|stop_at_duration_end="},
        {"type": "time", "enabled": True, "repetition": {"interval": "PT5M", "stop_at_duration_end": False},
         "definition": "v=1|type=time|enabled=true|interval=PT5M|duration=|stop_at_duration_end=false"},
        {"type": "logon", "enabled": False,
         "definition": "v=1|type=logon|enabled=false|interval=|duration=|stop_at_duration_end="},
    ]  # fmt: skip
    assert [action["type"] for action in task["actions"]] == ["exec", "com_handler"]
    assert task["actions"][0]["command"] == "c:\\t\\a.exe" and task["actions"][0]["context"] == "Author"
    assert task["actions"][0]["definition"] == (
        'v=1|type=exec|context=Author|command=c:\\t\\a.exe|arguments=-x "a%3Db%7Cc"|working_directory=|class_id='
    )
    assert document["winlog"]["event_data"][name] == TASK


def test_a_task_as_columns() -> None:
    event = WindowsEvent(SECURITY, "Security", 4698, event_data={"TaskContent": TASK})
    names = ("actions.command", "principals.user.identifier", "triggers.enabled")
    (row,) = apply([(0, event)], frozenset(f"winlog.scheduled_task.{name}" for name in names)).to_pylist()
    assert row["winlog.scheduled_task.actions.command"] == ["c:\\t\\a.exe"]
    assert row["winlog.scheduled_task.principals.user.identifier"] == ["S-1-5-18"]
    assert row["winlog.scheduled_task.triggers.enabled"] == [True, True, False]


@pytest.mark.parametrize(
    "text", ["", "<Task", "<Task>" * 30_000, "<Task><Triggers>x</Triggers></Task>", "<Task>&a;</Task>"]
)
def test_no_task(text: str) -> None:
    assert "scheduled_task" not in made(SECURITY, "Security", 4698, TaskContent=text)["winlog"]


def test_pipeline_details_of_powershell() -> None:
    context = "\tDetailSequence=1\n\tDetailTotal=2\n\n\tSequenceNumber=135\n\n\tUserId=LAB\\eve\n\tHostName=ConsoleHost"
    details = 'CommandInvocation(Out-Null): "Out-Null"\nParameterBinding(Out-Null): name="InputObject"; value=""\nplain'
    document = made("PowerShell", "Windows PowerShell", 800, param1="x", param2=context, param3=details)
    assert document["powershell"]["command"]["invocation_details"] == [
        {"type": "CommandInvocation", "related_command": "Out-Null", "value": '"Out-Null"'},
        {"type": "ParameterBinding", "related_command": "Out-Null", "name": '"InputObject"', "value": '""'},
        {"value": "plain"},
    ]
    assert document["powershell"]["sequence"] == 1 and document["powershell"]["total"] == 2
    assert document["event"]["sequence"] == 135 and document["user"] == {"domain": "LAB", "name": "eve"}
    assert document["event"]["type"] == ["info"] and "event_data" not in document["winlog"]


@pytest.mark.parametrize(("event_id", "kind"), [(400, "start"), (403, "end"), (600, "info"), (501, "info")])
def test_classic_events_of_powershell(event_id: int, kind: str) -> None:
    context = "\tNewEngineState=Available\n\tHostApplication=powershell.exe -enc x\n\tEngineVersion=5.1"
    context += "\n\tScriptName=C:\\t\\a.ps1"
    document = made("PowerShell", "Windows PowerShell", event_id, param1="Available", param3=context)
    assert document["event"]["type"] == [kind] and document["powershell"]["engine"]["version"] == "5.1"
    assert document["process"]["args"] == ["powershell.exe", "-enc", "x"]
    assert document["file"]["extension"] == "ps1"


def test_classic_events_have_the_opcode_that_windows_renders_and_commands_keep_their_indent() -> None:
    event = WindowsEvent("PowerShell", "Windows PowerShell", 800, keywords=1 << 55,
                         event_data={"param2": "\tUserId=LAB\\eve\n\tCommandLine=    Get-Item .  \r\n\t"})  # fmt: skip
    document = nested(event)
    assert document["winlog"]["opcode"] == "Info" and document["powershell"]["command"]["value"] == "    Get-Item .  "
    assert "opcode" not in nested(WindowsEvent("PowerShell", "Windows PowerShell", 800))["winlog"]
    operational = made("Microsoft-Windows-PowerShell", "Microsoft-Windows-PowerShell/Operational", 4103,
                       ContextInfo="        Command Name =  Get-Item \n")  # fmt: skip
    assert operational["powershell"]["command"]["name"] == "Get-Item"


@pytest.mark.parametrize(
    ("event_id", "task", "name"), [(1104, 101, "Event processing"), (1105, 105, "Log automatic backup")]
)
def test_tasks_of_the_event_log_itself(event_id: int, task: int, name: str) -> None:
    event = WindowsEvent("Microsoft-Windows-Eventlog", "Security", event_id, task=task, opcode=0)
    assert nested(event)["winlog"]["task"] == name


@pytest.mark.parametrize(
    "text", ["a(" * 30_000, "):" * 30_000, "x):" + "(" * 60_000, "ParameterBinding(a): name=" + ";" * 60_000]
)
def test_details_cost_linear_time(text: str) -> None:
    for name in ("invocations", "plain_invocations"):
        document: dict[str, Any] = {}
        CONVERSIONS[name](text, "x", document)
        assert len(document["x"]) == 1


def test_the_dns_client() -> None:
    data = {"QueryName": "c2.shop.example.co.uk.", "QueryType": "28", "QueryStatus": "9003", "QueryResults": "::ffff:192.0.2.1;",
            "QueryOptions": "140737488355328"}  # fmt: skip
    document = made("Microsoft-Windows-DNS-Client", "Microsoft-Windows-DNS-Client/Operational", 3008, **data)
    assert document["dns"]["question"] == {
        "name": "c2.shop.example.co.uk", "type": "AAAA", "registered_domain": "example.co.uk", "subdomain": "c2.shop",
        "top_level_domain": "co.uk",
    }  # fmt: skip
    assert document["dns"]["response_code"] == "NXDOMAIN" and document["dns"]["resolved_ip"] == ["192.0.2.1"]
    assert document["network"]["protocol"] == "dns" and document["event"]["category"] == ["network"]
    assert document["winlog"]["event_data"] == data


@pytest.mark.parametrize(
    ("event_id", "task"), [(106, "Task registered"), (129, "Created Task Process"), (201, "Action completed")]
)
def test_the_task_scheduler(event_id: int, task: str) -> None:
    provider = "Microsoft-Windows-TaskScheduler"
    data = {"TaskName": "\\updater"}
    event = WindowsEvent(provider, f"{provider}/Operational", event_id, task=event_id, event_data=data)
    document = nested(event)
    assert document["event"]["action"] == document["winlog"]["task"] == task
    assert document["winlog"]["event_data"] == {"TaskName": "\\updater"}
