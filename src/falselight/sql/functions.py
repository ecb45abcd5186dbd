"""EQL's functions in DuckDB's SQL: macros that reproduce Elasticsearch's results, and the text of each call.

A result is NULL where an argument is (by the function's null rule) or where Elasticsearch would fail the search: one
bad value in a log must not end a query over all of them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import duckdb

from falselight.ecs.schema import FLOAT_TYPES
from falselight.eql import functions
from falselight.sql import spelling

NULL = "null"
# An argument longer than this is evaluated once, under a name: macros repeat their arguments; nested they multiply.
LONGEST_REPEATED = 160
_NAMES = re.compile(r"\beql_[a-z_]+")


@dataclass(frozen=True, slots=True)
class Call:
    """How one registered function is called. Exactly one of macro, arithmetic (a macro's stem) and text is set."""

    macro: str | None = None
    arithmetic: str | None = None
    text: bool = False
    defaults: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()
    searched: bool = False
    result: str | None = None


@cache
def _tables() -> dict[str, Any]:
    text = resources.files("falselight.sql").joinpath("duckdb.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def calls() -> dict[str, Call]:
    """How each registered function is called, by its canonical name."""
    return {
        name: Call(
            macro=entry.get("macro"),
            arithmetic=entry.get("arithmetic"),
            text=entry.get("text", False),
            defaults=tuple(entry.get("defaults", ())),
            folds=tuple(entry.get("folds", ())),
            searched=entry.get("searched", False),
            result=entry.get("result"),
        )
        for name, entry in _tables()["calls"].items()
    }


@cache
def macros() -> dict[str, str]:
    """The statement that creates each macro, in an order in which each uses only those before it."""
    return {
        name: f"CREATE OR REPLACE TEMP MACRO {name}({', '.join(entry['parameters'])}) AS {entry['sql'].strip()}"
        for name, entry in _tables()["macros"].items()
    }


@cache
def _uses() -> dict[str, tuple[str, ...]]:
    """Per macro: itself and all that it uses, in the order of creation."""
    known: dict[str, tuple[str, ...]] = {}
    for name, statement in macros().items():
        direct = set(_NAMES.findall(statement)) & known.keys()
        needed = {name, *(below for one in direct for below in known[one])}
        known[name] = tuple(one for one in macros() if one in needed)
    return known


def used_by(sql: str) -> tuple[str, ...]:
    """The macros that a statement needs, in the order of creation; by mere words, so perhaps some more."""
    named = set(_NAMES.findall(sql)) & macros().keys()
    needed = {below for name in named for below in _uses()[name]}
    return tuple(name for name in macros() if name in needed)


def install(connection: duckdb.DuckDBPyConnection, sql: str | None = None) -> None:
    """Create the macros that a statement needs, or all of them (about 15 ms), in a connection.

    They last as long as the connection; a cursor is a connection of its own. Doing it again does no harm.
    """
    names = tuple(macros()) if sql is None else used_by(sql)
    if names:
        connection.execute(";\n".join(macros()[name] for name in names))


def call(name: str, arguments: Sequence[str], types: Sequence[str], insensitive: bool = False) -> str:
    """SQL text of one call.

    name: the canonical name in the registry, ``negate`` too, but not ``cidrMatch`` (see ``cidr``). arguments: SQL of
    the arguments as written. types: their EQL types. Texts, addresses and versions are VARCHAR, whole numbers any
    integer type, other numbers DOUBLE, a date BIGINT milliseconds, a date_nanos BIGINT nanoseconds. Raises
    ``KeyError`` for an unknown name.
    """
    way = calls()[name]
    signature = functions.signatures()[name]
    if types[0] == NULL or (signature.nulls == "any" and NULL in types):
        return f"CAST(NULL AS {way.result or _SQL_TYPES[arithmetic_kind(types)]})"
    if way.text:
        return "(" + " || ".join(string(argument, kind) for argument, kind in zip(arguments, types, strict=True)) + ")"
    given = list(arguments)
    if way.arithmetic:
        return _bound(f"{way.arithmetic}_{arithmetic_kind(types)}", given)
    missing = len(signature.parameters) - len(given)
    given += way.defaults[len(way.defaults) - missing :] if missing else ()
    if way.searched:
        if _is_costly(given[0]):
            bound = _free_name(given)
            inner = call(name, [bound, *given[1:]], types, insensitive)
            return f"list_transform([{given[0]}], lambda {bound}: {inner})[1]"
        given.insert(0, given[0])
    if insensitive:
        given = [f"eql_lower({one})" if position in way.folds else one for position, one in enumerate(given)]
    return _bound(str(way.macro), given)


def string(argument: str, type_name: str) -> str:
    """SQL of a value as Java's ``toString`` writes what a script sees of it."""
    if type_name in FLOAT_TYPES:
        return _bound("eql_string_double", [argument])
    if type_name in ("date", "date_nanos"):
        return _bound(f"eql_string_{type_name}", [argument])
    return f"CAST({argument} AS VARCHAR)"


def cidr(address: str, ranges: Sequence[tuple[bytes, bytes]]) -> str:
    """SQL of cidrMatch: address is SQL of 16 bytes; ranges are first and last addresses, both included."""
    tests = [f"{address} BETWEEN {spelling.literal(low)} AND {spelling.literal(high)}" for low, high in ranges]
    return spelling.disjunction(tests)


_SQL_TYPES = {"long": "BIGINT", "unsigned": "UBIGINT", "double": "DOUBLE"}


def arithmetic_kind(types: Sequence[str]) -> str:
    """double, unsigned or long: the arithmetic that operands of these EQL types are widened to."""
    if any(name in FLOAT_TYPES for name in types):
        return "double"
    return "unsigned" if "unsigned_long" in types else "long"


@cache
def _repeated(macro: str) -> tuple[bool, ...]:
    """Which parameters a macro's own SQL names more than once."""
    entry = _tables()["macros"].get(macro)
    if entry is None:
        return (False,) * len(calls())
    return tuple(len(re.findall(rf"\b{name}\b", entry["sql"])) > 1 for name in entry["parameters"])


def _evaluated_once(macro: str, position: int, argument: str) -> bool:
    """Whether the argument is to be named: it is costly, and the macro, or one that it hands it to, repeats it."""
    if _repeated(macro)[position]:
        return _is_costly(argument)
    return _is_costly(argument) and len(_uses().get(macro, ())) > 1


def _is_costly(argument: str) -> bool:
    """A long text, or a call within: macros within macros would multiply at every level."""
    return len(argument) > LONGEST_REPEATED or _NAMES.search(argument) is not None


def _free_name(arguments: Sequence[str]) -> str:
    """A variable that no argument uses. A column cannot be meant: columns are always quoted."""
    return f"bound_{sum(argument.count('bound_') for argument in arguments)}"


def _bound(macro: str, arguments: list[str]) -> str:
    """A macro's call, in which costly arguments are evaluated once."""
    named = [position for position, argument in enumerate(arguments) if _evaluated_once(macro, position, argument)]
    if not named:
        return f"{macro}({', '.join(arguments)})"
    bound = _free_name(arguments)
    packed = ", ".join(f"a{position} := {arguments[position]}" for position in named)
    given = [f"{bound}.a{position}" if position in named else argument for position, argument in enumerate(arguments)]
    return f"list_transform([struct_pack({packed})], lambda {bound}: {macro}({', '.join(given)}))[1]"
