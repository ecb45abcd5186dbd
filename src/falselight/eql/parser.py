"""Tokens → ``syntax.Query``: event queries, sequences, samples and pipes.

What Elasticsearch checks in its own parser is checked here, in its words: keys, maxspan, runs, numbers of stages, pipes.
Raises ``EqlError`` with one located diagnostic (codes E01…). The limit on nesting is in ``expressions``.
"""

from __future__ import annotations

import difflib

from falselight.eql import syntax, tokens
from falselight.eql.cursor import Cursor
from falselight.eql.expressions import Expressions
from falselight.eql.lexer import lex
from falselight.eql.stages import Stages
from falselight.source import Source, Span

_PIPES = ("head", "tail")
_OTHER_PIPES = {
    "count": "Count the results of the search instead.",
    "filter": "Put the condition behind [where].",
    "sort": "Results come in the order of time; sort them where they are shown.",
    "unique": "Remove repeated results where they are shown.",
    "unique_count": "Count the results of the search instead.",
}


def parse(source: Source) -> syntax.Query:
    """The tree of a whole query. Time grows with the length of the text. Raises ``EqlError``."""
    return _Parser(source).query()


def parse_expression(source: Source) -> syntax.Expression:
    """The tree of an expression that stands alone. Raises ``EqlError``."""
    return _Parser(source).alone()


class _Parser:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.cursor = Cursor(source, lex(source))
        self.expressions = Expressions(self.cursor)
        self.stages = Stages(self.cursor, self.expressions)

    def alone(self) -> syntax.Expression:
        """An expression and nothing else."""
        self._refuse_nothing()
        expression = self.expressions.expression()
        self.cursor.expect(tokens.END, "an operator or the end of the expression")
        return expression

    def query(self) -> syntax.Query:
        """A query and nothing else."""
        self._refuse_nothing()
        kind = self.cursor.token.kind
        if kind in ("sequence", "join") and self.cursor.ahead().kind != "where":
            return self._sequence() if kind == "sequence" else self._join()
        if kind == "sample" and self.cursor.ahead().kind != "where":
            return self._sample()
        start = self.cursor.token.start
        event = self.stages.filter()
        pipes = self._pipes("[|], an operator or the end of the query")
        return syntax.EventQuery(self.source, event, pipes, self._since(start))

    def _refuse_nothing(self) -> None:
        if self.cursor.token.kind == tokens.END:
            raise self.cursor.fault(
                "E0123", Span(0, 0), help='Write, for example, [process where process.name == "cmd.exe"].'
            )

    def _since(self, start: int) -> Span:
        return Span(start, self.cursor.previous.end)

    def _sequence(self) -> syntax.SequenceQuery:
        start = self.cursor.advance()
        keys, maxspan = self.stages.head()
        stages = self.stages.repeated(keys)
        self.stages.check_sequence(start, stages, maxspan)
        until = self.stages.until(keys, stages[0])
        pipes = self._pipes("[[], [![], [until], [|] or the end of the query")
        return syntax.SequenceQuery(self.source, keys, maxspan, stages, until, pipes, self._since(start.start))

    def _sample(self) -> syntax.SampleQuery:
        start = self.cursor.advance()
        keys = self.stages.keys()
        stages = self.stages.plain(keys, "sample")
        self.stages.check_sample(start, keys, stages)
        if self.cursor.token.kind in ("until", "|"):
            token = self.cursor.token
            help = "Samples have no order of time: leave it out."
            raise self.cursor.fault("E0151", token.span, text=token.text, help=help)
        self.cursor.expect(tokens.END, "[[] or the end of the query")
        return syntax.SampleQuery(self.source, keys, stages, (), self._since(start.start))

    def _join(self) -> syntax.Query:
        """Reads the whole query, so that its other mistakes come first, and refuses it."""
        start = self.cursor.advance()
        keys = self.stages.keys()
        stages = self.stages.plain(keys, "join")
        self.stages.until(keys, stages[0])
        self._pipes("[[], [until], [|] or the end of the query")
        help = "Write [sequence] where the order of the events counts, [sample] where it does not."
        raise self.cursor.fault("E0121", start.span, help=help)

    def _pipes(self, expected: str) -> tuple[syntax.Pipe, ...]:
        """Pipes up to the end of the query."""
        pipes = []
        while self.cursor.token.kind == "|" and self.cursor.ahead().kind != "|":
            pipes.append(self._pipe())
            expected = "[|] or the end of the query"
        self.cursor.expect(tokens.END, expected)
        return tuple(pipes)

    def _pipe(self) -> syntax.Pipe:
        bar = self.cursor.advance()
        name = self.cursor.expect(tokens.IDENTIFIER, "[head] or [tail] after [|]")
        if name.text not in _PIPES:
            self._refuse_pipe(name)
        arguments = []
        if self.cursor.token.kind not in (tokens.END, "|"):
            arguments.append(self.expressions.expression())
            while self.cursor.accept(","):
                arguments.append(self.expressions.expression())
        span = self._since(bar.start)
        if len(arguments) != 1:
            place = Span(arguments[1].span.start, span.end) if arguments else name.span
            help = f"Write the number of results: [{name.text} 10]."
            raise self.cursor.fault("E0163", place, name=name.text, found=len(arguments), help=help)
        return syntax.Pipe(name.text, tuple(arguments), name.span, span)

    def _refuse_pipe(self, name: tokens.Token) -> None:
        if name.text in _OTHER_PIPES:
            help = f"{_OTHER_PIPES[name.text]} The pipes are [head] and [tail]."
            raise self.cursor.fault("E0160", name.span, name=name.text, help=help)
        close = difflib.get_close_matches(name.text.lower()[:40], (*_PIPES, *_OTHER_PIPES), 1, 0.6)
        help = "The pipes are [head] and [tail]."
        if close:
            raise self.cursor.fault("E0162", name.span, name=name.text, close=close[0], help=help)
        raise self.cursor.fault("E0161", name.span, name=name.text, help=help)
