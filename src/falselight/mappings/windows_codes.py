"""Conversions of the Security log's codes: messages, flags, audit categories, security descriptors.

They give what the scripts of Elastic's security pipelines give, oddities included (an owner keeps its ``O:``; a list
of flags has the order of the script's hash table), since a rule was written against that. Names stand in
``windows_codes.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.conversions import CONVERSIONS as PLAIN
from falselight.mappings.conversions import Conversion, Document, append
from falselight.mappings.network import domain_parts

DATA = "winlog.event_data."
_BITS_OF_A_TYPE = 16
_SUBCATEGORY = re.compile(r"0CCE92([0-9A-F]{2})-69AE-11D9-BED3-505054503030")
_DACL, _SACL = re.compile(r"D:([A-Z]*(\(.*\))*)"), re.compile(r"(S:([A-Z]*(\(.*\))*))?$")
_OWNER, _GROUP = re.compile(r"\AO:[A-Z]{2}"), re.compile(r"\AG:[A-Z]{2}")
_ENTRY = re.compile(r"\([^*)]*\)")
_RELATIVE = re.compile(r"[0-9]{1,5}\Z")
_TELLING = frozenset({"Administrator", "Guest", "KRBTGT"})
_MOST_ENTRIES = 1_000


@cache
def _codes() -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath("windows_codes.toml").read_text("utf-8"))


@cache
def _messages() -> dict[str, str]:
    found: dict[str, str] = {}
    for first, rights in _codes()["rights"].items():
        for bit in range(_BITS_OF_A_TYPE):
            name = rights[bit] if bit < len(rights) else ""
            found[str(int(first) + bit)] = name or f"Undefined Access (no effect) Bit {bit}"
    for first, texts in _codes()["messages"].items():
        found.update({str(int(first) + place): text for place, text in enumerate(texts)})
    return found


@cache
def _flags(name: str, hashed: bool = True) -> tuple[tuple[int, str], ...]:
    """Masks and names, in the order in which a Java HashMap of the masks' texts lists them."""
    table: dict[str, str] = _codes()["flags"][name]
    keys = _hash_order(table) if hashed else list(table)
    return tuple((int(key, 16), table[key]) for key in keys)


def _hash_order(keys: Iterable[str]) -> list[str]:
    found = list(keys)
    size = 16
    while len(found) > size * 3 // 4:
        size *= 2

    def bucket(key: str) -> int:
        value = 0
        for character in key:
            value = (31 * value + ord(character)) & 0xFFFF_FFFF
        return (value ^ value >> 16) & (size - 1)

    return sorted(found, key=bucket)


def _number(text: str) -> int | None:
    """As Java's ``Long.decode``: decimal, ``0x…``, or octal behind a 0."""
    try:
        if text[:2] in {"0x", "0X"}:
            value = int(text, 16)
        else:
            value = int(text, 8 if len(text) > 1 and text[0] == "0" else 10) if len(text) < 21 else 1 << 64
    except ValueError:
        return None
    return value if -(1 << 63) <= value < 1 << 63 else None


def _set(mask: int, name: str, hashed: bool = True) -> list[str]:
    return [text for flag, text in _flags(name, hashed) if mask & flag == flag]


def message(value: str, target: str, document: Document) -> None:
    """``%%2313`` as its text; an unknown message is left out."""
    text = _messages().get(value.replace("%%", "").strip())
    if text is not None:
        document[target] = text


def messages(value: str, target: str, document: Document) -> None:
    """Several messages, with white space or commas between them."""
    codes = value.replace("%%", "").replace(",", " ").split()
    found = [text for code in codes if (text := _messages().get(code)) is not None]
    if found:
        document[target] = found


def access_mask(value: str, target: str, document: Document) -> None:
    """The mask's words, and the names of all their bits under ``<target>Description``."""
    parts = value.split()
    if not parts:
        return
    document[target] = parts
    mask = 0
    for part in parts:
        mask |= _number(part.replace("%%", "")) or 0
    names = _set(mask, "access_mask", hashed=False)
    if names:
        document[target + "Description"] = names


def account_control(value: str, target: str, document: Document) -> None:
    _named(value, "user_account_control", target, document)


def ticket_options(value: str, target: str, document: Document) -> None:
    _named(value, "ticket_options", target, document)


def _named(value: str, name: str, target: str, document: Document) -> None:
    mask = _number(value)
    names = [] if mask is None else _set(mask, name)
    if names:
        document[target] = names


def message_lines(value: str, target: str, document: Document) -> None:
    """Message numbers, one a line, without their ``%%``."""
    found = [part for line in value.split("\n") if (part := line.replace("%%", "").strip())]
    if found:
        document[target] = found


def audit_category(value: str, target: str, document: Document) -> None:
    """The category and subcategory of a GUID."""
    known = _SUBCATEGORY.fullmatch(value.replace("{", "").replace("}", "").upper())
    for category, names in _codes()["audit"].items():
        if known is not None and known.group(1) in names:
            document[DATA + "Category"] = category
            document[DATA + "SubCategory"] = names[known.group(1)]


def account_name(value: str, target: str, document: Document) -> None:
    """A well-known SID by its name."""
    name = _codes()["accounts"].get(value)
    if name is not None:
        document[target] = name


def _trustee(value: str) -> str | None:
    accounts: dict[str, str] = _codes()["accounts"]
    if value in accounts:
        return accounts[value]
    last = _RELATIVE.search(value) if value.startswith("S-1-5-21") else None
    if last is None:
        return value
    name: str | None = _codes()["domain_accounts"].get(last.group())
    return name


def sid_list(value: str, target: str, document: Document) -> None:
    """SIDs with white space between them: the list, and their names under ``<target>Desc``."""
    found = re.sub(r"\s+", " ", value.strip()).split(" ")
    document[target] = found
    names = [_trustee(sid.translate({ord(sign): None for sign in "%{}"})) for sid in found]
    if kept := [name for name in names if name is not None]:
        document[target + "Desc"] = kept


def security_descriptor(value: str, target: str, document: Document) -> None:
    """``<target>Owner``, ``Group``, ``Dacl0`` …, ``Sacl0`` …: who may do what, in words."""
    for part, pattern in (("Owner", _OWNER), ("Group", _GROUP)):
        if holder := pattern.search(value):
            document[target + part] = holder.group()
    for part, pattern in (("Dacl", _DACL), ("Sacl", _SACL)):
        entries = pattern.search(value)
        found = _ENTRY.findall(entries.group() if entries is not None else "")
        for number, entry in enumerate(found[:_MOST_ENTRIES]):
            grantee, text = _entry(entry.replace("(", "").replace(")", ""))
            document[f"{target}{part}{number}"] = text
            if grantee in _TELLING:
                append(grantee, "related.user", document)


def _entry(text: str) -> tuple[str, str]:
    parts = text.split(";")
    grantee = _java(_trustee(parts[5])) if len(parts) >= 6 else "null"
    permissions = "null"
    if len(parts) >= 3:
        permissions = f"[{', '.join(_permissions(parts[2]))}]"
    return grantee, f"{grantee} :{_java(_codes()['aces'].get(parts[0]))} ({permissions})"


def _permissions(text: str) -> list[str]:
    if text.startswith("0x"):
        mask = _number(text)
        return ([] if mask is None else _set(mask, "permissions")) or [text]
    return [_java(_codes()["permissions"].get(text[at : at + 2])) for at in range(0, len(text), 2)]


def _java(value: str | None) -> str:
    return "null" if value is None else value


def domain_below(value: str, target: str, document: Document) -> None:
    """``<target>.registered_domain``, ``.subdomain`` and ``.top_level_domain`` of a name, by the public suffix list."""
    for name, part in zip(("registered_domain", "subdomain", "top_level_domain"), domain_parts(value), strict=True):
        if part is not None:
            document[f"{target}.{name}"] = part


def extension(value: str, target: str, document: Document) -> None:
    """What follows the last dot."""
    _, dot, last = value.rpartition(".")
    if dot:
        document[target] = last


CONVERSIONS: dict[str, Conversion] = {
    **PLAIN,
    **{
        made.__name__: made
        for made in (
            message, messages, access_mask, account_control, ticket_options, message_lines, audit_category,
            account_name, sid_list, security_descriptor, domain_below, extension,
        )
    },
}  # fmt: skip
