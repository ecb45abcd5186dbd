"""The page's rule: its EQL, and the same question as an expert would write it for DuckDB."""

from __future__ import annotations

DOMAINS = [
    "microsoft.com",
    "windows.com",
    "windowsupdate.com",
    "office.com",
    "live.com",
    "azure.com",
    "microsoftonline.com",
    "office365.com",
    "akamaiedge.net",
    "akamaitechnologies.com",
    "cloudflare.com",
    "cloudflare-dns.com",
    "amazonaws.com",
    "googleapis.com",
    "apple.com",
    "icloud.com",
    "digicert.com",
    "verisign.com",
]
PROCESSES = [
    "msedge.exe",
    "chrome.exe",
    "firefox.exe",
    "iexplore.exe",
    "opera.exe",
    "brave.exe",
    "outlook.exe",
    "teams.exe",
    "slack.exe",
    "zoom.exe",
    "onedrive.exe",
    "msedgewebview2.exe",
    "microsoftedgecp.exe",
]
NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128")
HOUR = 3_600_000


def eql() -> str:
    """The rule's EQL text (the bundled pack's ``@page``, in this project's line breaks)."""
    networks = ", ".join(f'"{network}"' for network in NETWORKS)
    domains = ", ".join(f'"*{domain}"' for domain in DOMAINS)
    processes = ", ".join(f'"{process}"' for process in PROCESSES)
    return (
        "sequence by host.name, destination.ip with maxspan=1h\n"
        '[network where event.type == "start" and network.direction == "egress" and\n'
        f"not cidrMatch(destination.ip, {networks}) and\n"
        f"not destination.domain : ({domains}) and\nnot process.name : ({processes})] with runs=10"
    )


def _address(text: str) -> str:
    return f"unhex('{text}')"


def _ranges() -> str:
    mapped = "0" * 20 + "FFFF"
    bounds = (("0A000000", "0AFFFFFF"), ("AC100000", "AC1FFFFF"), ("C0A80000", "C0A8FFFF"), ("7F000000", "7FFFFFFF"))
    parts = [
        f'"destination.ip#ip" BETWEEN {_address(mapped + low)} AND {_address(mapped + high)}' for low, high in bounds
    ]
    return " OR ".join([*parts, f'"destination.ip#ip" = {_address("0" * 31 + "1")}'])


def condition() -> str:
    """The rule's filter, by hand: lists by membership, names folded once, a missing name passes."""
    domains = " OR ".join(f"ends_with(lower(\"destination.domain\"), '{domain}')" for domain in DOMAINS)
    processes = ", ".join(f"'{process}'" for process in PROCESSES)
    return (
        "list_contains(\"event.category\", 'network') AND list_contains(\"event.type\", 'start') "
        'AND "network.direction" = \'egress\' AND "host.name" IS NOT NULL AND "destination.ip" IS NOT NULL '
        f"AND NOT ({_ranges()}) AND NOT coalesce({domains}, false) "
        f'AND NOT coalesce(lower("process.name") IN ({processes}), false)'
    )


def by_hand(table: str) -> str:
    """SELECT host, server, windows: every window of ten starts within an hour ends a sequence, counted by key."""
    return f"""
        SELECT host, server, count(*) AS windows FROM (
            SELECT "host.name" AS host, "destination.ip" AS server, "@timestamp" AS first,
                   lead("@timestamp", 9) OVER (PARTITION BY "host.name", "destination.ip" ORDER BY "@timestamp", _seq) AS last
            FROM {table} WHERE {condition()})
        WHERE last - first <= {HOUR} GROUP BY host, server"""
