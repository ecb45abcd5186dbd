"""Work ahead: what comes next is made in threads while the caller works on what came before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")
WORKERS = 2
# An item is asked for when so many before it may still be worked on.
STANDING = WORKERS + 1


def ahead(function: Callable[[T], S], items: Iterable[T]) -> Iterator[S]:
    """What the function makes of each item, in their order, of up to ``WORKERS`` items at once. Items are asked for in the
    caller's thread, ``STANDING`` at most beyond what was given; what making one raises is raised here. It pays where both sides
    spend their time in code that releases the interpreter's lock."""
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
