"""What paths stand for: cases and files, in their order; and how far the reading of them has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from falselight.case.manifest import NAME, WITHIN, Manifest, is_case
from falselight.case.manifest import load as load_manifest
from falselight.diagnostics import FalselightError
from falselight.readers import Report, containers, fault
from falselight.readers.places import Place, find

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Case:
    """A case folder among the paths, as its manifest was when it was met."""

    folder: Path
    manifest: Manifest

    @property
    def size(self) -> int:
        return sum(each.bytes for each in self.manifest.files)


Given: TypeAlias = Case | list[Place]


def find_all(paths: Iterable[str | Path], report: Report) -> list[Given]:
    """Cases and files, in the order in which the paths stand for them."""
    found: list[Given] = []
    plain: list[str | Path] = []
    for path in [*paths, None]:
        if path is not None and not is_case(path):
            plain.append(path)
            continue
        if plain:
            found.append(_beside_cases(find(plain, report), report))
            plain = []
        if path is not None:
            try:
                found.append(Case(Path(path), load_manifest(Path(path))))
            except FalselightError as fault:
                for diagnostic in fault.diagnostics:
                    report(diagnostic)
    return found


def _beside_cases(places: list[Place], report: Report) -> list[Place]:
    """The files without those of a case: what a case holds is read as a case, or comes of the same files."""
    paths = [place.path for place in places if place.path is not None]
    cases = {path.parent for path in paths if path.name == NAME and is_case(path.parent)}
    for folder in sorted(cases):
        help = "give its folder as a path to read its events"
        report(fault(WITHIN, f"{folder} is a case and was passed over", str(folder), help=help))
    return (
        [place for place in places if place.path is None or cases.isdisjoint(place.path.parents)] if cases else places
    )


class Meter:
    """Tells how far the reading has come."""

    def __init__(self, given: Iterable[Given], progress: Progress | None) -> None:
        sizes = [each.size if isinstance(each, Case) else sum(place.size or 0 for place in each) for each in given]
        self._progress, self._total = progress, sum(sizes)
        self._done = 0
        self._current: containers.Opened | None = None

    def begin(self, opened: containers.Opened) -> None:
        """Another input is read."""
        if self._current is not None and opened.input.path != self._current.input.path:
            self._done += self._current.input.size or 0
        self._current = opened

    def tell(self, events: int) -> None:
        """Some of the input has been read."""
        if self._progress is not None and self._current is not None:
            self._progress(min(self._done + self._current.position(), self._total), self._total, events)

    def passed(self, size: int, events: int) -> None:
        """So many bytes are done, whatever was in them."""
        if self._current is not None:
            self._done += self._current.input.size or 0
            self._current = None
        self._done += size
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total, events)

    def finish(self, events: int) -> None:
        """All has been read."""
        if self._progress is not None:
            self._progress(self._total, self._total, events)
