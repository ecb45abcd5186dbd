"""What files know of contacted servers, and where these lead: the links, their guards, and the risk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from falselight import ingest
from falselight.analytics import connections, networks
from falselight.cli.main import cli
from falselight.ecs import release
from falselight.infrastructure import contacts, facts, parameters, servers
from falselight.infrastructure.servers import Server
from falselight.intel import store

DATA = Path(__file__).parents[1] / "data" / "infrastructure"
SCANS = [
    DATA / "scans" / name
    for name in ("shodan.ndjson", "censys.json", "platform.ndjson", "passive_dns.ndjson", "crt_sh.json")
]


def known(
    *scans: Path, events: Path = DATA / "telemetry.ndjson", indicators: tuple[Path, ...] = (), **more: Any
) -> dict[str, Server]:
    table = ingest.read_events([events], release.schema(), wanted=contacts.WANTED, report=pytest.fail)
    facts.load(table.connection, scans or SCANS, pytest.fail)
    store.load(table.connection, indicators, lambda _: None)
    scope = connections.Scope(internal=networks.parse(networks.INTERNAL))
    return {one.server: one for one in servers.servers(table, scope, **more)}


def scans(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "scans.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def banner(address: str, port: int = 443, **more: Any) -> dict[str, Any]:
    return {"ip_str": address, "port": port, "data": "", "timestamp": "2026-03-10T00:00:00", **more}


def certificate(byte: str) -> dict[str, Any]:
    return {
        "ssl": {
            "cert": {
                "fingerprint": {"sha256": byte * 64},
                "subject": {"CN": "x"},
                "issuer": {"CN": "CA"},
                "serial": int(byte, 16),
            }
        }
    }


def test_servers_lead_to_others_and_those_contacted_too_are_marked() -> None:
    found = known()
    first = found["203.0.113.10"]
    links = {link.other: link for link in first.links}
    assert links["198.51.100.20"].strength == "strong" and links["198.51.100.20"].hosts == ("ws2",)
    assert links["192.0.2.30"].strength == "strong" and links["192.0.2.30"].hosts == ()
    assert links["203.0.113.77"].shared[0].trait == "name"
    pattern = links["203.0.113.44"]
    assert pattern.hosts == ("ws3",) and {one.trait for one in pattern.shared} == {"name pattern", "network", "jarm"}
    # Beside the telemetry's own fingerprint of the certificate (SHA-1 in capitals) all else comes from the scan.
    assert found["198.51.100.20"].certificates[0]["self_signed"] and found["198.51.100.20"].hosting.kind == "VPS"
    assert first.risk > 75 and any("Cobalt Strike" in reason.text for reason in first.reasons)
    assert found["203.0.113.44"].risk < 10


def test_a_content_network_is_told_and_leads_nowhere_strongly() -> None:
    found = known()
    assert {one.strength for server in ("192.0.2.200", "192.0.2.201") for one in found[server].links} == {"weak"}
    assert (
        found["192.0.2.200"].links[0].crowded == "192.0.2.200 belongs to a content network"
        and found["192.0.2.200"].risk < 1
    )


def test_a_jarm_alone_makes_no_link(tmp_path: Path) -> None:
    jarm = "2a" * 31
    alone = scans(tmp_path, banner("203.0.113.10", ssl={"jarm": jarm}), banner("192.0.2.9", ssl={"jarm": jarm}))
    assert not known(alone)["203.0.113.10"].links
    held = certificate("a")
    held["ssl"]["jarm"] = jarm
    both = scans(tmp_path, banner("203.0.113.10", **held), banner("192.0.2.9", **held))
    (link,) = known(both)["203.0.113.10"].links
    assert {one.trait for one in link.shared} == {"certificate hash", "jarm"}


@pytest.mark.parametrize(("others", "linked"), [(1, True), (19, True), (20, False)])
def test_what_too_many_have_links_nothing(tmp_path: Path, others: int, linked: bool) -> None:
    """A certificate of more servers than ``most`` is a product's default; each more takes from a link's weight."""
    assert parameters.parameters()["pivots"]["certificate hash"]["most"] == 20
    lines = [
        banner("203.0.113.10", **certificate("a")),
        *(banner(f"192.0.2.{k + 1}", **certificate("a")) for k in range(others)),
    ]
    links = known(scans(tmp_path, *lines))["203.0.113.10"].links
    assert bool(links) is linked and (others < 2 or not links or links[0].weight < 2.5)


def test_a_link_to_what_indicators_name_raises_the_risk(tmp_path: Path) -> None:
    file = scans(tmp_path, banner("203.0.113.10", **certificate("a")), banner("192.0.2.9", **certificate("a")))
    assert known(file)["203.0.113.10"].risk < 5
    (tmp_path / "list.csv").write_text("ip,confidence\n192.0.2.9,100\n")
    linked = known(file, indicators=(tmp_path / "list.csv",))["203.0.113.10"]
    assert linked.risk == pytest.approx(60, abs=3) and linked.reasons[0].factor == "infrastructure: link"


def test_more_links_than_are_told_are_counted_and_a_bad_one_among_them_is_not_lost(tmp_path: Path) -> None:
    others = [banner(f"192.0.2.{k}", **certificate("a")) for k in range(10, 29)]
    others[-1] |= {"product": "Cobalt Strike Beacon"}
    found = known(scans(tmp_path, banner("203.0.113.10", **certificate("a")), *others))["203.0.113.10"]
    assert len(found.links) == 12 and found.omitted == 7 and "192.0.2.28" not in {link.other for link in found.links}
    assert found.reasons[0].factor == "infrastructure: link" and found.reasons[0].text.startswith("192.0.2.28 has")


def test_a_default_certificate_that_only_the_scan_saw(tmp_path: Path) -> None:
    """The built-in traits are judged on the scans' certificates as on the telemetry's."""
    held = {"ssl": {"cert": {"fingerprint": {"sha256": "a" * 64}, "subject": {"CN": "Major Cobalt Strike"}, "serial": 146473198,
                             "issuer": {"CN": "Major Cobalt Strike"}}}}  # fmt: skip
    assert known(scans(tmp_path, banner("203.0.113.10", **held)))["203.0.113.10"].risk > 90


def test_only_what_is_asked_for_even_if_no_host_met_it(tmp_path: Path) -> None:
    assert set(known(only=["UPDATE-node1.example."])) == {"203.0.113.10", "203.0.113.77"}
    (one,) = known(only=["192.0.2.30"]).values()
    assert one.hosts == () and one.risk == 99 and {link.other for link in one.links if link.hosts} == {"203.0.113.10"}


def test_a_name_behind_a_proxy_is_known_by_passive_dns(tmp_path: Path) -> None:
    event = {"@timestamp": "2026-03-11T09:00:00Z", "host": {"name": "ws1"}, "url": {"domain": "c2.example"},
             "http": {"request": {"method": "CONNECT"}}, "source": {"ip": "10.0.0.1"},
             "destination": {"ip": "10.0.0.9", "port": 3128}}  # fmt: skip
    (tmp_path / "events.ndjson").write_text(json.dumps(event) + "\n")
    rows = scans(tmp_path, {"rrname": "c2.example", "rrtype": "A", "rdata": "192.0.2.5", "time_first": 1773190000},
                 banner("192.0.2.5", **certificate("a")))  # fmt: skip
    (one,) = known(rows, events=tmp_path / "events.ndjson").values()
    assert one.server == "c2.example" and one.address is None and [link.other for link in one.links] == ["192.0.2.5"]


def test_the_same_answer_in_any_order_and_on_any_number_of_threads() -> None:
    def documents(order: list[Path], threads: int) -> list[dict[str, Any]]:
        table = ingest.read_events(
            [DATA / "telemetry.ndjson"], release.schema(), wanted=contacts.WANTED, report=pytest.fail
        )
        table.connection.execute(f"SET threads = {threads}")
        facts.load(table.connection, order, pytest.fail)
        store.load(table.connection, (), pytest.fail)
        return [one.to_document() for one in servers.servers(table, connections.Scope())]

    assert documents(SCANS, 1) == documents(SCANS[::-1], 4)


def test_the_command(tmp_path: Path) -> None:
    arguments = [
        "infrastructure",
        str(DATA / "telemetry.ndjson"),
        *(part for path in SCANS for part in ("-s", str(path))),
    ]
    shown = CliRunner().invoke(cli, [*arguments, "--format", "table", "--min-risk", "50"], catch_exceptions=False)
    assert "ALSO CONTACTED by ws2" in shown.output and "192.0.2.200" not in shown.output
    findings, made = tmp_path / "findings.ndjson", tmp_path / "made.ndjson"
    findings.write_text(json.dumps({"destination": {"domain": ["update-node7.example"]}}) + "\n")
    done = CliRunner().invoke(
        cli, [*arguments, "--findings", str(findings), "-o", str(made), "--format", "ndjson"], standalone_mode=False
    )
    (document,) = [json.loads(line) for line in made.read_text().splitlines()]
    assert done.return_value == 0 and document["destination"]["ip"] == "203.0.113.44"
    assert (
        document["falselight"]["kind"] == "infrastructure"
        and document["falselight"]["infrastructure"]["links_omitted"] == 0
    )
    assert {link["server"] for link in document["falselight"]["infrastructure"]["links"]} == {
        "203.0.113.10",
        "203.0.113.77",
    }
    (tmp_path / "bad.ndjson").write_text("{no\n")
    damaged = CliRunner().invoke(
        cli, [*arguments, "-s", str(tmp_path / "bad.ndjson"), "--format", "csv"], standalone_mode=False
    )
    assert damaged.return_value == 4
