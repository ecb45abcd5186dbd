"""Events made of packet captures as ECS: the tables of Zeek's logs and ``pcap.toml``, under the module's own name.

Whatever reads Zeek's events reads these: the fields are the same, ``event.module`` and ``event.dataset`` tell who made them.
Dates of certificates are epoch milliseconds already: as nanoseconds, those of the year 9999, which malware likes, are too big.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings import steps, zeek
from falselight.mappings.records import Table, build

MODULE = "pcap"


@cache
def _more() -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath("pcap.toml").read_text("utf-8"))


@cache
def table(log: str) -> Table:
    """The mapping of the events that Zeek would have written to this log."""
    known = zeek.table(log)
    constants = {**known.constants, "event.module": MODULE, "event.dataset": f"{MODULE}.{log}"}
    more = build({"prefix": known.prefix, **_more().get(log, {})}, zeek.CONVERSIONS)
    made = tuple(replace(step, convert=steps.copy) if step.convert is steps.date else step for step in known.steps)
    return replace(known, constants=constants, steps=(*made, *more.steps))
