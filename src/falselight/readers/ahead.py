"""Work ahead: what comes next is made in threads while the caller works on what came before; and work put off, the other way
round."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")
WORKERS = 2
# An item is asked for when so many before it may still be worked on.
STANDING = WORKERS + 1
WAITING = 1


def ahead(function: Callable[[T], S], items: Iterable[T]) -> Iterator[S]:
    """What the function makes of each item, in their order, of up to ``WORKERS`` items at once. Items are asked for in the
    caller's thread, ``STANDING`` at most beyond what was given; what making one raises is raised here. It pays where both sides
    spend their time in code that releases the interpreter's lock. A lone item is made in the caller's thread."""
    items = iter(items)
    begun = list(islice(items, 2))
    if len(begun) < 2:
        yield from map(function, begun)
        return
    items = chain(begun, items)
    del begun
    with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="falselight-ahead") as pool:
        pending: deque[Future[S]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) == STANDING:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


class PutOff:
    """Calls that are made in their order in one thread while the caller goes on to what comes next. ``WAITING`` calls wait at
    most; what one raises is raised by the next ``do``, or by ``settle``, and later ones are not made."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="falselight-put-off")
        self._pending: deque[Future[None]] = deque()
        self._failed = False

    def do(self, call: Callable[[], None]) -> None:
        """Makes the call some time before ``settle`` returns."""
        while self._pending and (len(self._pending) > WAITING or self._pending[0].done()):
            self._take()
        self._pending.append(self._pool.submit(self._make, call))

    def settle(self) -> None:
        """Waits until all calls have been made."""
        while self._pending:
            self._take()

    def _make(self, call: Callable[[], None]) -> None:
        if not self._failed:
            self._failed = True
            call()
            self._failed = False

    def _take(self) -> None:
        made = self._pending.popleft()
        if made.exception() is not None:
            self.close()
        made.result()

    def close(self) -> None:
        """Waits for the call that is being made; those that wait are not made."""
        self._pool.shutdown(cancel_futures=True)
        self._pending.clear()
