"""What a run need not load: hundreds of modules would take longer than some 100,000 events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOT_FOR_EVERY_HUNT = (
    "falselight.analytics", "falselight.cli.details", "falselight.cli.replays", "falselight.cli.servers", "falselight.fusion",
    "falselight.mappings.windows_codes", "falselight.readers.csv_mapping", "falselight.readers.evtx",
    "falselight.readers.pcap.connection", "falselight.readers.suricata", "falselight.readers.windows_json",
    "falselight.tuning", "rich.progress",
)  # fmt: skip
EVENTS = {
    "ecs": '{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":"network"},"host":{"name":"h"}}\n',
    "zeek": '{"_path":"conn","ts":1.5,"uid":"C1","id.orig_h":"10.0.0.1","id.resp_h":"192.0.2.1"}\n',
}


@pytest.mark.parametrize("source", EVENTS)
def test_a_hunt_loads_only_what_it_uses(tmp_path: Path, source: str) -> None:
    path = tmp_path / "events.json"
    path.write_text(EVENTS[source], encoding="utf-8")
    program = (
        "import json, sys\n"
        "from falselight.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    print(json.dumps(sorted(sys.modules)))\n"
    )
    words = ["hunt", str(path), "--rules", "@page", "--format", "ndjson"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "falselight.hunting" in loaded
    assert [name for name in NOT_FOR_EVERY_HUNT if name in loaded] == []


@pytest.mark.parametrize(("given", "used"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")])
def test_a_command_takes_its_memory_from_the_system_unless_told_otherwise(given: dict[str, str], used: str) -> None:
    program = (
        "from falselight.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    import pyarrow\n    print(pyarrow.default_memory_pool().backend_name)\n"
    )
    inherited = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"],
        capture_output=True, text=True, check=True, env={**inherited, **given},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == used
