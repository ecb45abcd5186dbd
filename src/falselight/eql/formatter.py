"""EQL text → the same query in one canonical layout, comments kept.

Lines are at most 100 characters long where the query can be broken: behind ``and``, ``or``, ``,`` and brackets. Stages,
``until`` and pipes have a line each. Strings and numbers stay as they are spelled; backquotes and brackets stand only
where they are needed, and around ``and`` within ``or``, where they help.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from falselight.diagnostics import EqlError
from falselight.eql import syntax, tokens
from falselight.eql.layout import EDGE, INDENT, LINE, Joined, Part, group, joined, render
from falselight.eql.lexer import lex_with_comments
from falselight.eql.parser import parse
from falselight.eql.remarks import Notes, Rows, bracketed
from falselight.source import Source, Span

LIMIT = 100

_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN, _PREDICATE, _PRIMARY = range(9)
_PLAIN = re.compile(r"[A-Za-z_@][A-Za-z0-9_]*")


def format(query: str | Source) -> str:
    """The canonical text, without a line break at its end. Its tree equals the query's. Raises ``EqlError``."""
    source = query if isinstance(query, Source) else Source(query)
    tree = parse(source)
    text = _Layout(source, tree, clear=True).text()
    try:
        parse(Source(text))
    except EqlError:
        # The brackets that help may nest too deeply; those that are needed never do, as the query has them too.
        return _Layout(source, tree, clear=False).text()
    return text


def field_name(field: syntax.FieldName) -> str:
    """A field name as it is written, with backquotes around the parts that need them."""
    parts = [part if _is_plain(part) else "`" + part.replace("`", "``") + "`" for part in field.name.split(".")]
    return "?" * field.optional + ".".join(parts)


def _is_plain(word: str) -> bool:
    return _PLAIN.fullmatch(word) is not None and word not in tokens.KEYWORDS


def _strength(node: syntax.Expression) -> int:
    match node:
        case syntax.Or():
            return _OR
        case syntax.And():
            return _AND
        case syntax.Not():
            return _NOT
        case syntax.Comparison():
            return _COMPARISON
        case syntax.Arithmetic():
            return _SUM if node.operator in "+-" else _PRODUCT
        case syntax.Negate():
            return _SIGN
        case syntax.Membership() | syntax.Match():
            return _PREDICATE
        case _:
            return _PRIMARY


class _Layout:
    """Lays out one query. clear: ``and`` within ``or`` stands in brackets."""

    def __init__(self, source: Source, tree: syntax.Query, *, clear: bool) -> None:
        self.source = source
        self.tree = tree
        self.clear = clear
        self.stream, comments = lex_with_comments(source)
        self.notes = Notes(source, self.stream, comments)

    def text(self) -> str:
        rows = Rows(self.notes, 0)
        query = self.tree
        if isinstance(query, syntax.EventQuery):
            rows.add(self._event(query.filter), query.filter.span)
        else:
            self._add_stages(rows, query)
        for pipe in query.pipes:
            arguments = [part for each in pipe.arguments for part in (", ", self._expression(each, pipe.span))]
            rows.add(joined(f"| {pipe.name} ", *arguments[1:]), pipe.span)
        rows.close(len(self.source.text) + 1)
        return render(rows.joined(""), LIMIT)

    # -- stages -----------------------------------------------------------------------------------------------------

    def _add_stages(self, rows: Rows, query: syntax.SequenceQuery | syntax.SampleQuery) -> None:
        first = self.notes.index(query.stages[0].span.start)
        rows.add(self._head(query, first), Span(query.span.start, self.stream[first - 1].end))
        for stage in query.stages:
            rows.add(joined(" " * INDENT, joined(self._stage(stage), indent=INDENT)), stage.span)
        until = query.until if isinstance(query, syntax.SequenceQuery) else None
        if until is not None:
            start = self.stream[self.notes.index(until.span.start) - 1].start
            rows.add(joined("until ", self._stage(until)), Span(start, until.span.end))

    def _head(self, query: syntax.SequenceQuery | syntax.SampleQuery, end: int) -> str:
        words = "sample" if isinstance(query, syntax.SampleQuery) else "sequence"
        head = self.stream[:end]
        place = next((i for i, token in enumerate(head) if token.kind == "maxspan"), None)
        # Behind [maxspan] come [=], a number and a unit.
        maxspan = (
            "" if place is None else " with maxspan=" + "".join(token.text for token in head[place + 2 : place + 4])
        )
        return words + _keys(query.keys) + maxspan

    def _stage(self, stage: syntax.Stage) -> Part:
        start, filter_end = stage.span.start, stage.filter.span.end
        closing = self.stream[self.notes.index(filter_end)]
        runs = f" with runs={stage.runs}" if stage.runs != 1 else ""
        opening = "![" if stage.missing else "["
        content = self._filter(stage.filter, Span(start, closing.start), closed=True)
        return group(opening, content, EDGE, "]" + _keys(stage.keys) + runs)

    def _event(self, event: syntax.EventFilter) -> Part:
        return group(self._filter(event, event.span, closed=False))

    def _filter(self, event: syntax.EventFilter, within: Span, *, closed: bool) -> Joined:
        category = self.stream[self.notes.index(event.span.start)]
        where = self.stream[self.notes.index(event.span.start) + 1]
        name = event.category if event.category is not None and _is_plain(event.category) else category.text
        rows = self._rows(event.condition, Span(where.end, within.end), closed=closed)
        return joined(f"{name} where", joined(LINE, rows, indent=INDENT))

    # -- expressions ------------------------------------------------------------------------------------------------

    def _rows(self, node: syntax.Expression, within: Span, *, closed: bool) -> Joined:
        """A condition that stands in brackets or alone: the operands of its ``and`` or ``or``, each a row."""
        if not isinstance(node, syntax.And | syntax.Or):
            return self._list((node,), within, "", closed=closed)
        if isinstance(node, syntax.And):
            return self._list(node.operands, within, " and", closed=closed, least=_NOT)
        return self._list(node.operands, within, " or", closed=closed, least=_NOT if self.clear else _AND)

    def _list(
        self, nodes: Sequence[syntax.Expression], within: Span, separator: str, *, closed: bool, least: int = _OR
    ) -> Joined:
        rows = Rows(self.notes, within.start)
        for node in nodes:
            extent = self.notes.outer(node.span, within)
            rows.add(self._operand(node, least, within), extent)
        if closed:
            rows.close(within.end)
        else:
            rows.leave_open()
        return rows.joined(separator)

    def _operand(self, node: syntax.Expression, least: int, within: Span) -> Part:
        """An expression, in brackets where its operator binds more weakly than ``least``."""
        extent = self.notes.outer(node.span, within)
        if _strength(node) >= least:
            return self._expression(node, extent)
        inner = Span(extent.start + 1, extent.end - 1) if extent != node.span else extent
        return group(bracketed("(", self._rows(node, inner, closed=True), ")"))

    def _expression(self, node: syntax.Expression, within: Span) -> Part:
        """An expression without brackets around it."""
        match node:
            case syntax.Literal():
                return self.source.text[node.span.start : node.span.end]
            case syntax.FieldName():
                return field_name(node)
            case syntax.And() | syntax.Or():
                return self._rows(node, within, closed=False)
            case syntax.Not():
                return joined("not ", self._operand(node.operand, _NOT, node.span))
            case syntax.Negate():
                return joined("-", self._operand(node.operand, _SIGN, node.span))
            case syntax.Comparison():
                return self._binary(node, _SUM, _SUM)
            case syntax.Arithmetic():
                return self._binary(node, _strength(node), _strength(node) + 1)
            case syntax.Call():
                name = node.name + "~" * node.insensitive
                return self._bracket(name + "(", node.arguments, self.notes.index(node.name_span.end), node.span)
            case syntax.Membership():
                return self._membership(node)
            case syntax.Match():
                return self._match(node)

    def _binary(self, node: syntax.Comparison | syntax.Arithmetic, left: int, right: int) -> Part:
        first = self._operand(node.left, left, node.span)
        return joined(first, f" {node.operator} ", self._operand(node.right, right, node.span))

    def _membership(self, node: syntax.Membership) -> Part:
        operand = self._operand(node.operand, _PRIMARY, node.span)
        place = self.notes.index(self.notes.outer(node.operand.span, node.span).end)
        words = " " + "not " * node.negated + ("in~" if node.insensitive else "in") + " ("
        return joined(operand, self._bracket(words, node.items, place + 1 + node.negated, node.span))

    def _match(self, node: syntax.Match) -> Part:
        operand = self._operand(node.operand, _PRIMARY, node.span)
        words = f" {node.operator} "
        if len(node.patterns) == 1:
            return joined(operand, words, self._expression(node.patterns[0], node.span))
        place = self.notes.index(node.operator_span.end)
        return joined(operand, self._bracket(words + "(", node.patterns, place, node.span))

    def _bracket(self, opening: str, nodes: Sequence[syntax.Expression], place: int, span: Span) -> Part:
        """A list in brackets; the opening one is the token at ``place``, the closing one ends the span."""
        if not nodes:
            return opening + ")"
        rows = self._list(nodes, Span(self.stream[place].end, span.end - 1), ",", closed=True)
        return group(bracketed(opening, rows, ")"))


def _keys(keys: Sequence[syntax.FieldName]) -> str:
    return " by " + ", ".join(field_name(key) for key in keys) if keys else ""
