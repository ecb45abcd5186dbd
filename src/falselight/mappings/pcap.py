"""Events made of packet captures as ECS: the tables of Zeek's logs, under the module's own name.

Whatever reads Zeek's events reads these: the fields are the same, ``event.module`` and ``event.dataset`` tell who made them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from falselight.mappings import zeek
from falselight.mappings.records import Table

MODULE = "pcap"


@cache
def table(log: str) -> Table:
    """The mapping of the events that Zeek would have written to this log."""
    known = zeek.table(log)
    constants = {**known.constants, "event.module": MODULE, "event.dataset": f"{MODULE}.{log}"}
    return replace(known, constants=constants)
