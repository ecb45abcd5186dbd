"""``import``: inputs into a case, each once, whole or not at all."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, cast

from falselight.case import networks, originals
from falselight.case.given import Case, Meter, Progress, find_all
from falselight.case.manifest import ORIGINALS, CaseInput, is_case
from falselight.case.reader import lost
from falselight.case.staging import Staging
from falselight.case.writer import Writer
from falselight.diagnostics import Diagnostic
from falselight.ecs.schema import Schema
from falselight.readers import UNKNOWN, UNREADABLE, UNSAFE, Report, containers, fault
from falselight.readers.detect import Kind
from falselight.readers.places import Place
from falselight.readers.settings import DEFAULTS, Settings
from falselight.reading import Reading


@dataclass
class Imported:
    """What came of an import. ``known`` inputs were imported before and were not read; ``events`` are new, ``copies`` stand
    in the case from other inputs; ``bytes`` are those of the files read."""

    folder: Path
    inputs: int = 0
    known: int = 0
    events: int = 0
    copies: int = 0
    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    malformed: Counter[str] = field(default_factory=Counter)
    total_inputs: int = 0
    total_events: int = 0
    before: int = 0
    events_before: int = 0


def import_paths(
    paths: Iterable[str | Path],
    folder: Path,
    schema: Schema,
    *,
    report: Report,
    progress: Progress | None = None,
    settings: Settings = DEFAULTS,
    keep_originals: bool = False,
) -> Imported:
    """Read what the paths stand for into the case in this folder, which is made if need be. An input whose content was
    imported before is not read again. Whoever is stopped keeps all inputs of the commits before; the next import goes
    on from there. Paths that stand for nothing make no case. Raises ``FalselightError``: see ``Writer``."""
    given = find_all(paths, report)
    if not any(given) and not is_case(folder):
        return Imported(folder)
    with Writer(folder, report) as writer:
        run = _Import(writer, schema, report, settings, keep_originals)
        run.result.before, run.result.events_before = len(writer.manifest.inputs), writer.manifest.events
        try:
            run.all(given, progress)
        finally:
            # Also for whoever is interrupted: what is complete is kept.
            run.finish()
        return run.result


class _Import:
    """One run of an import."""

    def __init__(self, writer: Writer, schema: Schema, report: Report, settings: Settings, keep: bool) -> None:
        self.result = Imported(writer.folder)
        self._folder = writer.folder
        self._staging = Staging(writer, schema)
        self._told = report
        self._passed_over = False
        self._passwords = settings.passwords
        self._keep = keep
        self._staging.changed = networks.remember(writer.manifest, settings)
        shaper = self._staging.shaper
        # Fields are derived when the case is read, with what the user says then.
        plain = replace(settings, derive=False)
        self._reading = Reading(shaper.schema, shaper.malformed, None, self._report, plain)
        manifest = writer.manifest
        self._inputs = {(each.sha256, each.member): each for each in manifest.inputs}
        self._contents = {each.content for each in manifest.inputs}
        self._sizes = set(manifest.whole.values()) | {each.size for each in manifest.inputs}
        self._whole = set(manifest.whole)

    def _report(self, diagnostic: Diagnostic) -> None:
        self._passed_over |= diagnostic.code in (UNSAFE, UNKNOWN, UNREADABLE)
        self._told(diagnostic)

    def all(self, given: list[Case | list[Place]], progress: Progress | None) -> None:
        """Import each of these; cases cannot be."""
        meter = Meter(given, progress)
        for each in given:
            if isinstance(each, Case):
                message = f"{each.folder} is a case itself; import what it was made of"
                self._report(fault(UNREADABLE, message, str(each.folder)))
                continue
            for place in each:
                self._place(place, meter)
        meter.finish(self.result.events)

    def finish(self) -> None:
        """Commit what is complete."""
        self._staging.drop()
        self._staging.commit()
        manifest = self._staging.manifest
        self.result.total_inputs, self.result.total_events = len(manifest.inputs), manifest.events
        added = manifest.inputs[self.result.before :]
        self.result.inputs = len(added)
        self.result.events = manifest.events - self.result.events_before
        self.result.copies = sum(each.copies for each in added)
        for told in lost(self._folder, manifest):
            self._told(told)
        self.result.malformed = self._staging.rejected
        originals.clean(self._folder, manifest)

    def _place(self, place: Place, meter: Meter) -> None:
        """One file, with all that is in it."""
        kept = ""
        if place.path is None or self._keep:
            try:
                sha256, path = originals.keep(self._folder, place)
            except originals.Unreadable as error:
                self._report(fault(UNREADABLE, f"{place.label} cannot be read: {error}", place.label))
                return
            kept = f"{ORIGINALS}/{sha256}"
            place = originals.kept_place(path, place)
        self._passed_over = False
        last: containers.Opened | None = None
        for opened in containers.open_all([place], self._report, self._passwords):
            meter.begin(opened)
            known = opened.input.size in self._sizes
            # Only where a file of this size was read before must its bytes be looked at first.
            if known and last is None and opened.described().sha256 in self._whole:
                self._known(opened, kept)
                return
            last = opened
            entry = self._entry(opened) if known else None
            if entry is not None and not entry.lacking:
                self.result.known += 1
                continue
            self._input(opened, kept, meter, entry)
        if last is not None:
            self._end(last)

    def _entry(self, opened: containers.Opened) -> CaseInput | None:
        """What the case knows of an input."""
        sha256 = opened.described().sha256
        return None if sha256 is None else self._inputs.get((sha256, opened.input.member))

    def _end(self, last: containers.Opened) -> None:
        """All that was in a file has been read: it need not be opened again, unless some of it was passed over."""
        source = last.described()
        self.result.bytes += source.size or 0
        if source.sha256 is not None and source.size is not None and not self._passed_over:
            self._staging.whole[source.sha256] = source.size
            self._staging.changed = True
            self._whole.add(source.sha256)
            self._sizes.add(source.size)

    def _known(self, opened: containers.Opened, kept: str) -> None:
        """The file was imported before. Where its bytes are now is noted, if they are not where they were."""
        source = opened.described()
        place = kept or os.path.abspath(source.path)
        own = [each for each in self._inputs.values() if each.sha256 == source.sha256]
        self.result.known += max(1, len(own))
        for each in own:
            moved = not each.place.startswith(f"{ORIGINALS}/")
            if moved and each.place != place and (kept or not os.path.exists(each.place)):
                each.place = place
                self._staging.changed = True

    def _input(self, opened: containers.Opened, kept: str, meter: Meter, lacking: CaseInput | None) -> None:
        """One input: a plain file, or one member of what a file holds. ``lacking``: one of the case that is read again."""
        before = _state(opened)
        plain: containers.Hashed | None = None
        if opened.path is None:
            plain = containers.Hashed(opened.stream)
            opened.stream = cast(BinaryIO, io.BufferedReader(plain, containers.HEAD_BYTES))
        staging, reading = self._staging, self._reading
        if lacking is not None:
            staging.again(lacking)
        for group in reading.groups(opened):
            staging.shaper.adopt(reading.schema)
            self.result.events += staging.append(group)
            meter.tell(self.result.events)
        source, skipped = reading.inputs.pop(), reading.counts.pop().skipped
        self.result.skipped.update(skipped)
        if source.kind == Kind.UNKNOWN:
            staging.drop()
            return
        sha256 = opened.described().sha256
        if sha256 is None or _state(opened) != before:
            staging.drop()
            message = f"{opened.label} was changed while it was read, and was left out; import it again"
            self._report(fault(UNREADABLE, message, source.path))
            return
        content = sha256
        if plain is not None:
            while opened.stream.read(containers.CHUNK):
                pass
            content = plain.sha256.hexdigest()
        if content in self._contents and lacking is None:
            staging.drop()
            self.result.known += 1
            return
        place = kept or os.path.abspath(source.path)
        entry = CaseInput(source.path, source.member, sha256, source.size or 0, content, str(source.kind), place, 0)
        entry.skipped = dict(skipped)
        self._contents.add(content)
        self._inputs[sha256, source.member] = lacking or entry
        self._sizes.add(entry.size)
        staging.end(entry)


def _state(opened: containers.Opened) -> tuple[int, int] | None:
    """Size and time of change of a file, to tell whether it was written to."""
    try:
        status = os.stat(opened.outer.fileno())
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
