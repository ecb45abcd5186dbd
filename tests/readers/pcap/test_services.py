"""Protocols that are only named: by what both ends say first, on any port; and those that turn to TLS are read on."""

from __future__ import annotations

import pytest
from readers.pcap.captures import (
    CLIENT,
    SERVER,
    START,
    Talk,
    ethernet,
    extension,
    handshake,
    hello_body,
    pcap,
    record,
    udp,
)  # fmt: skip
from readers.pcap.reading import events, of

SAID = {
    "ssh": [(1, b"SSH-2.0-Server\r\n"), (0, b"SSH-2.0-Client\r\n")],
    "smtp": [(1, b"220 mail ready\r\n"), (0, b"EHLO me\r\n")],
    "ftp": [(1, b"220 files\r\n"), (0, b"USER anonymous\r\n")],
    "pop3": [(1, b"+OK ready\r\n"), (0, b"USER a\r\n")],
    "imap": [(1, b"* OK ready\r\n"), (0, b"a1 LOGIN a b\r\n")],
    "irc": [(0, b"NICK bot\r\nUSER a b c :d\r\n")],
    "rfb": [(1, b"RFB 003.008\n")],
    "smb": [(0, b"\0\0\0\x54\xfeSMB" + bytes(80))],
    "rdp": [(0, b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=a\r\n")],
    "sip": [(0, b"REGISTER sip:a.example SIP/2.0\r\n")],
    "": [(0, b"\x01\x02\x03" * 50), (1, b"\x04\x05" * 50)],
}


@pytest.mark.parametrize("service", SAID)
def test_streams(service: str) -> None:
    talk = Talk(dport=31337).open()
    for who, payload in SAID[service]:
        talk.say(who, payload)
    (row,) = of(events(pcap(talk.close().packets)), "conn")
    assert row.get("network.protocol", "") == service


@pytest.mark.parametrize(
    ("service", "port", "payload"),
    [
        ("dhcp", 67, b"\x01" + bytes(235) + b"\x63\x82\x53\x63" + bytes(20)),
        ("ntp", 123, b"\x23" + bytes(47)),
        ("sip", 5060, b"INVITE sip:a.example SIP/2.0\r\n"),
        ("", 123, b"short"),
    ],
)
def test_datagrams(service: str, port: int, payload: bytes) -> None:
    (row,) = of(events(pcap([(START, ethernet(udp(CLIENT, 5000, SERVER, port, payload)))])), "conn")
    assert row.get("network.protocol", "") == service


def test_mail_that_turns_to_tls() -> None:
    hello = record(22, handshake(1, hello_body("mail.example", [0x1301], [extension(43, b"\x02\x03\x04")])))
    talk = Talk(dport=587).open().say(1, b"220 ready\r\n").say(0, b"EHLO a\r\n").say(1, b"250 STARTTLS\r\n")
    talk.say(0, b"STARTTLS\r\n").say(1, b"220 go\r\n").say(0, hello).close()
    found = events(pcap(talk.packets))
    (row,), (connection,) = of(found, "ssl"), of(found, "conn")
    assert row["tls.client.server_name"] == "mail.example" and connection["network.protocol"] == "smtp,ssl"
