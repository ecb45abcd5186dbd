"""TLS hellos, their fingerprints, and certificates. The published examples of JA3 and JA4 are rebuilt from their parts."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from readers.pcap.captures import (
    Talk,
    certificate_body,
    extension,
    handshake,
    hello_body,
    numbers,
    pcap,
    record,
    server_hello_body,
)  # fmt: skip
from readers.pcap.reading import events, of

from falselight.readers.pcap import certificates, fingerprints, handshakes

GREASE = 0x2A2A
# The ClientHello that JA4.md explains step by step.
JA4_CIPHERS = [
    0x1301,
    0x1302,
    0x1303,
    0xC02B,
    0xC02F,
    0xC02C,
    0xC030,
    0xCCA9,
    0xCCA8,
    0xC013,
    0xC014,
    0x9C,
    0x9D,
    0x2F,
    0x35,
]
JA4_SIGNATURES = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
DAY = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
FOREVER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)


def alpn(*names: bytes) -> bytes:
    listed = b"".join(bytes([len(name)]) + name for name in names)
    return extension(16, len(listed).to_bytes(2, "big") + listed)


def made(subject: str, *, key: Any = None, until: datetime.datetime = FOREVER, names: tuple[str, ...] = ()) -> bytes:
    key = key or rsa.generate_private_key(65537, 1024)
    name = x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Org, Inc"),
        x509.NameAttribute(NameOID.COMMON_NAME, subject),
    ])  # fmt: skip
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(0xABC).not_valid_before(DAY).not_valid_after(until)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def certificate() -> bytes:
    return made("c2.example", names=("c2.example", "*.c2.example"))


def test_ja4_as_published() -> None:
    exts = [0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B, 0xFF01, 0x000B,
            0x000A, 0x0015]  # fmt: skip
    hello = handshakes.ClientHello(
        0x0303, b"", [GREASE, *JA4_CIPHERS], [GREASE, *exts, 0x3A3A], signatures=JA4_SIGNATURES,
        versions=[GREASE, 0x0304, 0x0303], protocols=[b"h2", b"http/1.1"],
    )  # fmt: skip
    assert fingerprints.ja4(hello) == "t13d1516h2_8daaf6152771_e5627efa2ab1"


@pytest.mark.parametrize(
    ("protocols", "told"),
    [([], "00"), ([b""], "00"), ([b"h2"], "h2"), ([b"http/1.1"], "h1"), ([b"x"], "xx"), ([b"\xab\xcd"], "ad"),
     ([b"\x30\xab"], "3b"), ([b"\x30\x31\xab\xcd"], "3d"), ([b"\xab"], "ab")],
)  # fmt: skip
def test_ja4_tells_the_first_protocol(protocols: list[bytes], told: str) -> None:
    assert fingerprints.ja4(handshakes.ClientHello(0x0303, b"", [], [], protocols=protocols))[8:10] == told


def test_ja4_without_ciphers_and_extensions() -> None:
    assert fingerprints.ja4(handshakes.ClientHello(0x0301, b"", [])) == "t10i000000_000000000000_000000000000"


def test_ja3_as_published() -> None:
    """The two examples of JA3's own description."""
    ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4]
    full = handshakes.ClientHello(769, b"", [*ciphers], [0, 10, 11], groups=[23, 24, 25], formats=[0])
    assert fingerprints.ja3(full) == "ada70206e40642a3e4461f35503241d5"
    bare = handshakes.ClientHello(769, b"", [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99])
    assert fingerprints.ja3(bare) == "de350869b8c85de67a350c8d186f11e6"
    greased = handshakes.ClientHello(
        769, b"", [GREASE, *ciphers], [0, 10, 11, GREASE], groups=[GREASE, 23, 24, 25], formats=[0]
    )
    assert fingerprints.ja3(greased) == fingerprints.ja3(full)


def old(certificate: bytes, *, size: int = 1400) -> list[dict[str, Any]]:
    """A connection of TLS 1.2 with a certificate."""
    hello = hello_body(
        "C2.example", [0xC02F, 0x2F], [extension(10, numbers([29, 23])), extension(11, b"\x01\0"), alpn(b"h2")]
    )
    exchange = b"\x03\x00\x1d" + bytes(33)
    server = b"".join([
        handshake(2, server_hello_body(0xC02F, [alpn(b"h2")])), handshake(11, certificate_body([certificate])),
        handshake(12, exchange), handshake(14, b""),
    ])  # fmt: skip
    parts = b"".join(record(22, server[at : at + 200]) for at in range(0, len(server), 200))
    talk = Talk(dport=8443).open().say(0, record(22, handshake(1, hello)), size).say(1, parts, size)
    talk.say(0, record(22, handshake(16, bytes(33))) + record(20, b"\x01") + record(22, bytes(40)), size)
    talk.say(1, record(20, b"\x01") + record(22, bytes(40)) + record(23, bytes(9000)), size).close()
    return events(pcap(talk.packets))


@pytest.mark.parametrize("size", [1, 100, 1400])
def test_a_connection_with_a_certificate(certificate: bytes, size: int) -> None:
    found = old(certificate, size=size)
    (row,), (file,), (connection,) = (of(found, log) for log in ("ssl", "x509", "conn"))
    assert connection["network.protocol"] == "ssl" and connection["zeek.session_id"] == row["zeek.session_id"]
    assert row["tls.client.server_name"] == row["zeek.ssl.server.name"] == "C2.example"
    assert (row["tls.version"], row["tls.cipher"]) == ("1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
    assert row["tls.curve"] == "x25519" and row["tls.established"] is True and row["tls.resumed"] is False
    assert row["zeek.ssl.next_protocol"] == "h2"
    assert row["tls.client.ja4"].startswith("t12d0204h2_") and len(row["tls.client.ja3"]) == 32
    assert len(row["tls.server.ja3s"]) == 32
    digests = certificates.read(certificate)
    assert row["tls.server.hash.sha1"] == digests.sha1 and row["tls.server.hash.sha256"] == digests.sha256
    assert row["tls.server.subject"] == row["tls.server.issuer"] == "CN=c2.example,O=Org Inc,C=XX"
    assert row["tls.server.x509.subject.common_name"] == "c2.example"
    assert row["tls.server.not_before"] == int(DAY.timestamp() * 1000)
    assert row["tls.server.not_after"] == 253_402_300_799_000
    assert row["zeek.ssl.server.cert_chain_fuids"] == [file["zeek.session_id"]]
    assert file["file.x509.serial_number"] == "0ABC" and file["file.x509.subject.common_name"] == "c2.example"
    assert file["file.x509.alternative_names"] == ["c2.example", "*.c2.example"]
    assert file["file.x509.not_after"] == 253_402_300_799_000 and file["file.hash.sha256"] == digests.sha256
    assert (file["file.x509.public_key_algorithm"], file["file.x509.public_key_size"]) == ("rsaEncryption", 1024)
    assert file["file.x509.signature_algorithm"] == "SHA256-RSA"


def new(*, server: bool = True, resumed: bool = False) -> dict[str, Any]:
    """A connection of TLS 1.3."""
    hello = hello_body("a.example", [0x1301], [extension(43, b"\x04\x03\x04\x03\x03"), extension(10, numbers([29]))])
    talk = Talk(dport=443).open().say(0, record(22, handshake(1, hello), 0x0301))
    if server:
        told = [extension(43, b"\x03\x04"), extension(51, b"\0\x1d\0\x20" + bytes(32))]
        told += [extension(41, b"\0\0")] if resumed else []
        talk.say(
            1, record(22, handshake(2, server_hello_body(0x1301, told))) + record(20, b"\x01") + record(23, bytes(3000))
        )
        talk.say(0, record(20, b"\x01") + record(23, bytes(60)))
    (row,) = of(events(pcap(talk.close().packets)), "ssl")
    return row


def test_the_newest_version() -> None:
    row = new()
    assert (row["tls.version"], row["tls.cipher"], row["tls.curve"]) == ("1.3", "TLS_AES_128_GCM_SHA256", "x25519")
    assert row["tls.established"] is True and row["tls.resumed"] is False
    assert new(resumed=True)["tls.resumed"] is True


def test_a_hello_alone_is_an_event() -> None:
    row = new(server=False)
    assert row["tls.established"] is False and row["tls.client.server_name"] == "a.example" and "tls.cipher" not in row


def test_an_alert_is_told() -> None:
    hello = record(22, handshake(1, hello_body("a.example", [0x2F], [])))
    talk = Talk(dport=443).open().say(0, hello).say(1, record(21, b"\x02\x28")).close()
    (row,) = of(events(pcap(talk.packets)), "ssl")
    assert row["zeek.ssl.last_alert"] == "handshake_failure" and row["tls.established"] is False


def test_keys_of_curves_and_broken_certificates() -> None:
    elliptic = certificates.read(made("e.example", key=ec.generate_private_key(ec.SECP256R1()))).columns
    assert (elliptic["certificate.key_type"], elliptic["certificate.curve"]) == ("ecdsa", "prime256v1")
    broken = certificates.read(b"\x30\x03abc")
    assert broken.columns == {"fingerprint": broken.sha256}
    (row,) = of(old(b"\x30\x03abc"), "ssl")
    assert row["tls.server.hash.sha256"] == broken.sha256 and "tls.server.subject" not in row


@pytest.mark.parametrize(
    "hostile",
    [
        record(22, b"\x01\xff\xff\xff" + bytes(1000)),
        record(22, handshake(1, b"\x03\x03")),
        record(22, handshake(1, bytes(35) + b"\xff\xff")),
        record(22, handshake(1, hello_body(None, [1], [b"\0\0\xff\xff"]))),
        record(22, handshake(1, hello_body(None, [1], [extension(0, b"\xff\xff"), extension(10, b"\xff")]))),
        b"\x16\x03\x01\xff\xff\x01" + bytes(5000),
        record(22, handshake(2, server_hello_body(0x1301))) + b"\x99" * 5000,
        b"".join(record(22, b"") for _ in range(3000)),
    ],
)
def test_hostile_records_are_bounded(hostile: bytes) -> None:
    talk = Talk(dport=443).open().say(0, hostile).say(1, hostile).close()
    found = events(pcap(talk.packets))
    assert len(of(found, "conn")) == 1 and len(of(found, "ssl")) <= 1
