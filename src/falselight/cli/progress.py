"""A progress bar on stderr: bytes done and in all, elapsed time, events and their rate. Silent where stderr is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

Tell = Callable[[int, int, int], None]


@contextmanager
def bar(console: Console, task: str = "reading") -> Iterator[Tell]:
    """A bar for the length of the block; call what it gives with bytes done, bytes in all, and events so far."""
    if not console.is_terminal:
        yield lambda done, total, events: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TextColumn("{task.fields[rate]:,}/s"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        shown = progress.add_task(task, total=None, events=0, rate=0)

        def tell(done: int, total: int, events: int) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = round(events / elapsed) if elapsed > 0 else 0
            progress.update(shown, completed=done, total=total or None, events=events, rate=rate)

        yield tell
