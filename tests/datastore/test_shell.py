import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.datastore.shell import comment, quoted


def bash(script: str) -> bytes:
    return subprocess.check_output(["bash", "-c", script], stderr=subprocess.STDOUT)


@pytest.mark.parametrize(
    "text",
    [
        "", "plain", "a b", "'", "\"$HOME\"", "`id`", "$(id)", "; rm -rf /",
        "a\nb; id", "\\", "\\'\n", "!x", "-x",
        "\x1b[31m red", "\x1b]0;title\x07", "\u202eltr",
        "ü\n'", "\x7f", "\x9b31m", "*", "~", "a=b", "#\n#", "\xff0\n",
    ],
)  # fmt: skip
def test_bash_gives_back_every_text_as_one_argument(text: str) -> None:
    """Nothing in it is run, expanded, or sent to the terminal as a control character."""
    assert text.encode() + b"\0" == bash(f"printf '%s\\0' {quoted(text)}")
    assert quoted(text).isprintable()


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_bash_gives_back_any_text(text: str) -> None:
    """Also in the middle of a command line."""
    line = f"printf '%s\\0' {quoted(text)} b"
    assert text.encode() + b"\0b\0" == bash(line)
    assert line.isprintable()


def test_a_nul_is_left_out() -> None:
    """No argument can hold one."""
    assert b"ab\n" == bash(f"printf '%s\\n' {quoted('a' + chr(0) + 'b')}")


@given(st.text(max_size=40))
def test_a_comment_runs_nothing(text: str) -> None:
    """Whatever it holds, it is one line that a shell passes over."""
    assert comment(text).isprintable()
    assert "\n" not in comment(text)


def test_a_comment_ends_no_sooner_than_its_line() -> None:
    """A newline in it does not begin a command."""
    assert b"ok\n" == bash(comment("a\necho bad; \\") + "\necho ok")
