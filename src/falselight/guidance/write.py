"""The guide and the playbook of ``content/guides`` as Markdown, general or filled with one finding's facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from jinja2 import Environment, StrictUndefined

from falselight.guidance import quoting
from falselight.guidance.facts import Facts, of_document
from falselight.rules.loading import content

Part = Literal["investigation", "response"]
_NO_ENTRY = {"input": "?", "member": "", "sha256": "?", "records": []}
PARTS: tuple[Part, ...] = ("investigation", "response")


def guide(part: Part, facts: Facts | None = None) -> str:
    """One of the two documents. Without facts it is general: what an exported rule carries in its ``note``."""
    known = facts if facts is not None else of_document({})
    own = known.finding.get("falselight", {})
    text = _template(part).render(
        finding=bool(known.finding),
        facts=known,
        rule=known.finding.get("rule", {}).get("name", "The ranking of servers"),
        who=_codes(known.hosts or known.addresses) if known.hosts or known.addresses else "a host",
        whom=_codes((*known.servers, *known.names)) if known.servers or known.names else "a server",
        first_seen=own.get("first_seen", ""),
        last_seen=own.get("last_seen", ""),
        reasons=[reason["text"] for reason in own.get("reasons", [])],
        evidence=[{**_NO_ENTRY, **entry} for entry in own.get("evidence", []) if isinstance(entry, Mapping)],
        beacon=own.get("beacon"),
        files=tuple(dict.fromkeys(line[-1].executable for line in known.trees if line[-1].executable)),
        hashes=tuple(dict.fromkeys(line[-1].sha256 for line in known.trees if line[-1].sha256)),
    )
    return _without_wide_gaps(text)


@cache
def _template(part: str) -> Any:
    # Values are escaped for Markdown by the filters below; HTML never is written here.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False, keep_trailing_newline=True)
    environment.filters.update(
        md=quoting.markdown,
        code=quoting.code,
        codes=_codes,
        listed=quoting.listed,
        joined=_joined,
        capitalised=_capitalised,
    )
    return environment.from_string(content("guides", "T1583.004", f"{part}.md.j2").read_text(encoding="utf-8"))


def _codes(values: Iterable[object]) -> str:
    """Values as code, ``–`` for none; a bar would end a cell of a table."""
    return ", ".join(quoting.code(value).replace("|", "\\|") for value in values) or "–"


def _joined(values: Iterable[object], quote: str) -> str:
    return " or ".join(quoting.listed([value], quote) for value in values)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _without_wide_gaps(text: str) -> str:
    """At most one empty line in a row."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).rstrip() + "\n"
