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
