"""Microsoft Sentinel's beaconing query (Palo Alto, Azure/Azure-Sentinel), as we read it: for each source, server, port and hour
the share of the commonest whole-second gap among the source's connections.

The gap is to the source's next connection to any server (the query compares only the source). Gaps up to the floor are left
out. Versions: 10 s, 15 events, 80 per cent (older) and 25 s, 30 events, 80 per cent (newer)."""

from __future__ import annotations

import duckdb

VERSIONS = {"10/15/80": (10, 15), "25/30/80": (25, 30)}


def shares(connection: duckdb.DuckDBPyConnection, low: int, floor_s: int, least: int) -> dict[tuple[str, str], float]:
    """For each (host, server) with enough connections in an hour the highest share of one gap, 0 to 1."""
    rows = connection.execute(f"""
    WITH gaps AS (
      SELECT host, server, port, time // {3600 * 10**9} AS hour, (following - time) // {10**9} AS gap FROM (
        SELECT host, coalesce(domain, address) AS server, port, time,
          lead(time) OVER (PARTITION BY host ORDER BY time, address, port) AS following
        FROM connections WHERE outward AND time >= {low})
      WHERE following IS NOT NULL),
    counted AS (SELECT host, server, port, hour, gap, count(*) AS n FROM gaps WHERE gap > {floor_s} GROUP BY ALL),
    totals AS (SELECT host, server, port, hour, max(n) AS most, sum(n) AS total FROM counted GROUP BY ALL)
    SELECT host, server, max(most / total) AS share FROM totals WHERE total > {least} GROUP BY ALL ORDER BY ALL
    """).fetchall()
    return {(str(host), str(server)): float(share) for host, server, share in rows}
