"""Expressions: names become fields, types are checked, each meaning gets its one typed form."""

from __future__ import annotations

from dataclasses import dataclass

from falselight.ecs.schema import EXACT_STRING_TYPES, NUMBER_TYPES, STRING_TYPES, Field, Schema
from falselight.eql import calls, syntax, typed
from falselight.eql.faults import ORDINALS, Faults, described, family
from falselight.source import Span

SUPPORTED_TYPES = STRING_TYPES | NUMBER_TYPES | {"ip", "boolean", "date", "date_nanos", "version"}
MIRRORED = {"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}
NULL = "null"


@dataclass
class Resolver:
    """Turns syntax into typed values under one schema; faults are gathered, not raised."""

    schema: Schema
    faults: Faults

    # -- fields -----------------------------------------------------------------------------------------------------

    def find(self, name: syntax.FieldName) -> Field | None:
        """The field of that name. None: optional and unmapped, or unknown (then a fault is noted)."""
        found = self.schema.find(name.name)
        if found is None:
            if not name.optional:
                self._unknown(name)
            return None
        if found.conflict:
            self.faults.add(
                "E0202",
                f"Cannot use field [{name.name}] due to ambiguities being mapped as [{len(found.conflict)}] "
                f"incompatible types: {', '.join(f'[{kind}]' for kind in found.conflict)}",
                name.span,
            )
        elif found.type == "object":
            self.faults.add("E0203", f"Cannot use field [{name.name}] type [object] only its subfields", name.span)
        elif found.type == "nested":
            self.faults.add(
                "E0203",
                f"Cannot use field [{name.name}] type [nested] due to nested fields not being supported yet",
                name.span,
            )
        elif found.type not in SUPPORTED_TYPES:
            self.faults.add("E0203", f"Cannot use field [{name.name}] with unsupported type [{found.type}]", name.span)
        else:
            return found
        return None

    def _unknown(self, name: syntax.FieldName) -> None:
        similar = self.schema.similar(name.name)
        message = f"Unknown column [{name.name}]"
        if len(similar) == 1:
            message += f", did you mean [{similar[0]}]?"
        elif similar:
            message += f", did you mean any of [{', '.join(similar)}]?"
        help = f"a field that may be absent is written ?{name.name}"
        self.faults.add("E0201", message, name.span, help=help)

    def resolved(self, found: Field, span: Span) -> typed.Value:
        """A field where its exact value is needed: a text gives way to its exact sub-field."""
        if found.type in STRING_TYPES and found.type not in EXACT_STRING_TYPES:
            exact = self.schema.find(found.exact) if found.exact else None
            if exact is None:
                self.faults.add(
                    "E0204",
                    f"[{self.faults.text(span) or found.name}] cannot operate on first argument field of data type "
                    f"[{found.type}]: No keyword/multi-field defined exact matches for [{found.name}]; "
                    "define one or use MATCH/QUERY instead",
                    span,
                )
                return typed.Constant(None, NULL, span)
            found = exact
        if found.normalizer:
            self.faults.add(
                "E0204",
                f"[{self.faults.text(span) or found.name}] cannot operate on first argument field of data type "
                f"[{found.type}]: Normalized keyword field cannot be used for exact match operations",
                span,
            )
        return typed.FieldValue(found, span)

    # -- values -----------------------------------------------------------------------------------------------------

    def value(self, expression: syntax.Expression) -> typed.Value:
        """Any expression, as a value."""
        if isinstance(expression, syntax.Literal):
            return typed.Constant(expression.value, constant_type(expression.value), expression.span)
        if isinstance(expression, syntax.FieldName):
            found = self.find(expression)
            if found is None:
                return typed.Constant(None, NULL, expression.span)
            return self.resolved(found, expression.span)
        if isinstance(expression, syntax.Call):
            return calls.call(self, expression)
        if isinstance(expression, syntax.Negate):
            return self._negation(expression)
        if isinstance(expression, syntax.Arithmetic):
            name = ARITHMETIC[expression.operator]
            operands = tuple(self._number(side, position, expression) for position, side in _sides(expression))
            return typed.Function(name, operands, False, calls.arithmetic_type(operands), expression.span)
        return self._boolean(expression)

    def _negation(self, expression: syntax.Negate) -> typed.Value:
        operand = self._number(expression.operand, 0, expression)
        if isinstance(operand, typed.Constant) and operand.value is not None:
            return typed.Constant(-operand.value, constant_type(-operand.value), expression.span)
        return typed.Function("negate", (operand,), False, operand.type, expression.span)

    def _number(self, side: syntax.Expression, position: int, whole: syntax.Expression) -> typed.Value:
        value = self.value(side)
        if family(value.type) != "number" and value.type != NULL:
            self.mismatch(whole.span, position, "numeric", side, value.type)
            return typed.Constant(None, NULL, side.span)
        return value

    def mismatch(
        self, whole: Span, position: int, wanted: str, found: syntax.Expression, found_type: str, *, advice: str = ""
    ) -> None:
        """An argument of the wrong type, in Elasticsearch's words."""
        self.faults.add(
            "E0205",
            f"{ORDINALS[position]} argument of [{self.faults.text(whole)}] must be [{wanted}], "
            f"found {described(found, self.faults.text(found.span))} type [{found_type}]{advice}",
            found.span,
        )

    # -- conditions -------------------------------------------------------------------------------------------------

    def condition(self, expression: syntax.Expression) -> typed.Value:
        """The condition of an event filter: it must be boolean."""
        value = self._truth(self._boolean(expression))
        if value.type not in ("boolean", NULL):
            self.faults.add(
                "E0206", f"Condition expression needs to be boolean, found [{value.type.upper()}]", expression.span
            )
            return typed.Constant(None, NULL, expression.span)
        return value

    def _truth(self, value: typed.Value) -> typed.Value:
        """A bare boolean field or function is compared with true."""
        if isinstance(value, typed.FieldValue) and value.type == "boolean":
            return typed.Compare("==", value, typed.Constant(True, "boolean", value.span), value.span)
        return value

    def _boolean(self, expression: syntax.Expression) -> typed.Value:
        if isinstance(expression, syntax.And | syntax.Or):
            operands = tuple(
                self._operand(operand, min(position, 1), expression)
                for position, operand in enumerate(expression.operands)
            )
            kind = typed.And if isinstance(expression, syntax.And) else typed.Or
            return kind(operands, expression.span)
        if isinstance(expression, syntax.Not):
            return typed.Not(self._operand(expression.operand, 0, expression), expression.span)
        if isinstance(expression, syntax.Comparison):
            return self._comparison(expression)
        if isinstance(expression, syntax.Membership):
            return self._membership(expression)
        if isinstance(expression, syntax.Match):
            return self._match(expression)
        return self.value(expression)

    def _operand(self, expression: syntax.Expression, position: int, whole: syntax.Expression) -> typed.Value:
        value = self._truth(self._boolean(expression))
        if value.type not in ("boolean", NULL):
            self.mismatch(whole.span, position, "boolean", expression, value.type)
            return typed.Constant(None, NULL, expression.span)
        return value

    def _comparison(self, expression: syntax.Comparison) -> typed.Value:
        operator = "==" if expression.operator == "!=" else expression.operator
        null_side = self._null_comparison(expression) if operator == "==" else None
        if null_side is not None:
            result: typed.Value = null_side
        else:
            left, right = self.value(expression.left), self.value(expression.right)
            if is_constant(left) and not is_constant(right):
                left, right, operator = right, left, MIRRORED[operator]
            if not is_constant(right):
                self._field_comparison(expression.right, expression.operator)
            result = typed.Compare(operator, left, right, expression.span)
        return typed.Not(result, expression.span) if expression.operator == "!=" else result

    def _null_comparison(self, expression: syntax.Comparison) -> typed.IsNull | None:
        """``x == null``: x need not be exact there. Optional unmapped fields are null as well."""
        for side, other in ((expression.right, expression.left), (expression.left, expression.right)):
            if self._is_null(side) and not _is_propagated(side, other):
                if isinstance(other, syntax.FieldName):
                    found = self.find(other)
                    operand: typed.Value = (
                        typed.FieldValue(found, other.span) if found else typed.Constant(None, NULL, other.span)
                    )
                else:
                    operand = self.value(other)
                return typed.IsNull(operand, expression.span)
        return None

    def _is_null(self, side: syntax.Expression) -> bool:
        if isinstance(side, syntax.FieldName):
            return side.optional and self.schema.find(side.name) is None
        return isinstance(side, syntax.Literal) and side.value is None

    def _field_comparison(self, offender: syntax.Expression, operator: str) -> None:
        self.faults.add(
            "E0207",
            "Comparisons against fields are not (currently) supported; "
            f"offender [{self.faults.text(offender.span)}] in [{operator}]",
            offender.span,
            help="compare a field with a constant; a function of one field may be compared with a constant as well",
        )

    def _membership(self, expression: syntax.Membership) -> typed.Value:
        operand = self.value(expression.operand)
        if expression.insensitive:
            self._must_be_string(operand, expression.operand, expression.span, "")
        items: list[typed.Value] = []
        for position, item in enumerate(expression.items):
            value = self.value(item)
            if not is_constant(value):
                self._field_comparison(item, "in~" if expression.insensitive else "in")
            elif value.type == NULL:
                continue
            elif not _may_equal(operand.type, value.type):
                self.faults.add(
                    "E0208",
                    f"{_nth(position + 1)} argument of [{self.faults.text(expression.span)}] must be [{operand.type}], "
                    f"found {described(item, self.faults.text(item.span))} type [{value.type}]",
                    item.span,
                )
            else:
                items.append(value)
        result: typed.Value = typed.InList(operand, tuple(items), expression.insensitive, expression.span)
        return typed.Not(result, expression.span) if expression.negated else result

    def _match(self, expression: syntax.Match) -> typed.Value:
        operand = self.value(expression.operand)
        advice = "; consider using [==] instead" if expression.operator == ":" else ""
        good = self._must_be_string(operand, expression.operand, expression.span, advice)
        patterns = []
        for pattern in expression.patterns:
            if isinstance(pattern.value, str):
                patterns.append(pattern.value)
                if expression.operator.startswith("regex"):
                    calls.check_regex(self, pattern)
            elif good:
                kind = constant_type(pattern.value)
                self.mismatch(expression.span, 1, "string", pattern, kind, advice=advice)
        return typed.Match(operand, expression.operator, tuple(patterns), expression.span)

    def _must_be_string(self, value: typed.Value, written: syntax.Expression, whole: Span, advice: str) -> bool:
        if value.type in EXACT_STRING_TYPES or value.type == NULL:
            return True
        self.mismatch(whole, 0, "string", written, value.type, advice=advice)
        return False

    def foldable_integer(self, expression: syntax.Expression, name: str) -> int:
        """The argument of a pipe: a whole number, zero or more."""
        value = self.value(expression)
        count = value.value if isinstance(value, typed.Constant) else None
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            return count
        self.faults.add(
            "E0209",
            f"Pipe [{name}] takes a whole number, zero or more; found [{self.faults.text(expression.span)}]",
            expression.span,
        )
        return 0


def _is_propagated(side: syntax.Expression, other: syntax.Expression) -> bool:
    """``?unmapped == 1`` is no null check: the comparison itself is null."""
    return isinstance(side, syntax.FieldName) and isinstance(other, syntax.Literal) and other.value is not None


def constant_type(value: bool | int | float | str | None) -> str:
    """The Elasticsearch type of a literal."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -(2**31) <= value < 2**31 else "long" if -(2**63) <= value < 2**63 else "unsigned_long"
    return "double" if isinstance(value, float) else "keyword"


def is_constant(value: typed.Value) -> bool:
    """True where no field takes part."""
    return not typed.fields(value)


def _sides(expression: syntax.Arithmetic) -> tuple[tuple[int, syntax.Expression], tuple[int, syntax.Expression]]:
    return (0, expression.left), (1, expression.right)


def _may_equal(operand: str, item: str) -> bool:
    """Types that ``in`` may compare; dates, addresses and versions are written as strings."""
    if operand == NULL or family(operand) == family(item):
        return True
    return (item == "keyword" and family(operand) in ("date", "ip", "version")) or (family(operand), item) == (
        "date",
        "long",
    )


def _nth(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
