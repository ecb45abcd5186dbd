"""Built-in signatures of adversaries' tools, judged on a scanner's record: ``signatures.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.infrastructure.records import Service


@dataclass(frozen=True)
class Signature:
    """Conditions that must all hold; texts are in lower case. ``probability`` that such a server is an adversary's."""

    name: str
    probability: float
    source: str
    product: tuple[str, ...] = ()
    product_any: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    banner: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    issuer: tuple[str, ...] = ()
    port: tuple[int, ...] = ()
    jarm: tuple[str, ...] = ()
    beacon: bool = False


@cache
def known() -> dict[str, Signature]:
    """All of them by name."""
    document = tomllib.loads(files("falselight.infrastructure").joinpath("signatures.toml").read_text(encoding="utf-8"))
    made = [_signature(one) for one in document["signature"]]
    return {one.name: one for one in made}


def _signature(written: dict[str, Any]) -> Signature:
    conditions: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in written.items()}
    return Signature(**conditions)


def matching(service: Service) -> Iterator[str]:
    """The names of the signatures that a service has."""
    marks = dict(service.marks)
    subject, issuer = (service.certificate.subject, service.certificate.issuer) if service.certificate else (None, None)
    texts = {
        "product": (service.product or "").lower(), "title": (service.title or "").lower(), "banner": service.banner.lower(),
        "subject": subject or "", "issuer": issuer or "",
    }  # fmt: skip
    for one in known().values():
        asked = {
            "product": one.product,
            "title": one.title,
            "banner": one.banner,
            "subject": one.subject,
            "issuer": one.issuer,
        }
        if (
            all(part in texts[where] for where, parts in asked.items() for part in parts)
            and (not one.product_any or any(part in texts["product"] for part in one.product_any))
            and not any(part in texts["banner"] for part in one.without)
            and (not one.port or service.port in one.port)
            and (not one.jarm or marks.get("jarm") in one.jarm)
            and (not one.beacon or "beacon key" in marks)
        ):
            yield one.name
