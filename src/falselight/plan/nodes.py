"""The plan: what is asked of an engine, free of any engine's language.

A predicate's leaf asks whether *some* value of one field satisfies it, and is two-valued: a missing field satisfies no
leaf, and every ``Not`` of one. A ``Script`` is such a leaf over a whole expression, in which null propagates. ``Fixed`` is
an expression without fields: it is three-valued, and only true keeps an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from falselight.ecs.schema import Field
from falselight.eql import typed
from falselight.eql.typed import Limit, Order


@dataclass(frozen=True, slots=True)
class Equal:
    """Some value equals one of these, which stand in the column's physical form."""

    field: Field
    values: tuple[str | int | float | bool | bytes, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Some value is ``<``, ``<=``, ``>`` or ``>=`` this one."""

    field: Field
    operator: str
    value: str | int | float | bool | bytes


@dataclass(frozen=True, slots=True)
class Within:
    """Some value of a date lies between two instants, both inclusive (a day, where a day is written)."""

    field: Field
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Like:
    """Some value matches one of these wildcard patterns (``*`` and ``?``); insensitive folds ASCII letters only."""

    field: Field
    patterns: tuple[str, ...]
    insensitive: bool


@dataclass(frozen=True, slots=True)
class Regex:
    """Some value matches this Lucene regular expression as a whole."""

    field: Field
    pattern: str
    insensitive: bool


@dataclass(frozen=True, slots=True)
class Cidr:
    """Some address lies in one of these ranges: first and last address, 16 bytes each, both inclusive."""

    field: Field
    ranges: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Exists:
    field: Field


@dataclass(frozen=True, slots=True)
class Script:
    """Some choice of one value for each occurrence of a field makes the expression true."""

    expression: typed.Value


@dataclass(frozen=True, slots=True)
class Fixed:
    expression: typed.Value


@dataclass(frozen=True, slots=True)
class Rows:
    """The events whose ingest positions stand in the column ``_seq`` of this relation."""

    relation: str


@dataclass(frozen=True, slots=True)
class Clusters:
    """Events of a clustered copy (``engines.clusters``), whose cluster lies in one of these ranges, ends included."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Not:
    operand: Predicate


@dataclass(frozen=True, slots=True)
class And:
    operands: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    operands: tuple[Predicate, ...]


Leaf = Equal | Range | Within | Like | Regex | Cidr | Exists | Script
Predicate = Leaf | Fixed | Rows | Clusters | Not | And | Or

NEVER = Or(())
ALWAYS = And(())


@dataclass(frozen=True, slots=True)
class Key:
    """One join key of one stage. field None: null for every event. optional: null is a value like any other."""

    field: Field | None
    optional: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """Events that may fill one place, or ``runs`` places in a row, of a sequence. ``source``: the relation that they are read
    from, where it is not the event table."""

    predicate: Predicate
    keys: tuple[Key, ...]
    runs: int
    missing: bool
    source: str | None = None


@dataclass(frozen=True)
class EventPlan:
    """``source`` as of a ``Stage``."""

    predicate: Predicate
    order: Order
    limits: tuple[Limit, ...]
    source: str | None = None


@dataclass(frozen=True)
class SequencePlan:
    """maxspan in the unit of the timestamp column (milliseconds or nanoseconds). key_texts marks the key positions that
    stages hold in different physical types: they compare as text. rare: the number of a positive stage that few keys have
    events of, beside those of some other (the answer is the same, the way to it another)."""

    stages: tuple[Stage, ...]
    until: Stage | None
    maxspan: int | None
    order: Order
    limits: tuple[Limit, ...]
    key_texts: tuple[bool, ...] = ()
    rare: int | None = None

    @property
    def positive(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in self.stages if not stage.missing)


@dataclass(frozen=True)
class SamplePlan:
    """size: most samples in all; per_key: most samples of one key."""

    stages: tuple[Stage, ...]
    order: Order
    size: int | None
    per_key: int
    key_texts: tuple[bool, ...] = ()
    until: None = field(default=None, init=False)


Plan = EventPlan | SequencePlan | SamplePlan
