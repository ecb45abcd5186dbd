"""The stages of sequences and samples: event filters in brackets, join keys, maxspan, runs, and the rules on them."""

from __future__ import annotations

from falselight.diagnostics import Label
from falselight.eql import syntax, tokens
from falselight.eql.cursor import Cursor
from falselight.eql.expressions import Expressions
from falselight.eql.syntax_faults import shortened
from falselight.eql.tokens import Token
from falselight.source import Span

RUNS_LIMIT = 100
STAGES_LIMIT = 256
SAMPLE_LIMIT = 5
MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# Elasticsearch measures spans in 64-bit nanoseconds; longer ones saturate there (292 years), and so here.
SPAN_LIMIT = (2**63 - 1) // 1_000_000


class Stages:
    """Reads stages from a cursor."""

    def __init__(self, cursor: Cursor, expressions: Expressions) -> None:
        self.cursor = cursor
        self.expressions = expressions

    def filter(self) -> syntax.EventFilter:
        """``category where condition``"""
        cursor = self.cursor
        token = cursor.token
        if token.kind not in ("any", tokens.IDENTIFIER, tokens.STRING):
            self._refuse_category(token)
        cursor.advance()
        if cursor.token.kind != "where":
            if cursor.token.text.lower() == "where":
                cursor.unexpected("[where]")
            help = f"Write [{shortened(token.text)} where true] for every event of the category."
            if cursor.token.kind not in (tokens.END, "]", "|"):
                help = "A query is a category, [where] and a condition; [any where] takes every category."
            raise cursor.fault("E0118", cursor.token.span, second=Label(token.span, "the category"), help=help)
        cursor.advance()
        condition = self.expressions.expression()
        category = None if token.kind == "any" else str(token.value)
        return syntax.EventFilter(category, condition, Span(token.start, cursor.previous.end))

    def _refuse_category(self, token: Token) -> None:
        if token.kind == tokens.QUOTED or (token.kind in tokens.KEYWORDS and self.cursor.ahead().kind == "where"):
            help = f'Write ["{shortened(str(token.value or token.text))}"]: a category stands in double quotes.'
            found = self.cursor.found(token)
            raise self.cursor.fault("E0110", token.span, expected="an event category", found=found, help=help)
        self.cursor.unexpected("an event category, [any], [sequence] or [sample]")

    def keys(self) -> tuple[syntax.FieldName, ...]:
        """``by a, b``; none where ``by`` is not next."""
        if not self.cursor.accept("by"):
            return ()
        keys = [self._key()]
        while self.cursor.accept(","):
            keys.append(self._key())
        return tuple(keys)

    def _key(self) -> syntax.FieldName:
        start = self.cursor.token.start
        key = self.expressions.expression()
        if isinstance(key, syntax.FieldName):
            return key
        span = Span(start, self.cursor.previous.end)
        text = shortened(self.cursor.source.text[span.start : span.end])
        raise self.cursor.fault("E0131", span, text=text, help="A join key is a plain field.")

    def head(self) -> tuple[tuple[syntax.FieldName, ...], int | None]:
        """What stands between ``sequence`` and its first stage: keys, and maxspan in milliseconds."""
        keys = self.keys()
        maxspan = self._maxspan() if self.cursor.accept("with") else None
        if maxspan is not None and self.cursor.token.kind == "by":
            if keys:
                self.cursor.unexpected("[[] or [![]")
            help = "Write [sequence by … with maxspan=…]."
            raise self.cursor.fault("E0132", self.cursor.token.span, help=help)
        return keys, maxspan

    def _maxspan(self) -> int:
        cursor = self.cursor
        if cursor.token.text == "runs":
            help = "[with runs] stands behind the stage that it repeats."
            raise cursor.fault("E0110", cursor.token.span, expected="[maxspan]", found="[runs]", help=help)
        cursor.expect("maxspan")
        cursor.expect("=", "[=] and a time, as in [maxspan=5m]")
        number = self._number("a time, as in [maxspan=5m]")
        unit = cursor.accept(tokens.IDENTIFIER)
        span = number.span.to(unit.span) if unit else number.span
        text = shortened(cursor.source.text[span.start : span.end])
        if number.kind == tokens.DECIMAL:
            raise cursor.fault(
                "E0133", span, text=shortened(number.text), help="Write a whole number of a smaller unit."
            )
        if unit is None:
            raise cursor.fault("E0134", span, text=number.text, help="Units are ms, s, m, h and d.")
        if unit.text not in MILLISECONDS:
            raise cursor.fault("E0135", unit.span, unit=shortened(unit.text), text=text)
        if number.value == 0:
            raise cursor.fault("E0136", span, text=text, help="The least span is [1ms].")
        return min(int(number.value or 0) * MILLISECONDS[unit.text], SPAN_LIMIT)

    def _number(self, expected: str) -> Token:
        if self.cursor.token.kind in (tokens.INTEGER, tokens.DECIMAL):
            return self.cursor.advance()
        self.cursor.unexpected(expected)

    def repeated(self, parent: tuple[syntax.FieldName, ...]) -> tuple[syntax.Stage, ...]:
        """The stages of a sequence, each perhaps with ``runs``."""
        stages = [self._stage(parent, None, runs=True)]
        while self.cursor.token.kind in ("[", "!["):
            stages.append(self._stage(parent, stages[0], runs=True))
        return tuple(stages)

    def plain(self, parent: tuple[syntax.FieldName, ...], query: str) -> tuple[syntax.Stage, ...]:
        """The stages of a sample or join: no ``runs``, no missing events."""
        if query == "sample" and self.cursor.token.kind == "with":
            self._refuse_in_sample("maxspan")
        stages: list[syntax.Stage] = []
        while not stages or self.cursor.token.kind in ("[", "!["):
            if self.cursor.token.kind == "![":
                help = "Write [sequence] with [maxspan]."
                raise self.cursor.fault("E0146", self.cursor.token.span, where=query, help=help)
            stages.append(self._stage(parent, stages[0] if stages else None, runs=False))
            if query == "sample" and self.cursor.token.kind == "with":
                self._refuse_in_sample("runs")
        return tuple(stages)

    def _refuse_in_sample(self, text: str) -> None:
        help = "Samples have no order of time: leave it out, or write [sequence]."
        raise self.cursor.fault("E0151", self.cursor.token.span, text=text, help=help)

    def until(self, parent: tuple[syntax.FieldName, ...], first: syntax.Stage) -> syntax.Stage | None:
        """The ``until`` clause, if there is one."""
        if not self.cursor.accept("until"):
            return None
        if self.cursor.token.kind == "![":
            help = "[until] ends a sequence at an event that is present: write [[]."
            raise self.cursor.fault("E0146", self.cursor.token.span, where="until", help=help)
        stage = self._stage(parent, first, runs=False)
        if self.cursor.token.kind == "with":
            raise self.cursor.fault(
                "E0141", self.cursor.token.span, help="Leave out [with runs]: the first event ends it."
            )
        return stage

    def _stage(self, parent: tuple[syntax.FieldName, ...], first: syntax.Stage | None, *, runs: bool) -> syntax.Stage:
        cursor = self.cursor
        opening = cursor.token
        if opening.kind not in ("[", "!["):
            if opening.text == "!" or opening.kind in ("any", tokens.IDENTIFIER, tokens.STRING):
                help = "Each event filter stands in brackets: [process where true]."
                found = cursor.found(opening)
                raise cursor.fault("E0110", opening.span, expected="[[] or [![]", found=found, help=help)
            cursor.unexpected("[[] or [![]")
        cursor.advance()
        event = self.filter()
        cursor.expect("]", "an operator or []]", opening=opening)
        keys = self.keys()
        count = self._runs() if runs and cursor.token.kind == "with" else 1
        stage = syntax.Stage(event, keys, count, opening.kind == "![", Span(opening.start, cursor.previous.end))
        if first is not None and len(keys) != len(first.keys):
            expected, found_keys = len(parent) + len(first.keys), len(parent) + len(keys)
            label = Label(first.span, f"{expected} here")
            raise cursor.fault("E0130", stage.span, second=label, expected=expected, found=found_keys)
        return stage

    def _runs(self) -> int:
        cursor = self.cursor
        cursor.advance()
        name = cursor.token
        if name.kind not in (tokens.IDENTIFIER, "maxspan"):
            cursor.unexpected("[runs]")
        cursor.advance()
        if name.text != "runs":
            help = "[with maxspan] stands before the first stage." if name.kind == "maxspan" else "Write [with runs=3]."
            raise cursor.fault("E0137", name.span, text=shortened(name.text), help=help)
        cursor.expect("=", "[=] and a number, as in [runs=3]")
        number = self._number("a number, as in [runs=3]")
        text = shortened(number.text)
        if number.kind == tokens.DECIMAL:
            help = "Elasticsearch takes such a value for 1. Write a whole number from 1 to 100."
            raise cursor.fault("E0140", number.span, text=text, help=help)
        value = int(number.value or 0)
        if value < 1:
            help = "Leave the stage out, or begin it with [![] if it must not occur."
            raise cursor.fault("E0138", number.span, text=text, help=help)
        if value > RUNS_LIMIT:
            raise cursor.fault("E0139", number.span, text=text)
        return value

    def check_sequence(self, start: Token, stages: tuple[syntax.Stage, ...], maxspan: int | None) -> None:
        """Refuses too few and too many stages, and missing events that nothing bounds."""
        total = sum(stage.runs for stage in stages)
        whole = start.span.to(stages[-1].span)
        if total < 2:
            help = "Add a stage or [with runs=2], or write an event query. [until] does not count as a stage."
            raise self.cursor.fault("E0142", whole, found=total, help=help)
        missing = next((stage for stage in stages if stage.missing), None)
        if missing and maxspan is None:
            help = "Write [sequence with maxspan=…], behind [by] if there are keys."
            raise self.cursor.fault("E0144", missing.span, help=help)
        if all(stage.missing for stage in stages):
            raise self.cursor.fault("E0145", whole, help="Write at least one stage with [[] instead of [![].")
        if total > STAGES_LIMIT:
            raise self.cursor.fault("E0143", whole, found=total)

    def check_sample(self, start: Token, keys: tuple[syntax.FieldName, ...], stages: tuple[syntax.Stage, ...]) -> None:
        """Refuses too few and too many stages, and keys that are absent or repeated."""
        whole = start.span.to(stages[-1].span)
        if len(stages) < 2:
            raise self.cursor.fault("E0147", whole, found=len(stages), help="Add a stage, or write an event query.")
        if len(stages) > SAMPLE_LIMIT:
            raise self.cursor.fault("E0148", stages[SAMPLE_LIMIT].span, found=len(stages))
        if not keys and not stages[0].keys:
            raise self.cursor.fault("E0149", start.span, help="Write [sample by field].")
        for stage in stages:
            seen: set[str] = set()
            for key in keys + stage.keys:
                if key.name in seen:
                    raise self.cursor.fault("E0150", key.span, text=shortened(key.name), help="Name it once.")
                seen.add(key.name)
