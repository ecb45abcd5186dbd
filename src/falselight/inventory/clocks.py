"""Clocks that cannot be trusted: times that cannot be true, records out of order, hosts whose clock differs.

A host's clock is compared with two witnesses. The first is the moment at which its records were received: the median
delay of a host is set beside that of all hosts. The second is a network sensor that saw the same connection, told by its
Community ID: the median distance of the host's record from the sensor's.
"""

from __future__ import annotations

from dataclasses import dataclass

from falselight.expressions import Expressions
from falselight.inventory import events
from falselight.inventory.events import DAY, EARLIEST, SECOND
from falselight.store import EventTable

# Zeek writes a connection when it ends, so that records of an hour's difference stand side by side in a sound log.
JUMP = 3_600 * SECOND
DIFFERS = 60 * SECOND
FEWEST = 10
RECEIVED = ("event.created", "event.ingested")
SENSORS = ("zeek", "suricata", "pcap", "corelight")


@dataclass(frozen=True)
class Jump:
    """Records of one input that are more than an hour older than the record before them; the longest way back in
    nanoseconds, and the record that begins it."""

    input: int
    count: int
    longest: int


@dataclass(frozen=True)
class HostClock:
    """A host whose records differ from its witness by this median (nanoseconds; positive: its clock is ahead)."""

    host: str
    offset: int
    records: int
    witness: str


@dataclass(frozen=True)
class Clocks:
    """Times that are odd, by dataset: a day or more in the future, before 1980, or none; and jumps and hosts."""

    future: dict[str, int]
    early: dict[str, int]
    untimed: dict[str, int]
    jumps: tuple[Jump, ...]
    hosts: tuple[HostClock, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is odd."""
        return not (self.future or self.early or self.untimed or self.jumps or self.hosts)


def clocks(table: EventTable, now: int) -> Clocks:
    """What is odd about the events' times; ``now`` in epoch nanoseconds."""
    odd = table.connection.execute(
        f"SELECT dataset, count_if(raw >= {now + DAY}), count_if(raw < {EARLIEST}), count_if(raw IS NULL) "
        f"FROM {events.rows(table, now)} WHERE time IS NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    future, early, untimed = ({row[0]: row[at] for row in odd if row[at]} for at in (1, 2, 3))
    found = [*_by_receipt(table, now), *_by_sensor(table, now)]
    hosts = tuple(sorted(found, key=lambda each: (-abs(each.offset), each.host, each.witness)))
    return Clocks(future, early, untimed, _jumps(table, now), hosts)


def _jumps(table: EventTable, now: int) -> tuple[Jump, ...]:
    found = table.connection.execute(
        f"WITH steps AS (SELECT input, lag(time) OVER (PARTITION BY input ORDER BY seq) - time AS back "
        f"FROM {events.rows(table, now)} WHERE time IS NOT NULL) "
        f"SELECT input, count(*), max(back) FROM steps WHERE back > {JUMP} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return tuple(Jump(*row) for row in found)


def _by_receipt(table: EventTable, now: int) -> list[HostClock]:
    """The delay between a record's time and its receipt, per host, against the median of the hosts' medians."""
    read = Expressions(table)
    entry = next(filter(None, map(read.filled, RECEIVED)), None)
    if entry is None or read.filled("host.name") is None:
        return []
    unit = 1 if entry.type == "date_nanos" else 1_000_000
    # A receipt that 64 bits of nanoseconds do not reach is none.
    received = f"TRY_CAST(CAST({read.first(entry)} AS HUGEINT) * {unit} AS BIGINT)"
    found = table.connection.execute(
        "WITH delays AS (SELECT host, quantile_disc(received - time, 0.5) AS delay, count(*) AS records "
        f"FROM {events.rows(table, now, received=received)} "
        "WHERE host IS NOT NULL AND time IS NOT NULL AND received IS NOT NULL GROUP BY 1) "
        "SELECT host, (SELECT quantile_disc(delay, 0.5) FROM delays) - delay, records FROM delays "
        f"WHERE records >= {FEWEST} ORDER BY 1"
    ).fetchall()
    return [HostClock(host, offset, records, entry.name) for host, offset, records in found if abs(offset) >= DIFFERS]


def _by_sensor(table: EventTable, now: int) -> list[HostClock]:
    """Connections that both a host and a sensor recorded, once each."""
    read = Expressions(table)
    if not all(map(read.filled, ("network.community_id", "host.name", "event.module"))):
        return []
    modules = ", ".join(f"'{name}'" for name in SENSORS)
    id, module = read.text("network.community_id"), read.text("event.module")
    rows = events.rows(table, now, id=id, sensor=f"coalesce({module} IN ({modules}), FALSE)")
    found = table.connection.execute(
        f"WITH seen AS (SELECT id, sensor, host, time FROM {rows} WHERE id IS NOT NULL AND time IS NOT NULL), "
        "sensed AS (SELECT id, min(time) AS time FROM seen WHERE sensor GROUP BY 1 HAVING count(*) = 1), "
        "told AS (SELECT id, host, min(time) AS time FROM seen WHERE NOT sensor AND host IS NOT NULL "
        "GROUP BY 1, 2 HAVING count(*) = 1) "
        "SELECT host, quantile_disc(told.time - sensed.time, 0.5) AS offset, count(*) AS records "
        f"FROM told JOIN sensed USING (id) GROUP BY 1 HAVING count(*) >= {FEWEST} ORDER BY 1"
    ).fetchall()
    return [HostClock(host, offset, records, "sensor") for host, offset, records in found if abs(offset) >= DIFFERS]
