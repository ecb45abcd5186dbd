"""Missing events ``![…]``: candidates are matched without them, then each is checked against the nearest such event.

Times are compared as whole milliseconds, strictly; the tiebreaker plays no part. Between two events any missing event
kills. Before the first and after the last the distance counts, measured as Elasticsearch does: from a leading event to
the *last* positive event, from the *first* positive event to a trailing one, and with both ends missing between the two.
Exactly maxspan counts as present.
"""

from __future__ import annotations

from collections.abc import Callable

from falselight.plan import nodes
from falselight.sql.stages import key_names, stage_relation

NANOSECONDS_PER_MILLISECOND = 1_000_000


def check(add: Callable[[str, str], str], plan: nodes.SequencePlan, table: str, candidates: str) -> str:
    """Add the relations that drop every candidate which a missing event contradicts; return the last one's name."""
    unit = NANOSECONDS_PER_MILLISECOND if plan.order.timestamp.type == "date_nanos" else 1
    keys = key_names(plan.stages[0])
    last_positive = len(plan.positive) - 1
    current, before = candidates, -1
    leading: list[str] = []
    trailing: list[str] = []
    for number, stage in enumerate(plan.stages):
        if not stage.missing:
            before += 1
            continue
        events = add(f"m{number}", _milliseconds(stage_relation(stage, plan, table), keys, unit))
        if before < 0:
            current = _nearest(add, current, events, keys, f"l{number}", "<", _ms("a0", unit))
            leading.append(f"l{number}")
        elif before == last_positive:
            current = _nearest(add, current, events, keys, f"l{number}", ">", _ms(f"z{before}", unit))
            trailing.append(f"l{number}")
        else:
            current = _nearest(add, current, events, keys, f"l{number}", ">", _ms(f"z{before}", unit))
            kept = f"l{number} IS NULL OR l{number} >= {_ms(f'a{before + 1}', unit)}"
            current = add(f"n{number}", f"SELECT * EXCLUDE (l{number}) FROM {current} WHERE {kept}")
    accepted = _accepted(leading, trailing, _ms("a0", unit), _ms(f"z{last_positive}", unit), plan.maxspan or 0, unit)
    return add("whole", f"SELECT * FROM {current} WHERE {accepted}")


def _accepted(leading: list[str], trailing: list[str], first: str, last: str, maxspan: int, unit: int) -> str:
    span = maxspan // unit
    newest = f"greatest({', '.join(leading)})" if len(leading) > 1 else "".join(leading)
    oldest = f"least({', '.join(trailing)})" if len(trailing) > 1 else "".join(trailing)
    if leading and trailing:
        return f"{newest} IS NULL OR {oldest} IS NULL OR {oldest} - {newest} > {span}"
    if leading:
        return f"{newest} IS NULL OR {last} - {newest} > {span}"
    if trailing:
        return f"{oldest} IS NULL OR {oldest} - {first} > {span}"
    return "TRUE"


def _ms(column: str, unit: int) -> str:
    return column if unit == 1 else f"({column} // {unit})"


def _milliseconds(select: str, keys: list[str], unit: int) -> str:
    return f"SELECT {''.join(f'{key}, ' for key in keys)}{_ms('t', unit)} AS m FROM ({select})"


def _nearest(
    add: Callable[[str, str], str], candidates: str, events: str, keys: list[str], result: str, side: str, point: str
) -> str:
    """Candidates with the missing event of their key that is nearest to a point on one side (``<`` the newest before,
    ``>`` the oldest after), in milliseconds; NULL where there is none. Keys that are null equal each other."""
    equal = [f"{_comparable('c.' + key)} = {_comparable('x.' + key)}" for key in keys]
    conditions = " AND ".join([*equal, f"c.point_ {'>' if side == '<' else '<'} x.m"])
    return add(
        f"j{result}",
        f"SELECT c.* EXCLUDE (point_), x.m AS {result} FROM (SELECT *, {point} AS point_ FROM {candidates}) c "
        f"ASOF LEFT JOIN {events} x ON {conditions}",
    )


def _comparable(key: str) -> str:
    """A join key as text that also tells null from a value: an equality join would drop null keys."""
    return f"coalesce('1' || CAST({key} AS VARCHAR), '0')"
