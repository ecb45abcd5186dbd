"""A second process that makes tables of bytes, so that both of a machine's cores read a large file.

It is another run of this interpreter that imports what this one would, and speaks over its standard streams: parts of
bytes go in, a table in Arrow's stream format comes back, or nothing where the work is to be done here after all. It ends
when its input does, so it never outlives this process; where it cannot be started or is killed, the work is done here.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

import pyarrow as pa
import pyarrow.ipc as ipc

PROCESSES = "FALSELIGHT_PROCESSES"
# What makes a table of parts of bytes, for the fields that are wanted; None if that is not its business.
Work = Callable[[list[bytes], frozenset[str] | None], "pa.Table | None"]
T = TypeVar("T")
_READY = b"tables\n"
_TABLE, _NOTHING = b"+", b"-"
_SIZE = struct.Struct("<Q")
_AHEAD, _ASKED = 4, 2
_PIPE_BYTES = 1 << 20


def processes() -> int:
    """How many processes may read one file: ``FALSELIGHT_PROCESSES``, or 2 where this one may use two cores, and the
    machine is not busy with more than them."""
    given = os.environ.get(PROCESSES, "")
    if given.isdecimal():
        return max(int(given), 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    is_busy = hasattr(os, "getloadavg") and os.getloadavg()[0] > cores
    return 1 if is_busy else min(cores, 2)


def shared(
    items: Iterator[T], parts: Callable[[T], list[bytes]], work: Work, wanted: frozenset[str] | None
) -> Iterator[tuple[T, pa.Table | None]]:
    """Each item with the table that ``work`` makes of its parts, in their order: half of them made by a second process."""
    with Second(work, wanted) as other:
        pending: deque[tuple[T, Future[pa.Table | None]]] = deque()
        more = True
        while more or pending:
            asked = sum(not future.done() for _, future in pending)
            # What is due at once is made here; what the other has not begun when all wait for it, as well.
            is_free = bool(pending) and other.is_there and asked < _ASKED
            if more and len(pending) < _AHEAD and (is_free or not pending or not pending[0][1].done()):
                item = next(items, None)
                more = item is not None
                if item is not None:
                    pending.append((item, other.ask(parts(item)) if is_free else _done(work(parts(item), wanted))))
                continue
            if not pending[0][1].done():
                place = next((place for place, (_, future) in enumerate(pending) if future.cancel()), None)
                if place is not None:
                    pending[place] = pending[place][0], _done(work(parts(pending[place][0]), wanted))
                    continue
            first, future = pending.popleft()
            yield first, future.result()


def _done(table: pa.Table | None) -> Future[pa.Table | None]:
    future: Future[pa.Table | None] = Future()
    future.set_result(table)
    return future


class Second:
    """The process, while the context is open. ``work`` is a function of a module."""

    def __init__(self, work: Work, wanted: frozenset[str] | None) -> None:
        self._work = work
        self._wanted = wanted
        self._process: subprocess.Popen[bytes] | None = None
        self._greeted = False
        self._is_lost = False

    def __enter__(self) -> Second:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="falselight-second")
        executable = sys.executable or ""
        if processes() < 2 or getattr(sys, "frozen", False) or not Path(executable).name.startswith("python"):
            return self
        what = json.dumps([self._work.__module__, self._work.__name__, self._wanted and sorted(self._wanted)])
        try:
            self._process = subprocess.Popen(
                [executable, "-P", "-m", "falselight.readers.second", what],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pipesize=_PIPE_BYTES,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
            )
        except OSError:
            self._process = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
        self._pool.shutdown(cancel_futures=True)
        if process is not None:
            process.wait()
            for stream in (process.stdin, process.stdout):
                _close(stream)

    @property
    def is_there(self) -> bool:
        """Whether it still may be asked."""
        return self._process is not None and not self._is_lost and self._process.poll() is None

    def ask(self, parts: list[bytes]) -> Future[pa.Table | None]:
        """The table of these parts, None if the process makes none of them."""
        return self._pool.submit(self._answer, self._process, parts)

    def _answer(self, process: subprocess.Popen[bytes] | None, parts: list[bytes]) -> pa.Table | None:
        if process is None or process.stdin is None or process.stdout is None or self._is_lost:
            return None
        try:
            if not self._greeted:
                self._greeted = process.stdout.read(len(_READY)) == _READY
            if self._greeted:
                _write(process.stdin, parts)
                answer = process.stdout.read(len(_TABLE))
                if answer == _TABLE:
                    with ipc.open_stream(process.stdout) as stream:
                        return stream.read_all()
                if answer == _NOTHING:
                    return None
            self._is_lost = True
        except (OSError, pa.ArrowInvalid):
            # It is gone, perhaps in the midst of its answer.
            self._is_lost = True
        return None


def _write(stream: IO[bytes], parts: list[bytes]) -> None:
    stream.write(_SIZE.pack(len(parts)))
    for part in parts:
        stream.write(_SIZE.pack(len(part)))
        stream.write(part)
    stream.flush()


def _read(stream: IO[bytes]) -> list[bytes] | None:
    """Parts as they were written; None where the stream ends."""
    count = _size(stream)
    sizes_and_parts = ((size, stream.read(size)) for size in (_size(stream) for _ in range(count)))
    parts = [part for size, part in sizes_and_parts if len(part) == size]
    return parts if parts and len(parts) == count else None


def _size(stream: IO[bytes]) -> int:
    head = stream.read(_SIZE.size)
    return int(_SIZE.unpack(head)[0]) if len(head) == _SIZE.size else 0


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream is not None:
            stream.close()
    except OSError:
        # What was not yet written has no reader any more.
        return


def _serve(given: str, source: IO[bytes], sink: IO[bytes]) -> None:
    module, name, wanted = json.loads(given)
    work: Work = getattr(import_module(module), name)
    fields = None if wanted is None else frozenset(wanted)
    sink.write(_READY)
    sink.flush()
    while (parts := _read(source)) is not None:
        table = work(parts, fields)
        sink.write(_TABLE if table is not None else _NOTHING)
        if table is not None:
            with ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
        sink.flush()


def main() -> None:
    """The second process. An interrupt is the first one's to answer, which then ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        _serve(sys.argv[1], sys.stdin.buffer, sink)
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
