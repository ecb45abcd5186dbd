"""Lucene regular expressions: parsed by Lucene's grammar, said again in RE2."""

from falselight.eql.regular.parser import parse
from falselight.eql.regular.re2 import AllOf, AnyOf, Not, Re2, Translation, to_re2, translate
from falselight.eql.regular.syntax import Node, RegexSyntaxError, RegexUnsupported, literal

__all__ = [
    "AllOf",
    "AnyOf",
    "Node",
    "Not",
    "Re2",
    "RegexSyntaxError",
    "RegexUnsupported",
    "Translation",
    "literal",
    "parse",
    "to_re2",
    "translate",
]
