"""Any CSV with a header, read by a mapping file of the user's (TOML):

```toml
[csv]
columns = ["when", "client", "server"]   # the header must have these; that is how such a file is recognised
delimiter = ","                          # a comma without it
time = "when"                            # the column of @timestamp …
format = "%d.%m.%Y %H:%M:%S"             # … and its strptime format; ISO 8601, or epoch seconds or milliseconds, without it
[fields]                                 # column → ECS field
client = "source.ip"
server = "destination.domain"
[constants]                              # what every event has
"event.category" = ["network"]
```

Columns that no field names are kept as ``labels.<column>``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falselight.diagnostics import Diagnostic, FalselightError, Severity
from falselight.mappings.csv_cells import cells as csv_cells

NO_MAPPING = "E0515"
_MOST_CELLS = 2_000


def cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line, without white space around them; none of what is no row."""
    return [cell.strip() for cell in (csv_cells(line, delimiter, blanks=False) or [])[:_MOST_CELLS]]


class Layout(BaseModel):
    """``[csv]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: list[str] = Field(min_length=1)
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    time: str | None = None
    format: str | None = None


class CsvMapping(BaseModel):
    """A mapping file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csv: Layout
    fields: dict[str, str] = {}
    constants: dict[str, Any] = {}

    def fits(self, head: bytes) -> bool:
        """Whether a file that begins so has the columns."""
        line = head.decode("utf-8-sig", "replace").splitlines()[:1]
        return bool(line) and set(self.csv.columns) <= set(cells(line[0], self.csv.delimiter))


def load(path: Path) -> CsvMapping:
    """A mapping file; ``FalselightError`` (E0515) says what is wrong with it."""
    try:
        return CsvMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as fault:
        first = fault.errors()[0] if isinstance(fault, ValidationError) else None
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first is not None else str(fault)
        diagnostic = Diagnostic(
            NO_MAPPING, Severity.ERROR, f"{path} is no mapping of a CSV file: {what}", path=str(path)
        )
        raise FalselightError([diagnostic]) from fault
