"""Who signed the programs that connect: the relation ``signers`` of what endpoint sensors say of a program's signature.

Elastic Defend has it with processes (``process.code_signature``), Sysmon where a program's own image is loaded (event 7, whose
file is the program). Columns: host, program (lower case), state (``unsigned``, ``untrusted`` or ``trusted``), signer, common: how
many programs of all hosts the signer has signed, where it is trusted."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from falselight.analytics.series import Floats, Ints, texts
from falselight.expressions import Expressions
from falselight.store import EventTable

NAME = "signers"
_PROCESS, _FILE = "process.code_signature.", "file.code_signature."
WANTED = frozenset({
    "host.name", "process.executable", "file.path",
    *(_PROCESS + part for part in ("exists", "trusted", "status", "subject_name")),
    *(_FILE + part for part in ("exists", "signed", "trusted", "valid", "status", "subject_name")),
})  # fmt: skip
UNSIGNED, UNTRUSTED, TRUSTED = "unsigned", "untrusted", "trusted"


def build(events: EventTable) -> None:
    """Make the relation; empty where nothing tells of signatures. Of a program that was seen with several the worst counts."""
    read = Expressions(events)
    image = f"lower({read.text('file.path')}) = lower({read.text('process.executable')})"
    parts = [_seen(read, _PROCESS, "TRUE"), _seen(read, _FILE, image)]
    events.connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE {NAME} AS
    WITH seen AS ({" UNION ALL ".join(parts)}),
    judged AS (SELECT host, program, CASE WHEN bool_or(signed = 0) THEN '{UNSIGNED}' WHEN bool_or(signed = 1) THEN '{UNTRUSTED}'
        ELSE '{TRUSTED}' END AS state, min(signer) AS signer FROM seen GROUP BY host, program)
    SELECT *, count(*) FILTER (state = '{TRUSTED}' AND signer IS NOT NULL) OVER (PARTITION BY signer) AS common FROM judged""")


def _seen(read: Expressions, prefix: str, own: str) -> str:
    """host, program, signer, signed: 0 not at all, 1 by none that is trusted, 2 by one that is."""

    def told(*parts: str) -> str:
        """The first of these flags that is told, as a boolean."""
        return f"TRY_CAST({read.text(*(prefix + part for part in parts))} AS BOOLEAN)"

    status = f"lower({read.text(prefix + 'status')})"
    return f"""SELECT host, program, signer, CASE WHEN NOT has THEN 0 WHEN good THEN 2 ELSE 1 END AS signed FROM (
      SELECT {read.text("host.name")} AS host, lower({read.text("process.executable")}) AS program,
        {read.text(prefix + "subject_name")} AS signer, {told("exists", "signed")} AS has,
        coalesce({told("trusted", "valid")}, {status} IN ('trusted', 'valid')) AS good, coalesce({own}, FALSE) AS own
      FROM {read.table})
      WHERE own AND host IS NOT NULL AND program IS NOT NULL AND (good IS NOT NULL OR NOT has)"""


class Signers:
    """What is known of the signature of each unit's program."""

    def __init__(self, states: NDArray[Any], names: NDArray[Any], common: Ints) -> None:
        self.states, self.names, self.common = states, names, common

    def factor(self, least: int, tools: Floats) -> Floats:
        """1 without a trusted signature, -1 with one of a signer that has signed ``least`` programs here, 0 between, where
        nothing is known, and of ``tools``, whose signature says nothing of who uses them."""
        bad = (self.states == UNSIGNED) | (self.states == UNTRUSTED)
        good = (self.states == TRUSTED) & (self.common >= least) & (tools == 0.0)
        found: Floats = bad.astype(np.float64) - good.astype(np.float64)
        return found


def collect(connection: duckdb.DuckDBPyConnection, count: int) -> Signers:
    """Of the units of ``beacon_pairs``, in their order."""
    states, names = np.full(count, None, dtype=object), np.full(count, None, dtype=object)
    common = np.zeros(count, dtype=np.int64)
    known = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [NAME]).fetchall()[0][0]
    if known:
        found = connection.sql(
            f"SELECT pair, state, signer, common FROM beacon_pairs p JOIN {NAME} s ON s.host = p.host "
            "AND s.program = lower(p.process)"
        ).to_arrow_table()
        units = found.column("pair").to_numpy()
        states[units], names[units] = texts(found.column("state")), texts(found.column("signer"))
        common[units] = found.column("common").to_numpy()
    return Signers(states, names, common)
