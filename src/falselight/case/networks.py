"""Which networks a case knows as its own: those that its imports named. They serve whoever reads it and names none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from falselight.case.manifest import Manifest, is_case, load
from falselight.diagnostics import FalselightError
from falselight.readers.settings import Networks, Settings


def remember(manifest: Manifest, settings: Settings) -> bool:
    """Has the manifest name the networks of the settings, if they name any; gives whether that changes it."""
    if not (settings.internal or settings.external):
        return False
    named = [str(each) for each in settings.internal], [str(each) for each in settings.external]
    changed = named != (manifest.internal, manifest.external)
    manifest.internal, manifest.external = named
    return changed


def of_cases(paths: Iterable[str | Path], settings: Settings) -> Settings:
    """The settings for what the paths stand for: with the networks that the cases among them remember, where the settings
    name none themselves."""
    internal: list[str] = []
    external: list[str] = []
    for path in filter(is_case, paths):
        try:
            manifest = load(Path(path))
        except FalselightError:
            continue  # What is wrong with it is told when its events are read.
        internal += manifest.internal
        external += manifest.external
    if not (internal or external):
        return settings
    known = _networks(internal), _networks(external)
    if settings.internal or settings.external:
        return replace(settings, remembered=known)
    return replace(settings, internal=known[0], external=known[1], remembered=known)


def _networks(texts: list[str]) -> Networks:
    return tuple(ip_network(text) for text in dict.fromkeys(texts))
