"""What lookups show, and what ordinary lookups must not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from falselight import ingest
from falselight.cli.main import cli
from falselight.dns import lookups
from falselight.dns.letters import model
from falselight.dns.scoring import Score, scores
from falselight.ecs import release
from falselight.store import connect

HOST = "10.1.1.7"
SECOND = 1_767_225_600


def digest(number: int, length: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:length]


def stamp(seconds: float) -> int:
    return round((SECOND + seconds) * 1000)


def ask(name: str, at: float = 0, host: str = HOST, kind: str = "A", **answer: Any) -> dict[str, Any]:
    told = {"type": "query", "question": {"name": name, "type": kind}}
    if answer:
        told |= {"type": "answer", "response_code": answer.get("code", "NOERROR")}
        told |= {key: value for key, value in answer.items() if key != "code"}
    return {"@timestamp": stamp(at), "source": {"ip": host}, "dns": told}


def run(folder: Path, events: Iterable[dict[str, Any]], threads: int = 2) -> list[Score]:
    data = folder / "events.ndjson"
    data.write_text("".join(json.dumps(each) + "\n" for each in events))
    table = ingest.read_events(
        [data], release.schema(), wanted=lookups.WANTED, report=lambda _: None, connection=connect(threads=threads)
    )
    return scores(table)


def of(found: list[Score], domain: str | None) -> Score:
    return next(score for score in found if score.domain == domain)


def factors(score: Score) -> dict[str, float]:
    return {reason.factor: reason.weight for reason in score.reasons}


def tunnel(count: int = 300, kind: str = "TXT", zone: str = "t.badly-lit.example") -> Iterator[dict[str, Any]]:
    # Labels as tunnels make them: as long as a label may be.
    for n in range(count):
        yield ask(f"{digest(n, 60)}.{digest(n + 9_000, 57)}.{zone}", n, kind=kind)


@pytest.mark.parametrize(("kind", "least"), [("NULL", 90), ("PRIVATE", 90), ("TXT", 80), ("CNAME", 80), ("A", 50)])
def test_a_tunnel_ranks_by_names_information_and_types(tmp_path: Path, kind: str, least: int) -> None:
    found = run(tmp_path, [*tunnel(kind=kind), *(ask("www.sparrowmail.example", n) for n in range(50))])
    assert found[0].domain == "badly-lit.example"
    assert found[0].risk >= least
    assert of(found, "sparrowmail.example").risk < 5


def test_few_names_are_no_tunnel(tmp_path: Path) -> None:
    assert of(run(tmp_path, tunnel(15)), "badly-lit.example").risk < 5


ORDINARY = {
    "content network": [ask(f"{digest(n, 12)}.static.wide.example", n) for n in range(800)],
    "content by its hash": [ask(f"{digest(n, 40)}.static.wide.example", n) for n in range(800)],
    "reputation": [ask(f"{digest(n, 32)}.{digest(n + 1, 30)}.h.sophosxl.net", n, kind="TXT") for n in range(800)],
    "block list": [ask(f"{n % 250}.{n % 97}.{n % 13}.{n % 11}.bl.lists.example", n) for n in range(800)],
    "block list, IPv6": [ask(".".join(digest(n, 32)) + ".bl.lists.example", n) for n in range(800)],
    "reverse": [ask(f"{n % 250}.{n % 97}.0.10.in-addr.arpa", n, kind="PTR") for n in range(800)],
    "mDNS": [ask(f"{digest(n, 60)}._tcp.local", n, kind="TXT") for n in range(800)],
    "DKIM": [ask(f"{digest(n, 60)}._domainkey.mail.example", n, kind="TXT") for n in range(800)],
    "one label": [ask(digest(n, 12), n) for n in range(800)],
}


@pytest.mark.parametrize("what", ORDINARY)
def test_ordinary_lookups_do_not_rank(tmp_path: Path, what: str) -> None:
    assert all(score.risk < 20 for score in run(tmp_path, ORDINARY[what]))


def test_a_known_service_is_known_on_label_boundaries(tmp_path: Path) -> None:
    found = run(tmp_path, [*tunnel(zone="sophosxl.net"), *tunnel(zone="notsophosxl.net")])
    assert factors(of(found, "sophosxl.net"))["known service"] < 0
    assert "known service" not in factors(of(found, "notsophosxl.net"))
    # It lowers the risk, and hides nothing.
    assert of(found, "sophosxl.net").risk < of(found, "notsophosxl.net").risk
    assert len([score for score in found if score.domain]) == 2


def test_names_whose_addresses_are_visited_are_content(tmp_path: Path) -> None:
    names = [f"{digest(n, 50)}.wide.example" for n in range(300)]
    asked = [ask(name, n, resolved_ip=["203.0.113.9"]) for n, name in enumerate(names)]
    visit = {"@timestamp": stamp(900), "source": {"ip": HOST}, "destination": {"ip": "203.0.113.9", "port": 443}}
    without, found = run(tmp_path, asked), run(tmp_path, [*asked, visit])
    assert factors(of(found, "wide.example"))["visited"] == -2.0
    assert of(found, "wide.example").risk < of(without, "wide.example").risk


def test_letters_tell_generators_from_people() -> None:
    letters = model()
    for label in ("google", "wikipedia", "newyorktimes", "stackoverflow", "sparkasse", "mercadolivre"):
        assert letters.generated(label) < 0, label
    for label in ("xkqzvbwjtr", "volykyc", "04055051be412eea", "oxxguneutbrhtsjx"):
        assert letters.generated(label) > 2, label
    for label in ("", "bbc", "xn--mnchen-3ya", "bücher-und-mehr", "x" * 64):
        assert letters.generated(label) == 0.0, label


def test_a_group_of_generated_names_ranks_with_its_host(tmp_path: Path) -> None:
    people = ["google.com", "wikipedia.org", "mozilla.org", "debian.org", "weather.com"]
    lost = [ask(f"q{''.join(chr(98 + int(c, 16)) for c in digest(n, 11))}.com", n, code="NXDOMAIN") for n in range(60)]
    found = run(tmp_path, [*lost, *(ask(name, 5, code="NOERROR") for name in people)])
    assert found[0].domain is None
    assert found[0].risk >= 80
    assert {"generated: group", "failed lookups"} <= factors(found[0]).keys()
    assert all(score.risk >= 50 for score in found[1:30])
    assert all(of(found, name).risk < 5 for name in people)
    # The tenth generated name makes the group, and the host's later names with it.
    assert found[0].detected is not None and found[0].first is not None
    assert 9 * 10**9 <= found[0].detected - found[0].first <= 12 * 10**9
    assert all(score.detected is not None and score.detected >= found[0].detected for score in found[1:30])


def test_failed_lookups_count_domains_of_one_hour(tmp_path: Path) -> None:
    words = [
        f"{a}{b}"
        for a in ("blue", "green", "old", "new", "north")
        for b in ("river", "house", "garden", "market", "bridge")
    ]
    burst = [ask(f"{word}.com", n, code="NXDOMAIN") for n, word in enumerate(words)]
    slow = [ask(f"{word}.com", n * 3_600, code="NXDOMAIN") for n, word in enumerate(words)]
    assert "failed lookups" in factors(of(run(tmp_path, burst), None))
    assert "failed lookups" not in factors(of(run(tmp_path, slow), None))
    # One domain that fails again and again is a search suffix or a typo.
    again = [ask(f"{word}.mistyped.com", n, code="NXDOMAIN") for n, word in enumerate(words)]
    assert "failed lookups" not in factors(of(run(tmp_path, again), None))


def test_commands_come_in_texts_that_differ(tmp_path: Path) -> None:
    def told(texts: list[str], kind: str = "TXT") -> float:
        asked = [
            ask(f"c.{n % 3}.orders.example", n, kind=kind, answers=[{"data": text}]) for n, text in enumerate(texts)
        ]
        return factors(of(run(tmp_path, asked), "orders.example")).get("commands", 0.0)

    long = [f"{n:03} " + "x" * 150 for n in range(12)]
    assert told(long) > 4.5 and told(long * 3) == told(long)
    assert told(long[:9]) == told(long[:1] * 40) == told([text[:99] for text in long]) == told(long, "A") == 0.0


def flux(host: str = HOST, ttl: int = 60, spread: int = 1) -> list[dict[str, Any]]:
    return [
        ask("shop.flowing.example", n, host, resolved_ip=[f"{100 + n // spread}.{n // spread}.0.{n + 1}"],
            answers=[{"ttl": ttl, "data": "x"}])
        for n in range(40)
    ]  # fmt: skip


def test_fast_flux_needs_networks_and_a_short_life(tmp_path: Path) -> None:
    assert factors(of(run(tmp_path, flux()), "flowing.example"))["fast flux"] > 2
    assert "fast flux" not in factors(of(run(tmp_path, flux(ttl=86_400)), "flowing.example"))
    assert "fast flux" not in factors(of(run(tmp_path, flux(spread=40)), "flowing.example"))
    neighbours = [
        ask(f"www.customer{n}.example", n, resolved_ip=[f"{100 + n}.{n}.9.9"], answers=[{"ttl": 60, "data": "x"}])
        for n in range(31)
    ]
    cloud = of(run(tmp_path, [*flux(), *neighbours]), "flowing.example")
    assert "fast flux" not in factors(cloud), "a cloud's networks are those of its other customers"
    crowded = of(run(tmp_path, [*flux(), *neighbours[:20]]), "flowing.example")
    assert "40 addresses in 40 networks, 20 without other domains" in str(crowded.reasons)
    many = [event for n in range(8) for event in flux(f"10.1.1.{n + 1}")]
    found = of(run(tmp_path, many), "flowing.example")
    assert factors(found)["content network"] < 0
    assert found.risk < 5


def test_new_rare_and_awake_again(tmp_path: Path) -> None:
    day = 86_400
    daily = [ask("steady.example", n * day, f"10.1.1.{h}") for n in range(30) for h in range(1, 7)]
    fresh = [ask("fresh.example", 20 * day)]
    slept = [ask("slept.example", 0), *(ask("slept.example", 25 * day + n) for n in range(12))]
    found = run(tmp_path, [*daily, *fresh, *slept])
    assert {"rare", "first seen"} <= factors(of(found, "fresh.example")).keys()
    assert {"rare", "dormant"} <= factors(of(found, "slept.example")).keys()
    assert factors(of(found, "steady.example")).keys() == {"start", "prevalence"}


def test_encrypted_resolvers_and_direct_connections_are_told(tmp_path: Path) -> None:
    known = [ask(f"site{n}.example", n, resolved_ip=[f"198.51.100.{n + 1}"]) for n in range(30)]
    calls = [
        {"@timestamp": stamp(99 + n), "source": {"ip": HOST}, "destination": {"ip": ip, "port": port}, **more}
        for n, (ip, port, more) in enumerate([
            *((f"198.51.100.{n + 1}", 443, {}) for n in range(30)),
            ("203.0.113.66", 8443, {}), ("203.0.113.67", 443, {"tls": {"client": {"server_name": "named.example"}}}),
            ("203.0.113.68", 53, {}), ("10.1.1.9", 445, {}), ("224.0.0.251", 1900, {}), ("9.9.9.9", 443, {}),
        ])
    ]  # fmt: skip
    found = of(run(tmp_path, [*known, *calls, ask("dns.google", 50)]), None)
    told = {reason.factor: reason.text for reason in found.reasons}
    assert told["direct"].endswith("2 of 33 public addresses were in no answer to it: 203.0.113.66:8443, 9.9.9.9:443")
    assert told["encrypted lookups"].endswith(": 9.9.9.9, dns.google")


def test_threads_and_order_change_nothing(tmp_path: Path) -> None:
    events = [*tunnel(), *flux(), *(ask(f"{digest(n, 9)}.com", n, code="NXDOMAIN") for n in range(200))]
    one = [score.to_document() for score in run(tmp_path, events, threads=1)]
    assert one == [score.to_document() for score in run(tmp_path, events, threads=4)]
    assert one == [score.to_document() for score in run(tmp_path, events[::-1], threads=4)]


def test_an_answer_from_port_53_belongs_to_its_receiver(tmp_path: Path) -> None:
    query = ask("a.split.example") | {
        "source": {"ip": HOST, "port": 5000},
        "destination": {"ip": "10.1.1.1", "port": 53},
    }
    reply = ask("a.split.example", 1, code="NOERROR")
    reply |= {"source": {"ip": "10.1.1.1", "port": 53}, "destination": {"ip": HOST, "port": 5000}}
    found = run(tmp_path, [query, reply])
    assert [score.hosts for score in found] == [(HOST,), (HOST,)]


def test_lookups_of_umbrella_s_log_are_a_client_s(tmp_path: Path) -> None:
    row = (
        '"2026-03-02 08:15:30","mira","","10.7.0.4","198.51.100.9","Allowed","1 (A)","","www.lamp.example.","","","",""'
    )
    (tmp_path / "log").write_text(row + "\n", encoding="utf-8")
    table = ingest.read_events([tmp_path / "log"], release.schema(), wanted=lookups.WANTED, report=pytest.fail)
    assert lookups.build(table) == 1
    found = table.connection.execute("SELECT host, name, domain FROM lookups").fetchall()
    assert found == [("10.7.0.4", "www.lamp.example", "lamp.example")]


def test_lookups_of_a_windows_dns_server_are_its_clients(tmp_path: Path) -> None:
    def serve(code: str, direction: str, **sides: Any) -> dict[str, Any]:
        event = ask("cdn.wrack.example.")
        event["event"] = {"dataset": "microsoft_dnsserver.analytical", "code": code, "category": ["network"]}
        event["network"] = {"direction": direction, "protocol": "dns"}
        return {**event, "host": {"name": "dc01"}, "source": {}, "destination": {}, **sides}

    client, upstream = {"ip": "10.4.0.99"}, {"ip": "192.0.2.53"}
    events = [
        serve("256", "ingress", source=client), serve("257", "egress", destination=client),
        serve("260", "egress", destination=upstream), serve("261", "ingress", source=upstream),
    ]  # fmt: skip
    (tmp_path / "e.ndjson").write_text("\n".join(map(json.dumps, events)))
    table = ingest.read_events([tmp_path], release.schema(), report=print, wanted=lookups.WANTED)
    assert lookups.build(table) == 1
    assert table.connection.execute("SELECT host, name FROM lookups").fetchall() == [("10.4.0.99", "cdn.wrack.example")]


def test_nothing_to_score(tmp_path: Path) -> None:
    assert run(tmp_path, [{"@timestamp": stamp(0), "message": "x"}]) == []


def test_the_verb_writes_documents_of_kind_dns(tmp_path: Path) -> None:
    data = tmp_path / "events.ndjson"
    hostile = [ask(f"{digest(n, 60)}.{digest(n + 1, 50)}.'); drop--\u202e\x1b[2j.example", n) for n in range(60)]
    data.write_text("".join(json.dumps(each) + "\n" for each in [*tunnel(), *hostile]))
    result = CliRunner().invoke(cli, ["dns", str(data), "--format", "ndjson", "--min-risk", "0"], standalone_mode=False)
    assert result.return_value == 0
    first = json.loads(result.stdout.splitlines()[0])
    assert first["falselight"]["kind"] == "dns"
    assert first["destination"]["domain"] == "badly-lit.example"
    assert first["source"]["ip"] == HOST
    assert first["falselight"]["first_seen"] == "2026-01-01T00:00:00.000Z"
    assert first["falselight"]["detected_at"] == "2026-01-01T00:00:19.000Z"
    assert sum(reason["weight"] for reason in first["falselight"]["reasons"]) > 0
    table = CliRunner().invoke(cli, ["dns", str(data), "--format", "table", "--min-risk", "0"], standalone_mode=False)
    assert "\x1b" not in table.stdout
    assert "\u202e" not in table.stdout
    assert "300 distinct names below it" in " ".join(table.stdout.split())
