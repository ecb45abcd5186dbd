"""Samples: the keys that every stage has, and for each key the first documents of each stage."""

from __future__ import annotations

from falselight.plan import nodes
from falselight.sql.stages import Relation, key_names, stage_relation, statement


def candidates(plan: nodes.SamplePlan, table: str) -> str:
    """SELECT number, k0…, stage, s: documents of the keys common to all stages, in the order of keys, stages, documents.

    A stage gives at most (stages × samples per key) documents of a key, as Elasticsearch asks for."""
    keys = key_names(plan.stages[0])
    listed = ", ".join(keys)
    most = len(plan.stages) * plan.per_key
    relations = [Relation(f"s{number}", stage_relation(stage, plan, table)) for number, stage in enumerate(plan.stages)]
    common = " INTERSECT ".join(f"SELECT {listed} FROM s{number}" for number in range(len(plan.stages)))
    order = ", ".join(f"{key} NULLS FIRST" for key in keys)
    relations.append(Relation("common", f"SELECT *, row_number() OVER (ORDER BY {order}) AS number FROM ({common})"))
    equal = " AND ".join(f"d.{key} IS NOT DISTINCT FROM c.{key}" for key in keys)
    parts = [
        f"SELECT c.number, {', '.join('c.' + key for key in keys)}, {number} AS stage, d.s FROM common c "
        f"JOIN s{number} d ON {equal} QUALIFY row_number() OVER (PARTITION BY c.number ORDER BY d.s) <= {most}"
        for number in range(len(plan.stages))
    ]
    return statement(relations, " UNION ALL ".join(parts) + " ORDER BY number, stage, s")
