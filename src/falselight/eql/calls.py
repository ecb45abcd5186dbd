"""Function calls and patterns: does the function exist, do its arguments fit."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from falselight.ecs.schema import FLOAT_TYPES, NUMBER_TYPES
from falselight.eql import functions, regular, syntax, typed
from falselight.eql.faults import family

if TYPE_CHECKING:
    from falselight.eql.resolver import Resolver

RESULT_TYPES = {"string": "keyword", "boolean": "boolean", "integer": "integer", "double": "double"}
WANTED = {"number": "numeric", "string": "string", "integer": "integer", "boolean": "boolean", "ip": "ip"}


def call(resolver: Resolver, expression: syntax.Call) -> typed.Value:
    """A checked call. A fault gives a null, so that checking goes on."""
    signature = functions.find(expression.name)
    nothing = typed.Constant(None, "null", expression.span)
    if signature is None:
        _unknown(resolver, expression)
        return nothing
    fault = signature.arity_fault(len(expression.arguments))
    if fault is None and expression.insensitive:
        fault = signature.tilde_fault()
    if fault is not None:
        resolver.faults.add("E0212", fault, expression.span)
        return nothing
    arguments = tuple(
        _argument(resolver, expression, argument, position, signature.parameter(position))
        for position, argument in enumerate(expression.arguments)
    )
    if signature.name == "cidrMatch":
        for argument in arguments[1:]:
            _check_block(resolver, argument)
    kind = arithmetic_type(arguments) if signature.result == "number" else RESULT_TYPES[signature.result]
    return typed.Function(signature.name, arguments, expression.insensitive, kind, expression.span)


def _unknown(resolver: Resolver, expression: syntax.Call) -> None:
    similar = functions.similar(expression.name)
    message = f"Unknown function [{expression.name}]"
    if len(similar) == 1:
        message += f", did you mean [{similar[0]}]?"
    elif similar:
        message += f", did you mean any of [{', '.join(similar)}]?"
    resolver.faults.add("E0213", message, expression.name_span)


def _argument(
    resolver: Resolver, whole: syntax.Call, written: syntax.Expression, position: int, parameter: functions.Parameter
) -> typed.Value:
    value = resolver.value(written)
    constant = not typed.fields(value)
    if parameter.constant and not constant:
        ordinal = ("first", "second", "third", "fourth")[position] if position < 4 else f"{position + 1}th"
        resolver.faults.add(
            "E0214",
            f"{ordinal} argument of [{resolver.faults.text(whole.span)}] must be a constant, "
            f"received [{resolver.faults.text(written.span)}]",
            written.span,
        )
    elif not _fits(value.type, parameter.type):
        resolver.mismatch(whole.span, min(position, 4), WANTED[parameter.type], written, value.type)
        return typed.Constant(None, "null", written.span)
    return value


def _fits(kind: str, wanted: str) -> bool:
    if wanted == "any" or kind == "null":
        return True
    if wanted == "integer":
        return kind in NUMBER_TYPES and kind not in FLOAT_TYPES
    return family(kind) == wanted


def _check_block(resolver: Resolver, argument: typed.Value) -> None:
    if not isinstance(argument, typed.Constant) or not isinstance(argument.value, str):
        return
    try:
        ipaddress.ip_network(argument.value.strip(), strict=False)
    except ValueError:
        resolver.faults.add(
            "E0215",
            f"[{argument.value}] is not an IP address block",
            argument.span,
            help='a block is written as an address and a prefix length: "10.0.0.0/8", "fe80::/10"',
        )


def check_regex(resolver: Resolver, pattern: syntax.Literal) -> None:
    """A regular expression must parse by Lucene's grammar and be one that can be run."""
    try:
        regular.translate(str(pattern.value), False)
    except regular.RegexSyntaxError as fault:
        resolver.faults.add(
            "E0216",
            f"[{pattern.value}] is not a Lucene regular expression: {fault.message} at character {fault.position + 1}",
            pattern.span,
        )
    except regular.RegexUnsupported as fault:
        resolver.faults.add("E0217", f"This regular expression cannot be run here: {fault.message}", pattern.span)


def arithmetic_type(operands: tuple[typed.Value, ...]) -> str:
    """The wider of the operands' types, as Java widens: double, long, integer; null where all are null."""
    kinds = [operand.type for operand in operands if operand.type != "null"]
    if any(kind in FLOAT_TYPES for kind in kinds):
        return "double"
    if any(kind in ("long", "unsigned_long") for kind in kinds):
        return "long"
    return "integer" if kinds else "null"
