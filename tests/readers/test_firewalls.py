"""Firewalls and proxies end to end: their beacons are found, and what a sender writes stays a value."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest
from falselight.analytics import connections
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.hunting import hunt
from falselight.mappings import checkpoint, cisco_ftd, panos, pfsense, proxysg, sophos_xg, zscaler_zia
from falselight.readers import panos as pan_os_reader
from falselight.readers.settings import Settings
from falselight.readers.syslog import header
from falselight.rules import loading

INNER, SERVER, CALLS = "10.7.0.4", "203.0.113.80", 12
SETTINGS = Settings(year=2026)
# Each gives the lines of one connection: port, start and end.
Lines = Callable[[int, datetime, datetime], list[str]]


def ftd(port: int, start: datetime, end: datetime) -> list[str]:
    told = (
        f"AccessControlRuleAction: Allow, SrcIP: {INNER}, DstIP: {SERVER}, SrcPort: {port}, DstPort: 443, Protocol: tcp"
    )
    return [
        f"<113>{start:%Y-%m-%dT%H:%M:%SZ} ftd01 : %FTD-1-430002: {told}",
        f"<113>{end:%Y-%m-%dT%H:%M:%SZ} ftd01 : %FTD-1-430003: {told}, ConnectionDuration: 2, InitiatorBytes: 700",
    ]


def check_point(port: int, start: datetime, end: datetime) -> list[str]:
    return [
        f'<134>1 {start:%Y-%m-%dT%H:%M:%SZ} gw CheckPoint 1 - [action:"Accept"; ifdir:"inbound"; ifname:"eth1"; '
        f'loguid:"{{0x{port}}}"; dst:"{SERVER}"; rule_action:"Accept"; proto:"6"; s_port:"{port}"; service:"443"; src:"{INNER}"]'
    ]


def srx(port: int, start: datetime, end: datetime) -> list[str]:
    told = f'source-address="{INNER}" source-port="{port}" destination-address="{SERVER}" destination-port="443" protocol-id="6"'
    head = "srx RT_FLOW - RT_FLOW_SESSION"
    return [
        f"<14>1 {start:%Y-%m-%dT%H:%M:%SZ} {head}_CREATE [junos@2636.1 {told}]",
        f'<14>1 {end:%Y-%m-%dT%H:%M:%SZ} {head}_CLOSE [junos@2636.1 reason="TCP FIN" {told} elapsed-time="2"]',
    ]


def sophos(port: int, start: datetime, end: datetime) -> list[str]:
    return [
        f'<30>device="SFW" date={time:%Y-%m-%d} time={time:%H:%M:%S} timezone="GMT" log_id=010101600001 log_type="Firewall" '
        f'log_subtype="Allowed" status="Allow" duration={seconds} src_ip={INNER} dst_ip={SERVER} protocol="TCP" '
        f'src_port={port} dst_port=443 srczone="LAN" dstzone="WAN" connevent="{event}"'
        for time, seconds, event in ((start, 0, "Start"), (end, 2, "Stop"))
    ]


def filterlog(port: int, start: datetime, end: datetime) -> list[str]:
    return [
        f"<134>1 {start:%Y-%m-%dT%H:%M:%SZ} pf filterlog 7 - - 115,,,15342,igb1,match,pass,in,4,0x0,,64,1,0,DF,6,tcp,60,"
        f"{INNER},{SERVER},{port},443,0,S,1,,64240,,mss"
    ]


def zscaler(port: int, start: datetime, end: datetime) -> list[str]:
    told = {
        "datetime": f"{start:%a %b %d %H:%M:%S %Y}", "csip": INNER, "csport": str(port), "cdip": SERVER, "cdport": "443",
        "action": "Allow", "proto": "TCP", "durationms": "0",
    }  # fmt: skip
    return [json.dumps({"sourcetype": "zscalernss-fw", "event": told})]


def pan_os(port: int, start: datetime, end: datetime) -> list[str]:
    return [
        f"1,{time:%Y/%m/%d %H:%M:%S},01,TRAFFIC,{kind},1,{time:%Y/%m/%d %H:%M:%S},{INNER},{SERVER},198.51.100.9,{SERVER},out,,,"
        f"ssl,vsys1,in,out,e2,e1,log,,9,1,{port},443,0,0,0x400000,tcp,allow,70,40,30,2,{start:%Y/%m/%d %H:%M:%S},{seconds},any"
        for kind, time, seconds in (("start", start, 0), ("end", end, 2))
    ]


def proxy(port: int, start: datetime, end: datetime) -> list[str]:
    fields = (
        "date time time-taken c-ip sc-status s-action sc-bytes cs-bytes cs-method cs-uri-scheme cs-host cs-uri-port"
    )
    called = f"{start:%Y-%m-%d %H:%M:%S} 48 {INNER} 200 TCP_TUNNELED 60 70 CONNECT tcp cc.example.net 443"
    return [f"#Fields: {fields}", called]


@pytest.mark.parametrize(
    ("line", "host", "process", "pid", "message"),
    [
        ("<134>1 2026-03-02T08:15:30Z gw CheckPoint 1930 - [a]", "gw", "CheckPoint", 1930, "[a]"),
        ("<14>1 - h RT_FLOW - ID [a]", "h", "RT_FLOW", None, "[a]"),
        ("<134>Mar  2 08:15:30 filterlog[7]: 1,2", None, "filterlog", 7, "1,2"),
        ("Mar 02 2026 08:15:30 fe80::1 filterlog: 1,2", "fe80::1", "filterlog", None, "1,2"),
        ("Mar 02 2026 08:15:30 10.0.0.1 <x>", "10.0.0.1", None, None, "<x>"),
        ('<30>device="SFW" date=2026-03-02', None, None, None, 'device="SFW" date=2026-03-02'),
        ("<9999>x", None, None, None, "<9999>x"),
        ("", None, None, None, ""),
    ],
)
def test_any_part_of_a_header_may_be_missing(
    line: str, host: str | None, process: str | None, pid: int | None, message: str
) -> None:
    found = header(line, SETTINGS)
    assert (found.host, found.process, found.pid, line[found.end :]) == (host, process, pid, message)
    assert ("@timestamp" in found.fields) == ("08:15:30" in line)


def write(folder: Path, lines: Lines) -> Path:
    path, begun = folder / "log", datetime(2026, 3, 2, 8, tzinfo=UTC)
    starts = [begun + timedelta(minutes=4 * call) for call in range(CALLS)]
    told = [lines(40_000 + call, start, start + timedelta(seconds=2)) for call, start in enumerate(starts)]
    path.write_text("".join(f"{line}\n" for each in told for line in each), encoding="utf-8")
    return path


@pytest.mark.parametrize("lines", [ftd, check_point, srx, sophos, filterlog, zscaler, pan_os])
def test_the_portable_rule_fires_on_a_beacon_through_a_firewall(lines: Lines, tmp_path: Path) -> None:
    rules = [rule for rule in loading.bundled(pytest.fail) if rule.name.startswith("Ten outbound connections")]
    result = hunt([write(tmp_path, lines)], rules, report=pytest.fail)
    (finding,) = result.findings
    assert SERVER in json.dumps(finding.servers, default=str) and finding.windows


@pytest.mark.parametrize("lines", [ftd, check_point, srx, sophos, filterlog, zscaler, pan_os, proxy])
def test_a_connection_is_one_whether_its_device_logs_it_once_or_twice(lines: Lines, tmp_path: Path) -> None:
    table = ingest.read_events(
        [write(tmp_path, lines)], release.schema(), wanted=connections.WANTED, report=pytest.fail
    )
    connections.build(table)
    rows = connections.rows(table, ["source", "address", "domain", "outward"])
    server = (None, "cc.example.net") if lines is proxy else (SERVER, None)
    assert rows == [(INNER, *server, True)] * CALLS


def test_what_a_user_sends_does_not_replace_what_the_device_says() -> None:
    line = "%FTD-1-430003: SrcIP: 10.7.0.9, DstIP: 203.0.113.81, URL: http://a.example/, SrcIP: 192.0.2.1, UserAgent: x, evil: y"
    event = cisco_ftd.parse(line, SETTINGS) or {}
    assert (event["source.ip"], event["destination.ip"]) == ("10.7.0.9", "203.0.113.81")
    assert not [name for name in event if "evil" in name]


@pytest.mark.parametrize(("most", "dataset"), [("ASA", "cisco.asa"), ("FTD", "cisco.ftd")])
def test_a_log_with_lines_of_both_cisco_devices_is_one_integration_s(tmp_path: Path, most: str, dataset: str) -> None:
    ends = "outside:203.0.113.6/443 (203.0.113.6/443) to inside:10.7.0.4/50112 (198.51.100.2/40112)"
    tail = f"-6-302013: Built outbound TCP connection 7 for {ends}"
    security = "%FTD-1-430002: AccessControlRuleAction: Allow, SrcIP: 10.7.0.4, DstIP: 203.0.113.6"
    lines = [f"%{device}{tail}" for device in ("FTD", "ASA", most, most)]
    dated = [f"Mar 02 2026 08:15:3{second} a : {line}\n" for second, line in enumerate([*lines, security])]
    path = tmp_path / "log"
    path.write_text("".join(dated), encoding="utf-8")
    table = ingest.read_events([path], release.schema(), report=pytest.fail)
    found = table.connection.execute(f'SELECT "event.dataset", "source.ip" FROM {table.name} ORDER BY _time').fetchall()
    assert found == [(dataset, "203.0.113.6")] * 4 + [("cisco.ftd", "10.7.0.4")]


def test_quotes_and_brackets_within_values_end_nothing() -> None:
    head = '<134>1 2026-03-02T08:15:30Z gw CheckPoint 1 - [loguid:"x"; src:"10.7.0.4"; dst:"203.0.113.80"; '
    event = checkpoint.parse(head + r'rule_name:"a \"b\"; src:\"192.0.2.1\"\]"; proto:"6"]', SETTINGS) or {}
    assert event["rule.name"] == 'a "b"; src:"192.0.2.1"]' and event["source.ip"] == "10.7.0.4"
    event = checkpoint.parse(head + 'rule_name:"never closed; proto:"6"]', SETTINGS) or {}
    assert (event["source.ip"], event["destination.ip"]) == ("10.7.0.4", "203.0.113.80")
    assert checkpoint.parse(head.partition("[")[0] + '[loguid:"', SETTINGS) is None


def test_values_without_quotes_run_to_the_next_key() -> None:
    head = 'device="SFW" date=2026-03-02 time=08:15:30 log_id=010101600001 '
    line = head + 'ether_type=Unknown (0x0000) src_ip=10.7.0.4 a="b=c d=e" user_name="x'
    event = sophos_xg.parse(line, SETTINGS) or {}
    assert event["sophos.xg.ether_type"] == "Unknown (0x0000)" and event["source.ip"] == "10.7.0.4"
    assert event["sophos.xg.a"] == "b=c d=e" and "sophos.xg.d" not in event


def test_cells_that_are_no_addresses_or_numbers_make_no_event_or_no_value() -> None:
    head = "<134>Mar  2 08:16:30 filterlog[1]: 146,,,15,igb1,match,block,in,4,0x0,,63,1,0,DF,6,tcp,60,"
    assert pfsense.parse(f"{head}10.7.0.4,nowhere,1,2,0,S,1,,1,,", SETTINGS) is None
    event = pfsense.parse(f"{head}10.7.0.4,203.0.113.80,{'9' * 40},443,0,S,1,,1,,", SETTINGS) or {}
    assert event["source.port"] is None and event["destination.port"] == 443


def test_columns_follow_the_last_fields_line_and_quotes_may_be_open() -> None:
    parser = proxysg.Parser()
    assert parser.parse("#Fields: date time c-ip cs-host cs(User-Agent) evil\x1b[31m", SETTINGS) == {}
    event = parser.parse('2026-03-02 08:15:30 10.7.0.4 a.example "never closed', SETTINGS)
    assert event is not None and (event["source.ip"], event["user_agent.original"]) == ("10.7.0.4", '"never')
    assert parser.parse("2026-03-02 08:15:30 10.7.0.4", SETTINGS) is None
    assert parser.parse("2026-13-02 08:15:30 10.7.0.4 a.example x", SETTINGS) is None


def test_what_is_no_base64_is_no_address() -> None:
    told = {"time": "Mon Mar  2 08:15:30 2026", "b64url": "é", "b64referer": "x", "cltip": "10.7.0.4", "serverip": "no"}
    (event,) = zscaler_zia.make({"sourcetype": "zscalernss-web", "event": told}, "{}", SETTINGS)
    assert event is not None and event["source.ip"] == "10.7.0.4"
    assert event.get("url.original") is None and event.get("destination.ip") is None
    assert list(zscaler_zia.make({"sourcetype": "zscalernss-web", "event": {"time": "never"}}, "{}", SETTINGS)) == [
        None
    ]


def pan_os_row(line: str) -> tuple[dict[str, Any], list[Diagnostic]]:
    """The row of one line, without what is empty, and what its reader tells."""
    told: list[Diagnostic] = []
    batches = pan_os_reader.read(io.BytesIO(line.encode()), "p", "p", told.append, Counter(), None, SETTINGS)
    (row,) = [row for batch in batches for row in batch.to_pylist()]
    return {name: cell for name, cell in row.items() if cell not in (None, [])}, told


def test_pan_os_copies_stand_beside_what_a_log_gives_there_itself() -> None:
    line = "1,2026/03/02 09:00:00,01,END,end,1,2026/03/02 09:00:00,10.7.0.4,203.0.113.80,,,outer" + "," * 52 + "inner"
    wanted = frozenset({"panw.panos.ruleset", "client.ip"})
    told: list[Diagnostic] = []
    batches = pan_os_reader.read(io.BytesIO(line.encode()), "p", "p", told.append, Counter(), wanted, SETTINGS)
    (row,) = [row for batch in batches for row in batch.to_pylist()]
    assert (row["client.ip"], row["panw.panos.ruleset"]) == ("10.7.0.4", "outer")
    assert row.keys() == {"_time", "@timestamp", "_record", *wanted} and told == []
    event, _ = pan_os_row(line)
    assert (event["rule.name"], event["panw.panos.ruleset"]) == ("inner", "outer")


def test_pan_os_times_are_in_the_header_s_zone_and_damaged_cells_make_no_value() -> None:
    (line, _) = pan_os(40_000, datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 9))
    event = panos.parse(f"<14>1 2026-03-02T09:00:00+01:00 fw - - - - {line}", SETTINGS) or {}
    assert event["@timestamp"] == event["event.start"] == "2026-03-02T08:00:00.000000Z"
    assert event["event.timezone"] == "+01:00" and event["labels.nat_translated"] is True
    damaged, told = pan_os_row(line.replace(SERVER, "nowhere").replace("0x400000", "0xzz").replace("40000", "9" * 40))
    assert damaged["client.ip"] == INNER and not damaged.keys() & {"server.ip", "client.port"}
    assert "network.community_id" not in damaged and not [name for name in damaged if name.startswith("labels.nat")]
    assert "source.port" in told[0].message


def test_pan_os_logs_of_users_tell_no_connection_and_may_end_early() -> None:
    head = "1,2026/03/02 09:00:00,01,{},login,1,2026/03/02 09:00:00"
    for kind in ("USERID", "HIPMATCH", "HIP-MATCH", "GLOBALPROTECT", "CONFIG", "SYSTEM"):
        event = panos.parse(head.format(kind), SETTINGS) or {}
        assert (
            event["panw.panos.type"] == kind and event.get("source.ip") is None and event.get("destination.ip") is None
        )
    event, told = pan_os_row(head.format("USERID") + ",vsys1,<b>,a@b.example,,,,,x,0")
    assert not event.keys() & {"source.ip", "source.port"} and event["user.name"] == "a" and len(told) == 1
    assert panos.parse(head.format("OTHER"), SETTINGS) is None
