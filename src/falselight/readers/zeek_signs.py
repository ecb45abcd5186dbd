"""How Zeek's logs are told from other files, without loading what reads them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LOG_NAMES = ("_path", "@stream")


@cache
def _shared() -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath("zeek_shared.toml").read_text("utf-8"))


def is_tsv(head: bytes) -> bool:
    """Whether a file begins as a Zeek log with a header does (a byte-order mark or white space before it is passed over)."""
    start = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith((b"#separator", b"#fields\t", b"#set_separator"))


def log_of(document: Mapping[str, Any]) -> str | None:
    """The log that a JSON record belongs to: by the name it carries, else by its fields; None if it is none of Zeek's."""
    named = next((document[name] for name in LOG_NAMES if isinstance(document.get(name), str)), None)
    keys = _keys(document)
    if named is not None and ("ts" in keys or "_write_ts" in keys):
        return str(named)
    found = None
    size = 0
    for log, fields in _shared()["recognise"].items():
        if len(fields) > size and "ts" in keys and all(name in keys for name in fields):
            found, size = log, len(fields)
    if found is None and "ts" in keys and "id.orig_h" in keys and "uid" in keys:
        return "unknown"
    if set(document) == {"name"} and str(document["name"]).rstrip().endswith((".zeek", ".bro")):
        return "loaded_scripts"
    return found


def _keys(document: Mapping[str, Any]) -> set[str]:
    spellings = _shared()["spellings"]
    keys: set[str] = set()
    for name, value in document.items():
        keys.add(spellings.get(name, name))
        if isinstance(value, dict) and len(value) < 50:
            keys.update(f"{name}.{below}" for below in value)
    return keys
