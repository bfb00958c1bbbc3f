"""The fold: what of a stream's text is left when its progress bars have gone back and forth."""

import re
import string

import pyte
import pytest
from console_reading import read, seen
from hypothesis import given
from hypothesis import strategies as st

from tidelog.sdk.console.screen import Screen

PLAIN = st.text(st.characters(exclude_categories=("Cs", "Cc")))
PLAIN_LINES = st.lists(PLAIN).map("\n".join)
MOVES = [
    "\n",
    "\r",
    "\b",
    "\r\n",
    "\x1b[A",
    "\x1b[2A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[3D",
    "\x1b[K",
    "\x1b[1K",
]
MOVES += ["\x1b[2K", "\x1b[J", "\x1b[31m", "\x1b[0m", "\x1b[5G", "\x1b[F", "\x1b[E", "\x1b]0;t\x07"]
DOWN = (
    "\x1b[B",
    "\x1b[E",
)  # Below the last line there is nothing; an emulator's window has empty lines.
TERMINAL = st.lists(
    st.sampled_from(MOVES) | st.text(string.ascii_letters + " █", max_size=6), max_size=40
)


@given(PLAIN_LINES, st.booleans())
def test_text_without_control_characters_is_left_as_it_is(text: str, takes: bool) -> None:
    """Every line of it, the unfinished one included."""
    assert text == seen(text, takes=takes)


@given(TERMINAL.map("".join), st.data())
def test_where_text_is_cut_makes_no_difference(text: str, data: st.DataObject) -> None:
    """Also in the middle of an escape sequence, and whatever was taken in between."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert seen(text) == seen(*pieces) == seen(*pieces, takes=True)


@given(TERMINAL.map("".join), st.data())
def test_finished_lines_taken_early_are_replaced_later(text: str, data: st.DataObject) -> None:
    """A reader has the same in the end, whichever lines were taken before they changed."""
    screen, texts = Screen(), []
    for piece in re.split(r"(?<=\n)", text):
        screen.feed(piece)
        if screen.has_new_lines and data.draw(st.booleans()):
            texts.append(screen.take(with_unfinished=data.draw(st.booleans())))
    texts.append(screen.take(with_unfinished=True))
    assert seen(text) == read(texts)


@given(TERMINAL.map(lambda pieces: [piece for piece in pieces if piece not in DOWN]))
def test_lines_are_those_that_a_terminal_shows(pieces: list[str]) -> None:
    """Compared with pyte, an emulator of one, as large as no text leaves it."""
    terminal = pyte.Screen(250, 45)
    terminal.set_mode(pyte.modes.LNM)  # As the kernel's line discipline has it for output.
    pyte.Stream(terminal).feed("".join(pieces))
    shown = "\n".join(line.rstrip() for line in terminal.display).rstrip()
    assert shown == "\n".join(line.rstrip() for line in seen(*pieces).split("\n")).rstrip()


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("50%", "10%\r50%"),
        ("9%%", "10%\r9%"),
        ("9%", "10%\r\x1b[K9%"),
        ("done", "\rworking\r\x1b[2Kdone"),
        ("12", "11\b2"),
        ("a\nb\n", "a\r\nb\r\n"),
        ("B\nb", "a\nb\x1b[A\rB\x1b[B"),
        ("red", "\x1b[31mred\x1b[0m"),
        ("title", "\x1b]0;x\x07title\x1b]8;;http://a\x1b\\"),
        ("ab", "a\0\7\x1bb\x1b"[:-1].replace("\x1bb", "b")),
        ("\\udcff\\ud800", "\udcff\ud800"),
        ("a\tb", "a\tb"),
    ],
)
def test_what_is_left_of(shown: str, printed: str) -> None:
    """A bar's last state; of what moves no cursor nothing; surrogates as Python shows them."""
    assert shown == seen(printed)


def test_a_long_line_is_taken_in_pieces() -> None:
    """10 MB without a newline are never held whole, and are whole for a reader."""
    screen = Screen(line_characters_max=1000)
    texts = []
    for number in range(1000):
        screen.feed(f"{number:10000}")
        assert screen.has_new_lines
        texts.append(screen.take(with_unfinished=True))
    screen.feed("\n")
    texts.append(screen.take(with_unfinished=True))
    assert max(map(len, texts)) <= 10_000
    assert "".join(f"{number:10000}" for number in range(1000)) + "\n" == read(texts)


def test_lines_that_can_change_no_more_are_let_go() -> None:
    """A cursor comes back over as many lines as are kept; what is above stays as it was."""
    printed = "".join(f"line {number}\n" for number in range(1000))
    screen = Screen(rows_max=10)
    screen.feed(printed)
    first = screen.take(with_unfinished=True)
    screen.feed("\x1b[999A\rLINE")
    assert "<Screen of 10 lines, at 0:4>" == repr(screen)
    assert printed.replace("line 991", "LINE 991") == read([first, screen.take(with_unfinished=True)])


@pytest.mark.parametrize("hostile", ["\x1b[999999999C", "\x1b[999999999B", "\x1b[" + "9" * 60 + "G"])
def test_no_sequence_takes_memory_for_what_it_claims(hostile: str) -> None:
    """A cursor goes as far as a line may be long."""
    screen = Screen(line_characters_max=100)
    screen.feed(hostile + "x")
    assert len(screen.take(with_unfinished=True)) <= 101


def test_garbage_does_not_raise() -> None:
    """Every byte, in any order, and each control character many times."""
    garbage = bytes(range(256)).decode("latin-1") * 3 + "\x1b[\x1b]\x1bP" * 50 + "\x1b[;;;m\x1b[?25l"
    assert seen(garbage) == seen(*garbage) == seen(*garbage, takes=True)
