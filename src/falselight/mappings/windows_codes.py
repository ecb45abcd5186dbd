"""Conversions of the Security log's codes: messages, flags, audit categories, security descriptors.

They give what the scripts of Elastic's security pipelines give, oddities included (an owner keeps its ``O:``; a list
of flags has the order of the script's hash table), since a rule was written against that. Names stand in
``windows_codes.toml``, texts of messages in ``windows_messages.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

from falselight.mappings.conversions import CONVERSIONS as PLAIN
from falselight.mappings.conversions import Conversion, Document, append
from falselight.mappings.network import domain_parts

DATA = "winlog.event_data."
_BITS_OF_A_TYPE = 16
_SUBCATEGORY = re.compile(r"0CCE92([0-9A-F]{2})-69AE-11D9-BED3-505054503030")
_DACL, _SACL = re.compile(r"D:([A-Z]*(\(.*\))?)"), re.compile(r"S:[A-Z]*\(.*")
_OWNER, _GROUP = re.compile(r"\AO:[A-Z]{2}"), re.compile(r"\AG:[A-Z]{2}")
_END_OF_ENTRY = re.compile(r"[*)]")
_RELATIVE = re.compile(r"[0-9]{1,5}\Z")
_TELLING = frozenset({"Administrator", "Guest", "KRBTGT"})
_MOST_ENTRIES = 1_000


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath(name + ".toml").read_text("utf-8"))


def _codes() -> dict[str, Any]:
    return _table("windows_codes")


def names(name: str) -> dict[str, str]:
    """A translation of whole texts, of ``windows_names.toml``."""
    found: dict[str, str] = _table("windows_names")[name]
    return found


@cache
def _messages() -> dict[str, str]:
    found: dict[str, str] = {}
    for first, rights in _table("windows_messages")["rights"].items():
        for bit in range(_BITS_OF_A_TYPE):
            name = rights[bit] if bit < len(rights) else ""
            found[str(int(first) + bit)] = name or f"Undefined Access (no effect) Bit {bit}"
    for first, texts in _table("windows_messages")["messages"].items():
        found.update({str(int(first) + place): text for place, text in enumerate(texts)})
    return found


@cache
def _numbers() -> dict[str, str]:
    """The number of each message's text, the lowest of those that share it."""
    return {text: number for number, text in sorted(_messages().items(), key=lambda pair: -int(pair[0]))}


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
    """``%%2313`` as its text; an unknown message stays a number."""
    number = value.replace("%%", "").strip()
    if number:
        document[target] = _messages().get(number, number)


def known_message(value: str, target: str, document: Document) -> None:
    """``%%14592`` as its text; an unknown message is left out."""
    text = _messages().get(value.replace("%%", "").strip())
    if text is not None:
        document[target] = text


def policy_changes(value: str, target: str, document: Document) -> None:
    """Several messages, with commas between them."""
    numbers = [part.replace("%%", "").strip() for part in value.split(",")]
    document[target] = [_messages().get(number, number) for number in numbers]


def access_list(value: str, target: str, document: Document) -> None:
    """Several messages, with white space between them: their numbers, and their texts under ``<target>Description``."""
    numbers = [number for part in value.split() if (number := part.replace("%%", ""))]
    if numbers:
        document[target] = numbers
        document[target + "Description"] = [_messages().get(number, number) for number in numbers]


def access_mask(value: str, target: str, document: Document) -> None:
    """The mask's words, messages by their texts, and the names of all their bits under ``<target>Description``."""
    words: list[str] = []
    mask = 0
    for part in value.split():
        word = part.replace("%%", "")
        text = _messages().get(word)
        words.append(word if text is None else text)
        mask |= _number(_numbers().get(word, word) if text is None else word) or 0
    if not words:
        return
    document[target] = words
    names = _set(mask, "access_mask", hashed=False)
    if names:
        document[target + "Description"] = names


def account_control(value: str, target: str, document: Document) -> None:
    _named(value, "user_account_control", target, document)


def ticket_options(value: str, target: str, document: Document) -> None:
    _named(value, "ticket_options", target, document, hashed=False)


def _named(value: str, name: str, target: str, document: Document, hashed: bool = True) -> None:
    mask = _number(value)
    names = [] if mask is None else _set(mask, name, hashed)
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
    dacl, sacl = _DACL.search(value), _SACL.search(value)
    lists = {"Dacl": "" if dacl is None else dacl.group()}
    # The list of audits ends the descriptor.
    lists["Sacl"] = sacl.group() if sacl is not None and value.endswith(")") and sacl.end() == len(value) else ""
    for part, text in lists.items():
        for number, entry in enumerate(islice(_entries(text), _MOST_ENTRIES)):
            grantee, told = _entry(entry.replace("(", ""))
            document[f"{target}{part}{number}"] = told
            if grantee in _TELLING:
                append(grantee, "related.user", document)


def _entries(text: str) -> Iterator[str]:
    """What ``\\(([^*)]*)\\)`` finds, in linear time."""
    at = text.find("(")
    while at >= 0:
        end = _END_OF_ENTRY.search(text, at)
        if end is None:
            return
        if end.group() == ")":
            yield text[at + 1 : end.start()]
        at = text.find("(", end.end())


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


def below_directory(value: str, target: str, document: Document) -> None:
    """The name behind ``file.directory``, if there is one."""
    directory = document.get("file.directory")
    if directory is not None:
        document[target] = f"{directory}\\{value}"


def below_share(value: str, target: str, document: Document) -> None:
    """The name behind the share's, if there is one."""
    share = document.get(DATA + "ShareName")
    if share is not None:
        document[target] = f"{share}\\{value}"


CONVERSIONS: dict[str, Conversion] = {
    **PLAIN,
    **{
        made.__name__: made
        for made in (
            message, known_message, policy_changes, access_list, access_mask, account_control, ticket_options,
            message_lines, audit_category, account_name, sid_list, security_descriptor, domain_below, extension,
            below_directory, below_share,
        )
    },
}  # fmt: skip
