"""Expressions → SQL values. Null propagates as in SQL; a list field stands for each of its values in turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from falselight.ecs.schema import DATE_TYPES, FLOAT_TYPES, column, ip_column, order_column
from falselight.eql import patterns, regular, typed
from falselight.eql.faults import family
from falselight.plan import literals
from falselight.sql import functions
from falselight.sql.spelling import literal, name
from falselight.sql.strings import like, matches


def fixed(value: typed.Value) -> str:
    """An expression without fields; NULL where it is null."""
    return _Writer().write(value)


def script(value: typed.Value) -> str:
    """True where some choice of one value for each occurrence of a field makes the expression true."""
    writer = _Writer()
    result = writer.write(value)
    for variable, source in reversed(writer.lists):
        result = f"list_bool_or(list_transform(coalesce({source}, [NULL]), lambda {variable}: {result}))"
    return result


def _sql_type(kind: str) -> str:
    """The column type of one value of a field."""
    if family(kind) in ("number", "date"):
        return "DOUBLE" if kind in FLOAT_TYPES else "BIGINT"
    return "BOOLEAN" if kind == "boolean" else "VARCHAR"


@dataclass
class _Writer:
    """Writes one expression; occurrences of list fields become variables of enclosing lambdas."""

    lists: list[tuple[str, str]] = field(default_factory=list)

    def write(self, value: typed.Value) -> str:
        match value:
            case typed.Constant():
                return self._constant(value)
            case typed.FieldValue():
                return self._occurrence(value, name(column(value.field.name)))
            case typed.Function():
                return self._function(value)
            case typed.Compare():
                return self._compare(value)
            case typed.InList():
                return self._in_list(value)
            case typed.Match():
                return self._match(value)
            case typed.IsNull(operand):
                return f"({self.write(operand)} IS NULL)"
            case typed.Not(operand):
                return f"(NOT {self.write(operand)})"
            case typed.And(operands):
                return "(" + " AND ".join(self.write(operand) for operand in operands) + ")"
            case typed.Or(operands):
                return "(" + " OR ".join(self.write(operand) for operand in operands) + ")"
        raise TypeError(f"no SQL for {value!r}")

    def _constant(self, value: typed.Constant) -> str:
        if value.value is None:
            return "NULL"
        if value.type == "double":
            return f"{literal(value.value)}::DOUBLE"
        return literal(value.value)

    def _occurrence(self, value: typed.FieldValue, source: str) -> str:
        if not value.field.filled:
            return f"CAST(NULL AS {_sql_type(value.field.type)})"
        if not value.field.many:
            return source
        variable = f"v{len(self.lists)}"
        self.lists.append((variable, source))
        return variable

    def _function(self, value: typed.Function) -> str:
        first = value.arguments[0]
        if value.name == "cidrMatch":
            if not isinstance(first, typed.FieldValue) or not first.field.filled:
                return "NULL::BOOLEAN"
            if any(argument.type == "null" for argument in value.arguments):
                return "NULL::BOOLEAN"
            blocks = tuple(
                literals.network(str(argument.value))
                for argument in value.arguments[1:]
                if isinstance(argument, typed.Constant)
            )
            return functions.cidr(self._occurrence(first, name(ip_column(first.field.name))), blocks)
        arguments = [self.write(argument) for argument in value.arguments]
        kinds = [argument.type for argument in value.arguments]
        return functions.call(value.name, arguments, kinds, value.insensitive)

    def _compare(self, value: typed.Compare) -> str:
        left, right = value.left, value.right
        if "null" in (left.type, right.type):
            return "NULL::BOOLEAN"
        operator = "=" if value.operator == "==" else value.operator
        if isinstance(left, typed.FieldValue) and left.type in ("ip", "version", *DATE_TYPES):
            return self._stored(left, operator, right)
        if family(left.type) != family(right.type):
            return "NULL::BOOLEAN"
        return f"({self.write(left)} {operator} {self.write(right)})"

    def _stored(self, left: typed.FieldValue, operator: str, right: typed.Value) -> str:
        """A date, address or version against a computed text: compared in the form that the field's text has."""
        if left.type == "version":
            return f"({self._occurrence(left, name(order_column(left.field.name)))} {operator} {self.write(right)})"
        text = functions.call("string", [self.write(left)], [left.type])
        return f"({text} {operator} {self.write(right)})"

    def _in_list(self, value: typed.InList) -> str:
        operand = self.write(value.operand)
        if value.operand.type == "null":
            return "NULL::BOOLEAN"
        if not value.items:
            return "FALSE"
        items = [self.write(item) for item in value.items]
        if value.insensitive:
            operand, items = f"lower({operand})", [f"lower({item})" for item in items]
        return f"({operand} IN ({', '.join(items)}))"

    def _match(self, value: typed.Match) -> str:
        operand = self.write(value.operand)
        if value.operand.type == "null":
            return "NULL::BOOLEAN"
        insensitive = value.operator == ":" or value.operator.endswith("~")
        if value.operator.startswith("regex"):
            return matches(operand, regular.translate("|".join(value.patterns), insensitive))
        if not insensitive:
            return like(operand, value.patterns, False)
        # A text compared without case is folded as Java folds it; a wildcard's letters as ASCII.
        wild = tuple(pattern for pattern in value.patterns if patterns.has_wildcard(pattern))
        plain = [f"lower({operand}) = lower({literal(p)})" for p in value.patterns if not patterns.has_wildcard(p)]
        return "(" + " OR ".join([*plain, *([like(operand, wild, True)] if wild else [])]) + ")"
