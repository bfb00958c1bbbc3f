"""Text on its way to a writer that cannot take it now, or not any more."""

import threading

from console_reading import read

from tidelog.datastore.errors import RecordError, WriterBusyError, WriterClosedError
from tidelog.sdk.console.gatherer import PIECES_MAX, Gatherer
from tidelog.sdk.console.recorder import Recorder


def test_what_a_busy_writer_refuses_is_recorded_later() -> None:
    """In its order: a signal handler printed in the middle of a call."""
    recorded: list[str] = []
    is_busy = True

    def record(_stream: str, text: str) -> None:
        if is_busy:
            raise WriterBusyError
        recorded.append(text)

    recorder = Recorder(record, 0.0)
    recorder.feed("stdout", "a\n", 0.0)
    assert not recorder.write(0.0)
    recorder.feed("stdout", "b\n", 0.1)
    assert not recorder.write(0.1)
    is_busy = False
    assert recorder.write(0.2)
    assert "a\nb\n" == read(recorded)


def test_after_the_end_nothing_is_recorded_and_nothing_raised() -> None:
    """A writer that is closed, or that finds fault with a text."""
    told: list[Exception] = []

    def record(_stream: str, text: str) -> None:
        raise WriterClosedError(text) if text == "closed\n" else RecordError(text)

    recorder = Recorder(record, 0.0, on_failure=told.append)
    for text in ("closed\n", "fault\n"):
        recorder.feed("stdout", text, 0.0)
        assert recorder.write(0.0)
    assert ["fault\n"] == [str(error) for error in told]


def test_a_disk_that_does_not_answer_costs_neither_time_nor_all_memory() -> None:
    """While the thread waits for it, printing goes on; what is beyond the bound is counted."""
    recorded: list[str] = []
    is_stuck, answer = threading.Event(), threading.Event()

    def record(_stream: str, text: str) -> None:
        if threading.current_thread() is not threading.main_thread():
            is_stuck.set()
            assert answer.wait(60)
        recorded.append(text)

    keep = {}

    def keep_by(keeper):
        keep["stdout"] = keeper("stdout")

    gatherer = Gatherer(on_keeper=keep_by)
    keep_by(gatherer.keeper)
    recorder = Recorder(record, 0.0)
    gatherer.add(recorder)
    printed = 0
    while not is_stuck.is_set():
        keep["stdout"](f"{printed}\n")
        printed += 1
    for number in range(printed, PIECES_MAX + 2 * printed):
        keep["stdout"](f"{number}\n")
    answer.set()
    gatherer.remove(recorder)
    gatherer.stop()
    lines = read(recorded).splitlines()
    assert PIECES_MAX + printed + 1 >= len(lines) > PIECES_MAX
    assert all(lines[number] == str(number) for number in range(PIECES_MAX))
