"""Real captures: the adversary's server ranks first, a benign poll is shown and not called out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from falselight.analytics import beacons, connections, networks
from falselight.diagnostics import Diagnostic
from falselight.ecs.release import schema
from falselight.ingest import read_events

DATA = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared")) / "data"


def scored(name: str, external: tuple[str, ...] = ()) -> beacons.Scores:
    if not (DATA / name).exists():
        pytest.skip("the captures are not beside the project")
    ignored: list[Diagnostic] = []
    events = read_events([DATA / name], schema(), report=ignored.append)
    connections.build(events, connections.Scope(external=networks.parse(external)))
    found = beacons.score(events.connection)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "external", "server"),
    [
        ("zeek/rita-proxy", (), "www.honestimnotevil.com"),
        ("zeek/ctu-230-1-njrat", (), "41.108.179.197"),
        ("zeek/androidtester-rat", (), "147.32.83.234"),
        ("suricata/emotet-2022-02-08-eve.json", (), "185.248.140.40"),
        ("pcap/caldera-manx-udp.pcap", ("172.18.0.2/32",), "172.18.0.2"),
        ("pcap/caldera-ragdoll.pcap", ("172.18.0.2/32",), "172.18.0.2"),
        ("pcap/slips-test-cc-capture-1.pcap", (), "testing.com"),
        ("windows-json/empire_dllinjection_LoadLibrary_CreateRemoteThread.zip", ("10.10.10.5/32",), "10.10.10.5"),
        ("windows-json/empire_mimikatz_logonpasswords.zip", ("10.10.10.5/32",), "10.10.10.5"),
        ("windows-json/empire_invoke_runas.tar.gz", ("10.0.10.106/32",), "10.0.10.106"),
        ("windows-json/empire_monologue_netntlm_downgrade.zip", ("172.18.39.8/32",), "ip-172-18-39-8.ec2.internal"),
    ],
)
def test_the_adversary_ranks_first(name: str, external: tuple[str, ...], server: str) -> None:
    found = scored(name, external)
    assert found.row(found.ranking()[0]).server == server


def test_a_benign_poll_is_regular_and_not_called_out() -> None:
    found = scored("zeek/ctu-normal-40-day1")
    row = next(row for k in found.ranking() if (row := found.row(k)).server == "91.228.167.171")
    assert row.beacon.sleep_s == pytest.approx(302, abs=2) and row.beacon.chance_log10 < -6
    assert row.risk < 50 and row.detected_at is None


def test_what_a_page_loads_at_once_is_no_beat() -> None:
    """Connections some hundredths of a second apart are a page's, however alike their gaps."""
    found = scored("zeek/androidtester-rat")
    rows = [found.row(k) for k in found.ranking()]
    assert all(row.beacon.sleep_s >= 0.2 for row in rows if row.beacon.chance_log10 < -3)
