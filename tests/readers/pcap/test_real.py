"""Captures of real malware and tools: numbers that are known of them, checked by other means."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from readers.pcap.reading import events, of

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[4] / "shared"))
FOLDER = SHARED / "data" / "pcap"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the real captures are not here (FALSELIGHT_SHARED)")


def read(name: str) -> list[dict[str, Any]]:
    return events(next(FOLDER.glob(name)).read_bytes())


def test_asyncrat() -> None:
    found = read("asyncrat-*.pcap")
    (server,), (certificate,), (update,) = (of(found, log) for log in ("ssl", "x509", "http"))
    assert server["tls.server.subject"] == "CN=AsyncRAT Server" and server["tls.version"] == "1.0"
    assert server["tls.server.not_after"] == 253_402_300_799_000
    assert server["tls.client.ja3"] == "8b79783b7a50d6785ef5365a464f97d1"
    assert server["tls.client.ja4"] == "t10i120400_9a86275ec70d_368bf2d64253"
    assert (server["destination.ip"], server["destination.port"]) == ("181.131.218.39", 4041)
    assert certificate["file.x509.public_key_size"] == 4096
    assert update["url.domain"] == "ctldl.windowsupdate.com" and update["http.response.body.bytes"] == 66791
    names = {row.get("dns.question.name") for row in of(found, "dns")}
    assert "carlosenriquezdomin.con-ip.com" in names


def test_dns_tunnel() -> None:
    found = of(read("dns-tunnel-iodine.pcap"), "dns")
    assert len(found) == len({row["dns.question.name"] for row in found}) == 222
    assert all(row["dns.question.name"].endswith(".pirate.sea") for row in found)
    assert Counter(row["dns.question.type"] for row in found)["NULL"] > 200


@pytest.mark.parametrize(("name", "server", "number"), [("1", "141.193.213.21", 297), ("2", "141.193.213.20", 22)])
def test_periodic_requests(name: str, server: str, number: int) -> None:
    found = of(read(f"slips-test-cc-capture-{name}.pcap"), "ssl")
    assert len(found) >= number
    assert {row["tls.client.server_name"] for row in found} == {"testing.com"}
    assert {row["tls.client.ja3"] for row in found} == {"f436b9416f37d134cadd04886327d3e8"}
    assert {row["tls.client.ja4"] for row in found} == {"t13d3113h2_e8f1e7e78f70_ce5650b735ce"}
    assert sum(row["destination.ip"] == server for row in found) >= number


def test_caldera() -> None:
    found = of(read("caldera-ragdoll.pcap"), "http")
    assert len(found) == 12 and {(row["destination.ip"], row["destination.port"]) for row in found} == {
        ("172.18.0.2", 8888)
    }
    datagrams = of(read("caldera-manx-udp.pcap"), "conn")
    assert sum(row["network.transport"] == "udp" for row in datagrams) >= 11


def test_strrat() -> None:
    (connection,) = read("strrat-*.pcap")
    assert connection["event.dataset"] == "pcap.conn" and connection["network.packets"] == 146
