"""Linux audit logs: an event a record, and what the records of one system call tell stands in the call's."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest

from falselight.mappings import auditd as mapping
from falselight.readers import auditd
from falselight.readers.settings import Settings

CALL = "type=SYSCALL msg=audit(1773219605.123:{0}): arch=c000003e syscall={1} success=yes exit=0 a0=3 pid=7 uid=0"
PEER = "type=SOCKADDR msg=audit(1773219605.123:{0}): saddr=020022B8CB00714D0000000000000000"
END = "type=EOE msg=audit(1773219605.123:{0}): "


def events(*lines: str) -> list[dict[str, Any]]:
    data, skipped = io.BytesIO("\n".join(lines).encode()), Counter[str]()
    batches = auditd.read(data, "p", "p", pytest.fail, skipped, None, Settings())
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert not skipped
    return [{name: cell for name, cell in row.items() if cell not in (None, [])} for row in rows]


def one(line: str) -> dict[str, Any]:
    (event,) = events(line)
    return event


def test_each_record_is_an_event_in_its_order_and_the_call_has_its_peer() -> None:
    lines = [CALL.format(1, 42), CALL.format(2, 43), PEER.format(1), END.format(1), PEER.format(2), END.format(2)]
    made = events(*lines)
    assert [event["event.original"] for event in made] == [line.strip() for line in lines]
    assert [event["event.action"] for event in made[:3]] == ["connected-to", "accepted-connection-from", "sockaddr"]
    assert (made[0]["destination.ip"], made[0]["destination.port"], made[0]["network.direction"]) == (
        "203.0.113.77", 8888, "egress",
    )  # fmt: skip
    assert (made[1]["source.ip"], made[1]["network.direction"]) == ("203.0.113.77", "ingress")
    assert "destination.ip" not in made[2] and made[2]["auditd.log.saddr"].startswith("0200")


def test_a_call_whose_end_is_not_told_is_given_in_time_and_no_record_is_lost() -> None:
    calls = [CALL.format(serial, 42) for serial in range(2_000)]
    made = events(*calls, PEER.format(1_999))
    assert [event["auditd.sequence"] for event in made] == [*range(2_000), 1_999]
    assert [event["auditd.sequence"] for event in made if "destination.ip" in event] == [1_999]


def test_a_program_s_arguments_come_in_parts_and_several_records() -> None:
    head = "type=EXECVE msg=audit(1773219605.123:5): "
    made = events(
        CALL.format(5, 59) + ' comm="sh" exe="/bin/sh"',
        head + 'argc=4 a0="sh" a1="-c" a2_len=8 a2[0]="echo"',
        head + 'a2[1]=20C3 a2[2]=A921 a3="x"',
        "type=PROCTITLE msg=audit(1773219605.123:5): proctitle=7368002D63",
        END.format(5),
    )
    assert made[0]["process.args"] == ["sh", "-c", "echo é!", "x"]
    assert (made[0]["process.executable"], made[0]["process.title"]) == ("/bin/sh", "sh -c")
    assert (made[0]["event.category"], made[0]["event.type"]) == ("process", "start")
    assert made[2]["process.args"][0] == "[... 2 truncated arguments ...]"
    assert "event.category" not in made[1] and made[3]["auditd.log.proctitle"] == "sh^@-c"


def test_a_login_names_the_audit_ids_before_and_after() -> None:
    event = one("type=LOGIN msg=audit(1773219605.123:6): login pid=9 uid=0 old auid=7 new auid=8 old ses=1 new ses=2")
    told = [event[f"auditd.log.{name}"] for name in ("old_auid", "new_auid", "old_ses", "new_ses")]
    assert told == ["7", "8", "1", "2"] and event["user.id"] == "7" and event["user.effective.id"] == "8"


def test_values_hold_words_without_quotes_and_a_key_whose_field_is_taken_stays() -> None:
    event = one(
        "type=ADD_GROUP msg=audit(1773219605.123:7): pid=9 uid=0 auid=1000 "
        "msg='op=adding group to /etc/group id=1004 exe=\"/usr/sbin/useradd\" res=success'"
    )
    assert event["auditd.log.op"] == "adding group to /etc/group" and event["group.id"] == "1004"
    assert (event["user.id"], event["auditd.log.uid"]) == ("1000", "0")
    assert (event["event.action"], event["auditd.log.record_type"]) == ("added-group-account-to", "ADD_GROUP")


def test_a_named_call_needs_no_number_and_an_unknown_one_is_a_process_s() -> None:
    assert one(CALL.format(8, "connect"))["event.action"] == "connected-to"
    event = one(CALL.format(9, 313))
    assert (event["event.action"], event["event.category"], event["event.type"]) == ("syscall", "process", "info")


@pytest.mark.parametrize(
    "rest", ["a0[=", "=" * 5_000, 'x="' * 3_000, "k='" + "a " * 20_000, "msg='" * 2_000, "a=b " * 9_000]
)
def test_hostile_records_are_events_all_the_same(rest: str) -> None:
    record = mapping.is_record(f"type=EXECVE msg=audit(1773219605.123:9): {rest}")
    assert record is not None and mapping.event_of(record)["auditd.sequence"] == 9
