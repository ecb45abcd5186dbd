"""Remarks on the letters of a constant: case that Windows does not keep, and wildcards where they are none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from falselight.diagnostics import Severity
from falselight.eql import syntax
from falselight.lint import systems
from falselight.lint.remark import Remark
from falselight.rules import Rule
from falselight.source import Span

# Fields whose values keep the case that the system or a caller gave them.
_BY_CASE = frozenset(
    {
        "process.name", "process.parent.name", "process.executable", "process.parent.executable", "process.working_directory",
        "file.name", "file.path", "file.extension", "file.directory", "registry.path", "registry.key", "dll.name", "dll.path",
    }
)  # fmt: skip
# What only a text of Windows has: a program's or a script's ending, a backslash, a drive.
_ENDINGS = ("exe", "dll", "sys", "bat", "cmd", "ps1", "vbs", "lnk", "msi", "scr", "hta", "cpl", "ocx")
_WINDOWS = re.compile(rf"(?i:\.(?:{'|'.join(_ENDINGS)})(?:$|\W))|\\|^[A-Za-z?]:")
_DRIVE = "?:\\"
_AROUND = ("startswith", "endswith", "stringcontains")


def remarks(rule: Rule, expression: syntax.Expression, own: frozenset[str]) -> Iterator[Remark]:
    """Remarks on one condition of a filter that is about these systems."""
    match expression:
        case syntax.Comparison(
            left=syntax.FieldName(name=name),
            operator="==" | "!=" as operator,
            right=syntax.Literal(value=str() as text),
        ):
            if _has_wildcard(text) or text.endswith("?"):
                yield _literal(operator, text, f'{"not " * (operator == "!=")}{name} : "{text}"', rule, expression.span)
            else:
                fix = f'{name} : "{text}"'
                yield from _case(
                    rule, name, operator, [text], own, fix if operator == "==" else f"not {fix}", expression.span
                )
        case syntax.Membership(operand=syntax.FieldName(name=name)):
            yield from _membership(rule, name, expression, own)
        case syntax.Match(
            operand=syntax.FieldName(name=name), operator="like" | "regex" as operator, patterns=patterns
        ):
            texts = [str(each.value) for each in patterns]
            yield from _case(rule, name, operator, texts, own, f"write `{operator}~`", expression.span)
        case syntax.Call(
            name=function,
            insensitive=False,
            arguments=(syntax.FieldName(name=name), syntax.Literal(value=str() as text)),
        ) if function.lower() in _AROUND:
            yield from _case(rule, name, function, [text], own, f"write {function}~", expression.span)


def _membership(rule: Rule, name: str, found: syntax.Membership, own: frozenset[str]) -> Iterator[Remark]:
    texts = [
        (each.value, each.span)
        for each in found.items
        if isinstance(each, syntax.Literal) and isinstance(each.value, str)
    ]
    for text, span in texts:
        if _has_wildcard(text):
            operator = "in~" if found.insensitive else "in"
            yield _literal(operator, text, "use `:` (or `like`) with the list", rule, span)
    if not found.insensitive:
        yield from _case(rule, name, "in", [text for text, _ in texts], own, "write `in~`, or `:`", found.span)


def _has_wildcard(text: str) -> bool:
    return "*" in text or text.startswith(_DRIVE)


def _literal(operator: str, text: str, fix: str, rule: Rule, span: Span) -> Remark:
    reason = f"`{operator}` compares with the text [{text}] itself: its wildcards match nothing"
    return Remark("L32", Severity.WARNING, reason, fix, rule, span)


def _case(
    rule: Rule, name: str, operator: str, texts: list[str], own: frozenset[str], fix: str, span: Span
) -> Iterator[Remark]:
    if name not in _BY_CASE or systems.WINDOWS not in own:
        return
    if name == "file.extension":
        told = [text for text in texts if text.lower() in _ENDINGS]
    else:
        told = [text for text in texts if _WINDOWS.search(text) and any(letter.isalpha() for letter in text)]
    if told:
        reason = f"`{operator}` tells {told[0]} from {told[0].swapcase()}, and Windows does not"
        yield Remark("L31", Severity.NOTE, reason, fix, rule, span)
