"""Whether a document satisfies a condition. A leaf is two-valued: some value of its field satisfies it. An expression
without fields is three-valued."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from falselight.eql import syntax
from reference import functions, lucene
from reference.mapped import STRINGS, Document, Kind, Version, address, convert

ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Condition:
    """One condition over documents with these fields; aliases are resolved by the caller's field names."""

    def __init__(self, expression: syntax.Expression, fields: Mapping[str, Kind]) -> None:
        self.expression = expression
        self.fields = fields

    def holds(self, document: Document) -> bool:
        return self._three(self.expression, document) is True

    def _three(self, node: syntax.Expression, document: Document) -> bool | None:
        match node:
            case syntax.And():
                found = [self._three(each, document) for each in node.operands]
                return False if False in found else None if None in found else True
            case syntax.Or():
                found = [self._three(each, document) for each in node.operands]
                return True if True in found else None if None in found else False
            case syntax.Not():
                inner = self._three(node.operand, document)
                return None if inner is None else not inner
            case syntax.Comparison() if node.operator == "!=":
                inner = self._three(_equal(node), document)
                return None if inner is None else not inner
            case syntax.Membership() if node.negated:
                plain = syntax.Membership(node.operand, node.items, node.insensitive, False, node.span)
                inner = self._three(plain, document)
                return None if inner is None else not inner
        if not any(True for _ in self._occurrences(node)):
            return self._value(node, iter(()), script=False)
        return self._leaf(node, document)

    def _leaf(self, node: syntax.Expression, document: Document) -> bool:
        direct = self._direct(node)
        choices = [document.values.get(name) or [None] for name in self._occurrences(node)]
        return any(self._value(node, iter(choice), script=not direct) is True for choice in product(*choices))

    def _direct(self, node: syntax.Expression) -> bool:
        """Whether an index answers it: a field against constants, and not a computation."""
        match node:
            case syntax.FieldName():
                return True
            case syntax.Comparison():
                return self._is_field(node.left) or self._is_field(node.right) or self._direct_call(node)
            case syntax.Membership() | syntax.Match():
                return self._is_field(node.operand)
            case syntax.Call():
                return self._is_field(node.arguments[0]) and not any(map(self._is_field, node.arguments[1:]))
        return False

    def _direct_call(self, node: syntax.Comparison) -> bool:
        return (
            node.operator == "=="
            and isinstance(node.left, syntax.Call)
            and isinstance(node.right, syntax.Literal)
            and node.right.value is True
            and self._direct(node.left)
        )

    def _is_field(self, node: syntax.Expression) -> bool:
        return isinstance(node, syntax.FieldName) and self._known(node) is not None

    def _known(self, node: syntax.FieldName) -> str | None:
        kind = self.fields.get(node.name)
        return None if kind is None else kind.exact or node.name

    def _occurrences(self, node: syntax.Expression) -> Iterator[str]:
        """Names of the mapped fields in an expression, each occurrence once, in the order in which values are read."""
        if isinstance(node, syntax.FieldName):
            name = self._known(node)
            if name is not None:
                yield name
        elif isinstance(node, syntax.Call):
            for each in node.arguments:
                yield from self._occurrences(each)
        elif isinstance(node, syntax.Negate | syntax.Not | syntax.Match):
            yield from self._occurrences(node.operand)
        elif isinstance(node, syntax.Arithmetic | syntax.Comparison):
            yield from self._occurrences(node.left)
            yield from self._occurrences(node.right)
        elif isinstance(node, syntax.Membership):
            yield from self._occurrences(node.operand)
            for each in node.items:
                yield from self._occurrences(each)

    def _value(self, node: syntax.Expression, given: Iterator[Any], *, script: bool) -> Any:
        """The value with these values in the place of the fields, in order."""
        match node:
            case syntax.Literal():
                return node.value
            case syntax.FieldName():
                return next(given) if self._known(node) else None
            case syntax.Negate():
                return functions.call("negate", [self._value(node.operand, given, script=script)], False)
            case syntax.Arithmetic():
                sides = [self._value(side, given, script=script) for side in (node.left, node.right)]
                return functions.call(ARITHMETIC[node.operator], sides, False)
            case syntax.Call():
                return self._call(node, given, script)
            case syntax.Comparison():
                return self._comparison(node, given, script)
            case syntax.Membership():
                return self._membership(node, given, script)
            case syntax.Match():
                return self._match(node, given, script)
        raise AssertionError(node)

    def _call(self, node: syntax.Call, given: Iterator[Any], script: bool) -> Any:
        arguments = [self._value(each, given, script=script) for each in node.arguments]
        name = node.name.lower()
        if name == "cidrmatch":
            if arguments[0] is None:
                return None
            return any(_within(arguments[0], block) for block in arguments[1:])
        if not script and arguments and arguments[0] is not None and self._direct(node):
            if name == "startswith":
                return lucene.same(arguments[0][: len(arguments[1])], arguments[1], node.insensitive)
            if name in ("endswith", "stringcontains"):
                after = "*" if name == "stringcontains" else ""
                if name == "stringcontains" and not arguments[1]:
                    return False
                return lucene.wildcard(f"*{arguments[1]}{after}", arguments[0], node.insensitive, escapes=True)
        return functions.call(name, arguments, node.insensitive)

    def _comparison(self, node: syntax.Comparison, given: Iterator[Any], script: bool) -> Any:
        left, right = (self._value(side, given, script=script) for side in (node.left, node.right))
        operator = node.operator
        if operator == "==" and self._is_null_check(node):
            return left is None and right is None
        for side, other in ((node.left, "right"), (node.right, "left")):
            if self._is_field(side):
                kind = self.fields[self._known(side) or ""].type  # type: ignore[arg-type]
                if other == "right":
                    right = _typed(right, kind)
                else:
                    left = _typed(left, kind)
        if left is None or right is None or isinstance(left, str) != isinstance(right, str):
            return None
        if isinstance(left, Version) and isinstance(right, Version):
            left, right = left.rank(), right.rank()
        return {
            "==": left == right,
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
        }[operator]

    def _is_null_check(self, node: syntax.Comparison) -> bool:
        """``x == null``; an optional field that is unmapped counts as null, but not against a constant."""
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(side, syntax.Literal) and side.value is None:
                return True
            unmapped = isinstance(side, syntax.FieldName) and self._known(side) is None
            if unmapped and not (isinstance(other, syntax.Literal) and other.value is not None):
                return True
        return False

    def _membership(self, node: syntax.Membership, given: Iterator[Any], script: bool) -> Any:
        operand = self._value(node.operand, given, script=script)
        items = [self._value(each, given, script=script) for each in node.items]
        if operand is None:
            return None
        if self._is_field(node.operand):
            kind = self.fields[self._known(node.operand) or ""].type  # type: ignore[arg-type]
            items = [_typed(each, kind) for each in items]
        if node.insensitive:
            return any(each is not None and _same(operand, each, True, script) for each in items)
        if isinstance(operand, Version):
            return any(isinstance(each, Version) and each.rank() == operand.rank() for each in items)
        return any(each is not None and each == operand for each in items)

    def _match(self, node: syntax.Match, given: Iterator[Any], script: bool) -> Any:
        operand = self._value(node.operand, given, script=script)
        if operand is None:
            return None
        fold = node.operator == ":" or node.operator.endswith("~")
        for pattern in node.patterns:
            text = str(pattern.value)
            if node.operator.startswith("regex"):
                if lucene.matches(text, operand, fold):
                    return True
            elif re.search("[*?]", text):
                if lucene.wildcard(text, operand, fold):
                    return True
            elif _same(operand, text, fold, script):
                return True
        return False


def _same(left: str, right: str, fold: bool, script: bool) -> bool:
    return left.lower() == right.lower() if fold and script else lucene.same(left, right, fold)


def _equal(node: syntax.Comparison) -> syntax.Comparison:
    return syntax.Comparison("==", node.left, node.right, node.operator_span, node.span)


def _typed(value: Any, kind: str) -> Any:
    """A constant against a field of that type."""
    if value is None or kind in STRINGS or kind == "text":
        return None if value is None else convert(value, "keyword")
    if kind in ("long", "integer", "double"):
        return value
    return convert(value, kind)


def _within(value: int, block: str) -> bool:
    network = ipaddress.ip_network(block, strict=False)
    return address(str(network.network_address)) <= value <= address(str(network.broadcast_address))
