"""SQL that counts what a query's conditions and stages keep and lose, for ``explain``."""

from __future__ import annotations

from falselight.plan import nodes
from falselight.sql import sequences
from falselight.sql.spelling import conjunction
from falselight.sql.stages import Relation, key_names, ordering, stage_relation, statement


def funnel(conditions: list[str], table: str) -> str:
    """One row: all events, then those left after each condition, of which each is asked of those that are left."""
    failed = " ".join(f"WHEN ({each}) IS NOT TRUE THEN {number}" for number, each in enumerate(conditions))
    counts = [f"count(*) FILTER (held > {number})" for number in range(len(conditions))]
    passed = f"CASE {failed} ELSE {len(conditions)} END" if conditions else "0"
    return f"SELECT {', '.join(['count(*)', *counts])} FROM (SELECT {passed} AS held FROM {table})"


def turned_away(source: str, many: bool, before: list[str], failing: str, table: str, most: int) -> str:
    """The most frequent values among events that pass the conditions before and fail this one."""
    wanted = conjunction([*before, f"(({failing}) IS NOT TRUE)"])
    value = f"unnest(coalesce({source}, [NULL]))" if many else source
    return (
        f"SELECT v, count(*) AS n FROM (SELECT {value} AS v FROM {table} WHERE {wanted}) "
        f"GROUP BY v ORDER BY n DESC, v NULLS FIRST LIMIT {most}"
    )


def stages(plan: nodes.SequencePlan, table: str) -> str:
    """One row: for each positive stage events, keys, prefixes and losses; for each missing one events and keys."""
    relations = sequences.relations(plan, table)
    keys = key_names(plan.stages[0])
    distinct = f"count(DISTINCT ({', '.join(keys)},))" if keys else "least(count(*), 1)"
    columns = [f"(SELECT count(*) FROM {relations[-1].name}) AS matches"]
    for number, stage in enumerate(plan.positive):
        columns.append(f"(SELECT count(*) FROM s{number}) AS events{number}")
        columns.append(f"(SELECT {distinct} FROM s{number}) AS keys{number}")
        columns.append(f"(SELECT count(*) FROM p{number}) AS prefixes{number}")
        if number == 0 and stage.runs > 1:
            short = "rt IS NULL"
            columns.append(f"(SELECT count(*) FROM r0 WHERE {short}) AS order0")
            late = f"NOT ({short}) AND NOT ({_spans(plan, 'rt', 't')})"
            columns.append(f"(SELECT count(*) FROM r0 WHERE {late}) AS span0")
        elif number > 0:
            columns += _losses(plan, number, stage)
            relations.insert(
                next(at for at, relation in enumerate(relations) if relation.name == f"p{number}"),
                sequences.ordered(plan, table, number),
            )
    for place, stage in enumerate(plan.stages):
        if stage.missing:
            relations.append(Relation(f"q{place}", stage_relation(stage, plan, table)))
            columns.append(f"(SELECT count(*) FROM q{place}) AS m{place}_events")
            columns.append(f"(SELECT {distinct} FROM q{place}) AS m{place}_keys")
    return statement(relations, f"SELECT {', '.join(columns)}")


def _losses(plan: nodes.SequencePlan, number: int, stage: nodes.Stage) -> list[str]:
    last = "rt" if stage.runs > 1 else "t"
    kinds = f"kind = {sequences.STAGE}"
    return [
        f"(SELECT count(*) FROM o{number} WHERE {kinds} AND kind_ IS DISTINCT FROM {sequences.PREFIX} "
        f"AND kind_ IS DISTINCT FROM {sequences.UNTIL}) AS order{number}",
        f"(SELECT count(*) FROM o{number} WHERE {kinds} AND kind_ = {sequences.UNTIL}) AS until{number}",
        f"(SELECT count(*) FROM o{number} WHERE {kinds} AND kind_ = {sequences.PREFIX} "
        f"AND NOT coalesce({_spans(plan, last, 't0_')}, FALSE)) AS span{number}",
    ]


def _spans(plan: nodes.SequencePlan, last: str, first: str) -> str:
    return "TRUE" if plan.maxspan is None else f"{last} - {first} <= {plan.maxspan}"


def nearest_run(plan: nodes.SequencePlan, number: int, table: str) -> str:
    """Keys whose events come nearest to a run: k0…, most events within maxspan, least span of a whole run."""
    stage = plan.positive[number]
    keys = key_names(stage)
    partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
    ahead = stage.runs - 1
    frame = "UNBOUNDED FOLLOWING" if plan.maxspan is None else f"{plan.maxspan} FOLLOWING"
    counted = (
        f"SELECT *, count(*) OVER ({partition}ORDER BY t RANGE BETWEEN CURRENT ROW AND {frame}) AS n, "
        f"lead(t, {ahead}) OVER ({partition}ORDER BY {ordering(plan.order)}) - t AS span FROM s"
    )
    grouping = f"GROUP BY {', '.join(keys)} " if keys else ""
    listed = "".join(f"{key}, " for key in keys)
    relations = [Relation("s", stage_relation(stage, plan, table)), Relation("c", counted)]
    least = "least(max(n), " + str(stage.runs) + ")"
    return statement(
        relations,
        f"SELECT {listed}{least} AS reached, min(span) AS least_span FROM c {grouping}"
        f"HAVING count(*) > 0 ORDER BY reached DESC, least_span NULLS LAST{''.join(', ' + key for key in keys)}",
    )


def nearest_step(plan: nodes.SequencePlan, number: int, table: str) -> str:
    """Keys that came as far as the stage before: k0…, stages reached, least time to an event that came too late."""
    relations = sequences.relations(plan, table)
    at = next(at for at, relation in enumerate(relations) if relation.name == f"p{number}")
    relations.insert(at, sequences.ordered(plan, table, number))
    keys = key_names(plan.stages[0])
    listed = "".join(f"{key}, " for key in keys)
    last = "rt" if plan.positive[number].runs > 1 else "t"
    late = f"min({last} - t0_) FILTER (kind = {sequences.STAGE} AND kind_ = {sequences.PREFIX})"
    grouping = f"GROUP BY {', '.join(keys)} " if keys else ""
    return statement(
        relations[: at + 1],
        f"SELECT {listed}{number} AS reached, {late} AS least_span FROM o{number} {grouping}"
        f"HAVING count(*) FILTER (kind = {sequences.PREFIX}) > 0 "
        f"ORDER BY least_span NULLS LAST{''.join(', ' + key for key in keys)}",
    )
