"""The ranked list: beacons, indicators and findings on the same server add up; an allow-list hides no known-bad hit."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from click import UsageError
from click.testing import CliRunner

from falselight import ingest
from falselight.analytics.networks import parse
from falselight.cli.main import cli
from falselight.ecs import release
from falselight.fusion import ranking, timeline
from falselight.fusion.ranking import ServerRisk
from falselight.hunting import hunt
from falselight.intel import store
from falselight.readers.settings import Settings
from falselight.rules import bundled, load

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared"))
BEACON, POLLER = "203.0.113.77", "198.51.100.9"


def event(minute: float, host: str, server: str, name: str | None = None) -> dict[str, Any]:
    seconds = round(minute * 60)
    time = f"2026-03-11T{8 + seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}Z"
    return {
        "@timestamp": time, "event": {"category": ["network"], "type": ["start"]}, "network": {"direction": "egress"},
        "host": {"name": host}, "source": {"ip": f"10.4.0.{int(host[2:])}"}, "process": {"name": "helper.exe"},
        "destination": {"ip": server, "port": 443, **({"domain": name} if name else {})},
    }  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    events = [event(minute, "ws1", BEACON, "cdn.evil.example") for minute in range(0, 600, 5)]
    for host in range(1, 41):
        events += [
            event(minute + host / 60, f"ws{host}", POLLER, "update.vendor.example") for minute in range(0, 600, 10)
        ]
        events += [
            event((host * 37 + k * k * 13) % 600, f"ws{host}", f"192.0.2.{k + 1}", f"site{k}.example") for k in range(9)
        ]
    path = tmp_path_factory.mktemp("fusion") / "events.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in sorted(events, key=lambda each: each["@timestamp"])))
    return path


def ranked(data: Path, indicators: str = "", allowed: tuple[str, ...] = (), rules: bool = False) -> list[ServerRisk]:
    result = hunt([data], load(["@page"], pytest.fail), report=pytest.fail, also=ranking.WANTED)
    path = data.parent / "indicators"
    path.write_text(indicators)
    store.load(result.table.connection, [path] if indicators else [], pytest.fail)
    findings = result.findings if rules else []
    return ranking.rank(result.table, Settings(), findings=findings, indicators=True, allowed=allowed)


def of(rows: list[ServerRisk], server: str, host: str = "ws1") -> ServerRisk:
    return next(row for row in rows if row.server == server and row.host == host)


def test_the_beacon_of_one_host_is_above_the_poller_of_all(data: Path) -> None:
    rows = ranked(data)
    assert (
        rows[0].server == "cdn.evil.example"
        and rows[0].beacon is not None
        and rows[0].beacon.sleep_s == pytest.approx(300, abs=1)
    )
    assert of(rows, "update.vendor.example").risk < rows[0].risk / 2
    total = next(each for each in ranking.totals(rows) if each.server == "update.vendor.example")
    assert total.hosts == 40


def test_a_server_that_has_only_a_name_has_no_address(tmp_path: Path) -> None:
    known = [event(minute, "ws1", BEACON, "cdn.evil.example") for minute in range(0, 600, 5)]
    asked = [event(minute, "ws2", BEACON) for minute in range(0, 600, 7)]
    for each in asked:
        each |= {"destination": {"port": 443}, "url": {"domain": "only.named.example"}}
        del each["process"]
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in known + asked))
    row = of(ranked(path), "only.named.example", "ws2")
    assert (row.address, row.process) == (None, None)
    assert row.to_document()["destination"] == {"domain": ["only.named.example"], "port": [443]}


def test_evidence_adds_up_and_each_part_is_told(data: Path) -> None:
    plain, by_rule, by_both = ranked(data), ranked(data, rules=True), ranked(data, f"{BEACON}\n", rules=True)
    risks = [of(rows, "cdn.evil.example").risk for rows in (plain, by_rule, by_both)]
    assert risks == sorted(risks) and len(set(risks)) == 3
    row = of(by_both, "cdn.evil.example")
    assert row.kind == "fused" and {"rule", "intel: ip", "regular"} <= {reason.factor for reason in row.reasons}
    document = row.to_document()
    own = document["falselight"]
    assert document["host"]["name"] == "ws1" and document["destination"]["domain"] == ["cdn.evil.example"]
    assert {"risk", "false_alarm", "reasons", "first_seen", "last_seen", "beacon", "severity", "kind"} <= own.keys()
    assert own["beacon"]["sleep_s"] == pytest.approx(300, abs=1) and own["detected_at"] < own["last_seen"]


def test_what_reaches_the_alert_line_only_together_is_detected_with_its_last_event() -> None:
    day = Path(__file__).parents[2] / "examples" / "day"
    found = hunt([day], bundled(pytest.fail), report=pytest.fail, also=ranking.WANTED)
    alone, together = (
        next(
            row for row in ranking.rank(found.table, Settings(), findings=told) if row.server == "cdn.wu-helper.example"
        )
        for told in ([], found.findings)
    )
    assert alone.risk < 50 and alone.detected_at is None
    assert together.risk >= 50 and together.detected_at == together.last_seen


def test_an_allow_list_lowers_a_risk_and_hides_no_indicator(data: Path) -> None:
    before, after = ranked(data), ranked(data, allowed=("evil.example",))
    assert of(after, "cdn.evil.example").risk < of(before, "cdn.evil.example").risk / 2
    known = ranked(data, "cdn.evil.example\n", allowed=("evil.example",))
    assert of(known, "cdn.evil.example").risk >= 55
    assert of(ranked(data, allowed=("vil.example",)), "cdn.evil.example").risk == of(before, "cdn.evil.example").risk


def test_a_server_too_seldom_called_to_be_scored_stands_by_its_indicator(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(json.dumps(event(0, "ws1", BEACON, "once.evil.example")) + "\n")
    (row,) = ranked(path, "once.evil.example\n")
    assert row.kind == "intel" and row.beacon is None and row.risk >= 55


def test_the_same_on_one_thread_and_on_many(data: Path) -> None:
    found = []
    for threads in (1, 4):
        table = ingest.read_events([data], release.schema(), wanted=ranking.WANTED, report=pytest.fail)
        table.connection.execute(f"SET threads = {threads}")
        listed = data.parent / "listed"
        listed.write_text(f"{BEACON}\n192.0.2.0/28\nvendor.example\n")
        store.load(table.connection, [listed], pytest.fail)
        rows = ranking.rank(table, Settings(), indicators=True, once=True)
        found.append([(row.odds, row.known_bad, row.alarms, row.to_document()) for row in rows])
    assert found[0] == found[1] and any("intel" in str(row[3]) for row in found[0])


def test_the_commands_show_the_list(data: Path, tmp_path: Path) -> None:
    svg = tmp_path / "plot.svg"
    runner = CliRunner()
    shown = runner.invoke(
        cli, ["beacons", str(data), "--format", "table", "--plot", "--svg", str(svg)], standalone_mode=False
    )
    assert shown.return_value == 0 and "cdn.evil.example" in shown.stdout and "5 min ± 0 %" in shown.stdout
    assert "2026-03-11 08:00 to 2026-03-11 17:55, 8.26 min a bar" in shown.stdout
    ET.fromstring(svg.read_text())
    every = runner.invoke(cli, ["beacons", str(data), "--format", "ndjson", "--min-risk", "0"], standalone_mode=False)
    assert len(every.stdout.splitlines()) >= 41
    out = tmp_path / "out"
    hunted = runner.invoke(
        cli, ["hunt", str(data), "--rank", "--format", "ndjson", "-o", str(out)], standalone_mode=False
    )
    assert hunted.return_value == 0 and "falselight-ranking" in hunted.stdout
    assert len((out / "servers.ndjson").read_text().splitlines()) >= 41


def hunted(data: Path, *words: str) -> Any:
    return CliRunner().invoke(cli, ["hunt", str(data), *words], standalone_mode=False)


def test_a_hunt_ranks_unless_rules_of_ones_own_are_named(data: Path, tmp_path: Path) -> None:
    every = [json.loads(line) for line in hunted(data, "--format", "ndjson", "--min-risk", "0").stdout.splitlines()]
    kinds = [each["falselight"]["kind"] for each in every]
    rules = kinds.count("alert")
    assert 0 < rules < len(kinds) and set(kinds[:rules]) == {"alert"} and "alert" not in kinds[rules:]
    risks = [each["falselight"]["risk"] for each in every[rules:]]
    assert risks == sorted(risks, reverse=True) and every[rules]["destination"]["domain"] == ["cdn.evil.example"]
    assert json.loads(hunted(data, "--format", "json", "--min-risk", "0").stdout) == every
    for words in (["--no-rank"], ["--rules", "@page"]):
        alone = [json.loads(line) for line in hunted(data, "--format", "ndjson", *words).stdout.splitlines()]
        assert alone and {each["falselight"]["kind"] for each in alone} == {"alert"}
    assert '"falselight-ranking"' not in hunted(data, "--as-scheduled", "--format", "ndjson").stdout
    listed = tmp_path / "allowed"
    listed.write_text("vendor.example\n")
    for words in (["--rank"], ["--allow", str(listed)]):
        assert '"falselight-ranking"' in hunted(data, "--rules", "@page", "--format", "ndjson", *words).stdout
    assert isinstance(hunted(data, "--no-rank", "--allow", str(listed)).exception, UsageError)


def test_a_ranking_of_which_nothing_is_shown_names_its_first(data: Path) -> None:
    told = " ".join(hunted(data, "--format", "table", "--min-risk", "100").stderr.split())
    assert "(cdn.evil.example, called by ws1): --min-risk 0 shows the whole ranking" in told


def test_no_text_of_a_log_leaves_its_place_in_the_drawing() -> None:
    drawing = timeline.svg([timeline.Timeline("<script>\x00\x1b", '"&]]>', 0, 10**18, [0, 3, 1])])
    assert "<script>" not in drawing and len(list(ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}rect"))) == 2
    assert timeline.bars([0, 1, 1000]) == " ▁█"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the captures are not here")
@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("zeek/rita-proxy", "www.honestimnotevil.com"),
        ("zeek/ctu-230-1-njrat", "41.108.179.197"),
        ("pcap/dns-tunnel-iodine.pcap", "pirate.sea"),
    ],
)
def test_the_adversary_ranks_first_in_real_captures(name: str, server: str) -> None:
    table = ingest.read_events([SHARED / "data" / name], release.schema(), wanted=ranking.WANTED, report=lambda _: None)
    assert ranking.rank(table, Settings())[0].server == server


@pytest.mark.skipif(not SHARED.is_dir(), reason="the captures are not here")
@pytest.mark.parametrize(
    ("name", "external", "servers"),
    [
        ("windows-json/empire_dllinjection_LoadLibrary_CreateRemoteThread.zip", "10.10.10.5/32", ["10.10.10.5"]),
        ("windows-json/empire_mimikatz_logonpasswords.zip", "10.10.10.5/32", ["10.10.10.5"]),
        ("windows-json/empire_invoke_runas.tar.gz", "10.0.10.106/32", ["10.0.10.106"]),
        ("windows-json/empire_monologue_netntlm_downgrade.zip", "172.18.39.8/32", ["ip-172-18-39-8.ec2.internal"]),
        ("zeek/ctu-230-1-njrat", None, ["41.108.179.197"]),
        ("zeek/androidtester-rat", None, ["147.32.83.234"]),
        ("suricata/emotet-2022-02-08-eve.json", None, ["tonysommers.net", "185.248.140.40"]),
        ("pcap/asyncrat-cd010953.pcap", None, ["181.131.218.39"]),
    ],
)
def test_the_adversary_ranks_first_among_all_that_a_hunt_ranks(
    name: str, external: str | None, servers: list[str]
) -> None:
    """With rules, indicators, staging and uploads: none of it lifts what is ordinary above a beacon."""
    settings = Settings(external=parse([external]) if external else ())
    found = hunt(
        [SHARED / "data" / name], bundled(pytest.fail), report=lambda _: None, also=ranking.WANTED, settings=settings
    )
    store.load(found.table.connection, [], pytest.fail)
    every = [finding for run in found.rules for finding in run.findings]
    rows = ranking.rank(found.table, settings, findings=every, indicators=True, once=True)
    assert [row.server for row in rows[: len(servers)]] == servers


@pytest.mark.parametrize("verb", ["dns", "intel"])
def test_lookups_and_indicators_are_drawn_as_well(data: Path, tmp_path: Path, verb: str) -> None:
    svg, bad = tmp_path / "plot.svg", tmp_path / "bad.txt"
    bad.write_text("cdn.evil.example\n")
    events = tmp_path / "lookups.ndjson"
    question = {"dns": {"question": {"name": "cdn.evil.example"}}}
    times = ("1930-01-01T00:00:00Z", "1930-01-01T00:00:05Z", "2030-01-01T00:00:00Z")
    asked = [{**event(0, "ws1", BEACON, "cdn.evil.example"), **question, "@timestamp": time} for time in times]
    events.write_text("".join(json.dumps(each) + "\n" for each in asked))
    given = ["--indicators", str(bad)] if verb == "intel" else []
    shown = CliRunner().invoke(
        cli,
        [verb, str(events), "--min-risk", "0", "--format", "table", "--plot", "--svg", str(svg), *given],
        standalone_mode=False,
    )
    assert shown.return_value == 0 and "█" in shown.stdout, "one bar full, the other half"
    rectangles = list(ET.fromstring(svg.read_text()).iter("{http://www.w3.org/2000/svg}rect"))
    assert len(rectangles) >= 2, "the first and the last part, a century apart"


def test_a_host_that_asks_for_generated_names_is_a_row_of_its_own(tmp_path: Path) -> None:
    letters = "bcdfghjklmnpqrstvwxz"
    names = ["".join(letters[(7 * i + i * i * j) % 20] for j in range(1, 13)) + ".com" for i in range(1, 41)]
    path = tmp_path / "lookups.ndjson"
    asked = [
        {
            **event(minute / 4, host, "10.0.0.53"),
            "dns": {"question": {"name": name}, "response_code": "NXDOMAIN", "type": "answer"},
        }
        for host in ("ws1", "ws2")
        for minute, name in enumerate(names)
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in asked))
    rows = ranked(path)
    whole = [row for row in rows if row.server == ranking.HOST]
    assert {row.host for row in whole} == {"ws1", "ws2"} and all(row.kind == "dns" for row in whole)
    assert all(row.detected_at is not None for row in whole)
    totals = [total for total in ranking.totals(rows) if total.server == ranking.HOST]
    assert [total.hosts for total in totals] == [1, 1]
    assert "destination" not in whole[0].to_document() or whole[0].to_document()["destination"] == {}


def handshake(minute: float, host: str, server: str, ja3: str, **certificate: str) -> dict[str, Any]:
    tls = {"client": {"ja3": ja3}, "server": {"issuer": "CN=Known Authority", **certificate}}
    return {**event(minute, host, server), "tls": tls}


def test_handshakes_tell_of_certificates_and_clients(tmp_path: Path) -> None:
    own, browser = "0" * 31 + "a", "0" * 31 + "b"
    common = [
        handshake(
            minute, host, f"198.51.100.{number}", browser, subject=f"CN=site{number}", not_before="2026-01-01T00:00:00Z"
        )
        for host in ("ws1", "ws2")
        for number in range(1, 13)
        for minute in (number, number + 20, number + 45)
    ]
    odd = {"subject": "CN=gateway", "issuer": "CN=gateway", "not_before": "2026-03-08T00:00:00Z"}
    path, few = tmp_path / "events.ndjson", tmp_path / "few.ndjson"
    called = [handshake(minute * 5, "ws1", BEACON, own, **odd) for minute in range(12)]
    path.write_text("".join(json.dumps(each) + "\n" for each in (*common, *called)))
    few.write_text("".join(json.dumps(each) + "\n" for each in called))
    told = {
        reason.factor: reason.text for reason in of(ranked(path), BEACON).reasons if reason.factor.startswith("tls")
    }
    assert set(told) == {"tls: certificate", "tls: age", "tls: client"}
    assert "CN=gateway" in told["tls: certificate"] and "3 days old" in told["tls: age"] and own in told["tls: client"]
    others = [reason.factor for row in ranked(path) if row.server != BEACON for reason in row.reasons]
    assert not any(factor.startswith("tls") for factor in others)
    alone = [reason.factor for reason in of(ranked(few), BEACON).reasons]
    assert "tls: certificate" in alone and "tls: client" not in alone, "nothing to compare the client with"
