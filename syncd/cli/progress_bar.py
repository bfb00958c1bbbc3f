"""How a long upload shows itself: a bar on a terminal, a line every few seconds elsewhere."""

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from tidelog.datastore.clock import Clock
from tidelog.datastore.text import counted, duration_text, size_text
from tidelog.syncd.agent.upload.progress import Progress
from tidelog.syncd.cli.console import say

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

LINE_INTERVAL_S = 5.0


class Display(Protocol):
    """Shows a `Progress` from entering to leaving; `update` is called every `tick_s`."""

    tick_s: float

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def update(self) -> None: ...
    def tell(self, line: str) -> None: ...


def make_display(progress: Progress, *, clock: Clock, is_terminal: bool) -> Display:
    """Return the display that fits; rich is loaded only for a terminal."""
    return _BarDisplay(progress, clock) if is_terminal else _LineDisplay(progress, clock)


class Rate:
    """Bytes per second since the start, and the time that the rest will take."""

    def __init__(self, progress: Progress, clock: Clock) -> None:
        self._progress = progress
        self._clock = clock
        self._started = clock.monotonic()

    def text(self) -> str:
        """Return records, bytes, rate and ETA."""
        progress = self._progress
        elapsed_s = max(self._clock.monotonic() - self._started, 1e-3)
        rate = progress.bytes_sent / elapsed_s
        left = progress.bytes_total - progress.bytes_done
        eta = f"ETA {duration_text(left / rate)}" if left and rate > 0 else "ETA -"
        return (
            f"{progress.runs_done}/{counted(progress.runs, 'run')}  "
            f"{counted(progress.chunks, 'record')}  "
            f"{progress.files_done}/{counted(progress.files, 'file')}  "
            f"{size_text(progress.bytes_done)} of {size_text(progress.bytes_total)}  "
            f"{size_text(rate)}/s  "
            f"{eta if left else 'ETA 0 s'}"
        )


class _LineDisplay:
    tick_s = 0.05

    def __init__(self, progress: Progress, clock: Clock) -> None:
        self._rate = Rate(progress, clock)
        self._clock = clock
        self._next = clock.monotonic() + LINE_INTERVAL_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self) -> None:
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + LINE_INTERVAL_S
            say(self._rate.text())

    def tell(self, line: str) -> None:
        say(line)


class _BarDisplay:
    tick_s = 0.1

    def __init__(self, progress: Progress, clock: Clock) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._progress = progress
        self._rate = Rate(progress, clock)
        self._bar: Bar = RichProgress(
            BarColumn(bar_width=10),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.update()
        self._bar.stop()

    def update(self) -> None:
        progress = self._progress
        self._bar.update(
            self._task,
            total=max(progress.bytes_total, 1),
            completed=progress.bytes_done,
            description=self._rate.text(),
        )

    def tell(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False)
