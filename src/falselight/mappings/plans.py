"""Mapping tables (TOML) as plans: for each provider and event id, the steps to take, built once.

A table has ``providers`` or ``channels``, ``like`` (another table, that it adds to), ``module``, ``dataset`` (of
Elastic's integration: event.dataset and data_stream.dataset), ``platform``, ``missing`` (texts that stand for no
value), ``drop`` (data that is not kept), ``tasks``, ``opcodes``, ``sets`` (named lists of event ids), ``events`` (id →
category, type, action), ``time`` (the data that tell @timestamp), ``created`` (the record's time is event.created),
``context`` (which data hold data of their own, by event id or for all ``other`` events) and ``rule`` entries: ``data``,
``user_data`` or ``field`` (where the text is), ``to``, ``as`` (a conversion), ``values`` (translation; other texts are
left out unless ``else_keep``), ``names`` (a translation of ``windows_names.toml``), ``events`` / ``except`` (ids, or
the name of a set), ``keep`` (the data stays), ``if_absent`` (an earlier value stays), ``missing`` (texts that stand for
no value here)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from falselight.mappings import windows_adfs, windows_codes, windows_files, windows_network, windows_tasks
from falselight.mappings.conversions import Conversion, text
from falselight.mappings.windows_codes import names as translation

TABLES = (
    "windows_sysmon",
    "windows_sysmon_linux",
    "windows_security",
    "windows_powershell",
    "windows_powershell_classic",
    "windows_dns_client",
    "windows_dns_server",
    "windows_bits",
    "windows_adfs",
    "windows_applocker",
    "windows_defender",
    "windows_task_scheduler",
)
DATA, USER_DATA, FIELD = 0, 1, 2
CONVERSIONS = {
    **windows_codes.CONVERSIONS, **windows_tasks.CONVERSIONS, **windows_network.CONVERSIONS, **windows_adfs.CONVERSIONS,
    **windows_files.CONVERSIONS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    source: int
    name: str
    target: str
    convert: Conversion
    keep: bool
    if_absent: bool
    values: dict[str, str] | None
    else_keep: bool
    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with the events of one provider and id."""

    constants: dict[str, Any]
    steps: tuple[Step, ...] = ()
    missing: frozenset[str] = frozenset()
    drop: tuple[str, ...] = ()
    task_name: str | None = None
    split_context: str | None = None
    context_trim: str = ""
    data_time: str | None = None
    created: bool = False


@cache
def table(name: str) -> dict[str, Any]:
    """One mapping table; what it does not say, the table that it is ``like`` says, and its rules come after that one's."""
    entry = tomllib.loads(files("falselight.mappings").joinpath(name + ".toml").read_text("utf-8"))
    if "like" not in entry:
        return entry
    before = table(entry["like"])
    return {**before, **entry, "rule": [*before["rule"], *entry["rule"]]}


@lru_cache(maxsize=4_096)
def plan(provider: str, channel: str, event_id: int) -> Plan | None:
    """The plan for an event, None if only the fields that all events share apply."""
    for name in TABLES:
        entry = table(name)
        if provider in entry["providers"] and (not entry.get("channels") or channel in entry["channels"]):
            return _compiled(entry, event_id)
    return None


@lru_cache(maxsize=4_096)
def names(provider: str) -> tuple[dict[str, str], dict[str, str]]:
    """The names of a provider's tasks and opcodes by number."""
    for name in TABLES:
        entry = table(name)
        if provider in entry["providers"]:
            return entry.get("tasks", {}), entry.get("opcodes", {})
    return {}, {}


def _compiled(entry: dict[str, Any], event_id: int) -> Plan:
    constants: dict[str, Any] = {"event.module": entry["module"]} if "module" in entry else {}
    if "dataset" in entry:
        constants["event.dataset"] = constants["data_stream.dataset"] = entry["dataset"]
    if "platform" in entry:
        constants["host.os.type"] = entry["platform"]
    for key, value in {**entry.get("default", {}), **entry["events"].get(str(event_id), {})}.items():
        constants["event." + key] = value
    steps = tuple(_step(rule) for rule in entry["rule"] if _applies(rule, event_id, entry.get("sets", {})))
    context = entry.get("context", {})
    return Plan(
        constants,
        steps,
        frozenset(entry.get("missing", [])),
        tuple(entry.get("drop", [])),
        split_context=context.get(str(event_id), context.get("other")),
        context_trim=context.get("trim", ""),
        data_time=entry.get("time") or None,
        created=entry.get("created", False),
    )


def _applies(rule: dict[str, Any], event_id: int, sets: dict[str, list[int]]) -> bool:
    def ids(value: str | list[int]) -> list[int]:
        return sets[value] if isinstance(value, str) else value

    if "events" in rule and event_id not in ids(rule["events"]):
        return False
    return not ("except" in rule and event_id in ids(rule["except"]))


def _step(rule: dict[str, Any]) -> Step:
    source, name = next(
        (kind, rule[key]) for kind, key in ((DATA, "data"), (USER_DATA, "user_data"), (FIELD, "field")) if key in rule
    )
    return Step(
        source,
        name,
        rule.get("to", ""),
        CONVERSIONS[rule["as"]] if "as" in rule else text,
        rule.get("keep", False),
        rule.get("if_absent", False),
        translation(rule["names"]) if "names" in rule else rule.get("values"),
        rule.get("else_keep", False),
        frozenset(rule.get("missing", [])),
    )
