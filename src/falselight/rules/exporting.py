"""Rules out again: for Kibana's import, or as detection-rules writes them. What was loaded is given back as it was, and what had
to be adapted is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import tomli_w

from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.eql import syntax
from falselight.eql.parser import parse
from falselight.rules import forms, kibana, own
from falselight.rules.model import Rule
from falselight.rules.pack import Pack, Report
from falselight.source import Source

ADAPTED, LOST, UNWRITTEN, SHORT = "N0611", "W0612", "E0613", "N0618"
# Keys of the model that detection-rules has elsewhere: a rule's own id, and its version.
_NAMED_OTHERWISE = ("id", "version")
_MINUTE = 60_000_000_000
# What Elastic asks a look-back to have beyond a sequence's maxspan: late events, and a run that comes late.
_SPARE = 10 * _MINUTE
_UUID = re.compile(r"[a-f0-9]{8}-(?:[a-f0-9]{4}-){3}[a-f0-9]{12}")
_FILE_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class File:
    """One file of an export: its name below the folder, and its text."""

    name: str
    text: str


def to_kibana(pack: Pack, report: Report) -> Iterator[File]:
    """``rules.ndjson`` for Kibana's import, and the value lists beside it, which Kibana imports one by one."""
    written = (_line(fitting(rule, report), report) for rule in pack.rules)
    rules = [line for line in written if line is not None]
    yield File("rules.ndjson", "".join([*rules, *(_json(each) for each in kibana.after_rules(pack, len(rules)))]))
    for orphan in kibana.orphans(pack):
        report(orphan)
    for values in pack.values.values():
        if values.id == "rules.ndjson":
            message = f"Value list [{values.id}] has the name of the export itself and is not written"
            report(Diagnostic(LOST, Severity.WARNING, message))
        else:
            yield File(values.id, "".join(value + "\n" for value in values.values()))


def to_detection_rules(pack: Pack, report: Report) -> Iterator[File]:
    """A TOML file for each rule, named by it. Exception lists have no place there, nor has null, which is told."""
    names: set[str] = set()
    dated = 0
    strange: set[str] = set()
    for rule in (fitting(each, report) for each in pack.rules):
        text = _toml(rule, report)
        if text is not None:
            dated += "metadata" not in rule.beside
            strange |= rule.raw.keys() - forms.KNOWN - kibana.RESPONSE_ONLY - {*own.KEYS, *_NAMED_OTHERWISE}
            yield File(_file_name(rule, names), text)
    if dated:
        message = f"[metadata] is new in {dated} of the files: its dates are today's where the rule had none"
        report(Diagnostic(ADAPTED, Severity.NOTE, message))
    if strange:
        message = f"detection-rules has no place for {', '.join(sorted(strange))}: they travel in meta.falselight"
        report(Diagnostic(ADAPTED, Severity.NOTE, message))
    unlike = [rule.id for rule in pack.rules if _UUID.fullmatch(rule.id) is None]
    if unlike:
        more = f" and {len(unlike) - 1} more" if len(unlike) > 1 else ""
        message = (
            f"detection-rules takes only UUIDs as rule_id, which [{unlike[0]}]{more} {'are' if more else 'is'} not"
        )
        report(
            Diagnostic(
                ADAPTED, Severity.NOTE, message, help="the files are written as they are; its own tool refuses them"
            )
        )
    beside = [
        (pack.items, "exception"),
        (pack.lists, "exception list"),
        (pack.values, "value list"),
        (pack.others, "connector"),
    ]
    lost = [f"{len(each)} {name}{'s' * (len(each) > 1)}" for each, name in beside if each]
    if lost:
        have = "have" if sum(len(each) for each, _ in beside) > 1 else "has"
        message = f"{', '.join(lost)} {have} no place in detection-rules' TOML; export them --to kibana"
        report(Diagnostic(LOST, Severity.WARNING, message))


def _tables(rule: Rule) -> dict[str, Any]:
    """A rule's file as detection-rules has it. One that has the form already is left as it is."""
    if "metadata" in rule.beside and "rule_id" in rule.raw and rule.beside.keys() <= forms.TABLES:
        away = kibana.RESPONSE_ONLY | set(own.KEYS)
        if away.isdisjoint(rule.raw):
            return {"metadata": rule.beside["metadata"], **rule.beside, "rule": rule.raw}
    made, instead = forms.as_detection_rules(rule)
    table = own.document(rule, carried={*kibana.RESPONSE_ONLY, *instead}, defaults={"author": []}, made=made)
    table.setdefault(own.META, {}).setdefault(own.OWN, {}).setdefault("beside", {})
    beside = {key: rule.beside[key] for key in forms.TABLES if key in rule.beside}
    return {"metadata": _metadata(rule), **beside, "rule": table}


def _metadata(rule: Rule) -> dict[str, Any]:
    today = datetime.now(UTC).date().isoformat()
    dates = {name: str(rule.raw.get(f"{name}_at") or today)[:10].replace("-", "/") for name in ("created", "updated")}
    timing = {"bypass_bbr_timing": True} if forms.bypasses_timing(rule) else {}
    return {"creation_date": dates["created"], "maturity": "development", "updated_date": dates["updated"], **timing}


def _toml(rule: Rule, report: Report) -> str | None:
    """The text of a rule's file; None, and told, for what TOML cannot hold."""
    try:
        tables = _tables(rule)
        tables["rule"], nulls = forms.without_null(tables["rule"])
        if nulls:
            tables["rule"][own.META][own.OWN]["null"] = nulls
        return tomli_w.dumps(tables, multiline_strings=True)
    except (RecursionError, TypeError) as fault:
        report(_unwritten(rule, fault))
        return None


def _file_name(rule: Rule, names: set[str]) -> str:
    """The name of its own file, else of the rule; never a path, never twice."""
    stem = Path(rule.path).stem if rule.path and rule.path.endswith(".toml") else rule.name
    base = _FILE_NAME.sub("_", stem.lower()).strip("_")[:120] or "rule"
    name, number = base, 1
    while name in names:
        number += 1
        name = f"{base}_{number}"
    names.add(name)
    return f"{name}.toml"


def fitting(rule: Rule, report: Report) -> Rule:
    """The rule with a look-back that lets a whole sequence lie within one run: maxspan, interval, and ten minutes. A rule
    that comes from Elastic's repository or from Kibana is left as it is, since its authors chose."""
    span = _maxspan(rule)
    every, look_back = rule.every, rule.look_back
    if span is None or every is None or look_back is None or look_back >= span + every:
        return rule
    short = f"Rule [{rule.name}]: from is {rule.from_}, shorter than maxspan and interval"
    if "rule_id" in rule.raw:
        report(
            Diagnostic(
                SHORT,
                Severity.NOTE,
                f"{short}; it stays as it came",
                path=rule.path,
                help="falselight lint tells more (L02)",
            )
        )
        return rule
    minutes = -(-(span + every + _SPARE) // _MINUTE)
    report(Diagnostic(ADAPTED, Severity.NOTE, f"{short}; exported with now-{minutes}m", path=rule.path))
    return rule.model_copy(update={"from_": f"now-{minutes}m", "raw": {**rule.raw, "from": f"now-{minutes}m"}})


def _maxspan(rule: Rule) -> int | None:
    """Nanoseconds of the sequence's maxspan."""
    if not rule.is_eql:
        return None
    try:
        tree = parse(Source(rule.query, rule.name))
    except EqlError:
        return None
    if not isinstance(tree, syntax.SequenceQuery) or tree.maxspan is None:
        return None
    return tree.maxspan * 1_000_000


def _line(rule: Rule, report: Report) -> str | None:
    """A rule as one line of JSON; None, and told, for what JSON cannot hold."""
    try:
        made, instead = forms.as_kibana(rule)
        return _json(own.document(rule, carried=instead, made=made))
    except TypeError as fault:
        report(_unwritten(rule, fault))
        return None


def _unwritten(rule: Rule, fault: Exception) -> Diagnostic:
    return Diagnostic(UNWRITTEN, Severity.ERROR, f"Rule [{rule.name}] cannot be written: {fault}", path=rule.path)


def _json(document: dict[str, Any]) -> str:
    """One line of JSON; a date of TOML is text."""
    return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode() + "\n"
