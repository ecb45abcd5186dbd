"""The register of everything that can be wrong with the text of a query: code, and how the message reads.

Wordings follow Elasticsearch's where it has one. Every code has an example in ``specs/errors.md``.
"""

from __future__ import annotations

from falselight.diagnostics import Diagnostic, EqlError, Label, Severity
from falselight.source import Source, Span

REGISTER = {
    # characters
    "E0101": "[{text}] is not part of the language",
    "E0102": "A string is not closed before the end of its line",
    "E0103": "Unknown escape [{text}] in a string",
    "E0104": "[{text}] is not a Unicode character",
    "E0105": "Use double quotes [\"] to define string literals, not single quotes [']",
    "E0106": 'Use triple double quotes ["""] to define unescaped string literals, not [?{quote}]',
    "E0107": "A backquoted name is not closed",
    "E0108": "A comment is not closed",
    "E0109": "Number [{text}] is too large",
    # grammar
    "E0110": "Expected {expected}, found {found}",
    "E0111": "{opening} is not closed: expected {expected}, found {found}",
    "E0112": "[{text}] is not an operator",
    "E0113": "[{text}] is a keyword: as a field name it stands in backquotes",
    "E0114": "Comparisons cannot be chained",
    "E0115": "[not] cannot stand after [{operator}]",
    "E0116": "[{operator}] takes constants, not expressions",
    "E0117": "The query nests deeper than {limit} levels",
    "E0118": "[where] is missing",
    "E0119": "Array indexes are not supported",
    "E0120": "Process relationships are not supported",
    "E0121": "JOIN command is not supported",
    "E0122": "[{operator}] has no negated form",
    "E0123": "The query is empty",
    # sequences and samples
    "E0130": "Inconsistent number of join keys specified; expected [{expected}] but found [{found}]",
    "E0131": "Unsupported join key [{text}]",
    "E0132": "Please specify sequence [by] before [with] not after",
    "E0133": "Decimal time interval [{text}] not supported; please use an positive integer",
    "E0134": "No time unit specified, did you mean [s] as in [{text}s]?",
    "E0135": "Unrecognized time unit [{unit}] in [{text}], please specify one of [ms, s, m, h, d]",
    "E0136": "A positive maxspan value is required; found [{text}]",
    "E0137": "Unrecognized option [{text}], expecting [runs]",
    "E0138": "A positive runs value is required; found [{text}]",
    "E0139": "A query cannot be repeated more than 100 times; found [{text}]",
    "E0140": "A runs value must be a whole number; found [{text}]",
    "E0141": "[until] cannot be repeated",
    "E0142": "A sequence requires a minimum of 2 queries, found [{found}]",
    "E0143": "A sequence cannot have more than 256 queries; found [{found}]",
    "E0144": "[maxspan] is required for sequences with missing events queries; found none",
    "E0145": "A sequence requires at least one query for events that are present; all are missing events queries",
    "E0146": "Missing events queries are only supported in sequences, not in [{where}]",
    "E0147": "A sample requires a minimum of 2 queries, found [{found}]",
    "E0148": "A sample cannot contain more than 5 queries; found [{found}]",
    "E0149": "A sample must have at least one join key",
    "E0150": "A sample cannot have the join key [{text}] twice",
    "E0151": "A sample does not support [{text}]",
    # pipes
    "E0160": "Pipe [{name}] is not supported",
    "E0161": "Unrecognized pipe [{name}]",
    "E0162": "Unrecognized pipe [{name}], did you mean [{close}]?",
    "E0163": "Pipe [{name}] expects exactly one argument, found [{found}]",
}


def fault(
    source: Source,
    code: str,
    span: Span,
    *,
    help: str | None = None,
    second: Label | None = None,
    **values: object,
) -> EqlError:
    """The refusal registered under ``code``, at ``span``. ``values`` fill the message's places."""
    message = REGISTER[code].format(**values)
    labels = (Label(span), second) if second else (Label(span),)
    return EqlError([Diagnostic(code, Severity.ERROR, message, labels, help, source)])


def shortened(text: str, limit: int = 60) -> str:
    """User text for a message: its beginning, marked where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
