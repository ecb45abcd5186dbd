"""Tokens → expressions, by precedence climbing.

From weak to strong: or, and, not, comparisons (never chained), + -, * / %, unary + -, then ``in``, ``:``, ``like`` and
``regex``, which take a single operand. The height of every tree and the nesting of brackets are bounded, so that
neither reading a query nor walking its tree can exhaust the stack; chains of ``and`` and ``or`` and lists are flat, and
may be of any length.
"""

from __future__ import annotations

from falselight.eql import names, syntax, tokens
from falselight.eql.cursor import Cursor
from falselight.eql.syntax_faults import shortened
from falselight.eql.tokens import Token
from falselight.source import Span

NESTING_LIMIT = 150

_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN = range(1, 8)
_LEVELS = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(tokens.COMPARISONS, _COMPARISON),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/%", _PRODUCT),
}
_CONSTANTS: dict[str, bool | None] = {"null": None, "true": True, "false": False}
_LITERALS = frozenset((tokens.STRING, tokens.INTEGER, tokens.DECIMAL))
_RELATIONS = frozenset(("child", "descendant", "event"))


class Expressions:
    """Reads expressions from a cursor. One instance per query."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self._depth = 0
        # Height of the tree that was read last.
        self._height = 0

    def expression(self, level: int = _OR) -> syntax.Expression:
        """An expression whose operators all bind at least as strongly as ``level``."""
        cursor = self.cursor
        start = cursor.token
        self._depth += 1
        if self._depth > NESTING_LIMIT:
            self._refuse_depth(start)
        left = self._prefix(level)
        while True:
            operator = cursor.token
            strength = _LEVELS.get(operator.kind, 0)
            if strength < level or not strength:
                self._depth -= 1
                return left
            if strength <= _AND:
                left = self._chain(left, operator.kind, strength, start.start)
                continue
            cursor.advance()
            height = self._height
            right = self.expression(strength + 1)
            self._grow(max(height, self._height), operator)
            span = Span(start.start, cursor.previous.end)
            if strength == _COMPARISON:
                left = syntax.Comparison(operator.kind, left, right, operator.span, span)
                if cursor.token.kind in tokens.COMPARISONS:
                    raise cursor.fault("E0114", cursor.token.span, help="Join two comparisons with [and].")
            else:
                left = syntax.Arithmetic(operator.kind, left, right, span)

    def _chain(self, first: syntax.Expression, kind: str, strength: int, start: int) -> syntax.Expression:
        node = syntax.Or if kind == "or" else syntax.And
        operands = list(first.operands) if isinstance(first, node) else [first]
        height = self._height - isinstance(first, node)
        operator = self.cursor.token
        while self.cursor.accept(kind):
            operand = self.expression(strength + 1)
            if isinstance(operand, node):
                operands.extend(operand.operands)
                self._height -= 1
            else:
                operands.append(operand)
            height = max(height, self._height)
        self._grow(height, operator)
        return node(tuple(operands), Span(start, self.cursor.previous.end))

    def _prefix(self, level: int) -> syntax.Expression:
        token = self.cursor.token
        if token.kind == "not":
            if level > _NOT:
                operator = self.cursor.previous.text
                raise self.cursor.fault(
                    "E0115", token.span, operator=operator, help="Put the condition with [not] in brackets."
                )
            return self._negation()
        if token.kind == "+" or token.kind == "-":
            self.cursor.advance()
            operand = self.expression(_SIGN)
            if token.kind == "+":
                return operand
            self._grow(self._height, token)
            return syntax.Negate(operand, Span(token.start, self.cursor.previous.end))
        return self._predicate(self._primary(), token.start)

    def _negation(self) -> syntax.Expression:
        token = self.cursor.advance()
        operand = self.expression(_NOT)
        self._grow(self._height, token)
        return syntax.Not(operand, Span(token.start, self.cursor.previous.end))

    def _predicate(self, operand: syntax.Expression, start: int) -> syntax.Expression:
        cursor = self.cursor
        operator = cursor.token
        kind = operator.kind
        if kind == "in" or kind == "in~":
            cursor.advance()
            return self._membership(operand, start, insensitive=kind == "in~", negated=False)
        if kind in tokens.MATCHES:
            cursor.advance()
            patterns = self._patterns(operator)
            self._grow(max(self._height, 1), operator)
            span = Span(start, cursor.previous.end)
            return syntax.Match(operand, kind, patterns, operator.span, span)
        if kind == "not":
            after = cursor.ahead()
            if after.kind in ("in", "in~"):
                cursor.advance()
                cursor.advance()
                return self._membership(operand, start, insensitive=after.kind == "in~", negated=True)
            if after.kind in tokens.MATCHES:
                name = shortened(cursor.source.text[operand.span.start : operand.span.end])
                raise cursor.fault(
                    "E0122",
                    operator.span.to(after.span),
                    operator=after.kind,
                    help=f"Write [not {name} {after.kind} …].",
                )
        return operand

    def _membership(
        self, operand: syntax.Expression, start: int, *, insensitive: bool, negated: bool
    ) -> syntax.Membership:
        operator = self.cursor.previous
        height = self._height
        opening = self.cursor.expect("(", "[(] and a list of values")
        items = self._list(opening)
        self._grow(max(height, self._height), operator)
        return syntax.Membership(operand, items, insensitive, negated, Span(start, self.cursor.previous.end))

    def _patterns(self, operator: Token) -> tuple[syntax.Literal, ...]:
        opening = self.cursor.accept("(")
        if opening is None:
            return (self._constant(operator),)
        patterns = [self._constant(operator)]
        while self.cursor.accept(","):
            patterns.append(self._constant(operator))
        self.cursor.expect(")", "[,] or [)]", opening=opening)
        return tuple(patterns)

    def _constant(self, operator: Token) -> syntax.Literal:
        token = self.cursor.token
        if token.kind in _LITERALS or token.kind in _CONSTANTS:
            return self._literal(self.cursor.advance())
        if token.kind in (tokens.IDENTIFIER, tokens.QUOTED, tokens.TILDE, "?", "(", "-", "+"):
            help = "Put the pattern in double quotes. Fields cannot be compared with fields."
            raise self.cursor.fault("E0116", token.span, operator=operator.kind, help=help)
        self.cursor.unexpected("a constant")

    @staticmethod
    def _literal(token: Token) -> syntax.Literal:
        value = _CONSTANTS.get(token.kind, token.value)
        return syntax.Literal(value, token.span)

    def _primary(self) -> syntax.Expression:
        cursor = self.cursor
        token = cursor.token
        kind = token.kind
        self._height = 1
        if kind == tokens.IDENTIFIER:
            after = cursor.ahead()
            if after.kind == "(":
                return self._call(insensitive=False)
            if after.kind == "of":
                self._refuse_relation(token)
            return names.field(cursor)
        if kind in _LITERALS or kind in _CONSTANTS:
            return self._literal(cursor.advance())
        if kind == tokens.QUOTED or kind == "?":
            return names.field(cursor)
        if kind == tokens.TILDE:
            return self._call(insensitive=True)
        if kind == "(":
            opening = cursor.advance()
            inner = self.expression()
            cursor.expect(")", "an operator or [)]", opening=opening)
            return inner
        if kind in tokens.KEYWORDS:
            names.refuse_keyword(cursor, token)
        cursor.unexpected("a field, a value or a function")

    def _call(self, *, insensitive: bool) -> syntax.Call:
        name = self.cursor.advance()
        opening = self.cursor.expect("(", "[(] after the function name")
        arguments: tuple[syntax.Expression, ...] = ()
        self._height = 0
        if not self.cursor.accept(")"):
            arguments = self._list(opening)
        self._grow(self._height, name)
        span = Span(name.start, self.cursor.previous.end)
        return syntax.Call(str(name.value), insensitive, arguments, name.span, span)

    def _list(self, opening: Token) -> tuple[syntax.Expression, ...]:
        """Expressions up to the closing bracket, which is read; leaves the greatest height."""
        items = [self.expression()]
        height = self._height
        while self.cursor.accept(","):
            items.append(self.expression())
            height = max(height, self._height)
        self.cursor.expect(")", "[,] or [)]", opening=opening)
        self._height = height
        return tuple(items)

    def _refuse_relation(self, token: Token) -> None:
        help = "Write a sequence by the process's entity id."
        if token.text not in _RELATIONS:
            help = "[of] belongs to process relationships. Write [in] for lists. " + help
        raise self.cursor.fault("E0120", token.span.to(self.cursor.ahead().span), help=help)

    def _grow(self, below: int, token: Token) -> None:
        self._height = below + 1
        if self._height > NESTING_LIMIT:
            self._refuse_depth(token)

    def _refuse_depth(self, token: Token) -> None:
        help = "Split the expression, or join conditions with [and] and [or], which do not nest."
        raise self.cursor.fault("E0117", token.span, limit=NESTING_LIMIT, help=help)
