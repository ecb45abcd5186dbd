"""Directions and names that no source gave: what they are made from, that they are marked, and that nothing is overwritten."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest, search
from falselight.ecs import release
from falselight.readers.settings import Settings
from falselight.rebuild import documents

INSIDE, OTHER, OUTSIDE, FAR = "10.4.0.13", "10.4.0.14", "203.0.113.77", "198.51.100.9"


def read(folder: Path, events: list[dict[str, Any]], settings: Settings | None = None) -> list[dict[str, Any]]:
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    table = ingest.read_events([path], release.schema(), report=lambda _: None, settings=settings or Settings())
    return [dict(document) for *_, document in documents(table, list(range(table.rows)))]


def flow(source: str, destination: str, second: int = 0, **more: Any) -> dict[str, Any]:
    return {"@timestamp": f"2026-03-11T09:00:{second:02d}Z", "event": {"category": ["network"]},
            "source": {"ip": source}, "destination": {"ip": destination}, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "destination", "direction"),
    [(INSIDE, OUTSIDE, "outbound"), (OUTSIDE, INSIDE, "inbound"), (INSIDE, OTHER, "internal"), (OUTSIDE, FAR, "external"),
     ("fd00::1", "2001:db8::1", "outbound"), ("169.254.1.1", OUTSIDE, "outbound")],
)  # fmt: skip
def test_a_sensors_record_has_the_sensors_words(tmp_path: Path, source: str, destination: str, direction: str) -> None:
    (found,) = read(tmp_path, [flow(source, destination)])
    assert found["network"]["direction"] == direction
    assert found["falselight"]["derived"] == "network.direction"


@pytest.mark.parametrize(
    ("source", "destination", "own", "direction"),
    [(INSIDE, OUTSIDE, [], "egress"), (OUTSIDE, INSIDE, [], "ingress"), (INSIDE, OTHER, [], None),
     (INSIDE, OTHER, [INSIDE], "egress"), (INSIDE, OTHER, [OTHER], "ingress"), (OUTSIDE, FAR, [OUTSIDE], "egress")],
)  # fmt: skip
def test_a_hosts_record_has_the_hosts_words(
    tmp_path: Path, source: str, destination: str, own: list[str], direction: str | None
) -> None:
    host = {"name": "ws03", **({"ip": own} if own else {})}
    (found,) = read(tmp_path, [flow(source, destination, host=host, process={"entity_id": "a"})])
    assert found.get("network", {}).get("direction") == direction


def test_the_users_networks_go_before_private_ranges_and_before_a_sensors_own(tmp_path: Path) -> None:
    mine = Settings(internal=(ipaddress.ip_network("203.0.113.0/24"),))
    first, second = read(tmp_path, [flow(OUTSIDE, FAR), flow(OUTSIDE, FAR, network={"direction": "external"})], mine)
    assert first["network"]["direction"] == second["network"]["direction"] == "outbound"
    nat = Settings(external=(ipaddress.ip_network("10.4.0.14/32"),))
    (third,) = read(tmp_path, [flow(INSIDE, OTHER)], nat)
    assert third["network"]["direction"] == "outbound"


def test_what_the_source_says_stays(tmp_path: Path) -> None:
    (found,) = read(tmp_path, [flow(INSIDE, OUTSIDE, network={"direction": "ingress"})])
    assert found["network"]["direction"] == "ingress" and "falselight" not in found


def lookup(client: str, name: str, answers: list[str], second: int, **more: Any) -> dict[str, Any]:
    return {"@timestamp": f"2026-03-11T09:00:{second:02d}Z", "event": {"category": ["network"]}, "source": {"ip": client},
            "dns": {"question": {"name": name}, "resolved_ip": answers}, **more}  # fmt: skip


def names(found: list[dict[str, Any]]) -> list[Any]:
    return [document.get("destination", {}).get("domain") for document in found if "dns" not in document]


def test_the_last_name_that_this_client_looked_up(tmp_path: Path) -> None:
    events = [
        lookup(INSIDE, "old.example", [OUTSIDE, FAR], 1),
        lookup(INSIDE, "new.example", [OUTSIDE], 5),
        lookup(OTHER, "others.example", [OUTSIDE], 6),
        flow(INSIDE, OUTSIDE, 3),
        flow(INSIDE, OUTSIDE, 8),
        flow(INSIDE, FAR, 9),
        flow(OTHER, FAR, 9),
        {**flow(INSIDE, OUTSIDE, 9), "destination": {"ip": OUTSIDE, "domain": "own.example"}},
    ]
    found = read(tmp_path, events)
    assert names(found) == ["new.example", "new.example", "old.example", None, "own.example"]
    assert sorted(found[4]["falselight"]["derived"]) == ["destination.domain", "network.direction"]
    assert found[7]["falselight"]["derived"] in ("network.direction", ["network.direction"])


def test_a_name_of_yesterday_before_yesterday_is_none(tmp_path: Path) -> None:
    old = {**lookup(INSIDE, "old.example", [OUTSIDE], 1), "@timestamp": "2026-03-10T08:00:00Z"}
    assert names(read(tmp_path, [old, flow(INSIDE, OUTSIDE)])) == [None]


def test_by_host_name_where_the_query_has_no_address(tmp_path: Path) -> None:
    asked = lookup("", "cdn.example", [OUTSIDE], 1, host={"name": "ws03"})
    del asked["source"]
    assert names(read(tmp_path, [asked, flow(INSIDE, OUTSIDE, 2, host={"name": "ws03"})])) == ["cdn.example"]


def test_a_handshake_names_its_server_and_a_proxied_request_its_host(tmp_path: Path) -> None:
    events = [
        flow(INSIDE, OUTSIDE, 1),
        flow(INSIDE, OUTSIDE, 2, tls={"client": {"server_name": "sni.example"}}),
        flow(INSIDE, "10.4.0.1", 3, url={"domain": "www.behind.example"}),
        flow(INSIDE, "10.4.0.1", 4, url={"domain": "198.51.100.7"}),
    ]
    assert names(read(tmp_path, events)) == ["sni.example", "sni.example", "www.behind.example", None]


def test_names_stand_beside_lists_and_beside_marks_that_are_there(tmp_path: Path) -> None:
    given = flow(INSIDE, FAR, 2, network={"direction": "outbound"})
    given["destination"] = {"ip": FAR, "domain": ["a.example", "b.example"]}
    events = [
        lookup(INSIDE, "cdn.example", [OUTSIDE], 1),
        given,
        flow(INSIDE, OUTSIDE, 3, network={"direction": "outbound"}),
        flow(INSIDE, OUTSIDE, 4, network={"direction": "outbound"}, falselight={"derived": ["x", "y"]}),
        flow(INSIDE, FAR, 5, network={"direction": "outbound"}),
    ]
    found = read(tmp_path, events)
    assert names(found) == [["a.example", "b.example"], ["cdn.example"], ["cdn.example"], None]
    assert [document.get("falselight", {}).get("derived") for document in found] == [
        None, None, ["destination.domain"], ["x", "y", "destination.domain"], None,
    ]  # fmt: skip


def test_by_host_name_only_where_the_address_tells_nothing(tmp_path: Path) -> None:
    host = {"host": {"name": "ws03"}}
    events = [
        lookup(OTHER, "by-host.example", [OUTSIDE, FAR], 2, **host),
        lookup(INSIDE, "by-address.example", [OUTSIDE], 1),
        flow(INSIDE, OUTSIDE, 3, **host),
        flow(INSIDE, FAR, 4, **host),
    ]
    assert names(read(tmp_path, events)) == ["by-address.example", "by-host.example"]


def test_a_rule_sees_the_derived_name_and_can_ask_for_the_mark(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    events = [lookup(INSIDE, "cdn.example", [OUTSIDE], 1), flow(INSIDE, OUTSIDE, 2)]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    query = 'network where destination.domain == "cdn.example" and falselight.derived == "destination.domain"'
    assert len(search(query, path).hits) == 1


def test_without_derivation_nothing_is_added(tmp_path: Path) -> None:
    found = read(
        tmp_path, [lookup(INSIDE, "cdn.example", [OUTSIDE], 1), flow(INSIDE, OUTSIDE, 2)], Settings(derive=False)
    )
    assert names(found) == [None] and all("falselight" not in document for document in found)
