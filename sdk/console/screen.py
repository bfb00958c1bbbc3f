"""The lines of one stream as a terminal would show them, and what of them changed. No I/O, no clock.

Progress bars go back: with `\\r` to the start of their line, with `\\b` by one character, with an escape
sequence to lines above. So the last lines can still change; what is taken of them is plain text, in the
small language that `docs/format.md` has for console records. Colours and all else that moves no cursor
are left out: what was printed is to be searched and shown anywhere, and must steer no terminal.
"""

import re
from collections.abc import Callable

ROWS_MAX = 100
"""How many lines up a cursor can go; rich and tqdm stay within the height of a terminal."""

LINE_CHARACTERS_MAX = 64 * 1024
"""A longer line is taken in pieces, of which the earlier ones do not change any more."""

_ESCAPE_CHARACTERS_MAX = 4096  # Of an unfinished escape sequence, such as a link with its address.

_CONTROL = re.compile(
    r"[\n\r\b]"
    r"|\x1b\[(?P<number>[0-?]{0,64})[ -/]{0,8}(?P<action>[@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b\n]{0,4000}(?:\x07|\x1b\\)"  # A title, a link.
    r"|\x1b[ -/]{0,8}[0-~]"
    r"|[\x00-\x07\x0b-\x1f\x7f]"
)
_UNFINISHED = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|[\]PX^_][^\x07\x1b\n]{0,4000}\x1b?|[ -/]{0,8})\Z"
)
_ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Screen:
    """The last lines of a stream. The last of them is unfinished; it is empty after a newline."""

    def __init__(
        self, *, rows_max: int = ROWS_MAX, line_characters_max: int = LINE_CHARACTERS_MAX
    ) -> None:
        self._rows_max = rows_max
        self._line_characters_max = line_characters_max
        self._rows = [""]
        self._row = 0
        self._column = 0
        self._taken = [""]  # What of these lines is known to those who read what was taken.
        self._changed = 0  # Lines above are as they were taken.
        self._held = ""  # The beginning of an escape sequence.
        self._actions: dict[str, Callable[[int | None], None]] = {
            "A": lambda n: self._move(-(n or 1), self._column),
            "B": lambda n: self._move(n or 1, self._column),
            "C": lambda n: self._move(0, self._column + (n or 1)),
            "D": lambda n: self._move(0, self._column - (n or 1)),
            "E": lambda n: self._move(n or 1, 0),
            "F": lambda n: self._move(-(n or 1), 0),
            "G": lambda n: self._move(0, (n or 1) - 1),
            "J": self._erase_below,
            "K": self._erase_in_line,
        }

    def __repr__(self) -> str:
        return f"<Screen of {len(self._rows)} lines, at {self._row}:{self._column}>"

    @property
    def has_new_lines(self) -> bool:
        """Whether there are more lines than were taken, or one that is too long to wait for its end."""
        return len(self._rows) > len(self._taken) or self.is_line_too_long

    @property
    def is_line_too_long(self) -> bool:
        """Whether the unfinished line is to be taken before its end."""
        return len(self._rows[-1]) > self._line_characters_max

    def feed(self, text: str) -> None:
        """Show what was printed; it may begin and end anywhere, in an escape sequence too."""
        text = self._held + text
        self._held = ""
        if _ACTS.search(text) is None and self._is_at_end:
            first, *others = text.split("\n")
            self._changed = min(self._changed, self._row)
            self._rows[-1] += first
            self._rows += others
            self._row, self._column = len(self._rows) - 1, len(self._rows[-1])
            return
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _ESCAPE_CHARACTERS_MAX))
        if unfinished is not None:
            text, self._held = text[: unfinished.start()], unfinished.group()
        at = 0
        for control in _CONTROL.finditer(text):
            self._put(text[at : control.start()])
            self._act(control)
            at = control.end()
        self._put(text[at:])

    def take(self, *, with_unfinished: bool) -> str:
        """Return what is new, so that all that was taken, one after the other, gives the lines.

        It begins with `\\r` where the unfinished line is replaced, with `\\x1b[<n>A\\r` where the n
        lines above are replaced as well.
        """
        new = self._rows[self._changed :]
        if not with_unfinished:
            new[-1:] = [""]
        text = _difference(self._taken[self._changed :], new)
        self._taken[self._changed :] = new
        self._let_go()
        # An unfinished line that was held back is still to be taken.
        self._changed = len(self._rows) - 1
        return _encodable(text)

    def forget(self) -> None:
        """Let all lines be new that are not finished: those who read never got what was taken."""
        self._rows, self._taken, self._changed = self._rows[-1:], [""], 0
        self._row, self._column = 0, min(self._column, len(self._rows[0]))

    @property
    def _is_at_end(self) -> bool:
        return self._row == len(self._rows) - 1 and self._column == len(self._rows[-1])

    def _let_go(self) -> None:
        """Forget lines that can change no more."""
        gone = len(self._rows) - self._rows_max
        if gone > 0:
            del self._rows[:gone], self._taken[:gone]
            self._row = max(0, self._row - gone)
        if len(self._taken[-1]) > self._line_characters_max:
            if self._row == len(self._rows) - 1:
                self._column = max(0, self._column - len(self._taken[-1]))
            self._rows[-1] = self._taken[-1] = ""

    def _put(self, text: str) -> None:
        row, column = self._rows[self._row], self._column
        self._column += len(text)
        self._changed = min(self._changed, self._row)
        if column == len(row):
            self._rows[self._row] = row + text
        elif text:
            self._rows[self._row] = row[:column].ljust(column) + text + row[self._column :]

    def _act(self, control: re.Match[str]) -> None:
        match control.group():
            case "\n":
                self._begin_line()
            case "\r":
                self._column = 0
            case "\b":
                self._column = max(0, self._column - 1)
            case _:
                action = self._actions.get(control["action"] or "")
                if action is not None:
                    number = control["number"].split(";")[0]
                    action(int(number) if number.isdecimal() else None)

    def _begin_line(self) -> None:
        self._row += 1
        self._column = 0
        if self._row == len(self._rows):
            self._rows.append("")

    def _move(self, rows: int, column: int) -> None:
        self._row = min(max(0, self._row + rows), len(self._rows) - 1)
        self._column = min(max(0, column), self._line_characters_max)

    def _erase_in_line(self, part: int | None) -> None:
        row, column = self._rows[self._row], self._column
        self._changed = min(self._changed, self._row)
        if part == 1:
            gone = min(column + 1, len(row))  # What is under the cursor as well.
            self._rows[self._row] = " " * gone + row[gone:]
        else:
            self._rows[self._row] = "" if part == 2 else row[:column]

    def _erase_below(self, part: int | None) -> None:
        if not part:
            self._erase_in_line(None)
            del self._rows[self._row + 1 :]


def _difference(old: list[str], new: list[str]) -> str:
    """Return the text that turns the old lines into the new ones, where the last line is unfinished."""
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    if same == len(old):
        return "".join(f"\n{row}" for row in new[same:])
    same = min(same, len(new) - 1)
    up = len(old) - 1 - same
    text = "\n".join(new[same:])
    if up == 0 and text.startswith(old[same]):
        return text[len(old[same]) :]
    return f"\x1b[{up}A\r{text}" if up else f"\r{text}"


def _encodable(text: str) -> str:
    """Return text that UTF-8 can hold: a lone surrogate becomes `\\udcff`, as Python shows it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text
