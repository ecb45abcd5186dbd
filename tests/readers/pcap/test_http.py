"""HTTP requests with their responses over one connection: pipelined, chunked, tunnelled, with bytes missing, or hostile."""

from __future__ import annotations

from typing import Any

import pytest
from readers.pcap.captures import ACK, PSH, Talk, extension, handshake, hello_body, pcap, record
from readers.pcap.reading import events, of

GET = b"GET /one?x=1 HTTP/1.1\r\nHost: www.example:8080\r\nUser-Agent: Agent/1.0\r\nReferer: http://a/\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def requests(*said: tuple[int, bytes], size: int = 1400) -> list[dict[str, Any]]:
    talk = Talk().open()
    for who, payload in said:
        talk.say(who, payload, size)
    return of(events(pcap(talk.close().packets)), "http")


def test_a_request_with_its_response() -> None:
    talk = Talk().open().say(0, GET).say(1, OK).close()
    found = events(pcap(talk.packets))
    (row,) = of(found, "http")
    assert row["http.request.method"] == "GET" and row["url.original"] == "/one?x=1"
    assert row["url.domain"] == "www.example" and row["user_agent.original"] == "Agent/1.0"
    assert row["http.request.referrer"] == "http://a/" and row["http.version"] == "1.1"
    assert row["http.response.status_code"] == 200 and row["zeek.http.status_msg"] == "OK"
    assert row["http.response.body.bytes"] == 5 and row["http.request.body.bytes"] == 0
    assert row["event.outcome"] == "success" and row["destination.port"] == 80
    assert of(found, "conn")[0]["network.protocol"] == "http"


@pytest.mark.parametrize("size", [1, 7, 1400])
def test_further_requests_of_a_connection_are_seen_however_they_are_cut(size: int) -> None:
    chunked = (
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n3\r\n\r\n!\r\n0\r\nA: b\r\n\r\n"
    )
    post = b"POST /two HTTP/1.1\r\nHost: b.example\r\nContent-Length: 11\r\n\r\nGET / HTTP/1"
    post = post[:-1]
    rows = requests((0, GET + post + b"HEAD /three HTTP/1.1\r\n\r\n"), (1, OK + chunked),
                    (1, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"), size=size)  # fmt: skip
    assert [(row["http.request.method"], row["url.original"]) for row in rows] == [
        ("GET", "/one?x=1"), ("POST", "/two"), ("HEAD", "/three"),
    ]  # fmt: skip
    assert [row["http.response.status_code"] for row in rows] == [200, 201, 304]
    assert [row["http.response.body.bytes"] for row in rows] == [5, 8, 0]
    assert [row["http.request.body.bytes"] for row in rows] == [0, 11, 0]
    assert [row["zeek.http.trans_depth"] for row in rows] == [1, 2, 3]


def test_a_response_to_head_has_no_body() -> None:
    head = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    rows = requests((0, head), (1, b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"), (0, GET), (1, OK))
    assert [row["http.response.body.bytes"] for row in rows] == [0, 5]


def test_information_comes_before_the_answer() -> None:
    rows = requests((0, GET), (1, b"HTTP/1.1 100 Continue\r\n\r\n" + OK))
    assert [(row["zeek.http.info_code"], row["http.response.status_code"]) for row in rows] == [(100, 200)]


def test_requests_without_an_answer_are_told_at_the_end() -> None:
    (row,) = requests((0, GET))
    assert "http.response.status_code" not in row and row["url.domain"] == "www.example"


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    (row,) = requests((0, GET), (1, b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 5000))
    assert row["http.response.body.bytes"] == 5000


def test_names_and_proxies() -> None:
    (row,) = requests((0, b"GET / HTTP/1.1\nAuthorization: Basic dXNlcjpwYXNz\nVia: 1.1 p\n\n"), (1, OK))
    assert row["url.username"] == "user" and row["zeek.http.proxied"] == ["VIA -> 1.1 p"]
    assert "pass" not in str(row).replace("passed", "")


def test_a_tunnel_is_read_on() -> None:
    hello = record(22, handshake(1, hello_body("inside.example", [0x1301], [extension(43, b"\x02\x03\x04")])))
    talk = Talk(dport=3128).open().say(0, b"CONNECT inside.example:443 HTTP/1.1\r\nHost: inside.example:443\r\n\r\n")
    talk.say(1, b"HTTP/1.1 200 Connection established\r\n\r\n").say(0, hello).close()
    found = events(pcap(talk.packets))
    (request,), (hello_row,), (connection,) = (of(found, log) for log in ("http", "ssl", "conn"))
    assert request["http.request.method"] == "CONNECT" and request["url.original"] == "inside.example:443"
    assert hello_row["tls.client.server_name"] == "inside.example"
    assert connection["network.protocol"] == "http,ssl"
    assert hello_row["zeek.session_id"] == request["zeek.session_id"]


def test_a_tunnel_that_is_refused_is_none() -> None:
    connect = b"CONNECT a:443 HTTP/1.1\r\n\r\n"
    rows = requests((0, connect), (1, b"HTTP/1.1 407 Denied\r\nContent-Length: 0\r\n\r\n"), (0, GET), (1, OK))
    assert [(row["http.request.method"], row["http.response.status_code"]) for row in rows] == [
        ("CONNECT", 407), ("GET", 200),
    ]  # fmt: skip


def test_bytes_that_were_not_captured() -> None:
    """Of a body they count; behind a head that was lost the next message is found."""
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + bytes(3000)
    talk = Talk().open().say(0, GET)
    talk.say(1, body[:1000])
    talk.sequences[1] += 1000
    talk.say(1, body[2000:]).say(0, GET.replace(b"one", b"two")).say(1, OK)
    rows = of(events(pcap(talk.close().packets)), "http")
    assert [(row["url.original"], row["http.response.body.bytes"]) for row in rows] == [
        ("/one?x=1", 3000), ("/two?x=1", 5),
    ]  # fmt: skip
    lost = Talk().open().say(0, GET[:20])
    lost.sequences[0] += len(GET) - 20
    lost.say(0, GET.replace(b"one", b"two")).say(1, OK).close()
    assert [row["url.original"] for row in of(events(pcap(lost.packets)), "http")] == ["/two?x=1"]


def test_the_middle_of_a_connection_is_read_from_the_next_request_on() -> None:
    talk = Talk().send(1, PSH | ACK, b"rest of a body that began before").say(0, GET).say(1, OK)
    (row,) = of(events(pcap(talk.packets)), "http")
    assert row["source.ip"] == "10.0.0.5" and row["http.response.status_code"] == 200


@pytest.mark.parametrize(
    "hostile",
    [
        b"GET " + b"a" * 200_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 40_000,
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 100_000,
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n: \r\n \r\n\r\n",
        b"GET \xff\x00\x1b[31m HTTP/1.1\r\n\r\n",
    ],
)
def test_hostile_requests_are_bounded(hostile: bytes) -> None:
    talk = Talk().open().say(0, hostile).say(1, OK).close()
    found = events(pcap(talk.packets))
    assert len(of(found, "conn")) == 1 and len(of(found, "http")) <= 2
