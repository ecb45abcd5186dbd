"""Connection starts from records of several shapes."""

from __future__ import annotations

import sys
from pathlib import Path

from falselight.analytics import connections, networks

sys.path.insert(0, str(Path(__file__).parent))
import zeek_rows

FLOW = {"source.ip": "10.0.0.5", "destination.ip": "203.0.113.7", "destination.port": 443, "network.transport": "tcp"}


def build(rows: list[dict[str, object]], scope: connections.Scope | None = None) -> list[dict[str, object]]:
    events = zeek_rows.table(rows)
    connections.build(events, scope)
    columns = ["host", "address", "domain", "sent", "time", "session", "proxied", "inward", "outward", "process", "queried",
               "again"]  # fmt: skip
    return [dict(zip(columns, row, strict=True)) for row in connections.rows(events, columns)]


def test_records_of_one_connection_are_one_row() -> None:
    conn = {**FLOW, "time": 5, "zeek.session_id": "C1", "source.bytes": 100}
    tls = {**FLOW, "time": 9, "zeek.session_id": "C1", "tls.client.server_name": "Evil.Example."}
    again = {**conn, "time": 11, "zeek.session_id": "C2"}
    first, second = build([conn, tls, again])
    assert (first["domain"], first["time"], first["sent"], first["host"]) == ("evil.example", 5, 100, "10.0.0.5")
    assert (second["domain"], second["time"]) == (None, 11)
    assert first["inward"] is True and first["outward"] is True


def test_a_proxy_connection_has_a_row_for_each_name_and_request() -> None:
    proxy = {**FLOW, "destination.ip": "10.0.0.1", "zeek.session_id": "C1", "http.request.method": "CONNECT"}
    rows = [
        {**proxy, "time": 1, "url.domain": "a.example:443"},
        {**proxy, "time": 2, "url.domain": "a.example:443"},
        {**proxy, "time": 3, "url.domain": "b.example"},
    ]
    found = build(rows)
    assert [(row["domain"], row["again"]) for row in found] == [
        ("a.example", False), ("b.example", False), ("a.example", True)
    ]  # fmt: skip
    assert all(row["proxied"] and row["outward"] for row in found)


def test_endpoint_records_have_host_and_process_and_no_ends() -> None:
    event = {**FLOW, "host.name": "ws1", "process.executable": "C:\\x.exe"}
    rows = [
        {**event, "time": 1, "event.type": ["start", "connection"]},
        {**event, "time": 2, "event.type": ["end"], "event.action": "disconnect_received"},
    ]
    (found,) = build(rows)
    assert (found["host"], found["process"], found["time"]) == ("ws1", "C:\\x.exe", 1)


def test_a_firewall_that_logs_start_and_end_tells_of_one_connection() -> None:
    second = 1_000_000_000
    start = {**FLOW, "source.port": 40000, "time": 100 * second, "event.type": ["connection", "start"]}
    end = {
        **FLOW, "source.port": 40000, "time": 165 * second, "event.type": ["connection", "end"], "source.bytes": 700,
        "event.start": 101 * 1_000,
    }  # fmt: skip
    (found,) = build([start, end])
    assert (found["time"], found["sent"]) == (101 * second, 700)
    assert len(build([start, {**end, "source.port": 40001}])) == 2
    assert len(build([start, {**end, "event.start": 130 * 1_000}])) == 2


def test_what_a_server_sends_back_does_not_turn_a_connection_round() -> None:
    flow = {**FLOW, "suricata.eve.flow_id": "7", "source.port": 40000, "time": 1}
    back = {
        "suricata.eve.flow_id": "7", "source.ip": FLOW["destination.ip"], "source.port": 443, "time": 2,
        "destination.ip": FLOW["source.ip"], "destination.port": 40000, "network.transport": "tcp",
    }  # fmt: skip
    for own in ({**flow, "event.duration": 5}, {**flow, "tls.client.server_name": "a.example"}):
        (found,) = build([back, own])
        assert (found["host"], found["address"], found["inward"], found["outward"]) == (
            "10.0.0.5",
            "203.0.113.7",
            True,
            True,
        )


def test_a_server_that_is_asked_for_many_domains_resolves() -> None:
    asked = {"source.ip": "10.0.0.5", "event.module": "zeek", "destination.port": 53}
    rows = [
        {**asked, "time": k, "destination.ip": place, "dns.question.name": name}
        for place, names in (
            ("203.0.113.1", [f"a.site{n}.com" for n in range(5)]),
            ("203.0.113.2", [f"n{n}.evil.com" for n in range(9)]),
        )
        for k, name in enumerate(names)
    ]
    events = zeek_rows.table(rows)
    connections.build(events)
    assert events.connection.execute(f"FROM {connections.RESOLVERS}").fetchall() == [("203.0.113.1",)]


def test_cisco_names_the_outer_end_first_and_tells_who_opened_it() -> None:
    built = {
        "event.module": "cisco", "source.ip": "203.0.113.7", "source.port": 443, "destination.ip": "10.0.0.5",
        "destination.port": 50111, "network.direction": "outbound", "time": 1,
    }  # fmt: skip
    (found,) = build([built])
    assert (found["host"], found["address"], found["inward"], found["outward"]) == (
        "10.0.0.5",
        "203.0.113.7",
        True,
        True,
    )
    (found,) = build([{**built, "network.direction": "inbound"}])
    assert (found["host"], found["address"], found["outward"]) == ("203.0.113.7", "10.0.0.5", False)


def test_networks_that_never_count_and_external_over_internal() -> None:
    rows = [
        {**FLOW, "time": 1, "destination.ip": "224.0.0.251"},
        {**FLOW, "time": 2, "destination.ip": "10.9.9.9"},
        {**FLOW, "time": 3, "destination.ip": "10.8.8.8"},
    ]
    scope = connections.Scope(external=networks.parse(["10.9.9.0/24"]))
    assert [row["outward"] for row in build(rows, scope)] == [True, False]


def test_hostile_names_stay_values() -> None:
    name = "x'); DROP TABLE events; --\x1b[2J"
    (found,) = build([{**FLOW, "time": 1, "tls.client.server_name": name}])
    assert found["domain"] == name.lower()


def test_table_without_network_fields_is_empty() -> None:
    assert build([{"time": 1, "host.name": "ws1"}]) == []


def test_inner_addresses_that_serve_many_domains_are_proxies() -> None:
    request = {**FLOW, "destination.ip": "10.0.0.1", "destination.port": 8080, "http.request.method": "GET"}
    names = ["www.a.com", "b.com", "c.org", "d.net", "e.com", "10.9.9.9", "intranet"]
    web = {**request, "destination.ip": "10.0.0.2", "destination.port": 80, "url.domain": "wiki.corp.com", "time": 1}
    found = build([{**request, "time": k, "url.domain": name} for k, name in enumerate(names)] + [web])
    assert [row["domain"] for row in found if row["outward"]] == names[:5]
    assert [row["domain"] for row in found if row["proxied"]] == names


def test_requests_within_one_connection_are_its_own_activity() -> None:
    request = {**FLOW, "zeek.session_id": "C1", "http.request.method": "POST", "url.domain": "c2.example"}
    found = build([{**request, "time": k} for k in (1, 60, 120)])
    assert [(row["time"], row["again"]) for row in found] == [(1, False), (60, True), (120, True)]


def test_who_calls_a_public_host_is_no_host_of_ours() -> None:
    """A scanner that asks a rented machine for a name of its own choice, and the machine's own calls."""

    def call(source: str, address: str, **more: object) -> dict[str, object]:
        return {**FLOW, "source.ip": source, "destination.ip": address, "time": 1, **more}

    ours = [call("198.51.100.5", f"203.0.113.{n}") for n in range(3)]
    scanner = call("192.0.2.66", "198.51.100.5", **{"url.domain": "google.com"})
    found = build([*ours, scanner, call("198.51.100.7", "198.51.100.8"), call("198.51.100.8", "198.51.100.7")])
    assert {(row["host"], row["address"]) for row in found if not row["outward"]} == {("192.0.2.66", "198.51.100.5")}
    named = build([*ours, {**scanner, "host.name": "ws1"}])
    assert all(row["outward"] for row in named)


def test_lookups_count_where_the_name_is_never_called() -> None:
    rows = [
        {"source.ip": "10.0.0.5", "time": 1, "dns.question.name": "aa.tunnel.example.com."},
        {"source.ip": "10.0.0.5", "time": 2, "dns.question.name": "BB.tunnel.example.com"},
        {"source.ip": "10.0.0.5", "time": 3, "dns.question.name": "www.called.com"},
        {**FLOW, "time": 4, "tls.client.server_name": "api.called.com"},
    ]
    found = build(rows)
    assert [(row["domain"], row["queried"], row["outward"]) for row in found] == [
        ("example.com", True, False), ("example.com", True, False), ("api.called.com", False, True)
    ]  # fmt: skip


def test_parts_of_a_long_flow_are_one_connection() -> None:
    minute = 60_000_000_000

    def part(at: int, **more: object) -> dict[str, object]:
        begins = {
            "event.start": at * minute // 1_000_000,
            "event.end": (at + 1) * minute // 1_000_000,
            "time": (at + 1) * minute,
        }
        return {**FLOW, "source.port": 40000, "event.module": "netflow", "source.bytes": 100, **begins, **more}

    parts = [part(at) for at in range(60)]
    (found,) = build(parts)
    assert (found["time"], found["sent"]) == (0, 6_000)
    apart = build([part(0), part(5), part(30)])
    assert [row["time"] for row in apart] == [0, 30 * minute] and [row["sent"] for row in apart] == [200, 100]
    assert len(build([part(at, **{"source.port": 40000 + at}) for at in range(60)])) == 60
    assert len(build([part(at, **{"network.transport": "udp"}) for at in (0, 1, 4)])) == 2
    assert len(build([part(at, **{"event.module": "zeek"}) for at in range(60)])) == 60


def test_times_beyond_nanoseconds_are_no_failure() -> None:
    far = {
        **FLOW,
        "source.port": 40000,
        "event.module": "netflow",
        "time": 1,
        "source.bytes": 2**62,
        "event.duration": 2**62,
    }
    rows = [{**far, "event.start": 253_402_300_799_000, "event.end": 2**62}, {**far, "time": 2}]
    (found,) = build(rows)
    assert found["time"] == 1 and found["sent"] is None
