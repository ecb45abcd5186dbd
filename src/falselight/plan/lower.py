"""``typed.Query`` → ``Plan``: which condition an index answers, and which needs a script over each value.

The border is Elasticsearch's own, since it decides what a missing field and a list mean (facts: EQL's QueryTranslator and
ExpressionTranslators): a field compared with a constant, and a few functions of a field and constants, are index leaves;
all else is a script.
"""

from __future__ import annotations

from falselight.diagnostics import Diagnostic, EqlError, Label, Severity
from falselight.ecs.schema import EXACT_STRING_TYPES, Field
from falselight.eql import patterns, typed
from falselight.eql.checker import Options
from falselight.plan import literals, nodes
from falselight.plan.merge import MOST_LEAVES, leaves, merged
from falselight.source import Source

NANOSECONDS_PER_MILLISECOND = 1_000_000


def lower(query: typed.Query, options: Options | None = None) -> nodes.Plan:
    """Lower one checked query. Raises ``EqlError`` (E03xx) where a constant cannot be read as the field's type."""
    options = options or Options()
    lowering = Lowering(query.source)
    if isinstance(query, typed.EventQuery):
        return nodes.EventPlan(lowering.filter(query.condition), query.order, query.limits)
    stages = tuple(lowering.stage(stage) for stage in query.stages)
    if isinstance(query, typed.SampleQuery):
        texts = _key_texts(stages)
        return nodes.SamplePlan(stages, query.order, options.size, options.max_samples_per_key, texts)
    until = lowering.stage(query.until) if query.until else None
    texts = _key_texts((*stages, until) if until else stages)
    unit = NANOSECONDS_PER_MILLISECOND if query.order.timestamp.type == "date_nanos" else 1
    maxspan = query.maxspan * unit if query.maxspan is not None else None
    return nodes.SequencePlan(stages, until, maxspan, query.order, query.limits, texts)


def _key_texts(stages: tuple[nodes.Stage, ...]) -> tuple[bool, ...]:
    """Key positions whose fields do not share one physical type."""
    texts = []
    for position in range(len(stages[0].keys)):
        kinds = {literals.physical(key.field) for stage in stages if (key := stage.keys[position]).field is not None}
        texts.append(len(kinds) > 1)
    return tuple(texts)


class Lowering:
    """Conditions of one query."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.literals = literals.Literals(source)

    def stage(self, stage: typed.Stage) -> nodes.Stage:
        keys = tuple(nodes.Key(key.field, key.optional) for key in stage.keys)
        return nodes.Stage(self.filter(stage.condition), keys, stage.runs, stage.missing)

    def filter(self, condition: typed.Value) -> nodes.Predicate:
        """The whole condition of one event filter. Raises ``EqlError`` (E0303) where it asks too much of an engine."""
        predicate = merged(self.predicate(condition))
        if (count := leaves(predicate)) > MOST_LEAVES:
            message = f"This condition makes {count} separate tests of fields; at most {MOST_LEAVES} can be run"
            help = "put the values into one list: field in (…) or field : (…)"
            label = Label(condition.span)
            raise EqlError([Diagnostic("E0303", Severity.ERROR, message, (label,), help, self.source)])
        return predicate

    def predicate(self, value: typed.Value) -> nodes.Predicate:
        """A condition, split at ``and``, ``or`` and ``not`` into leaves."""
        if isinstance(value, typed.And):
            return nodes.And(tuple(self.predicate(operand) for operand in value.operands))
        if isinstance(value, typed.Or):
            return nodes.Or(tuple(self.predicate(operand) for operand in value.operands))
        if isinstance(value, typed.Not):
            return nodes.Not(self.predicate(value.operand))
        if not typed.fields(value):
            return nodes.Fixed(value)
        return self._leaf(value) or nodes.Script(value)

    def _leaf(self, value: typed.Value) -> nodes.Predicate | None:
        """The index leaf that answers a condition, None where it takes a script."""
        if isinstance(value, typed.Compare):
            return self._comparison(value)
        if isinstance(value, typed.IsNull) and isinstance(value.operand, typed.FieldValue):
            return nodes.Not(nodes.Exists(value.operand.field))
        if isinstance(value, typed.InList) and isinstance(value.operand, typed.FieldValue):
            return self._membership(value, value.operand.field)
        if isinstance(value, typed.Match) and isinstance(value.operand, typed.FieldValue):
            return self._match(value, value.operand.field)
        if isinstance(value, typed.Function):
            return self._function(value)
        return None

    def _comparison(self, value: typed.Compare) -> nodes.Predicate | None:
        if isinstance(value.left, typed.Function) and value.operator == "==" and _is_true(value.right):
            return self._function(value.left)
        if not isinstance(value.left, typed.FieldValue) or not isinstance(value.right, typed.Constant):
            return None
        field, constant = value.left.field, value.right
        if constant.value is None:
            return nodes.Fixed(constant)
        if value.operator == "==":
            return self.literals.equal(field, (constant,))
        return self.literals.range(field, value.operator, constant)

    def _membership(self, value: typed.InList, field: Field) -> nodes.Predicate | None:
        constants = [item for item in value.items if isinstance(item, typed.Constant)]
        if len(constants) != len(value.items):
            return None
        if value.insensitive:
            exact = tuple(patterns.escape(str(item.value)) for item in constants)
            return nodes.Like(field, exact, True) if exact else nodes.NEVER
        return self.literals.equal(field, tuple(constants)) if constants else nodes.NEVER

    def _match(self, value: typed.Match, field: Field) -> nodes.Predicate:
        insensitive = value.operator == ":" or value.operator.endswith("~")
        if value.operator.startswith("regex"):
            return nodes.Regex(field, "|".join(value.patterns), insensitive)
        return nodes.Like(field, value.patterns, insensitive)

    def _function(self, value: typed.Function) -> nodes.Predicate | None:
        first = value.arguments[0] if value.arguments else None
        rest = value.arguments[1:]
        if not isinstance(first, typed.FieldValue) or not all(_is_text(argument) for argument in rest):
            return None
        field = first.field
        texts = tuple(str(argument.value) for argument in rest if isinstance(argument, typed.Constant))
        if value.name == "cidrMatch" and field.type == "ip":
            return nodes.Cidr(field, tuple(literals.network(text) for text in texts))
        if field.type not in EXACT_STRING_TYPES or len(texts) != 1:
            return None
        if value.name == "startsWith":
            return nodes.Like(field, (patterns.escape(texts[0]) + "*",), value.insensitive)
        if value.name == "endsWith":
            return nodes.Like(field, ("*" + patterns.lucene_wildcard(texts[0]),), value.insensitive)
        if value.name == "stringContains":
            if not texts[0]:
                return nodes.NEVER
            return nodes.Like(field, ("*" + patterns.lucene_wildcard(texts[0]) + "*",), value.insensitive)
        return None


def _is_true(value: typed.Value) -> bool:
    return isinstance(value, typed.Constant) and value.value is True


def _is_text(value: typed.Value) -> bool:
    return isinstance(value, typed.Constant) and isinstance(value.value, str)
