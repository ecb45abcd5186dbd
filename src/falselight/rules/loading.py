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
from falselight.rules import kibana, own
from falselight.rules.model import Rule
from falselight.rules.pack import Pack

PAGE, HUNT = "@page", "W0623"
# Detection-rules' names for what Falselight's model calls otherwise.
RENAMED = {"rule_id": "id", "from": "from_"}
MODELLED = frozenset(Rule.model_fields) - {"path", "extra", "raw", "beside"}
ENDINGS = (".toml", ".ndjson")
# Keys of Elastic's rule schema that are kept in ``Rule.extra`` and change nothing here.
KEPT = frozenset(
    {
        "actions", "alias_purpose", "alias_target_id", "anomaly_threshold", "author", "bypass_bbr_timing", "concurrent_searches",
        "created_at", "created_by", "data_view_id", "enabled", "execution_summary", "history_window_start", "id", "immutable",
        "investigation_fields", "items_per_search", "license", "machine_learning_job_id", "meta", "namespace", "new_terms",
        "new_terms_fields", "outcome", "output_index", "required_fields", "response_actions", "revision", "rule_source",
        "saved_id", "setup", "threat_filters", "threat_index", "threat_indicator_path", "threat_language", "threat_mapping",
        "threat_query", "threshold", "throttle", "timeline_id", "timeline_title", "updated_at", "updated_by",
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


def bundled_pack(report: Report) -> Pack:
    """The bundled pack with its exceptions, of which there are none."""
    return Pack(bundled(report))


def load(names: Iterable[str], report: Report) -> list[Rule]:
    """The rules of ``load_pack``."""
    return load_pack(names, report).rules


def load_pack(names: Iterable[str], report: Report) -> Pack:
    """The rules that were asked for with their exceptions: files, folders (all ``.toml`` and ``.ndjson`` below, by name), or
    ``@page``. Two rules with one id are told, and the first is kept."""
    pack, hunts = Pack(), list[str]()
    for name in names:
        _named(name, pack, report, hunts)
    if hunts:
        report(_hunts(hunts))
    rules: dict[str, Rule] = {}
    strange: dict[str, list[Rule]] = {}
    for rule in pack.rules:
        other = rules.setdefault(rule.id, rule)
        if other is not rule:
            message = f"Rule id [{rule.id}] stands in {other.path} and in {rule.path}; the first is run"
            report(Diagnostic("E0604", Severity.ERROR, message, path=rule.path))
        for key in rule.extra.keys() - KEPT:
            strange.setdefault(key, []).append(rule)
    for key, having in sorted(strange.items()):
        report(_strange(key, having))
    pack.rules = list(rules.values())
    pack.check(report)
    return pack


def _strange(key: str, rules: list[Rule]) -> Diagnostic:
    """One warning for a key that no rule of Falselight or Elastic has, however many rules have it."""
    more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
    message = f"Key [{key}] of {rules[0].path}{more} is unknown and changes nothing"
    near = difflib.get_close_matches(key, MODELLED | KEPT, 1)
    return Diagnostic(
        "W0606", Severity.WARNING, message, path=rules[0].path, help=f"did you mean {near[0]}?" if near else None
    )


def _hunts(paths: list[str]) -> Diagnostic:
    """One warning for all hunts of Elastic's repository: queries in several languages, without schedule or severity."""
    files = "holds a hunt" if len(paths) == 1 else f"and {len(paths) - 1} more hold hunts"
    message = f"{paths[0]} {files} ([hunt]) and no rule: left out"
    return Diagnostic(
        HUNT, Severity.WARNING, message, path=paths[0], help="falselight search runs a query of theirs in EQL"
    )


def _named(name: str, pack: Pack, report: Report, hunts: list[str]) -> None:
    if name == PAGE:
        pack.rules.extend(rule for rule in bundled(report) if PAGE in rule.tags)
        return
    path = Path(name)
    try:
        files = sorted(each for each in path.rglob("*") if each.suffix in ENDINGS) if path.is_dir() else [path]
        if not files:
            report(Diagnostic("E0603", Severity.ERROR, f"{path} holds no rule (.toml, .ndjson)", path=str(path)))
    except OSError as fault:
        report(Diagnostic("E0601", Severity.ERROR, f"{path} cannot be read: {fault.strerror}", path=str(path)))
        return
    taken = False
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as fault:
            report(Diagnostic("E0601", Severity.ERROR, f"{file} cannot be read: {fault.strerror}", path=str(file)))
            continue
        if kibana.is_export(data):
            kibana.read(data, str(file), pack, _rule, report)
        elif file.suffix != ".ndjson":
            pack.rules.extend(_read([(str(file), data)], report, hunts))
        elif path.is_dir():
            continue  # a log beside the rules
        else:
            message = f"{file} is no export of Kibana: none of its first lines is a rule, a list or an exception"
            report(Diagnostic("E0602", Severity.ERROR, message, path=str(file)))
        taken = True
    if files and not taken and path.is_dir():
        report(Diagnostic("E0603", Severity.ERROR, f"{path} holds no rule, only other NDJSON", path=str(path)))


def _read(files: Iterable[tuple[str, bytes]], report: Report, hunts: list[str] | None = None) -> Iterator[Rule]:
    """The rules of files; the names of those that are hunts join the list."""
    for path, data in files:
        try:
            table = tomllib.loads(data.decode("utf-8-sig"))
        except (ValueError, RecursionError) as fault:
            report(Diagnostic("E0602", Severity.ERROR, f"{path} is not a TOML file: {fault}", path=path))
            continue
        entry = table.get("rule")
        if hunts is not None and entry is None and isinstance(table.get("hunt"), dict):
            hunts.append(path)
            continue
        if not isinstance(entry, dict):
            report(Diagnostic("E0602", Severity.ERROR, f"{path} has no table [rule]", path=path))
            continue
        try:
            written, beside = own.taken(entry)
            if beside is None:
                beside = {key: value for key, value in table.items() if key != "rule"}
            yield _rule(written, beside, path)
        except ValidationError as fault:
            first = fault.errors()[0]
            place = ".".join(map(str, first["loc"]))
            message = f"{path}: rule.{place}: {first['msg']}"
            report(Diagnostic("E0602", Severity.ERROR, message, path=path))


def _rule(entry: dict[str, Any], beside: dict[str, Any], path: str) -> Rule:
    """A rule of its table and the tables beside it. Kibana's own ``id`` of a stored rule is no rule id; null is as good as
    absent, as for Kibana; suppression of other rule types has other keys, and only passes through."""
    renamed = {RENAMED.get(key, key): value for key, value in entry.items() if key != "id" or "rule_id" not in entry}
    other = renamed.get("type", "eql") != "eql"
    known = {
        key: value
        for key, value in renamed.items()
        if key in MODELLED and value is not None and not (other and key == "alert_suppression")
    }
    extra = {key: value for key, value in renamed.items() if key not in MODELLED}
    cases = {key: beside[key] for key in ("fires", "stays_silent") if key in beside}
    return Rule(**known, **cases, path=path, extra=extra, raw=entry, beside=beside)
