"""Writes specs/sources.md from the mapping tables: every field of every source, and whence it comes. Run it after a change
of a table; a new table is found by itself.

Three forms of table are known: those of ``mappings.records`` (rename, copy, steps), those of Windows events (rules), and
named lists of ``[column, field]``. A table without any holds lookups for others, and gives no chapter.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from falselight import mappings

TARGET = Path(__file__).parents[1] / "specs" / "sources.md"
RECORDS = frozenset({"rename", "copy", "steps"})
HEAD = """# Sources, field by field

Made from the mapping tables (`src/falselight/mappings/*.toml`) by `scripts/sources_guide.py`; a test fails when it is stale.
`falselight read PATH… --events` shows what becomes of your own records, and `falselight read PATH…` which fields they fill.

* *field* is what comes out, *from* the record's column or data, or a field that an earlier line made.
  What no line takes stays under the source's own names, so that nothing is lost.
* Lines stand in the order in which they are run. *moved* says that the column is no longer there under its own name.
* The chapter [How values are converted](#how-values-are-converted) tells what each conversion does.
"""


TIMES = [
    ["Windows event logs", "the first of the time that the event itself tells (Sysmon's `UtcTime`) and `TimeCreated`"],
    ["Zeek", "`ts`, in milliseconds as Elastic's pipelines keep it; analytics have all digits"],
    ["Suricata", "the record's `timestamp`, never its flow's start"],
    [
        "firewalls and proxies",
        "the record's own, else its syslog header's; of a closed connection that is its end, and `event.start` its start",
    ],
    ["packet captures", "the time of the packet that begins the event"],
    ["Azure flow logs", "the flow tuple's own, never the record's"],
    ["Google Cloud VPC flows", "the record's `timestamp`; the flow's own are `event.start` and `event.end`"],
    [
        "NetFlow",
        "when the collector received the flow, else its end, else its start; `event.start` and `event.end` are its own",
    ],
    ["OCSF", "`time`, else `time_dt`"],
    ["passive DNS", "when the data was last seen; `event.start` is when it was first"],
    ["Wazuh", "that of the Windows event in it, else `timestamp`"],
    ["ECS documents", "their own"],
]
# What ``mappings.apply.shared`` gives; a test holds the names together.
WINDOWS: list[tuple[tuple[str, ...], str]] = [
    (("event.kind",), "always `event`"),
    (("event.code", "winlog.event_id"), "`EventID`"),
    (("event.provider", "winlog.provider_name"), "`Provider/@Name`"),
    (("winlog.provider_guid",), "`Provider/@Guid`"),
    (("host.name", "winlog.computer_name"), "`Computer`"),
    (("host.os.type",), "always `windows`"),
    (("winlog.api",), "always `wineventlog`"),
    (("winlog.channel",), "`Channel`"),
    (("winlog.record_id",), "`EventRecordID`"),
    (("winlog.version",), "`Version`, unless 0"),
    (("log.level",), "the level's text, or the name of `Level`"),
    (
        ("event.action", "winlog.task"),
        "the task's text, or its name in the table; the event's own action comes before it",
    ),
    (("winlog.opcode",), "the opcode's text, or its name in the table"),
    (("event.outcome",), "`Keywords`: audit success or failure"),
    (("winlog.keywords",), "`Keywords`: audit success, audit failure, classic"),
    (("winlog.process.pid", "winlog.process.thread.id"), "`Execution/@ProcessID`, `@ThreadID`"),
    (("winlog.activity_id", "winlog.related_activity_id"), "`Correlation/@ActivityID`, `@RelatedActivityID`"),
    (("winlog.user.identifier",), "`Security/@UserID`"),
    (("winlog.user.name", "winlog.user.domain", "winlog.user.type"), "the rendered user, or that of a well-known SID"),
    (("message",), "the rendered message, where the source has one: EVTX has none"),
]


def guide() -> str:
    """The whole guide as Markdown."""
    chapters: list[str] = [
        HEAD,
        "## Time\n",
        _table(["source", "@timestamp is"], TIMES),
        "## What all Windows events have\n",
    ]
    chapters.append(_table(["field", "from"], [[", ".join(map(_code, names)), told] for names, told in WINDOWS]))
    for path in sorted(Path(mappings.__file__).parent.glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        chapters.extend(_chapter(path.stem, text, tomllib.loads(text)))
    chapters.append("## How values are converted\n")
    chapters.append(_table(["conversion", "what it does"], _conversions()))
    return "\n".join(chapters)


def _chapter(name: str, text: str, entry: Mapping[str, Any]) -> Iterator[str]:
    sections = [(f"{name.replace('_', ' ')}", entry)] if _is_records(entry) or "rule" in entry else []
    sections += [(key, part) for key, part in entry.items() if isinstance(part, dict) and _is_records(part)]
    sections += [(key, {"copy": part}) for key, part in entry.items() if key not in RECORDS and _are_pairs(part)]
    if not sections and "layouts" not in entry:
        return
    yield f"## {name}.toml\n"
    yield f"{_about(text)}\n"
    for title, section in sections:
        if len(sections) > 1 or title != name.replace("_", " "):
            yield f"### {_code(title)}\n"
        yield from _windows(section) if "rule" in section else _records(section, _prefix(name, title, section, entry))
    for title, columns in entry.get("layouts", {}).items():
        yield f"### {_code(title)}\n"
        rows = [[_code(field), str(at)] for at, field in enumerate(_named(columns, entry), 1) if field]
        yield _table(["field", "column"], rows)


def _named(columns: list[str], entry: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a log's columns, with those of the parts that they name."""
    for column in columns:
        if column.startswith("*"):
            yield from _named(entry["parts"][column[1:]], entry)
        else:
            yield entry["prefix"] + column if column.startswith(".") else column


def _prefix(name: str, title: str, section: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """Under which name a section's own columns stand."""
    if "prefix" in section or "layouts" in whole:
        return str(section.get("prefix") or whole["prefix"])
    if "event.dataset" in whole.get("constants", {}):
        return str(whole["constants"]["event.dataset"])
    family = name.partition("_")[0]
    if title == "flow" or title == name.replace("_", " "):
        return f"{family}.⟨log⟩"
    # Events of captures go by the tables of Zeek's logs.
    return f"{'zeek' if family == 'pcap' else family}.{section.get('dataset', title)}"


def _is_records(entry: Mapping[str, Any]) -> bool:
    return bool(RECORDS & entry.keys()) or isinstance(entry.get("constants"), dict)


def _are_pairs(part: Any) -> bool:
    """Whether this is a list of ``[column, field]``."""
    return isinstance(part, list) and bool(part) and all(
        isinstance(each, list) and len(each) >= 2 and all(isinstance(word, str) for word in each) for each in part
    )  # fmt: skip


def _about(text: str) -> str:
    """The comment at a table's head."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    # How a table writes its names is of no concern here.
    return re.sub(r"Names that begin with a dot [^.]*\.", "", " ".join(lines)).strip()


def _records(entry: Mapping[str, Any], prefix: str) -> Iterator[str]:
    def field(name: str) -> str:
        return _code(prefix + name if name.startswith(".") else name)

    yield f"Columns that no line takes stay below {_code(prefix)}.\n"
    rows = [[_code(name), f"always {_value(value)}", ""] for name, value in entry.get("constants", {}).items()]
    rows += [[field(new), _code(old), "moved"] for old, new in entry.get("rename", [])]
    rows += [[field(new), _code(old), kind[0] if kind else ""] for old, new, *kind in entry.get("copy", [])]
    for step in entry.get("steps", []):
        sources = step["from"] if isinstance(step["from"], list) else [step["from"]]
        targets = step.get("to", sources)
        targets = targets if isinstance(targets, list) else [targets]
        told = [step["as"], *(["moved"] if step.get("move") else []), *_options(step)]
        if step["as"] == "drop":
            targets = []
        rows.append([", ".join(map(field, targets)) or "none", ", ".join(map(_code, sources)), "; ".join(told)])
    if entry.get("without"):
        yield f"Without the source's common steps {', '.join(map(_code, entry['without']))}.\n"
    yield _table(["field", "from", "how"], rows)


def _options(step: Mapping[str, Any]) -> Iterator[str]:
    for name, value in step.items():
        if name not in {"as", "from", "to", "move"}:
            yield f"{name} {_value(value)}"


def _windows(entry: Mapping[str, Any]) -> Iterator[str]:
    yield f"Providers: {', '.join(map(_code, entry['providers']))}."
    if entry.get("channels"):
        yield f"Channels: {', '.join(map(_code, entry['channels']))}."
    if entry.get("missing"):
        yield f"No values: {', '.join(map(_code, entry['missing']))}."
    if entry.get("like"):
        yield f"All lines of {_code(entry['like'] + '.toml')} come first."
    if entry.get("dataset"):
        yield f"`event.dataset` and `data_stream.dataset`: {_code(entry['dataset'])}."
    if entry.get("created"):
        yield "`event.created` is the record's own time."
    yield "Data that no line takes stays below `winlog.event_data`.\n"
    events = []
    for number, told in entry.get("events", {}).items():
        listed = [", ".join(told.get(part, [])) for part in ("category", "type")]
        events.append([number, *listed, told.get("action", ""), told.get("outcome", "")])
    if events:
        heads = ["event", "event.category", "event.type", "event.action", "event.outcome"]
        yield _table(heads, events)
    sets = entry.get("sets", {})
    if any("names" in rule for rule in entry["rule"]):
        yield "Translations by *names* stand in `src/falselight/mappings/windows_names.toml`.\n"
    rows = []
    for rule in entry["rule"]:
        kind = next(each for each in ("data", "user_data", "field") if each in rule)
        source = {"data": "", "user_data": " (user data)", "field": " (field)"}[kind]
        told = [
            rule.get("as", ""),
            *(f"{name} {_value(rule[name])}" for name in ("values", "names", "missing") if name in rule),
        ]
        told += [name for name in ("keep", "if_absent", "else_keep") if rule.get(name)]
        rows.append([
            _code(rule.get("to", "")) if rule.get("to") else "", _code(rule[kind]) + source, _events(rule),
            "; ".join(each for each in told if each),
        ])  # fmt: skip
    yield _table(["field", "from", "events", "how"], rows)
    if sets:
        yield _table(["set", "events"], [[name, ", ".join(map(str, ids))] for name, ids in sets.items()])


def _events(rule: Mapping[str, Any]) -> str:
    told = []
    for name, word in (("events", ""), ("except", "not ")):
        if name in rule:
            listed = rule[name] if isinstance(rule[name], str) else ", ".join(map(str, rule[name]))
            told.append(f"{word}{listed}")
    return "; ".join(told) or "all"


def _conversions() -> list[list[str]]:
    """Every named conversion of the mapping modules with the first sentence of its documentation."""
    found: dict[str, set[str]] = {}
    for module in pkgutil.iter_modules(mappings.__path__):
        table = getattr(importlib.import_module(f"falselight.mappings.{module.name}"), "CONVERSIONS", {})
        for name, convert in table.items():
            found.setdefault(name, set()).add(_sentence(convert) or name)
    return [[_code(name), " · ".join(sorted(told - {name} or told))] for name, told in sorted(found.items())]


def _sentence(convert: Callable[..., Any]) -> str:
    return " ".join((convert.__doc__ or "").split())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        pairs = [f"{key} → {_plain(each)}" for key, each in value.items()]
        return ", ".join(pairs)
    return _code(_plain(value)) if not isinstance(value, bool) else str(value).lower()


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _code(text: str) -> str:
    if not text:
        return "the empty text"
    return f"`` {text} ``" if "`" in text else f"`{text.removeprefix('.') if text.startswith('.') else text}`"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


if __name__ == "__main__":
    TARGET.write_text(guide(), encoding="utf-8")
    click.echo(f"{TARGET} written")
