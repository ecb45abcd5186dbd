"""Indicators of every form, and what a hit with each says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.intel import forms, matching, observed, scoring, store
from falselight.intel.model import Indicator, Kind, classify, is_shared, normalised
from falselight.store import connect

SERVER = "203.0.113.77"


def event(**more: Any) -> dict[str, Any]:
    return {"@timestamp": "2026-03-11T09:00:00Z", "host": {"name": "ws03"}, "event": {"category": ["network"]}, **more}


def run(folder: Path, events: list[dict[str, Any]], *indicators: str | bytes) -> list[scoring.Server]:
    data = folder / "events.ndjson"
    data.write_text("".join(json.dumps(each) + "\n" for each in events))
    files = []
    for number, text in enumerate(indicators):
        files.append(folder / f"list{number}")
        files[-1].write_bytes(text if isinstance(text, bytes) else text.encode())
    table = ingest.read_events([data], release.schema(), wanted=observed.WANTED, report=lambda _: None)
    store.load(table.connection, files, lambda _: None)
    observed.build(table)
    matching.build(table)
    return scoring.servers(table)


def ignored(why: str, *, meant: bool = False) -> None:
    pass


def found(text: str) -> list[tuple[Kind, str, int | None]]:
    made = [normalised(each) for each in forms.read(text.encode(), "test", ignored)]
    return [(each.kind, each.value, each.port) for each in made if each is not None]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("203.0.113.7", Kind.IP), ("203.0.113.7:443", Kind.IP), ("[2001:db8::7]:443", Kind.IP), ("2001:DB8:0::7", Kind.IP),
     ("203.0.113.0/24", Kind.NETWORK), ("evil.example", Kind.DOMAIN), ("evil[.]example", Kind.DOMAIN),
     ("hxxp://evil.example/a", Kind.URL),
     ("evil.example/gate.php", Kind.URL), ("AS64500", Kind.ASN), ("d" * 64, Kind.FILE_HASH),
     ("t13d1516h2_8daaf6152771_e5627efa2ab1", Kind.JA4),
     ("nonsense", None), ("", None), ("1.2.3", None), ("-", None)],
)  # fmt: skip
def test_a_bare_value_tells_its_kind(text: str, kind: Kind | None) -> None:
    assert classify(text) is kind


def test_lists_trails_and_hosts_files() -> None:
    text = "# Reference: https://feed.example/1\n203.0.113.7:8443\nEVIL.example\n\n"
    text += "0.0.0.0 bad.example # spam\n127.0.0.1 localhost\n// no\n"
    assert found(text) == [
        (Kind.IP, "203.0.113.7", 8443),
        (Kind.DOMAIN, "evil.example", None),
        (Kind.DOMAIN, "bad.example", None),
    ]
    about = [each.description for each in forms.read(text.encode(), "test", ignored)]
    assert about[0].startswith("Reference") and about[2] == "spam"


THREATFOX = """# "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","malware","last_seen_utc","confidence_level"
"2026-03-01 10:00:00", "1", "203.0.113.7:4444", "ip:port", "botnet_cc", "NjRAT", "", "75"
"2026-03-01 10:00:00", "2", "evil.example", "domain", "botnet_cc", "NjRAT", "", "50"
"""
FEODO = """# header
"first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"
"2026-01-01 00:00:00","203.0.113.9","447","online","2026-01-02","Dridex"
"""
SSLBL = (
    "# Listingdate,SHA1,Listingreason\n2026-01-01 00:00:00,6ece5ece4192683d2d84e25b0ba7e04f9cb7eb7c,Cobalt Strike C&C\n"
)
JA3 = f"# ja3_md5,Firstseen,Lastseen,Listingreason\n{'a' * 32},2026-01-01 00:00:00,2026-01-02 00:00:00,Tofsee\n"
URLHAUS = """# "id","dateadded","url","url_status","last_online","threat"
"1","2026-01-01 00:00:00","http://evil.example/x/","online","","malware"
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [(THREATFOX, [(Kind.IP, "203.0.113.7", 4444), (Kind.DOMAIN, "evil.example", None)]), (FEODO, [(Kind.IP, "203.0.113.9", 447)]),
     (SSLBL, [(Kind.CERTIFICATE_HASH, "6ece5ece4192683d2d84e25b0ba7e04f9cb7eb7c", None)]), (JA3, [(Kind.JA3, "a" * 32, None)]),
     (URLHAUS, [(Kind.URL, "http://evil.example/x", None)]),
     ("#fields\tindicator\tindicator_type\tmeta.source\n203.0.113.7\tIntel::ADDR\tcert\nevil.example\tIntel::DOMAIN\tcert\n",
      [(Kind.IP, "203.0.113.7", None), (Kind.DOMAIN, "evil.example", None)]),
     ('alert tls any any -> any any (msg:"x"; ja3.hash; content:"' + "b" * 32 + '"; sid:1;)\n'
      'drop ip $HOME_NET any -> [203.0.113.7,203.0.113.0/25] any (msg:"y"; sid:2;)\n',
      [(Kind.JA3, "b" * 32, None), (Kind.IP, "203.0.113.7", None), (Kind.NETWORK, "203.0.113.0/25", None)])],
)  # fmt: skip
def test_tables_of_feeds(text: str, expected: list[Any]) -> None:
    assert found(text) == expected


def stix(pattern: str, **more: Any) -> str:
    indicator = {
        "type": "indicator",
        "pattern_type": "stix",
        "pattern": pattern,
        "valid_from": "2026-01-01T00:00:00Z",
        **more,
    }
    return json.dumps({"type": "bundle", "objects": [indicator]})


def test_stix_patterns() -> None:
    assert found(stix("[ipv4-addr:value = '203.0.113.7' OR domain-name:value = 'evil.example']")) == [
        (Kind.IP, "203.0.113.7", None), (Kind.DOMAIN, "evil.example", None)]  # fmt: skip
    assert found(stix("[ipv4-addr:value ISSUBSET '203.0.113.0/24']")) == [(Kind.NETWORK, "203.0.113.0/24", None)]
    assert found(stix("[x509-certificate:hashes.'SHA-1' = '" + "c" * 40 + "']")) == [
        (Kind.CERTIFICATE_HASH, "c" * 40, None)
    ]
    assert found(stix("[ipv4-addr:value = '203.0.113.7' AND url:value = 'http://a.example']")) == []
    assert found(stix("[ipv4-addr:value = '203.0.113.7']", revoked=True)) == []
    (indicator,) = forms.read(
        stix("[url:value = 'http://a.example/\\'x']", confidence=80, valid_until="2026-02-01T00:00:00Z").encode(),
        "t",
        print,
    )
    assert (
        indicator.value == "http://a.example/'x"
        and indicator.confidence == 80
        and indicator.expires == 1769904000 * 10**9
    )


def test_misp_and_ecs() -> None:
    attributes = [{"type": "ip-dst|port", "value": "203.0.113.7|443", "to_ids": True},
                  {"type": "domain|ip", "value": "evil.example|203.0.113.8"},
                  {"type": "domain", "value": "benign.example", "to_ids": False}, {"type": "comment", "value": "x"}]  # fmt: skip
    misp = {
        "Event": {
            "info": "x",
            "Orgc": {"name": "CERT"},
            "Attribute": attributes,
            "Object": [{"Attribute": [{"type": "hostname", "value": "c2.example"}]}],
        }
    }
    assert found(json.dumps(misp)) == [(Kind.IP, "203.0.113.7", 443), (Kind.IP, "203.0.113.8", None),
                                       (Kind.DOMAIN, "evil.example", None), (Kind.DOMAIN, "c2.example", None)]  # fmt: skip
    ecs = {
        "threat": {"indicator": {"type": "ipv4-addr", "ip": "203.0.113.7", "confidence": "High", "provider": "cert"}}
    }
    (indicator,) = forms.read((json.dumps(ecs) + "\n").encode(), "t", ignored)
    assert indicator == Indicator(Kind.IP, "203.0.113.7", "cert", "ipv4-addr", confidence=90)
    assert found(json.dumps({"hits": {"hits": [{"_source": ecs}]}})) == [(Kind.IP, "203.0.113.7", None)]


def test_names_match_on_label_boundaries(tmp_path: Path) -> None:
    events = [
        event(destination={"ip": SERVER, "domain": name})
        for name in ("c2.evil.example", "notevil.example", "evil.example.")
    ]
    (server,) = run(tmp_path, events, "evil.example\n")
    assert set(server.names) == {"c2.evil.example", "evil.example"} and 50 <= server.risk <= 70


def test_the_narrowest_network_of_a_source_and_a_port_that_must_fit(tmp_path: Path) -> None:
    (server,) = run(
        tmp_path, [event(destination={"ip": SERVER, "port": 443})], "203.0.0.0/16\n203.0.113.0/24\n198.51.100.0/24\n"
    )
    assert [hit.indicator for hit in server.hits] == ["203.0.113.0/24"]
    assert run(tmp_path, [event(destination={"ip": SERVER, "port": 443})], f"{SERVER}:4444\n") == []
    assert len(run(tmp_path, [event(destination={"ip": SERVER, "port": 4444})], f"{SERVER}:4444\n")) == 1


def test_cobalt_strikes_certificate_is_near_certain_and_a_ja3_alone_is_weak(tmp_path: Path) -> None:
    tls = {
        "server": {"hash": {"sha1": "6ECE5ECE4192683D2D84E25B0BA7E04F9CB7EB7C"}},
        "client": {"ja3": "a0e9f5d64349fb13191bc781f81f42e1"},
    }
    certain, weak = run(
        tmp_path,
        [
            event(destination={"ip": SERVER}, tls=tls),
            event(destination={"ip": "198.51.100.9"}, tls={"client": tls["client"]}),
        ],
    )
    assert certain.risk >= 95 and certain.address == SERVER
    assert weak.risk <= 5 and weak.address == "198.51.100.9"
    answered = {"client": tls["client"], "server": {"ja3s": "ae4edc6faf64d08308082ad26be60767"}}
    (both,) = run(tmp_path, [event(destination={"ip": SERVER}, tls=answered)])
    assert weak.risk < both.risk <= 10
    (named,) = run(tmp_path, [event(destination={"ip": SERVER}, tls={"server": {"subject": "CN=AsyncRAT Server,O=x"}})])
    assert named.risk >= 85


def test_guards_for_shared_hosting_age_and_expiry(tmp_path: Path) -> None:
    def risk(events: list[dict[str, Any]], *lists: str) -> int:
        return max(server.risk for server in run(tmp_path, events, *lists))

    plain = [event(destination={"ip": SERVER})]
    shared = [event(destination={"ip": SERVER, "domain": f"shop{n}.example{n}.com"}) for n in range(9)]
    assert risk(shared, f"{SERVER}\n") < risk(plain, f"{SERVER}\n") / 2
    assert (
        risk(plain, stix(f"[ipv4-addr:value = '{SERVER}']", valid_until="2026-02-01T00:00:00Z"))
        < risk(plain, stix(f"[ipv4-addr:value = '{SERVER}']")) / 2
    )
    assert risk([event(destination={"ip": SERVER, "domain": "me.github.io"})], "github.io\n") <= 10
    assert is_shared("github.io") and is_shared("com") and not is_shared("evil.example")


def test_a_value_only_looked_up_is_less_than_a_connection(tmp_path: Path) -> None:
    asked = event(dns={"question": {"name": "evil.example"}})
    (only,) = run(tmp_path, [asked], "evil.example\n")
    (called,) = run(tmp_path, [event(destination={"ip": SERVER, "domain": "evil.example"})], "evil.example\n")
    assert only.risk < called.risk and only.address is None and "looked up" in only.hits[0].text


def test_two_files_say_more_than_one_and_one_file_says_a_thing_once(tmp_path: Path) -> None:
    events = [event(destination={"ip": SERVER, "domain": "evil.example"})]
    (one,) = run(tmp_path, events, f"{SERVER}\n")
    (both,) = run(tmp_path, events, f"{SERVER}\nevil.example\n")
    (two,) = run(tmp_path, events, f"{SERVER}\n", "evil.example\n")
    assert one.risk < two.risk and both.risk < two.risk


def test_what_is_no_indicator_is_told_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("203.0.113.7\nnonsense\n\x1b[31m\n")
    told: list[Diagnostic] = []
    loaded = store.load(connect(), [path], told.append)
    assert loaded.kinds["ip"] == 1 and [each.code for each in told] == ["W0540"] and "2 ×" in told[0].message
    path.write_text("nothing here\n")
    told.clear()
    store.load(connect(), [path], told.append)
    assert [each.code for each in told] == ["W0541"]
