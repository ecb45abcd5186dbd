"""The collector runs again after a pause, and a pause within one that someone else made changes nothing."""

from __future__ import annotations

import gc

import pytest

from falselight import collector


def test_a_pause_ends_however_it_is_left() -> None:
    with collector.paused():
        assert not gc.isenabled()
        with collector.paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyboardInterrupt), collector.paused():
        raise KeyboardInterrupt
    assert gc.isenabled()


def test_what_is_kept_is_never_looked_at_again() -> None:
    before = gc.get_freeze_count()
    try:
        with collector.paused(kept=True):
            made = [[number] for number in range(10_000)]
        assert gc.get_freeze_count() - before >= len(made)
        assert gc.isenabled()
    finally:
        gc.unfreeze()
