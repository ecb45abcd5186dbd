"""Rules from files and folders, and the bundled pack. A file that is broken is one diagnostic; the rest load."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from falselight.diagnostics import Diagnostic, Severity
from falselight.rules.model import Rule

PAGE = "@page"
# Detection-rules' names for what Falselight's model calls otherwise.
RENAMED = {"rule_id": "id", "from": "from_"}
MODELLED = frozenset(Rule.model_fields) - {"path", "extra"}
# Keys of Elastic's rule schema that are kept in ``Rule.extra`` and change nothing here.
KEPT = frozenset(
    {
        "actions", "alert_suppression", "anomaly_threshold", "author", "bypass_bbr_timing",
        "data_view_id", "enabled", "exceptions_list", "filters", "history_window_start", "investigation_fields",
        "license", "machine_learning_job_id", "meta", "namespace", "new_terms", "outcome", "output_index",
        "related_integrations", "required_fields", "response_actions", "risk_score_mapping", "rule_name_override",
        "saved_id", "setup", "severity_mapping", "threat_filters", "threat_index", "threat_indicator_path",
        "threat_language", "threat_mapping", "threat_query", "threshold", "throttle", "timeline_id", "timeline_title",
        "timestamp_override", "timestamp_override_fallback_disabled", "to", "version",
    }
)  # fmt: skip
Report = Callable[[Diagnostic], None]


def content(*parts: str) -> Traversable:
    """A folder or file of the bundled content: inside the wheel, or beside the sources of a checkout."""
    packaged = resources.files("falselight").joinpath("content")
    if not packaged.is_dir():
        packaged = Path(__file__).parents[3] / "content"
    return packaged.joinpath(*parts)


def bundled(report: Report) -> list[Rule]:
    """The bundled pack: the page's rule, then the others in the order of file names."""
    files = sorted(
        (entry for entry in content("rules").iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name
    )
    rules = _read(((file.name, file.read_bytes()) for file in files), report)
    return sorted(rules, key=lambda rule: PAGE not in rule.tags)


def load(names: Iterable[str], report: Report) -> list[Rule]:
    """The rules that were asked for: files, folders (all ``.toml`` below, by name), or ``@page``. Two rules with one id
    are told, and the first is kept."""
    rules: dict[str, Rule] = {}
    strange: dict[str, list[Rule]] = {}
    for name in names:
        for rule in _named(name, report):
            other = rules.setdefault(rule.id, rule)
            if other is not rule:
                message = f"Rule id [{rule.id}] stands in {other.path} and in {rule.path}; the first is run"
                report(Diagnostic("E0604", Severity.ERROR, message, path=rule.path))
            for key in rule.extra.keys() - KEPT:
                strange.setdefault(key, []).append(rule)
    for key, having in sorted(strange.items()):
        report(_strange(key, having))
    return list(rules.values())


def _strange(key: str, rules: list[Rule]) -> Diagnostic:
    """One warning for a key that no rule of Falselight or Elastic has, however many rules have it."""
    more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
    message = f"Key [{key}] of {rules[0].path}{more} is unknown and changes nothing"
    near = difflib.get_close_matches(key, MODELLED | KEPT, 1)
    return Diagnostic(
        "W0606", Severity.WARNING, message, path=rules[0].path, help=f"did you mean {near[0]}?" if near else None
    )


def _named(name: str, report: Report) -> Iterator[Rule]:
    if name == PAGE:
        yield from (rule for rule in bundled(report) if PAGE in rule.tags)
        return
    path = Path(name)
    try:
        files = sorted(path.rglob("*.toml")) if path.is_dir() else [path]
        if not files:
            report(Diagnostic("E0603", Severity.ERROR, f"{path} holds no rule (.toml)", path=str(path)))
    except OSError as fault:
        report(Diagnostic("E0601", Severity.ERROR, f"{path} cannot be read: {fault.strerror}", path=str(path)))
        return
    for file in files:
        try:
            text = file.read_bytes()
        except OSError as fault:
            report(Diagnostic("E0601", Severity.ERROR, f"{file} cannot be read: {fault.strerror}", path=str(file)))
        else:
            yield from _read([(str(file), text)], report)


def _read(files: Iterable[tuple[str, bytes]], report: Report) -> Iterator[Rule]:
    for path, data in files:
        try:
            table = tomllib.loads(data.decode("utf-8"))
        except ValueError as fault:
            report(Diagnostic("E0602", Severity.ERROR, f"{path} is not a TOML file: {fault}", path=path))
            continue
        entry = table.get("rule")
        if not isinstance(entry, dict):
            report(Diagnostic("E0602", Severity.ERROR, f"{path} has no table [rule]", path=path))
            continue
        try:
            cases: dict[str, Any] = {key: table[key] for key in ("fires", "stays_silent") if key in table}
            yield _rule({**entry, **cases}, path)
        except ValidationError as fault:
            first = fault.errors()[0]
            place = ".".join(map(str, first["loc"]))
            message = f"{path}: rule.{place}: {first['msg']}"
            report(Diagnostic("E0602", Severity.ERROR, message, path=path))


def _rule(entry: dict[str, Any], path: str) -> Rule:
    renamed = {RENAMED.get(key, key): value for key, value in entry.items()}
    known = {key: value for key, value in renamed.items() if key in MODELLED}
    extra = {key: value for key, value in renamed.items() if key not in MODELLED}
    return Rule(**known, path=path, extra=extra)
