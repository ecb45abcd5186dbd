"""``Plan`` → SQL: what an engine is asked, and how the members of its matches are looked up afterwards.

The result of a plan is one row for every match: an event's ingest position ``s`` for an event query; for a sequence its
keys ``k0…``, the ingest position ``e0…`` of the first event of each positive stage, and the place ``t (b) s`` of its end.
"""

from __future__ import annotations

from falselight.plan import nodes
from falselight.plan.limits import Window
from falselight.sql import sequences
from falselight.sql.predicates import condition
from falselight.sql.spelling import name
from falselight.sql.stages import Relation, key_names, ordering, place, stage_relation, statement


def events(plan: nodes.EventPlan, table: str) -> str:
    """SELECT t, (b,) s of every matching event, unordered."""
    stage = nodes.Stage(plan.predicate, (), 1, False, plan.source)
    ordered = nodes.SamplePlan((stage,), plan.order, None, 1)
    return stage_relation(stage, ordered, table)


def matches(
    plan: nodes.EventPlan | nodes.SequencePlan, table: str, window: Window | None, *, sparse: bool = False
) -> str:
    """The matches that a window of the result keeps, in order of their ends; all of them, unordered, without one."""
    if isinstance(plan, nodes.EventPlan):
        relations, select = [], f"SELECT * FROM ({events(plan, table)})"
    else:
        relations = sequences.relations(plan, table, sparse=sparse)
        select = f"SELECT {', '.join(_columns(plan))} FROM {relations[-1].name}"
    if window is None:
        return statement(relations, select)
    ties = [] if isinstance(plan, nodes.EventPlan) else ["e0", *key_names(plan.stages[0])]
    order = ordering(plan.order)
    ties_ascending = "".join(f", {column} NULLS FIRST" for column in ties)
    if window.descending:
        falling = ", ".join(
            f"{column} DESC NULLS {'FIRST' if column == 'b' else 'LAST'}" for column in place(plan.order)
        )
        falling += "".join(f", {column} DESC NULLS LAST" for column in ties)
        select = f"SELECT * FROM ({select}) ORDER BY {falling}"
    else:
        select = f"{select} ORDER BY {order}{ties_ascending}"
    limit = f" LIMIT {window.total}" if window.total is not None else ""
    return statement(relations, select + limit)


def _columns(plan: nodes.SequencePlan) -> list[str]:
    firsts = [f"e{number}" for number in range(len(plan.positive))]
    return [*key_names(plan.stages[0]), *firsts, "t0", *place(plan.order)]


def per_key(plan: nodes.SequencePlan, table: str, *, sparse: bool = False) -> str:
    """``by_key`` of all sequences of a plan."""
    relations = sequences.relations(plan, table, sparse=sparse)
    return statement(relations, by_key(plan, relations[-1].name))


def by_key(plan: nodes.SequencePlan, found: str) -> str:
    """One row for every key that has a sequence in the relation ``found`` (the rows of ``matches``): its keys, how many
    sequences, first start and last end; in the order of first starts, then of keys."""
    keys = key_names(plan.stages[0])
    grouping = f" GROUP BY {', '.join(keys)}" if keys else " HAVING count(*) > 0"
    columns = ", ".join([*keys, "count(*) AS sequences", "min(t0) AS first", "max(t) AS last"])
    return f"SELECT {columns} FROM {found}{grouping} ORDER BY {', '.join(['first', *keys])}"


def same_keys(left: str, right: str, keys: list[str]) -> str:
    """Two rows have the same keys, null being a value."""
    return " AND ".join(f"{left}.{key} IS NOT DISTINCT FROM {right}.{key}" for key in keys) or "TRUE"


def members(plan: nodes.SequencePlan, table: str, found: str) -> str:
    """The events of the sequences in the table ``found`` (the rows of ``matches`` and a number ``id``).

    One row for each positive place: id, place (from 0, counting the repetitions of a run), s (ingest position)."""
    keys = key_names(plan.stages[0])
    relations: list[Relation] = []
    parts, first_place = [], 0
    for number, stage in enumerate(plan.positive):
        if stage.runs == 1:
            parts.append(f"SELECT id, {first_place} AS place, e{number} AS s FROM {found}")
        else:
            events_of_keys = (
                f"SELECT x.* FROM ({stage_relation(stage, plan, table)}) x WHERE EXISTS "
                f"(SELECT 1 FROM {found} f WHERE {same_keys('f', 'x', keys)})"
            )
            partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
            window = f"({partition}ORDER BY {ordering(plan.order)})"
            relations.append(
                Relation(f"n{number}", f"SELECT *, row_number() OVER {window} AS n FROM ({events_of_keys})")
            )
            parts.append(
                f"SELECT f.id, {first_place} + x.n - o.n AS place, x.s FROM {found} f "
                f"JOIN n{number} o ON o.s = f.e{number} AND {same_keys('o', 'f', keys)} "
                f"JOIN n{number} x ON {same_keys('x', 'f', keys)} AND x.n BETWEEN o.n AND o.n + {stage.runs - 1}"
            )
        first_place += stage.runs
    return statement(relations, " UNION ALL ".join(parts) + " ORDER BY id, place")


def stage_events(plan: nodes.SequencePlan, table: str, found: str) -> str:
    """SELECT k0…, t, (b,) s: every event that satisfies some positive stage, once for each key that the table ``found`` has."""
    same = same_keys("f", "x", key_names(plan.stages[0]))
    distinct = {stage_relation(stage, plan, table): None for stage in plan.positive}
    return " UNION ".join(f"SELECT x.* FROM ({select}) x SEMI JOIN {found} f ON {same}" for select in distinct)


def rows(table: str, columns: list[str], positions: str) -> str:
    """The rows of the event table at the ingest positions in the table ``positions`` (column s)."""
    listed = ", ".join(["_seq", *map(name, columns)])
    return f"SELECT {listed} FROM {table} WHERE _seq IN (SELECT s FROM {positions}) ORDER BY _seq"


__all__ = ["condition", "events", "matches", "members", "per_key", "rows", "stage_events"]
