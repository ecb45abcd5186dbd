"""A whole lab by seed: one Arrow table of calls and the labels of what is adversary-run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from falselight.lab import background, operations
from falselight.lab.drawing import EPOCH, Drawing, host_address, host_name
from falselight.lab.operations import Label
from falselight.lab.profiles import Implant


@dataclass(frozen=True)
class Lab:
    """``events``: host, source, address, domain, port, transport, process, lookup (a DNS query: no address), sent, received,
    duration (ns), time (ns), in order of time. ``rare`` holds the servers of rare benign pollers."""

    events: pa.Table
    labels: list[Label]
    rare: list[str]
    hosts: int
    days: int
    seed: int

    @property
    def digest(self) -> str:
        """SHA-256 over times and labels: the same seed gives the same lab."""
        found = hashlib.sha256(self.events.column("time").combine_chunks().to_numpy().tobytes())
        found.update("\n".join(f"{label.host} {label.server}" for label in self.labels).encode())
        return found.hexdigest()


def generate(
    seed: int, hosts: int = 200, days: int = 21, implants: Sequence[Implant] | None = None, *, scored_days: int = 7,
    rare_share: float = 0.25, pages: float = 60.0, spread: bool = True,
) -> Lab:  # fmt: skip
    """A lab: background for ``days``, and for each profile an operation on one to five hosts (one without ``spread``) that
    begins on the first of the last ``scored_days``. ``rare_share`` times hosts rare pollers are benign, half of them new in
    the scored days; ``pages`` are read on a working day."""
    lab = Drawing(seed, hosts, days)
    background.browse(lab, pages)
    background.poll_all(lab)
    rare = background.poll_rarely(lab, int(rare_share * hosts), scored_days)
    background.visit(lab, int(2 * rare_share * hosts), scored_days)
    labels: list[Label] = []
    for number, profile in enumerate(implants or []):
        count = operations.hosts_of(lab) if spread else 1
        chosen = lab.draw.choice(hosts, count, replace=False).tolist()
        labels += operations.run(lab, profile, number, chosen, max(days - scored_days, 0))
    return Lab(lab.table(), labels, rare, hosts, days, seed)


__all__ = ["EPOCH", "Lab", "Label", "generate", "host_address", "host_name"]
