"""Each command's help and the table of docs/operations.md say the same of its exit codes."""

import re
from pathlib import Path

import click
import pytest

from tidelog.syncd.cli import LazyGroup, group

TEXT = Path(__file__).parents[2].joinpath("docs/operations.md").read_text()
CODES = ("0", "1", "3")
FOR_ALL = {"2", "130"}
"""Bad usage and Ctrl-C are the same for every command: the table says so once."""


def table() -> dict[str, set[str]]:
    """Return the codes that the table has for each command."""
    section = TEXT.partition("### Exit codes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \|(.*)\|$", section, re.MULTILINE)
    return {
        name: {code for code, cell in zip(CODES, cells.split("|"), strict=True) if cell.strip()}
        for names, cells in rows
        for name in re.findall(r"`(\S+)`", names)
    }


@pytest.mark.parametrize("name", LazyGroup.SUMMARIES)
def test_the_help_of_a_command_has_its_exit_codes(name: str) -> None:
    """And examples, or a sentence that shows how to call it."""
    command = group.get_command(click.Context(group), name)
    assert command is not None
    said = (command.epilog or "").partition("Exit code:")[2]
    codes = set(re.findall(r"(?:^ |[,;] ?\n?)(\d+) (?=[a-z(])", said))
    assert table()[name] == codes - FOR_ALL, said


def test_the_table_has_the_commands_that_there_are() -> None:
    """No more and no fewer, in their order."""
    assert set(LazyGroup.SUMMARIES) == set(table())
