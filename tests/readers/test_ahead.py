"""Work put off: in its order, with what it raises, and no more of it waiting than was said."""

from __future__ import annotations

import threading

import pytest

from falselight.readers.ahead import WAITING, PutOff


def test_calls_are_made_in_their_order_beside_the_caller() -> None:
    made: list[tuple[int, bool]] = []
    work = PutOff()
    caller = threading.get_ident()
    for number in range(50):
        work.do(lambda number=number: made.append((number, threading.get_ident() != caller)))
    work.settle()
    work.close()
    assert made == [(number, True) for number in range(50)]


def test_no_more_calls_wait_than_may() -> None:
    gate = threading.Event()
    work = PutOff()
    for _ in range(WAITING + 1):
        work.do(lambda: None if gate.wait(10) else pytest.fail("the gate stayed shut"))
    started = threading.Event()
    others = threading.Thread(target=lambda: (work.do(lambda: None), started.set()))
    others.start()
    assert not started.wait(0.2)
    gate.set()
    others.join(10)
    assert started.is_set()
    work.settle()
    work.close()


def test_what_a_call_raises_is_raised_and_later_calls_are_not_made() -> None:
    made: list[int] = []
    gate = threading.Event()
    work = PutOff()
    work.do(lambda: gate.wait(10) and 1 / 0)
    work.do(lambda: made.append(1))
    gate.set()
    with pytest.raises(ZeroDivisionError):
        work.settle()
    with pytest.raises(RuntimeError):
        work.do(lambda: made.append(2))
    assert made == []
