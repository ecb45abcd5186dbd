"""The registry of EQL's functions, read once from ``functions.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

PARAMETER_TYPES = frozenset({"string", "number", "integer", "boolean", "ip", "any"})
RESULT_TYPES = frozenset({"string", "boolean", "integer", "double", "number"})
NULL_RULES = frozenset({"any", "value"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """type: string, number, integer, boolean, ip or any. constant: a field is refused there."""

    name: str
    type: str
    optional: bool = False
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives.

    result ``number`` is the wider of the arguments' types. insensitive: it has a form with ``~``. nulls: ``any`` where
    any null argument gives null, ``value`` where only the first does (others stand for their default).
    """

    name: str
    parameters: tuple[Parameter, ...]
    variadic: bool
    result: str
    insensitive: bool
    nulls: str
    arity_message: str | None = None
    internal: bool = False

    @property
    def minimum(self) -> int:
        """The least number of arguments."""
        return sum(1 for parameter in self.parameters if not parameter.optional)

    @property
    def maximum(self) -> int | None:
        """The greatest number of arguments, None where there is no limit."""
        return None if self.variadic else len(self.parameters)

    def parameter(self, position: int) -> Parameter:
        """What an argument (from 0) is for."""
        return self.parameters[min(position, len(self.parameters) - 1)]

    def arity_fault(self, count: int) -> str | None:
        """What is wrong with that many arguments, in Elasticsearch's words; None where nothing is."""
        if count >= self.minimum and (self.maximum is None or count <= self.maximum):
            return None
        if self.arity_message:
            return self.arity_message
        words = {1: "one argument", 2: "two arguments", 3: "three arguments", 4: "four arguments"}
        numbers = {1: "one", 2: "two", 3: "three"}
        if self.minimum == self.maximum:
            expected = f"exactly {words[self.minimum]}"
        else:
            expected = f"{numbers[self.minimum]} or {words[len(self.parameters)]}"
        return f"error building [{self.name.lower()}]: expects {expected}"

    def tilde_fault(self) -> str | None:
        """What is wrong with ``~`` after the name; None where the function has such a form."""
        return None if self.insensitive else f"Function [{self.name}] doesn't support case insensitive operator"


@cache
def signatures() -> dict[str, Signature]:
    """All signatures by their canonical names, operators without a name too."""
    text = resources.files("falselight.eql").joinpath("functions.toml").read_text(encoding="utf-8")
    return {name: _signature(name, table) for name, table in tomllib.loads(text).items()}


@cache
def _by_folded_name() -> dict[str, Signature]:
    return {name.lower(): signature for name, signature in signatures().items() if not signature.internal}


def find(name: str) -> Signature | None:
    """The function of that name, without ``~``; case does not matter. None: there is none."""
    return _by_folded_name().get(name.lower())


def similar(name: str) -> list[str]:
    """Canonical names that a misspelt one may mean, nearest first, at most three."""
    known = _by_folded_name()
    return [known[match].name for match in get_close_matches(name.lower(), known, n=3, cutoff=0.6)]


def _signature(name: str, table: dict[str, Any]) -> Signature:
    parameters = tuple(Parameter(**entry) for entry in table.pop("parameters"))
    signature = Signature(
        name=name,
        parameters=parameters,
        variadic=table.pop("variadic", False),
        result=table.pop("result"),
        insensitive=table.pop("insensitive", False),
        nulls=table.pop("nulls"),
        arity_message=table.pop("arity_message", None),
        internal=table.pop("internal", False),
    )
    unknown = [parameter.type for parameter in parameters if parameter.type not in PARAMETER_TYPES]
    if table or unknown or signature.result not in RESULT_TYPES or signature.nulls not in NULL_RULES:
        raise ValueError(f"functions.toml: [{name}] is not well formed: {[*table, *unknown]}")
    return signature
