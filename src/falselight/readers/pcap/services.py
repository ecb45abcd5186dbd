"""Protocols that are only named, not read: told by what both ends say first, under the names that Zeek gives them."""

from __future__ import annotations

import re

# What the client's first bytes, then the server's, must begin with (None: anything); the first entry that fits counts.
_STREAMS: tuple[tuple[str, bytes | None, bytes | None], ...] = (
    ("ssh", rb"SSH-[12]\.", None),
    ("ssh", None, rb"SSH-[12]\."),
    ("smtp", rb"(?i:EHLO|HELO)[ \r]", rb"220[ -]"),
    ("ftp", rb"(?i:USER|AUTH|FEAT|OPTS|PASS|SYST)[ \r]", rb"220[ -]"),
    ("pop3", None, rb"\+OK"),
    ("imap", None, rb"\* OK"),
    ("irc", rb"(?:CAP (?:LS|REQ|END)|NICK |PASS \S+\r?\nNICK |USER \S+ \S+ \S+ :)", None),
    ("rfb", None, rb"RFB \d{3}\.\d{3}\n"),
    ("smb", rb"\0.{3}[\xfe\xff]SMB", None),
    ("rdp", rb"\x03\0.{2}[\x06-\xff]\xe0\0\0", None),
    ("sip", rb"(?:REGISTER|INVITE|OPTIONS|SUBSCRIBE|NOTIFY|MESSAGE) sips?:", None),
)


def _compiled(sign: bytes | None) -> re.Pattern[bytes]:
    return re.compile(sign or b"", re.DOTALL)


_SIGNS = tuple((name, _compiled(client), _compiled(server)) for name, client, server in _STREAMS)
# Those that may turn to TLS in mid-stream.
UPGRADING = frozenset({"smtp", "ftp", "pop3", "imap"})
_DHCP_COOKIE, _DHCP_COOKIE_AT = b"\x63\x82\x53\x63", 236
_SIP = re.compile(rb"(?:(?:REGISTER|INVITE|OPTIONS|SUBSCRIBE|NOTIFY|MESSAGE|ACK|BYE) sips?:|SIP/2\.0 )")
_NTP_PORT, _NTP_BYTES = 123, 48


def of_stream(client: bytes, server: bytes) -> str | None:
    """The protocol of a TCP connection whose ends first said this."""
    for name, asks, answers in _SIGNS:
        if asks.match(client) and answers.match(server):
            return name
    return None


def of_datagram(data: bytes, ports: tuple[int, int]) -> str | None:
    """The protocol of UDP whose first datagram is this."""
    if data[_DHCP_COOKIE_AT : _DHCP_COOKIE_AT + 4] == _DHCP_COOKIE and data[0] in (1, 2):
        return "dhcp"
    if _NTP_PORT in ports and len(data) >= _NTP_BYTES and 1 <= data[0] & 7 <= 5 and 1 <= data[0] >> 3 & 7 <= 4:
        return "ntp"
    return "sip" if _SIP.match(data) else None
