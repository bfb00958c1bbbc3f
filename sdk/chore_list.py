"""What can wait when a run begins, the most useful first: syncd, `latest`, its origin, run.json."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from tidelog.datastore.errors import WriterClosedError
from tidelog.datastore.layout import LATEST
from tidelog.datastore.writer import Writer
from tidelog.sdk.choices import ONLINE
from tidelog.sdk.recording import Run
from tidelog.sdk.run_plan import Plan
from tidelog.sdk.spawn import spawn_detached
from tidelog.sdk.surroundings import Surroundings

Chore = Callable[[], None]


def chores_of(
    run: Run, plan: Plan, writer: Writer, around: Surroundings
) -> tuple[Iterator[Chore], Chore]:
    """Return what is done beside training, and what comes afterwards and may last."""

    def start_syncd() -> None:
        try:
            wait = spawn_detached(around.syncd(plan.root))
        except OSError as error:
            raise OSError(
                f"syncd could not be started ({error}); start it by hand: syncd start"
            ) from error
        waiting.append(wait)

    def point_to_latest() -> None:
        link = os.path.join(plan.root, LATEST)
        with contextlib.suppress(OSError):  # A convenience that some file systems do not have.
            around.disk.point_link(link, os.path.join(plan.project, plan.run_id))

    def record(more: dict[str, Any]) -> None:
        plan.facts |= more
        with contextlib.suppress(WriterClosedError):  # The run did not wait for a slow git.
            writer.log_run(more)

    def keep_entry() -> None:
        run.files.keep_entry(plan.facts.get("program"))

    def write_run_json() -> None:
        from tidelog.sdk.derived import write_run_json as write

        if not run.is_finished:
            write(plan.directory, plan.facts, run.config.as_dict(), disk=around.disk)

    def reap_syncd() -> None:
        for code in [wait() for wait in waiting]:
            if code:
                run.notices.tell(
                    "syncd",
                    f"syncd did not start (exit code {code}): the run is recorded and not uploaded "
                    "yet; run `syncd start` to see why",
                )

    def find_chores() -> Iterator[Chore]:
        if plan.mode == ONLINE:
            yield start_syncd
        if plan.rank.number:
            return
        yield point_to_latest
        if plan.saves_code:
            yield keep_entry
        from tidelog.sdk.facts.origin import Origin  # Loaded beside training as well.

        origin = Origin(
            plan.facts,
            root=plan.root,
            record=record,
            write=run.files.write,
            environ=around.environ,
            disk=around.disk,
            clock=around.clock,
            notices=run.notices,
        )
        yield from origin.chores
        yield write_run_json

    waiting: list[Callable[[], int]] = []
    return find_chores(), reap_syncd
