"""Captures through the whole way in: the event table, the analytics of connections, and what the command line ends with."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner
from readers.pcap.captures import (
    CLIENT,
    SECOND,
    START,
    Packet,
    Talk,
    dns_query,
    ethernet,
    extension,
    handshake,
    hello_body,
    pcap,
    record,
    server_hello_body,
    udp,
)  # fmt: skip

from falselight.analytics import beacons, connections
from falselight.cli.main import cli
from falselight.diagnostics import Diagnostic
from falselight.ecs.release import schema
from falselight.ingest import read_events
from falselight.readers.evidence import original


def beaconing(number: int = 40) -> list[Packet]:
    """A client that opens a TLS connection each minute."""
    hello = record(22, handshake(1, hello_body("c2.example", [0x1301], [extension(43, b"\x02\x03\x04")])))
    answer = record(22, handshake(2, server_hello_body(0x1301, [extension(43, b"\x03\x04")])))
    packets: list[Packet] = [(START, ethernet(udp(CLIENT, 5000, "203.0.113.53", 53, dns_query(1, "c2.example"))))]
    for at in range(number):
        talk = Talk(sport=40000 + at, dport=443, time=START + at * 60 * SECOND).open().say(0, hello).say(1, answer)
        packets += talk.close().packets
    return packets


def test_the_event_table_and_the_analytics(tmp_path: Path) -> None:
    (tmp_path / "day.pcap.gz").write_bytes(gzip.compress(pcap(beaconing())))
    reported: list[Diagnostic] = []
    table = read_events([tmp_path], schema(), report=reported.append)
    assert not reported and table.counts[0].events == 40 + 40 + 2
    assert table.inputs[0].kind == "packet-capture"
    assert connections.build(table) == 40 + 1
    rows = connections.rows(table, ["domain", "address", "sent", "outward", "time"])
    assert {row[0] for row in rows if row[1] == "203.0.113.9"} == {"c2.example"}
    scores = beacons.score(table.connection)
    assert scores is not None


def test_only_what_is_wanted_is_filled(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(pcap(beaconing(3)))
    wanted = frozenset({"tls.client.ja4", "destination.ip"})
    table = read_events([tmp_path], schema(), wanted=wanted, report=lambda _: None)
    found = table.connection.execute(
        f'SELECT count("tls.client.ja4"), count("destination.ip") FROM {table.name}'
    ).fetchone()
    assert found == (3, 8)


@pytest.mark.parametrize(("end", "code"), [(None, 0), (-7, 4)])
def test_exit_codes(tmp_path: Path, end: int | None, code: int) -> None:
    """Packets that tell nothing are no damage; a file that is cut off is."""
    arp = (START, b"\xff" * 12 + b"\x08\x06" + bytes(28))
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([arp, *beaconing(3)])[:end])
    query = 'network where tls.client.server_name == "c2.example"'
    done = CliRunner().invoke(cli, ["search", query, str(path)], standalone_mode=False, catch_exceptions=False)
    assert (done.return_value or 0) == code, done.output
    assert done.stdout.count("c2.example") >= 2


def test_an_event_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(pcap(beaconing(2)))
    table = read_events([tmp_path], schema(), report=lambda _: None)
    row = table.connection.execute(
        f"""SELECT _record, "zeek.session_id" FROM {table.name} WHERE "tls.client.server_name" IS NOT NULL LIMIT 1"""
    ).fetchone()
    assert row is not None
    (event,) = original(table.inputs[0], [row[0]])
    assert isinstance(event, dict) and event["zeek.session_id"] == row[1]
    assert event["tls.client.server_name"] == "c2.example"
