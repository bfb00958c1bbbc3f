import io
import math

import pytest

from tidelog.datastore.text import duration_text
from tidelog.sdk.report import Ending, Style, end_block, find_style, start_block

PLAIN = Style(is_coloured=False, is_unicode=True)


def test_the_start_says_where_the_data_is_and_the_next_command() -> None:
    """The command can be pasted: the path is quoted where it must be."""
    text = start_block(
        name="calm-otter-42",
        project="p",
        run_id="id",
        mode="offline",
        has_hub=False,
        directory="/data/my runs/p/id",
        is_resumed=False,
        style=PLAIN,
    )
    assert text.splitlines() == [
        "tidelog: recording calm-otter-42 (offline)",
        "  project  p",
        "  run      id",
        "  data     '/data/my runs/p/id'",
        "  look     datastore show '/data/my runs/p/id'",
        "  upload   syncd sync '/data/my runs/p/id'",
    ]


@pytest.mark.parametrize(
    ("expected", "has_hub"), [("in the background", True), ("syncd login --hub URL", False)]
)
def test_online_says_what_uploads_it(expected: str, *, has_hub: bool) -> None:
    """Without a hub the command that names one is given."""
    text = start_block(
        name="n",
        project="p",
        run_id="id",
        mode="online",
        has_hub=has_hub,
        directory="/d",
        is_resumed=True,
        style=PLAIN,
    )
    assert "resuming n (online)" in text
    assert expected in text


def test_the_end_counts_what_was_recorded_and_what_was_lost() -> None:
    """Curves end with the last value, what never changed has none; warnings are counted by kind."""
    ending = Ending(1, 75.4, 12_000, 3, 2, 2048, 1, 10, {"bytes": 5})
    text = end_block(
        ending,
        name="n",
        mode="offline",
        directory="/d",
        curves=[("loss", [2.0, 1.0]), ("acc", [0.0, 1.0]), ("lr", [0.1, 0.1]), ("odd", [math.nan])],
        summary={"loss": 0.98765432},
        style=PLAIN,
    )
    assert text.splitlines() == [
        "tidelog: n failed (exit code 1) after 1 min 15 s",
        "  rows      12,000   media 2 (2.0 kB)   files 1 (10 B)   lost 3",
        "  warnings  bytes 5",
        "  loss      █▁ 0.98765",
        "  acc       ▁█ 1",
        "  lr        0.1",
        "  odd       nan",
        "  next      syncd sync /d",
        "            datastore show /d",
    ]


def test_keys_of_any_script_are_aligned_and_steer_no_terminal() -> None:
    """Characters of two cells take two; a line break or an escape in a key is shown as one."""
    text = end_block(
        Ending(0, 1.0, 2, 0, 0, 0, 0, 0, {}),
        name="n",
        mode="offline",
        directory="/d",
        curves=[("训练/损失", [1.0, 2.0]), ("a\n\x1b[2J", [2.0, 1.0])],
        summary={},
        style=PLAIN,
    )
    assert text.splitlines()[1:4] == [
        "  rows        2   lost 0",
        "  训练/损失   ▁█ 2",
        "  a\\n\\x1b[2J  █▁ 1",
    ]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Ascii(Terminal):
    encoding = "ascii"


def test_colour_is_for_terminals_whose_owner_does_not_mind() -> None:
    """NO_COLOR, TERM=dumb and files get plain text; a terminal without Unicode gets ASCII curves."""
    assert Style(is_coloured=True, is_unicode=True) == find_style(Terminal(), {})
    assert not find_style(Terminal(), {"NO_COLOR": "1"}).is_coloured
    assert not find_style(Terminal(), {"TERM": "dumb"}).is_coloured
    assert not find_style(io.StringIO(), {}).is_coloured
    assert not find_style(Ascii(), {}).is_unicode
    assert not find_style(None, {}).is_unicode


@pytest.mark.parametrize(
    ("expected", "duration_s"), [("0.1 s", 0.12), ("1 min 0 s", 60), ("2 h 1 min", 7260)]
)
def test_durations_are_for_people(expected: str, duration_s: float) -> None:
    """Two units at most."""
    assert expected == duration_text(duration_s)
