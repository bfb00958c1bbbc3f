import sys

import pytest

from tidelog.sdk.exits import ExitWatch, exit_of


@pytest.mark.parametrize(
    ("expected", "error"),
    [
        ((0, ""), None),
        ((0, ""), SystemExit()),
        ((0, ""), SystemExit(0)),
        ((3, "SystemExit(3)"), SystemExit(3)),
        ((1, "bad data"), SystemExit("bad data")),
        ((130, "KeyboardInterrupt"), KeyboardInterrupt()),
        ((1, "ValueError: x"), ValueError("x")),
    ],
)
def test_an_exception_gives_the_exit_code_that_the_interpreter_gives(
    expected: tuple[int, str], error: BaseException | None
) -> None:
    """The reason is for people."""
    assert expected == exit_of(error)


def test_an_exit_that_was_caught_is_forgotten() -> None:
    """When the run went on after sys.exit, the code does not count."""
    progress = [0]
    watch = ExitWatch(lambda: None, lambda: progress[0])
    before = sys.exit
    watch.start()
    try:
        with pytest.raises(SystemExit):
            sys.exit(3)
        assert (3, "SystemExit(3)") == watch.ending()
        progress[0] += 1
        assert (0, "") == watch.ending()
    finally:
        watch.stop()
    assert before is sys.exit
