"""Constants of a query in the physical form of a field's column, read as Elasticsearch's field mappers read them."""

from __future__ import annotations

import ipaddress
import math
from typing import NoReturn

from falselight.diagnostics import Diagnostic, EqlError, Label, Severity
from falselight.ecs.schema import DATE_TYPES, EXACT_STRING_TYPES, FLOAT_TYPES, INTEGER_TYPES, Field
from falselight.eql import typed
from falselight.plan import dates, nodes
from falselight.source import Source
from falselight.values import Malformed, ip, version_order

LOWEST, HIGHEST = -(2**63), 2**63 - 1
HIGHEST_UNSIGNED = 2**64 - 1


def physical(field: Field) -> str:
    """The kind of column that a field stands in: fields of one kind compare directly."""
    if field.type in EXACT_STRING_TYPES or field.type in ("ip", "version"):
        return "text"
    if field.type in INTEGER_TYPES:
        return "integer"
    if field.type in FLOAT_TYPES:
        return "float"
    return field.type


class Literals:
    """Reads constants; what cannot be read as the field's type raises ``EqlError`` (E0301)."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def equal(self, field: Field, constants: tuple[typed.Constant, ...]) -> nodes.Predicate:
        """Some value of the field equals one of the constants."""
        if field.type in DATE_TYPES:
            spans = tuple(self._instants(field, constant) for constant in constants)
            return _either(tuple(nodes.Within(field, low, high) for low, high in spans))
        if field.type == "ip":
            return self._addresses(field, constants)
        values = []
        for constant in constants:
            value = self._value(field, constant)
            if value is not None:
                values.append(value)
        return nodes.Equal(field, tuple(values)) if values else nodes.NEVER

    def range(self, field: Field, operator: str, constant: typed.Constant) -> nodes.Predicate:
        """Some value of the field lies on that side of the constant."""
        if field.type in DATE_TYPES:
            low, high = self._instants(field, constant)
            return nodes.Range(field, operator, high if operator in (">", "<=") else low)
        if field.type == "ip":
            return nodes.Range(field, operator, ip(self._address(field, constant))[1])
        if field.type in INTEGER_TYPES:
            return self._integer_range(field, operator, constant)
        value = self._value(field, constant)
        return nodes.Range(field, operator, value) if value is not None else nodes.NEVER

    def _value(self, field: Field, constant: typed.Constant) -> str | int | float | bool | bytes | None:
        """None: no value of that type can equal the constant."""
        if field.type in INTEGER_TYPES:
            number = self._number(field, constant)
            return int(number) if number == math.floor(number) and _fits(field, number) else None
        if field.type in FLOAT_TYPES:
            return float(self._number(field, constant))
        if field.type == "boolean":
            return self._boolean(field, constant)
        text = _text(constant.value)
        if field.type == "version":
            return version_order(text)
        return text

    def _number(self, field: Field, constant: typed.Constant) -> int | float:
        value = constant.value
        if isinstance(value, bool):
            self._refuse(field, constant)
        if isinstance(value, int | float):
            return value
        text = str(value).strip()
        try:
            return int(text)
        except ValueError:
            pass
        try:
            number = float(text)
        except ValueError:
            self._refuse(field, constant)
        if "_" in text or not math.isfinite(number):
            self._refuse(field, constant)
        return number

    def _integer_range(self, field: Field, operator: str, constant: typed.Constant) -> nodes.Predicate:
        """Whole-number bounds: ``< 4.5`` is ``<= 4``. Bounds beyond the type keep all values or none."""
        number = self._number(field, constant)
        if number != math.floor(number):
            bound = math.floor(number) if operator in ("<", "<=") else math.ceil(number)
            operator = "<=" if operator in ("<", "<=") else ">="
        else:
            bound = int(number)
        highest = HIGHEST_UNSIGNED if field.type == "unsigned_long" else HIGHEST
        lowest = 0 if field.type == "unsigned_long" else LOWEST
        if bound > highest:
            return nodes.Exists(field) if operator in ("<", "<=") else nodes.NEVER
        if bound < lowest:
            return nodes.Exists(field) if operator in (">", ">=") else nodes.NEVER
        return nodes.Range(field, operator, bound)

    def _boolean(self, field: Field, constant: typed.Constant) -> bool:
        value = constant.value
        if isinstance(value, bool):
            return value
        if value in ("true", "false", ""):
            return bool(value == "true")
        self._refuse(field, constant)

    def _instants(self, field: Field, constant: typed.Constant) -> tuple[int, int]:
        """First and last instant that a date constant names, in the unit of the column."""
        try:
            return dates.span(_text(constant.value), field.format, nanoseconds=field.type == "date_nanos")
        except ValueError as fault:
            self._refuse(field, constant, str(fault))

    def _address(self, field: Field, constant: typed.Constant) -> str:
        try:
            return ip(_text(constant.value))[0]
        except Malformed:
            self._refuse(field, constant)

    def _addresses(self, field: Field, constants: tuple[typed.Constant, ...]) -> nodes.Predicate:
        exact, ranges = [], []
        for constant in constants:
            text = _text(constant.value)
            if "/" in text:
                ranges.append(self._network(field, constant, text))
            else:
                exact.append(self._address(field, constant))
        leaves: list[nodes.Predicate] = []
        if exact:
            leaves.append(nodes.Equal(field, tuple(exact)))
        if ranges:
            leaves.append(nodes.Cidr(field, tuple(ranges)))
        return _either(tuple(leaves))

    def _network(self, field: Field, constant: typed.Constant, text: str) -> tuple[bytes, bytes]:
        try:
            return network(text)
        except ValueError as fault:
            self._refuse(field, constant, str(fault))

    def _refuse(self, field: Field, constant: typed.Constant, why: str = "") -> NoReturn:
        reason = f": {why}" if why else ""
        message = (
            f"[{_text(constant.value)}] cannot be read as [{field.type}], the type of field [{field.name}]{reason}"
        )
        raise EqlError(
            [Diagnostic("E0301", Severity.ERROR, message, (Label(constant.span),), source=self.source)]
        ) from None


def network(text: str) -> tuple[bytes, bytes]:
    """First and last address of a CIDR range, as 16 bytes. A plain address is a range of one. Raises ValueError."""
    parsed = ipaddress.ip_network(text.strip(), strict=False)
    return ip(str(parsed.network_address))[1], ip(str(parsed.broadcast_address))[1]


def _either(leaves: tuple[nodes.Predicate, ...]) -> nodes.Predicate:
    return leaves[0] if len(leaves) == 1 else nodes.Or(leaves)


def _fits(field: Field, number: int | float) -> bool:
    if field.type == "unsigned_long":
        return 0 <= number <= HIGHEST_UNSIGNED
    return LOWEST <= number <= HIGHEST


def _text(value: object) -> str:
    """A constant as text, as JSON prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
