"""The events of one stage as a relation: its join keys, what orders them, and their ingest position."""

from __future__ import annotations

from dataclasses import dataclass

from falselight.ecs.schema import Field, column
from falselight.eql.typed import Order
from falselight.plan import nodes
from falselight.sql.predicates import condition
from falselight.sql.spelling import name


@dataclass(frozen=True)
class Relation:
    """A named SELECT; it may use the relations before it. kept: it is computed once and kept, not at each use."""

    name: str
    select: str
    kept: bool = False

    def spelled(self) -> str:
        return f"{self.name} AS {'MATERIALIZED ' if self.kept else ''}({self.select})"


def statement(relations: list[Relation], select: str) -> str:
    """One SQL statement: the relations as common table expressions, and what is asked of them."""
    if not relations:
        return select
    return "WITH " + ",\n".join(map(Relation.spelled, relations)) + "\n" + select


def place(order: Order) -> list[str]:
    """The columns that place an event among others: timestamp, tiebreaker where there is one, ingest position."""
    return ["t", "b", "s"] if order.tiebreaker else ["t", "s"]


def ordering(order: Order, suffix: str = "") -> str:
    """What to ORDER BY: tiebreakers that are missing come last."""
    return ", ".join("b NULLS LAST" if column == "b" else column for column in place(order)) + suffix


def key_names(stage: nodes.Stage) -> list[str]:
    return [f"k{position}" for position in range(len(stage.keys))]


def stage_relation(
    stage: nodes.Stage, plan: nodes.SequencePlan | nodes.SamplePlan, table: str, *, mandatory: bool = True
) -> str:
    """SELECT k0…, t, (b,) s: the events that satisfy the stage, once for every distinct value of a key with several."""
    wanted = [condition(stage.predicate)]
    columns, unnested = [], []
    for position, key in enumerate(stage.keys):
        source = _key(key, plan.key_texts[position] if plan.key_texts else False)
        if key.field is not None and key.field.many and key.field.filled:
            values = f"list_distinct({source})"
            if key.optional:
                values = f"CASE WHEN {source} IS NULL THEN [NULL] ELSE {values} END"
            columns.append(f"{values} AS k{position}")
            unnested.append(position)
        else:
            columns.append(f"{source} AS k{position}")
        if mandatory and not key.optional:
            wanted.append(f"{_bare(key)} IS NOT NULL")
    timestamp, tiebreaker = plan.order.timestamp, plan.order.tiebreaker
    columns.append(f"{_ordered(timestamp)} AS t")
    if tiebreaker is not None:
        columns.append(f"{_ordered(tiebreaker)} AS b")
    columns.append("_seq AS s")
    if timestamp.filled and not isinstance(plan, nodes.SamplePlan):
        wanted.append(f"{name(column(timestamp.name))} IS NOT NULL")
    select = f"SELECT {', '.join(columns)} FROM {stage.source or table} WHERE {' AND '.join(wanted)}"
    for position in unnested:
        rest = [f"k{k}" for k in range(len(stage.keys)) if k != position] + place(plan.order)
        select = f"SELECT {', '.join(rest)}, unnest(k{position}) AS k{position} FROM ({select})"
    return select


def _bare(key: nodes.Key) -> str:
    return name(column(key.field.name)) if key.field is not None and key.field.filled else "NULL"


def _key(key: nodes.Key, as_text: bool) -> str:
    source = _bare(key)
    if as_text and source != "NULL":
        return f"CAST({source} AS VARCHAR{'[]' if key.field is not None and key.field.many else ''})"
    return source


def _ordered(field: Field) -> str:
    return name(column(field.name)) if field.filled else "NULL::BIGINT"
