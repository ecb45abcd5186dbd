"""What Elastic's own pipelines made of Zeek's logs, field by field, and what a hunter asks of the mapping."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest

from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.mappings import urls
from falselight.mappings import zeek as mapping
from falselight.mappings.network import domain_parts, name_parts
from falselight.mappings.records import Frame, Step
from falselight.mappings.urls import url_parts
from falselight.readers import zeek
from tests.mappings.different import DIFFERENT
from tests.mappings.golden import GOLDEN, differences, rows


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden files beside the project")
@pytest.mark.parametrize(
    "log", sorted(path.name.removeprefix("filebeat-zeek-") for path in GOLDEN.glob("filebeat-zeek-*"))
)
def test_every_field_is_as_elastic_indexes_it(log: str) -> None:
    source = GOLDEN / f"filebeat-zeek-{log}" / f"{log}-json.log"
    raw = source.read_bytes()
    reported: list[Diagnostic] = []
    made = list(rows(zeek.read_json(io.BytesIO(raw), source.name, source.name, reported.append, Counter(), raw)))
    expected = json.loads(source.with_name(source.name + "-expected.json").read_bytes())
    wrong = [
        (place, *difference)
        for place, (own, document) in enumerate(zip(made, expected, strict=False))
        for difference in differences(own, document)
        if difference[0] not in DIFFERENT.get(f"zeek.{log}", {})
    ]
    assert wrong == []
    assert reported == []
    # Filebeat had not shipped a last line that has no line break.
    assert len(made) - len(expected) == (1 if log in ("files", "ssl") else 0)


# What the integration gives and Filebeat's module does not: fields that stand beside the module's.
FLOW = {
    "ts": 1772442000,
    "uid": "Ck1",
    "id.orig_h": "10.7.0.4",
    "id.orig_p": 50112,
    "id.resp_h": "203.0.113.80",
    "id.resp_p": 443,
}
LATER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ssl": (
        {"established": True, "resumed": False, "ja3": "0a", "ja3s": "0b"}, {"related.hash": ["0b", "0a"]},
    ),
    "snmp": ({"community": "c", "get_requests": 1}, {"event.id": "Ck1", "zeek.session_id": "Ck1"}),
    "dnp3": ({"fc_request": "READ"}, {"event.id": "Ck1", "zeek.session_id": "Ck1"}),
    "notice": (
        {"note": "A::B", "msg": "m", "suppress_for": 1.0, "actions": ["Notice::ACTION_LOG"]},
        {"zeek.notice.actions": "Notice::ACTION_LOG"},
    ),
    "intel": ({"seen.indicator": "203.0.113.80", "seen.where": "Conn::IN_RESP"}, {"event.category": ["threat"]}),
    "known_certs": (
        {"host": "203.0.113.80", "port_num": 443, "issuer_subject": "CN=a,O=b", "subject": "CN=c"},
        {
            "tls.server.x509.issuer.distinguished_name": "CN=a,O=b",
            "tls.server.x509.subject.distinguished_name": "CN=c",
        },
    ),
    "signature": (
        {"src_addr": "2001:db8::1", "sig_id": "s", "event_msg": "m"},
        {"event.category": ["network"], "network.type": "ipv6"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("log", LATER)
def test_what_the_integration_adds(log: str) -> None:
    columns, expected = LATER[log]
    flow = {} if log in ("known_certs", "signature") else FLOW
    raw = json.dumps({"ts": 1772442000, **flow, **columns}).encode()
    (made,) = rows(zeek.read_json(io.BytesIO(raw), f"{log}.log", f"{log}.log", pytest.fail, Counter(), raw))
    found = {name: made.get(name) for name in expected}
    assert {
        name: value if isinstance(expected[name], list) else _one(value) for name, value in found.items()
    } == expected


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


@pytest.mark.parametrize("log", sorted(mapping.logs()))
def test_every_table_is_built_and_can_be_limited(log: str) -> None:
    table = mapping.table(log)
    steps, needed = table.only(frozenset({"event.category", "source.ip"}))
    assert needed is not None and len(steps) <= len(table.steps)
    schema = release.schema()
    for name in table.constants:
        assert schema.find(name) is not None, name


def test_names_of_certificates_are_taken_apart_up_to_what_is_no_pair() -> None:
    assert name_parts("CN=a,O=Shore\\, Inc.,OU=x,OU=y", ",") == {"CN": "a", "O": "Shore Inc.", "OU": ["x", "y"]}
    assert name_parts("C=US, O=Acme, INC., CN=lost", ", ") == {"C": "US", "O": "Acme"}


def test_domains_are_told_by_the_public_suffix_list() -> None:
    assert domain_parts("a.b.example.co.uk.") == ("example.co.uk", "a.b", "co.uk")
    assert domain_parts("_lamp._tcp.local") == ("_tcp.local", "_lamp", "local")
    assert domain_parts("203.0.113.9") == domain_parts("com") == domain_parts("") == (None, None, None)


def test_urls_are_taken_apart_as_uri_parts_does() -> None:
    assert url_parts("http://lamp.example:8080/a/b.bin?x=1#y") == {
        "scheme": "http", "domain": "lamp.example", "port": 8080, "path": "/a/b.bin", "extension": "bin", "query": "x=1",
        "fragment": "y",
    }  # fmt: skip
    parts = url_parts("https://lamp.example/a%20b?c=%41%2541#%7e")
    assert (parts["path"], parts["query"], parts["fragment"]) == ("/a b", "c=A%41", "~")
    assert url_parts("http://lamp.example/a%20b?c=d|e")["query"] == "c=d|e"
    assert url_parts("http://lamp.example/a%20b?c=d|e")["path"] == "/a%20b"
    assert url_parts("not a <uri>") == {}
    assert url_parts("http://[::bad") == {}


def test_what_is_known_of_hosts_has_their_addresses() -> None:
    ends = {"id.orig_h": "10.7.0.4", "id.orig_p": 1, "id.resp_h": "203.0.113.9", "id.resp_p": 80}
    lines: list[dict[str, Any]] = [
        {"_path": "known_hosts", "ts": 1767225600.5, "host": "10.7.0.4"},
        {"_path": "known_services", "ts": 1.0, "host": "2001:db8::1", "port_num": 53, "port_proto": "udp",
         "service": ["DNS"]},
        {"_path": "known_certs", "ts": 1.0, "host": "10.7.0.4", "port_num": 443, "subject": "CN=quay,O=Crew",
         "issuer_subject": "CN=ca", "serial": "0A"},
        {"_path": "software", "ts": 1.0, "host": "10.7.0.4", "software_type": "HTTP::BROWSER", "unparsed_version": "1"},
        {"_path": "intel", "ts": 1.0, "uid": "C1", **ends, "seen.indicator": "203.0.113.9",
         "seen.indicator_type": "Intel::ADDR", "seen.where": "Conn::IN_RESP"},
        {"_path": "http", "ts": 1.0, "uid": "C2", **ends, "trans_depth": 1, "request_body_len": 0,
         "host": "lamp.example", "uri": "/a%20b.js?q=%41#x"},
    ]  # fmt: skip
    raw = "".join(json.dumps(line) + "\n" for line in lines).encode()
    told: list[Diagnostic] = []
    made = {
        row["event.dataset"]: row
        for row in rows(zeek.read_json(io.BytesIO(raw), "z", "z", told.append, Counter(), raw))
    }
    assert told == []
    assert made["zeek.known_hosts"]["host.ip"] == "10.7.0.4"
    assert made["zeek.known_hosts"]["related.ip"] == "10.7.0.4"
    service = made["zeek.known_services"]
    assert (service["server.ip"], service["server.port"], service["network.type"]) == ("2001:db8::1", 53, "ipv6")
    assert (service["network.transport"], service["network.application"]) == ("udp", ["DNS"])
    certificate = made["zeek.known_certs"]
    assert certificate["tls.server.subject"] == "CN=quay,O=Crew"
    assert certificate["tls.server.x509.issuer.common_name"] == "ca"
    assert certificate["tls.server.x509.serial_number"] == "0A"
    assert made["zeek.software"]["zeek.software.version.full"] == "1"
    assert made["zeek.intel"]["threat.indicator.ip"] == "203.0.113.9"
    assert made["zeek.intel"]["threat.indicator.type"] == "ipv4-addr"
    web = made["zeek.http"]
    assert (web["url.path"], web["url.query"], web["url.domain"]) == ("/a b.js", "q=A", "lamp.example")


def test_parts_of_columns_are_those_of_each_url() -> None:
    """Most targets of requests are taken apart by one pattern."""
    signs, draw = "ab/.?=%41#;:@-_~!$&'()*+,é |\\^\"<>{}`[]0", random.Random(4)
    texts = [None, "", "/", "//a/b", "/a.b/", "/a.b/c", "/a.", "http://x/y.z?q", *(
        "/" + "".join(draw.choices(signs if at % 2 else "ab/.?=:@-", k=draw.randint(0, 12))) for at in range(4_000)
    )]  # fmt: skip
    frame = Frame(len(texts), {"u": pa.array(texts, pa.string())})
    urls.url(frame, Step(urls.url, ("u",), ("url",), False, {}))
    made = {name.removeprefix("url."): values.to_pylist() for name, values in frame.columns.items() if name != "u"}
    for at, text in enumerate(texts):
        own = {name: values[at] for name, values in made.items() if values[at] is not None}
        assert own == ({} if text is None else url_parts(text)), text
