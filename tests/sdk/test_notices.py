import sys
from collections.abc import Callable

import pytest

from tidelog.sdk.notices import Notices, say
from tidelog.sdk.recording import Run

Begin = Callable[..., Run]


class Unflushable:
    """What scripts put in the place of stderr: it has `write` and nothing more."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


class Refusing:
    """What raises something of its own."""

    def write(self, _text: str) -> None:
        raise KeyError("no")


def test_a_stderr_of_the_scripts_own_ends_no_training(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it lacks or raises; what it takes is written to it."""
    stream = Unflushable()
    monkeypatch.setattr(sys, "stderr", stream)
    run = begin()
    run.log({"a": object()})
    run.finish()
    assert "log() left out 'a'" in stream.text
    monkeypatch.setattr(sys, "stderr", Refusing())
    say("nothing is raised")


def test_each_kind_is_told_once_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """The second sentence of a kind is only counted."""
    notices = Notices()
    for text in ("first", "second"):
        notices.tell("kind", text)
    notices.tell("other", "third")
    assert ("tidelog: first\ntidelog: third\n", 2) == (capsys.readouterr().err, notices.counts["kind"])
