"""Flows that are parts of one connection: exporters cut a long connection into records, of a minute or more each, that follow
each other; none of them but the first is a connection that somebody opened."""

from __future__ import annotations

import duckdb

# Modules whose records are flows. The same ends and ports after a pause are the same connection: a client takes another port for
# each. UDP keeps its ports for ever, so only what follows at once is a part.
MODULES = ("netflow", "aws", "gcp", "azure", "amazon_security_lake")
_PAUSE, _NO_PAUSE = 900_000_000_000, 15_000_000_000


def join_parts(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Joins the parts among records without sessions: the first has the sums of bytes and lasts until the last one's end."""
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE connection_parts AS
    WITH marked AS (SELECT rowid AS part, *, coalesce(time - max(until) OVER (
        PARTITION BY source, source_port, address, port, transport ORDER BY time, rowid
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        >= CASE WHEN transport = 'tcp' THEN {_PAUSE} ELSE {_NO_PAUSE} END, TRUE) AS opens
      FROM {name} WHERE flow AND source_port > 0 AND port > 0),
    numbered AS (SELECT *, count_if(opens) OVER (
        PARTITION BY source, source_port, address, port, transport ORDER BY time, part) AS number FROM marked),
    summed AS (SELECT *, sum(sent) OVER whole AS all_sent, sum(received) OVER whole AS all_received,
        max(until) OVER whole - min(time) OVER whole AS lasted, count(*) OVER whole AS parts FROM numbered
      WINDOW whole AS (PARTITION BY source, source_port, address, port, transport, number))
    SELECT part, opens, TRY_CAST(all_sent AS BIGINT) AS all_sent, TRY_CAST(all_received AS BIGINT) AS all_received,
      TRY_CAST(lasted AS BIGINT) AS lasted FROM summed WHERE parts > 1
    """)
    connection.execute(f"""
    UPDATE {name} SET sent = all_sent, received = all_received, duration = lasted
    FROM connection_parts WHERE {name}.rowid = part AND opens
    """)
    connection.execute(f"DELETE FROM {name} WHERE rowid IN (SELECT part FROM connection_parts WHERE NOT opens)")
    connection.execute("DROP TABLE connection_parts")
