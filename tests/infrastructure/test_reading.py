"""Every form of scans, certificates and passive DNS gives its facts; what is damaged or hostile is counted where it stands."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from falselight.diagnostics import Diagnostic
from falselight.infrastructure import facts, hosting, reading, records
from falselight.infrastructure.facts import Trait
from falselight.infrastructure.records import Certificate, Machine, Record, Resolution, Service, Skipped
from falselight.store import connect

DATA = Path(__file__).parents[1] / "data" / "infrastructure"
SHA256, SHA1 = "ab" * 32, "cd" * 20


def read(data: bytes | str | Any) -> tuple[list[Record], Skipped]:
    raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    skipped = Skipped()
    found = [record for record, _ in reading.read(io.BytesIO(raw), raw[:4096], skipped)]
    return found, skipped


def only(data: Any, kind: type[Any]) -> Any:
    found, skipped = read(data)
    assert not skipped.counts
    (one,) = [record for record in found if isinstance(record, kind)]
    return one


BANNER = {
    "ip_str": "203.0.113.7", "port": 443, "transport": "tcp", "timestamp": "2026-03-10T02:00:00.123456",
    "hostnames": ["A.example."], "asn": "AS64500", "org": "Rented Ltd", "product": "nginx", "version": "1.25",
    "data": "HTTP/1.1 200 OK\r\n\r\n",
    "http": {"title": "Log in", "html_hash": -5, "favicon": {"hash": 99}},
    "ssl": {"jarm": "2a" * 31, "ja3s": "ef" * 16,
            "cert": {"serial": 146473198, "fingerprint": {"sha256": SHA256.upper(), "sha1": SHA1},
                     "subject": {"CN": "a.example", "O": "X"}, "issuer": {"O": "X", "CN": "a.example"},
                     "issued": "20260301000000Z", "expires": "20270301000000Z",
                     "extensions": [{"name": "subjectAltName", "data": "0\\x16\\x82\\x09b.example\\x82\\x09c.example"}]}},
}  # fmt: skip


def test_a_banner_of_shodan() -> None:
    service = only(BANNER, Service)
    assert (service.address, service.port, service.product, service.title) == (
        "203.0.113.7",
        443,
        "nginx 1.25",
        "Log in",
    )
    assert service.seen == 1_773_108_000_123_456_000
    assert dict(service.marks) == {
        "jarm": "2a" * 31,
        "ja3s": "ef" * 16,
        "favicon": "mmh3:99",
        "page": "shodan:-5",
        "title": "Log in",
    }
    held = service.certificate
    assert held.hashes == (SHA256, SHA1) and held.serial == "8BB00EE" and held.is_self_signed
    assert held.subject == "cn=a.example, o=x" and held.names == ("a.example", "b.example", "c.example")
    assert held.begins == 1_772_323_200_000_000_000
    machine = only(BANNER, Machine)
    assert (machine.names, machine.system, machine.organisation) == (("a.example",), 64500, "Rented Ltd")


def test_a_host_of_shodan_and_an_answer_of_its_search() -> None:
    bare = {key: value for key, value in BANNER.items() if key != "ip_str"}
    host = {
        "ip_str": "203.0.113.7",
        "last_update": "2026-03-10T00:00:00.0",
        "ports": [443],
        "data": [bare, "no banner", bare],
    }
    found, skipped = read(host)
    assert sum(isinstance(record, Service) and record.address == "203.0.113.7" for record in found) == 2
    assert skipped.counts == {"a Shodan banner that is no object": 1}
    found, skipped = read({"matches": [BANNER, BANNER], "total": 2})
    assert sum(isinstance(record, Service) for record in found) == 2 and not skipped.counts


def test_hosts_of_censys_in_every_version() -> None:
    leaf = {"names": ["a.example"], "subject_dn": "C=US, O=X, CN=a.example", "issuer_dn": "CN=CA", "fingerprint": SHA256,
            "signature": {"self_signed": False}}  # fmt: skip
    second = {
        "ip": "203.0.113.7",
        "services": [
            {
                "port": 8443,
                "extended_service_name": "HTTPS",
                "observed_at": "2026-03-10T01:02:03.123456789Z",
                "transport_protocol": "TCP",
                "jarm": {"fingerprint": "2a" * 31},
                "tls": {"ja4s": "t1", "certificates": {"leaf_fp_sha_256": SHA256, "leaf_data": leaf}},
                "http": {"response": {"html_title": "T", "body_hash": f"sha1:{SHA1}", "headers": {"Server": ["x"]}}},
                "software": [{"product": "nginx", "version": "1"}],
            },
            {"port": 22, "service_name": "SSH", "ssh": {"server_host_key": {"fingerprint_sha256": "ee" * 32}}},
        ],
        "autonomous_system": {"asn": 64500, "name": "RENT"},
        "dns": {"names": ["a.example"], "reverse_dns": {"names": ["r.example"]}},
    }
    found, skipped = read({"code": 200, "result": {"hits": [second]}})
    web, ssh = [record for record in found if isinstance(record, Service)]
    assert not skipped.counts and web.certificate is not None and web.certificate.subject == "c=us, cn=a.example, o=x"
    assert dict(web.marks) == {"jarm": "2a" * 31, "ja4s": "t1", "page": SHA1, "title": "T"} and web.product == "nginx 1"
    assert web.banner == "Server: x" and dict(ssh.marks) == {"ssh host key": "ee" * 32}
    assert [r.names for r in found if isinstance(r, Machine)] == [("a.example", "r.example")]
    platform = {"ip": "203.0.113.7", "services": [
        {"port": 443, "protocol": "HTTP", "scan_time": "2026-03-10T00:00:00Z", "banner_hash_sha256": "aa" * 32,
         "threats": [{"name": "Cobalt Strike"}], "endpoints": [{"http": {"html_title": "T", "body_hash_sha256": "bb" * 32}}],
         "cert": {"fingerprint_sha256": SHA256, "fingerprint_sha1": SHA1, "names": ["*.a.example"],
                  "parsed": {"subject_dn": "CN=a", "issuer_dn": "CN=a", "serial_number": "146473198"}}}]}  # fmt: skip
    for wrapped in (platform, {"host_v1": {"resource": platform}}, {"result": {"resource": platform}}, {"host": platform},
                    {"result": {"hits": [{"host_v1": {"resource": platform}}]}}):  # fmt: skip
        service = only(wrapped, Service)
        assert service.certificate.hashes == (SHA256, SHA1) and service.certificate.serial == "8BB00EE"
        assert service.certificate.names == ("a.example",) and service.product == "Cobalt Strike"
    old = {
        "ip": "203.0.113.7",
        "443": {
            "https": {
                "tls": {
                    "certificate": {"parsed": {"fingerprint_sha256": SHA256, "subject_dn": "CN=a", "issuer_dn": "CN=b"}}
                },
                "get": {"title": "T", "body_sha256": "bb" * 32},
            }
        },
    }
    service = only(old, Service)
    assert service.port == 443 and service.certificate.hashes == (SHA256,) and dict(service.marks)["page"] == "bb" * 32


def test_certificates_by_themselves() -> None:
    document = {"fingerprint_sha256": SHA256, "names": ["a.example", "203.0.113.7"], "parsed": {
        "subject_dn": "CN=a", "issuer_dn": "CN=b", "serial_number": "255", "subject_key_info": {"fingerprint_sha256": "ee" * 32},
        "validity_period": {"not_before": "2026-03-01T00:00:00Z", "not_after": "2026-06-01T00:00:00Z"}}}  # fmt: skip
    held = only(document, Certificate)
    assert held.serial == "FF" and held.key == "ee" * 32 and held.names == ("a.example",) and held.begins is not None
    row = {"issuer_name": "C=US, O=Let's Encrypt, CN=R11", "common_name": "a.example", "name_value": "a.example\n*.b.example",
           "serial_number": "00ff", "not_before": "2026-03-08T00:00:00", "not_after": "2026-06-06T00:00:00"}  # fmt: skip
    held = only([row], Certificate)
    assert (
        held.names == ("a.example", "b.example")
        and held.serial == "FF"
        and held.issuer == "c=us, cn=r11, o=let's encrypt"
    )
    assert read([{**row, "serial_number": None}])[1].counts == {"a row of crt.sh without issuer or serial number": 1}


def test_pem_with_a_damaged_certificate_among_good_ones() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(255)
        .not_valid_before(begin).not_valid_after(begin + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = made.public_bytes(Encoding.PEM)
    damaged = pem.replace(b"\nMII", b"\nAAA", 1)
    found, skipped = read(b"text before\n" + pem + damaged + pem)
    assert len(found) == 2 and skipped.places == {"a certificate that cannot be read": [2]}
    held = found[0]
    assert isinstance(held, Certificate) and held.hashes[0] == made.fingerprint(hashes.SHA256()).hex()
    assert held.serial == "FF" and held.is_self_signed and held.names == ("a.example",) and held.key is not None


def test_passive_dns_of_both_forms() -> None:
    lines = [
        {"rrname": "A.example.", "rrtype": "A", "rdata": ["203.0.113.7", "203.0.113.8"],
         "time_first": 1772900000, "time_last": 1773200000},
        {"cond": "begin"},
        {"obj": {"rrname": "a.example.", "rrtype": "CNAME", "rdata": ["b.example."], "zone_time_first": "2026-03-07T16:13:20Z"}},
        {"rrname": "a.example.", "rrtype": "TXT", "rdata": ["x"]},
        {"rrname": "", "rrtype": "A", "rdata": ["203.0.113.7"]},
        {"cond": "succeeded"},
    ]  # fmt: skip
    found, skipped = read("\n".join(map(json.dumps, lines)))
    assert skipped.places == {"a row of passive DNS without name, type or data": [5]}
    first, second = found
    assert isinstance(first, Resolution) and isinstance(second, Resolution)
    assert first.values == ("203.0.113.7", "203.0.113.8") and first.first == second.first == 1_772_900_000_000_000_000
    told = {(fact.server, fact.trait, fact.value) for record in found for fact in facts.facts(record, "")}
    assert ("203.0.113.8", Trait.NAME, "a.example") in told and ("a.example", Trait.CNAME, "b.example") in told


def test_damaged_lines_are_counted_where_they_stand() -> None:
    good = json.dumps(BANNER)
    found, skipped = read(f"\n{good}\n{{no\n17\n{good}\n" + '{"strange": 1}\n' + good[:-9])
    assert sum(isinstance(record, Service) for record in found) == 2
    assert skipped.places[reading.NOT_JSON] == [3, 7] and sum(skipped.counts.values()) == 4
    found, skipped = read(f"{{no\n{good}\n")
    assert len(found) == 2 and skipped.places == {reading.NOT_JSON: [1]}


def test_what_was_left_out_is_told_once_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(BANNER) + "\n{no\n")
    (tmp_path / "b.txt").write_text("nothing of the kind\n")
    told: list[Diagnostic] = []
    loaded = facts.load(connect(), [tmp_path], told.append)
    assert loaded.records == {"Shodan": 2} and [one.code for one in told] == [facts.NOT_A_SCAN, facts.NO_SCANS]
    assert "1 × a line that is not JSON (first at 2)" in told[0].message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12) | st.just("203.0.113.7"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "ip_str", "ip", "port", "data", "ssl", "cert", "serial", "services", "tls", "certificates", "leaf_data", "names", "http",
        "response", "headers", "favicons", "rrname", "rrtype", "rdata", "result", "hits", "issuer_name", "name_value", "jarm",
        "fingerprint", "extensions", "443", "https", "get", "parsed", "fingerprint_sha256", "ssh", "threats", "software", "asn",
        "timestamp", "time_first", "hostnames", "endpoints", "banner_hashes", "subject", "obj", "cond", "matches",
    ]), inner, max_size=6),
    max_leaves=40,
)  # fmt: skip


@given(JSON)
def test_no_json_breaks_a_reader(value: Any) -> None:
    """Whatever types stand where: each record can be turned into facts of plain values."""
    for record in read(value)[0]:
        for fact in facts.facts(record, "x"):
            assert isinstance(fact.value, str) and isinstance(fact.server, str)
            assert all(time is None or -(2**63) <= time < 2**63 for time in (fact.first, fact.last))


@pytest.mark.parametrize(
    ("name", "made"),
    [("update-node12.example", "update-node#.example"), ("a1.example", None), ("plainname.example", None),
     ("xkqzvjwpfmrt.example", "12 generated letters under .example")],
)  # fmt: skip
def test_patterns_of_names(name: str, made: str | None) -> None:
    assert facts.pattern(name) == (made.removesuffix(".example") if made and "#" in made else made)


@pytest.mark.parametrize(
    ("names", "system", "holder", "kind"),
    [(["x.trycloudflare.com"], 13335, "Cloudflare", "free tier"), ([], 14061, None, "VPS"), ([], 13335, None, "content network"),
     (["nottrycloudflare.com"], None, None, "unknown"), ([], 64500, "Small Cable Broadband Ltd", "residential"),
     ([], 64500, "Notamazonian Ltd", "unknown"), ([], 16509, "Amazon.com", "cloud"), ([], None, None, "unknown")],
)  # fmt: skip
def test_hosting_is_told_by_names_systems_and_whole_words(
    names: list[str], system: int | None, holder: str | None, kind: str
) -> None:
    assert hosting.hosting(names, system, holder).kind == kind


def test_names_and_times_of_strangers() -> None:
    assert (
        records.name("a\x1b[31m.example") is None
        and records.name("203.0.113.7") is None
        and records.name("x" * 300 + ".com") is None
    )
    assert records.moment("yesterday") is None and records.moment(True) is None and records.moment(1e20) is None
    assert records.moment("9999-12-31T23:59:59Z") is None and records.moment(9e10) is None
    assert records.distinguished("CN=a\\, b,O=x") == "cn=a\\, b, o=x"
