"""What the availability table says, and that it speaks of fields and sources that exist."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from itertools import chain

from falselight.ecs import availability, release

TABLE = tomllib.loads(files("falselight.ecs").joinpath("availability.toml").read_text(encoding="utf-8"))


def test_every_field_is_in_the_schema_and_every_source_has_a_name() -> None:
    fields, sources = TABLE["fields"], TABLE["sources"]
    assert not [name for name in fields if release.schema().find(name) is None and release.dynamic(name) is None]
    used = set(chain.from_iterable(fields.values()))
    assert used - {"*"} <= set(sources)
    assert not [name for name, keys in fields.items() if not keys or len(set(keys)) < len(keys)]


def test_no_source_is_named_for_nothing_and_no_two_are_named_alike() -> None:
    used = set(chain.from_iterable(TABLE["fields"].values()))
    assert set(TABLE["sources"]) <= used
    assert len(set(TABLE["sources"].values())) == len(TABLE["sources"])


def test_domain_of_a_connection_needs_a_lookup() -> None:
    found = availability.sources("destination.domain")
    assert "Sysmon 3 (network connection) with DNS lookup" in found
    assert not any(source.startswith("Zeek conn") for source in found)


def test_egress_is_not_said_by_flows() -> None:
    found = availability.sources("network.direction")
    assert "Sysmon 3 (network connection)" in found and "Elastic Defend network events" in found
    assert not any("flow" in source for source in found)


def test_unknown_and_universal_fields() -> None:
    assert availability.sources("no.such.field") == []
    assert availability.sources("event.type") == [availability.EVERYWHERE]
    assert "process.name" in availability.known()


def test_what_brings_a_category_are_sources_of_the_table() -> None:
    for keys in availability.categories().values():
        assert keys and all(availability.label(key) for key in keys)


def test_fields_of_integrations_have_their_data_sets() -> None:
    assert availability.datasets("aws.cloudtrail.request_parameters") == ["aws.cloudtrail"]
    assert (
        availability.datasets("process.Ext.ancestry")[-1] in ("endpoint.alerts", "endpoint.api")
        and availability.datasets("no.such") == []
    )
