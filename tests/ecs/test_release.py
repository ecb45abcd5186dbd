"""The shipped tables: their form, the facts that queries rest on, and that Elastic's own rules find their fields."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from falselight.ecs import release
from falselight.ecs.schema import CONTAINER_TYPES, DATE_TYPES, NUMBER_TYPES, STRING_TYPES, Field
from falselight.eql.parser import parse
from falselight.eql.walk import field_names
from falselight.source import Source

TYPES = STRING_TYPES | NUMBER_TYPES | DATE_TYPES | CONTAINER_TYPES
OTHER_TYPES = {"boolean", "ip", "version", "flattened", "geo_point", "histogram", "alias", "date_range", "binary"}
FLAGS = {"array", "noindex", "normalizer", "scaling", "exact", "target", "also"}


def rows(table: str) -> list[list[str]]:
    text = files("falselight.ecs").joinpath(table).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def known(name: str) -> Field:
    found = release.schema().find(name)
    assert found is not None, name
    return found


@pytest.mark.parametrize("table", release.TABLES)
def test_rows_are_sorted_unique_and_whole(table: str) -> None:
    names = [row[0] for row in rows(table)]
    assert names == sorted(set(names))
    wrong = [
        row
        for row in rows(table)
        if len(row) != 5
        or not row[0]
        or row[1] not in TYPES | OTHER_TYPES
        or not all(row[4].split(","))
        or (row[2] and not row[2].isdigit())
        or not {flag.partition("=")[0] for flag in row[3].split(",") if flag} <= FLAGS
    ]
    assert wrong == []


def test_tables_do_not_overlap() -> None:
    assert not {row[0] for row in rows("fields.tsv")} & {row[0] for row in rows("integrations.tsv")}


def test_counts() -> None:
    assert len([row for row in rows("fields.tsv") if row[1] not in CONTAINER_TYPES]) > 2500
    assert len([row for row in rows("integrations.tsv") if row[1] not in CONTAINER_TYPES]) > 4500
    assert len(release.schema()) > 9000


def test_aliases_lead_to_fields() -> None:
    schema = release.schema()
    assert schema.aliases
    assert not [name for name in schema.aliases if schema.find(name) is None]


@pytest.mark.parametrize(
    ("name", "kind", "many", "limit"),
    [
        ("@timestamp", "date", False, None),
        ("destination.domain", "keyword", False, 1024),
        ("destination.ip", "ip", False, None),
        ("destination.port", "long", False, None),
        ("dns.answers", "object", True, None),
        ("dns.resolved_ip", "ip", True, None),
        ("event.category", "keyword", True, 1024),
        ("event.ingested", "date", False, None),
        ("event.type", "keyword", True, 1024),
        ("host.ip", "ip", True, None),
        ("host.name", "keyword", False, 1024),
        ("network.bytes", "long", False, None),
        ("network.direction", "keyword", False, 1024),
        ("process.args", "keyword", True, 1024),
        ("process.code_signature.trusted", "boolean", False, None),
        ("process.command_line", "wildcard", False, None),
        ("process.command_line.text", "match_only_text", False, None),
        ("process.name.text", "match_only_text", False, None),
        ("process.parent", "object", False, None),
        ("registry.data.strings", "wildcard", True, None),
        ("threat.enrichments", "nested", True, None),
    ],
)
def test_ecs(name: str, kind: str, many: bool, limit: int | None) -> None:
    field = known(name)
    assert (field.type, field.many, field.ignore_above, field.filled) == (kind, many, limit, False)
    assert release.sources()[name] == ("ecs",)


def test_fields_that_are_only_stored() -> None:
    assert not known("event.original").index
    assert known("event.code").index


@pytest.mark.parametrize(
    ("name", "kind", "source"),
    [
        ("Effective_process.executable", "keyword", "endpoint.library"),
        ("auditd.data.syscall", "keyword", "auditd_manager.auditd"),
        ("aws.cloudtrail.session_credential_from_console", "keyword", "aws.cloudtrail"),
        ("dll.Ext.relative_file_creation_time", "double", "endpoint.library"),
        ("fortinet.firewall.cfgattr", "keyword", "filebeat.fortinet"),
        ("o365.audit.Parameters.ForwardTo", "keyword", "o365.audit"),
        ("okta.outcome.result", "keyword", "okta.system"),
        ("process.Ext.token.integrity_level_name", "keyword", "endpoint.process"),
        ("suricata.eve.tls.sni", "keyword", "filebeat.suricata"),
        ("winlog.event_data.GrantedAccess", "keyword", "windows.sysmon_operational"),
        ("winlog.logon.type", "keyword", "system.security"),
        ("winlog.process.pid", "long", "system.security"),
        ("zeek.ssl.server.name", "keyword", "filebeat.zeek"),
    ],
)
def test_integrations(name: str, kind: str, source: str) -> None:
    assert known(name).type == kind
    assert source in release.sources()[name]


def test_case_folded_sub_fields() -> None:
    assert known("process.name.caseless").normalizer == "lowercase"


def test_aws_parameters_keep_long_values() -> None:
    assert known("aws.cloudtrail.request_parameters").ignore_above == 8191


def test_names_below_a_dynamic_template() -> None:
    found = release.dynamic("winlog.event_data.NeverSeenBefore")
    assert found is not None and (found.type, found.ignore_above) == ("keyword", 1024)
    assert release.dynamic("azure.auditlogs.properties.target_resources.3.modified_properties.0.new_value") is not None
    assert release.dynamic("winlog.event_data") is None
    assert release.dynamic("no.such.field") is None
    assert "winlog.event_data.*" not in release.schema()


def test_disagreements_are_told_and_do_not_forbid_the_field() -> None:
    told = release.disagreements()
    assert told["file.Ext.windows.zone_identifier"] == ("keyword", "long")
    assert all(len(set(types)) == len(types) > 1 for types in told.values())
    assert not any(field.conflict for field in release.schema())


def test_similar_names_are_leaves() -> None:
    schema = release.schema()
    assert schema.similar("destination.domian")[0] == "destination.domain"
    assert schema.similar("process.nmae")[0] == "process.name"
    assert schema.similar("winlog.event_data.TargetImag")[0] == "winlog.event_data.TargetImage"
    assert schema.similar("entirely.unlike.anything") == []


def test_elastic_rules_find_their_fields(shared: Path) -> None:
    schema = release.schema()
    absent: dict[str, list[str]] = {}
    containers: dict[str, list[str]] = {}
    paths = sorted((shared / "rules/elastic-eql").glob("*.toml"))
    for path in paths:
        query = tomllib.loads(path.read_text(encoding="utf-8"))["rule"]["query"]
        for name in field_names(parse(Source(query, path.name))):
            field = schema.find(name)
            if field is None:
                absent.setdefault(name, []).append(path.name)
            elif field.type in CONTAINER_TYPES:
                containers.setdefault(name, []).append(path.name)
    assert len(paths) > 600
    assert absent == {}
    assert containers == {}
