"""``python -m bench.beacon_scale``: seconds and memory of the beacon score over very many connections, on two threads.

Connections are drawn in the database by hash, so that a run is the same each time: pairs of equal size, one pair that has all
of them, and pairs whose sizes fall off as a power law."""

from __future__ import annotations

import argparse
import resource
import time

from falselight.analytics import beacons
from falselight.store import connect

# Number of the pair of row i, for n connections in p pairs.
SHAPES = {
    "equal pairs": "hash(i) % {pairs}",
    "one pair": "0",
    "power law": "CAST({pairs} * pow((hash(i) % 1000003) / 1000003, 4) AS BIGINT)",
}
WEEK = 7 * 86_400


def run(connections: int, pairs: int, shape: str, threads: int) -> tuple[float, int]:
    """Seconds to score, and how many units were scored."""
    connection = connect(threads=threads)
    owner = SHAPES[shape].format(pairs=int(pairs))
    connection.execute(f"""CREATE TEMP TABLE connections AS
      SELECT 'h' || pair % 997 AS host, '10.0.0.1' AS source, 'n' || pair // 997 || '.d' || pair % 5003 || '.example' AS domain,
        '192.0.2.' || pair % 251 AS address, 'p' || pair % 61 AS process, 443::BIGINT AS port,
        (hash(i + 7) % 900)::BIGINT AS sent, (hash(i + 9) % 9000)::BIGINT AS received, 1000000::BIGINT AS duration,
        (hash(i + 1) % {WEEK * 1_000_000})::BIGINT * 1000 AS time, TRUE AS inward, TRUE AS outward
      FROM (SELECT i, {owner} AS pair FROM range({int(connections)}) t(i))""")
    begin = time.perf_counter()
    found = beacons.score(connection)
    return time.perf_counter() - begin, 0 if found is None else len(found.odds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.beacon_scale", description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000_000)
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shape", choices=SHAPES, default="equal pairs")
    given = parser.parse_args()
    for connections in (given.connections // 10, given.connections):
        pairs = max(given.pairs * connections // given.connections, 1)
        seconds, units = run(connections, pairs, given.shape, given.threads)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(
            f"{given.shape}: {connections} connections, {pairs} pairs, {units} units: {seconds:.1f} s, peak {peak:.2f} GiB"
        )


if __name__ == "__main__":
    main()
