"""Work ahead: the next items of an iterator are made in a thread while the caller works on the ones before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")
END = object()


def ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The items in their order, up to ``depth`` of them made in advance. What making one raises is raised here. It pays
    where both sides spend their time in code that releases the interpreter's lock."""
    iterator = iter(items)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="falselight-ahead") as pool:
        pending: deque[Future[object]] = deque(pool.submit(next, iterator, END) for _ in range(depth))
        try:
            while (item := pending.popleft().result()) is not END:
                pending.append(pool.submit(next, iterator, END))
                yield cast(T, item)
        finally:
            pool.shutdown(cancel_futures=True)
