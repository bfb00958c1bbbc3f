"""The process that redirected streams go through: passes them on, and records them for its runs.

It is no thread of the trainer: C code that prints while it holds the interpreter's lock would wait for
one for ever. And it lives on for as long as somebody writes, so that children that outlive the trainer
are never told that nobody reads, and the last words of a crash are recorded.
"""

import contextlib
import os
import signal
import sys
from typing import BinaryIO

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.writer import Writer
from tidelog.sdk.console.channel import Channel
from tidelog.sdk.console.gatherer import Gatherer
from tidelog.sdk.console.recorder import Recorder
from tidelog.sdk.console.tee import Keep

DRAIN_PATIENCE_S = 2.0
SIGNALS_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Pump:
    """Does what the trainer says, a line a command, and what remains when it says no more.

    `record STREAM DIRECTORY` begins to record, `end DIRECTORY` is answered with `ended DIRECTORY` when
    all is recorded, `release NAME` gives up a stream of which `broken NAME` was told.
    """

    def __init__(
        self, answers: BinaryIO, streams: dict[str, tuple[int, int]], *, disk: Disk, clock: Clock
    ) -> None:
        """Take name -> (where to read, where to pass on to)."""
        self._answers = answers
        self._now = clock.monotonic
        self._disk = disk
        self._gatherer = Gatherer(clock=clock)
        self._runs: dict[str, tuple[Recorder, Writer]] = {}
        self._is_started = False
        self._channels = {
            name: Channel(
                source,
                target,
                keep=self._keeper(name),
                on_broken=lambda name=name: self._answer(f"broken {name}"),  # type: ignore[misc]
                disk=disk,
            )
            for name, (source, target) in streams.items()
        }

    def run(self, commands: BinaryIO) -> None:
        """Follow the commands to their end; return when nobody writes any more."""
        for line in commands:
            verb, _, rest = os.fsdecode(line.rstrip(b"\n")).partition(" ")
            if verb == "record":
                log_stream, _, directory = rest.partition(" ")
                self._begin(log_stream, directory)
            elif verb == "end":
                self._end(rest, state="finished")
                self._answer(f"ended {rest}")
            elif verb == "release":
                self._channels[rest].release()
        for directory in list(self._runs):  # The trainer died without a word.
            self._end(directory, state="crashed")
        self._gatherer.stop()
        self._answers.close()
        for channel in self._channels.values():
            channel.join()

    def _keeper(self, name: str) -> Keep:
        keep = self._gatherer.keeper(name)
        return lambda text: keep(text) if self._runs else None

    def _begin(self, log_stream: str, directory: str) -> None:
        try:
            writer = Writer(directory, stream=log_stream, disk=self._disk, on_problem=_tell_nobody)
        except OSError as error:
            self._answer(f"failed {error}")
        else:
            recorder = Recorder(writer.log_console, self._now())
            self._runs[directory] = recorder, writer
            self._gatherer.add(recorder)
        if not self._is_started:
            self._is_started = True
            for channel in self._channels.values():
                channel.start()

    def _end(self, directory: str, *, state: str) -> None:
        for channel in self._channels.values():
            channel.drain(DRAIN_PATIENCE_S)
        recorder, writer = self._runs.pop(directory, (None, None))
        if recorder is not None and writer is not None:
            self._gatherer.remove(recorder)
            writer.close(state=state, exit_code=int(state != "finished"))

    def _answer(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # The trainer is gone.
            self._answers.write(os.fsencode(text.replace("\n", " ")) + b"\n")


def _tell_nobody(_problem: str) -> None:
    """Say nothing: the trainer's own log is on the same disk, and tells of it."""


def main(arguments: list[str]) -> None:
    """Run: where commands come from, where answers go, and `name:source:target` for each stream."""
    for number in SIGNALS_IGNORED:
        signal.signal(number, signal.SIG_IGN)
    commands, answers, *streams = arguments
    named = {name: (int(a), int(b)) for name, a, b in (stream.split(":") for stream in streams)}
    with os.fdopen(int(commands), "rb") as lines:
        Pump(os.fdopen(int(answers), "wb", 0), named, disk=Disk(), clock=Clock()).run(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
