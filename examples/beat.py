"""A beacon as connection starts in ECS, a line each: ``beat.py COUNT [HOSTS]``, a connection a minute from each host."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 11, 9, tzinfo=UTC)


def main(count: int, hosts: int = 1) -> None:
    """Write the events to stdout."""
    for minute in range(count):
        for host in range(1, hosts + 1):
            event = {
                "@timestamp": (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "event": {"category": ["network"], "type": ["start"]},
                "network": {"direction": "egress"},
                "host": {"name": f"ws{host:02d}"},
                "process": {"name": "helper.exe"},
                "destination": {"ip": "203.0.113.77", "port": 443},
            }
            print(json.dumps(event))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
