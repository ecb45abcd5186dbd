"""Maintainers' tool: writes ``src/falselight/ecs/{fields,integrations}.tsv`` from checkouts of Elastic's repositories.

    python scripts/ecs_fields.py --ecs DIR@v9.4.0 --endpoint DIR@v9.5.0 \\
        --inventory DIR@f3b0dc1954 --detection-rules DIR@14cf530f0d --beats 9.5.0 [--integrations DIR@COMMIT]

``--inventory`` and ``--detection-rules`` are commits of one repository: the inventory of integrations outgrew 4 MiB, so a
mirror without large files holds it up to 2024-07-24 only. With a checkout of elastic/integrations its own definitions come
first. ``scripts/ecs_supplement.tsv`` holds what none of these says, each line with its source.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import ecs_sources as sources
from ecs_sources import Checkout, Definition

TABLES = Path(__file__).parents[1] / "src/falselight/ecs"
SUPPLEMENT = Path(__file__).with_name("ecs_supplement.tsv")

PACKAGES: dict[str, frozenset[str] | None] = {
    "auditd": None,
    "auditd_manager": None,
    "aws": frozenset({"cloudtrail", "route53_public_logs", "route53_resolver_logs", "vpcflow"}),
    "azure": frozenset(
        {"activitylogs", "auditlogs", "graphactivitylogs", "identity_protection", "platformlogs", "signinlogs"}
    ),
    "cisco_asa": None,
    "cisco_umbrella": None,
    "cloud_defend": frozenset({"alerts", "file", "process"}),
    "endpoint": None,
    "fim": None,
    "fortinet_fortigate": None,
    "gcp": frozenset({"audit", "dns", "firewall", "vpcflow"}),
    "github": frozenset({"audit"}),
    "google_workspace": frozenset({"admin", "device", "drive", "login", "rules", "token"}),
    "iptables": None,
    "kubernetes": frozenset({"audit_logs"}),
    "m365_defender": frozenset({"event"}),
    "network_traffic": None,
    "o365": None,
    "okta": None,
    "panw": None,
    "squid": None,
    "suricata": None,
    "sysmon_linux": None,
    "system": frozenset({"application", "auth", "security", "syslog", "system"}),
    "windows": frozenset(
        {
            "applocker_exe_and_dll",
            "applocker_msi_and_script",
            "applocker_packaged_app_deployment",
            "applocker_packaged_app_execution",
            "forwarded",
            "powershell",
            "powershell_operational",
            "sysmon_operational",
            "windows_defender",
        }
    ),
    "zeek": None,
}
BEATS = {
    "auditbeat": ("module/",),
    "filebeat": tuple(
        f"module/{name}/"
        for name in (
            "auditd",
            "checkpoint",
            "cisco",
            "coredns",
            "fortinet",
            "iptables",
            "juniper",
            "panw",
            "suricata",
            "zeek",
        )
    ),
    "packetbeat": ("protos/", "_meta/"),
    "winlogbeat": ("module/", "_meta/"),
}
EXACT = frozenset({"keyword", "wildcard", "constant_keyword"})
TEXT = frozenset({"text", "match_only_text"})


def chosen_package(package: str, stream: str) -> bool:
    return package in PACKAGES and ((streams := PACKAGES[package]) is None or stream in streams)


def chosen_beat(beat: str, path: str) -> bool:
    return path.startswith(BEATS.get(beat, ()))


def supplement() -> Iterable[Definition]:
    for line in SUPPLEMENT.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, kind, limit, source = line.split("\t")
            yield Definition(name, kind, source, int(limit) if limit else None)


def merge(found: Iterable[Definition], taken: frozenset[str]) -> dict[str, tuple[Definition, list[str], list[str]]]:
    """The first definition of each name wins. With it: all its sources, and the other types that sources give."""
    merged: dict[str, tuple[Definition, list[str], list[str]]] = {}
    for entry in found:
        if entry.name in taken:
            continue
        first, origins, others = merged.setdefault(entry.name, (entry, [], []))
        if entry.source not in origins:
            origins.append(entry.source)
        if entry.type == "alias":
            continue
        alike = {first.type, entry.type} <= EXACT or {first.type, entry.type} <= TEXT or first.type == entry.type
        if not alike and entry.type not in others:
            others.append(entry.type)
    return merged


def containers(names: Iterable[str], taken: frozenset[str], source: str) -> list[Definition]:
    """The objects that dotted names imply."""
    above = {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)}
    return [Definition(name, "object", source) for name in sorted(above - taken) if "*" not in name]


def line(entry: Definition, origins: list[str], others: list[str]) -> str:
    flags = [
        *(["array"] if entry.array else []),
        *([] if entry.index else ["noindex"]),
        *([f"normalizer={entry.normalizer}"] if entry.normalizer else []),
        *([f"scaling={entry.scaling_factor:g}"] if entry.scaling_factor else []),
        *([f"exact={entry.exact}"] if entry.exact else []),
        *([f"target={entry.target}"] if entry.target else []),
        *([f"also={'|'.join(others)}"] if others else []),
    ]
    cells = (entry.name, entry.type, str(entry.ignore_above or ""), ",".join(flags), ",".join(sorted(origins)))
    return "\t".join(cells)


def write(path: Path, head: str, merged: dict[str, tuple[Definition, list[str], list[str]]]) -> None:
    rows = [line(*merged[name]) for name in sorted(merged)]
    path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8", newline="\n")
    print(f"{path.name}: {len(rows)} fields")


def main() -> None:
    arguments = _arguments()
    ecs = merge(sources.ecs(arguments.ecs), frozenset())
    for entry in containers(ecs, frozenset(ecs), "ecs"):
        ecs[entry.name] = (entry, ["ecs"], [])
    taken = frozenset(ecs)
    found = [
        *supplement(),
        *(sources.package(arguments.integrations, "packages", chosen_package) if arguments.integrations else ()),
        *sources.package(arguments.endpoint, "package", chosen_package),
        *sources.inventory(arguments.inventory, chosen_package),
        *sources.beats(arguments.detection_rules, arguments.beats, chosen_beat),
        *sources.undeclared(arguments.detection_rules),
    ]
    merged = merge(found, taken)
    merged = {
        name: row for name, row in merged.items() if row[0].target is None or row[0].target in taken | set(merged)
    }
    for entry in containers([name for name in merged], taken | set(merged), "implied"):
        merged[entry.name] = (entry, ["implied"], [])
    written = "# Written by scripts/ecs_fields.py; do not edit. Columns: name, type, ignore_above, flags, sources.\n"
    faster = "# TSV, not TOML: measured, tomllib takes 90-160 ms for this many fields, splitting lines 6 ms.\n"
    write(TABLES / "fields.tsv", f"# ECS {arguments.ecs.commit} (elastic/ecs).\n{written}{faster}", ecs)
    origin = (
        f"# What ECS lacks: endpoint-package {arguments.endpoint.commit}, detection-rules {arguments.inventory.commit} and "
        f"{arguments.detection_rules.commit}, Beats {arguments.beats}"
        f"{', integrations ' + arguments.integrations.commit if arguments.integrations else ''}.\n"
    )
    write(TABLES / "integrations.tsv", f"{origin}{written}{faster}", merged)


def _checkout(text: str) -> Checkout:
    path, _, commit = text.rpartition("@")
    return Checkout(Path(path), commit)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write the field tables from checkouts of Elastic's repositories.")
    for name in ("--ecs", "--endpoint", "--inventory", "--detection-rules"):
        parser.add_argument(name, type=_checkout, required=True, metavar="DIR@COMMIT")
    parser.add_argument("--integrations", type=_checkout, metavar="DIR@COMMIT")
    parser.add_argument("--beats", required=True, metavar="VERSION")
    return parser.parse_args()


if __name__ == "__main__":
    main()
