"""Looks at a root again and again, sooner where a hint came, and tells what has changed.

A hint is never believed: it only brings the next look forward. A look at all runs goes on in slices,
and between them the logs that grow are looked at as often as ever. A disk that does not answer is waited
for, without end: by its own lookout alone.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar

from tidelog.datastore.clock import Clock
from tidelog.datastore.text import duration_text
from tidelog.syncd.agent.notice import Notice
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.watch.hints import Hints
from tidelog.syncd.agent.watch.inventory import FoundLog, Inventory, Look
from tidelog.syncd.agent.watch.tree import Place

Answer = TypeVar("Answer")

OpenHints = Callable[[Callable[[], None], Callable[[str], None]], Hints]
"""Makes hints of what to call, from any thread, where something changed, and of what tells a person."""


class Lookout:
    """Calls `found` with logs that are new and `gone` with each run that was deleted."""

    def __init__(
        self,
        inventory: Inventory,
        found: Callable[[list[FoundLog]], None],
        gone: Callable[[Run], None],
        *,
        clock: Clock,
        settings: AgentSettings,
        tell: Callable[[str], None],
        open_hints: OpenHints,
        threads: Executor | None = None,
    ) -> None:
        """`threads` make the calls on the disk; without them those of the loop do."""
        self.inventory = inventory
        self.sweeps = 0
        self.sweep_s = 0.0
        """How many sweeps came to their end, and how long the last one worked, in seconds."""
        self.asked_at: float | None = None
        """When the call was made (monotonic) that the disk has not answered yet, if there is one."""
        self._found = found
        self._gone = gone
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._threads = threads
        self._dirty = asyncio.Event()
        self._open_hints = open_hints
        self._hints: Hints | None = None
        self._thorough: _Thorough | None = None
        self._tail_s = 0.0
        self._hung_s = 0.0
        self._overflows = 0
        self._next_tail = self._next_runs = self._next_sweep = 0.0
        self._told = ""
        self._is_all_told = True

    def __repr__(self) -> str:
        return f"<Lookout at {self.inventory.root}>"

    def sweep_now(self) -> None:
        """Let the next sweep come at once: a person asked."""
        self._next_sweep = 0.0
        self._dirty.set()

    def tell_all(self) -> None:
        """Tell of every log again with the next look, which is a sweep: somebody new listens."""
        self._is_all_told = False
        self._dirty.set()

    @property
    def overflows(self) -> int:
        """How often events came faster than they were read, and were dropped by the kernel."""
        return 0 if self._hints is None else self._hints.overflows

    def way_to(self, place: Place) -> str:
        """Say how a change in a folder is noticed, for people."""
        return "looking" if self._hints is None else self._hints.way_to(place)

    async def run(self) -> None:
        """Look until cancelled; a call on the disk that is under way goes on without us."""
        loop = asyncio.get_running_loop()

        def hint() -> None:
            with contextlib.suppress(RuntimeError):  # The loop may be gone already.
                loop.call_soon_threadsafe(self._dirty.set)

        def tell(line: str) -> None:
            # Watches are set up in another thread, and lines are for the loop's.
            loop.call_soon_threadsafe(self._tell, line)

        self._hints = hints = self._open_hints(hint, tell)
        try:
            while True:
                await self._guarded(hints)
                await self._pause()
        finally:
            loop.run_in_executor(self._threads, hints.close)

    async def _guarded(self, hints: Hints) -> None:
        """Look once; what goes wrong is told once, and everything is told anew after it."""
        if not self._is_all_told:
            self.inventory.report_all()
            self._is_all_told, self._thorough, self._next_sweep = True, None, 0.0
        try:
            if self._dirty.is_set() or self._clock.monotonic() >= self._next_tail:
                await self._look_at_tails(hints)
            await self._look_at_runs()
            self._told = ""
        except Exception as error:  # noqa: BLE001 - one bad look must not end the daemon
            root = self.inventory.root
            problem = f"{root} cannot be looked at: {type(error).__name__}: {error}"
            if problem != self._told:
                self._tell(f"{problem}; trying again")
            # What this look had found was told to nobody.
            self._told, self._is_all_told = problem, False
            self._next_tail = self._clock.monotonic() + self._settings.tail_interval_s

    async def _pause(self) -> None:
        """Wait for the next look's time, or for a hint and those that come with it."""
        if self._thorough is None or self._told:
            wait_s = self._next_tail - self._clock.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, wait_s)):
                    await self._dirty.wait()
        if self._dirty.is_set():
            # A storm of hints must not turn into a storm of looks.
            await asyncio.sleep(max(self._settings.hint_pause_s, self._tail_s))

    # -- looks -----------------------------------------------------------------------------------

    async def _look_at_tails(self, hints: Hints) -> None:
        settings, started = self._settings, self._worked_s
        self._dirty.clear()
        quiet = hints.quiet()
        is_at_rest = self.inventory.is_at_rest(quiet)
        if not is_at_rest:
            look = self.inventory.look(Look.TAIL, quiet=quiet)
            while (found := await self._ask(next, look, None)) is not None:
                self._found(found)
            await self._tell_gone()
        hints.judge(self.inventory.take_changed())
        if not is_at_rest:
            await self._ask(hints.watch, self.inventory.places)
        now = self._clock.monotonic()
        if hints.overflows > self._overflows or self.inventory.is_behind:
            self._next_runs = now
        self._overflows = hints.overflows
        self._tail_s = self._worked_s - started
        self._next_tail = now + max(settings.tail_interval_s, self._tail_s / settings.tail_share)

    async def _tell_gone(self) -> None:
        """Tell of runs that were deleted, one at a time: each may take a write to the disk."""
        for run in self.inventory.take_gone():
            self._gone(run)
            await asyncio.sleep(0)

    async def _look_at_runs(self) -> None:
        """Go on with the look at all runs that is due or under way, until the tails' turn comes."""
        now = self._clock.monotonic()
        if self._thorough is None and now >= min(self._next_runs, self._next_sweep):
            look = Look.SWEEP if now >= self._next_sweep else Look.RUNS
            self._thorough = _Thorough(look, self.inventory.look(look))
        thorough = self._thorough
        while thorough is not None:
            started = self._worked_s
            found = await self._ask(next, thorough.slices, None)
            now = self._clock.monotonic()
            thorough.worked_s += self._worked_s - started
            if found is None:
                self._finished(thorough, now)
                return
            self._found(found)
            if now >= self._next_tail or self._dirty.is_set():
                return

    def _finished(self, thorough: "_Thorough", now: float) -> None:
        settings, self._thorough = self._settings, None
        rest_s = thorough.worked_s / settings.sweep_share
        self._next_runs = now + max(settings.runs_interval_s, rest_s)
        if thorough.look is Look.SWEEP:
            self._next_sweep = now + max(settings.sweep_interval_s, rest_s)
            self.sweeps, self.sweep_s = self.sweeps + 1, thorough.worked_s

    # -- the disk --------------------------------------------------------------------------------

    async def _ask(self, call: Callable[..., Answer], *arguments: Any) -> Answer:
        """Make a call on the disk beside the loop, and tell where it does not answer."""
        loop = asyncio.get_running_loop()
        self.asked_at = self._clock.monotonic()
        answer = loop.run_in_executor(self._threads, call, *arguments)
        try:
            done, _ = await asyncio.wait([answer], timeout=self._settings.answer_s)
            if not done:
                await self._wait_out(answer)
            return answer.result()
        finally:
            answer.cancel()  # Nobody is left to hear it.
            self.asked_at = None

    async def _wait_out(self, answer: "asyncio.Future[Answer]") -> None:
        root, waited_s = self.inventory.root, self._settings.answer_s
        since = self._clock.monotonic() - waited_s
        self._tell(
            f"{root} has not answered for {duration_text(waited_s)}: what is new there is found once it "
            "does; the other roots go on"
        )
        await asyncio.wait([answer])
        lasted_s = self._clock.monotonic() - since
        self._hung_s += lasted_s
        self._tell(Notice(f"{root} answers again after {duration_text(lasted_s)}", is_good_news=True))

    @property
    def _worked_s(self) -> float:
        """A clock that stands still while the disk does not answer: the pace follows work alone."""
        return self._clock.monotonic() - self._hung_s


class _Thorough:
    """A look at all runs that is under way."""

    def __init__(self, look: Look, slices: Iterator[list[FoundLog]]) -> None:
        self.look = look
        self.slices = slices
        self.worked_s = 0.0
