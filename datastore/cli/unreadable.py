"""Runs that cannot be read, beside those that can: one hides no other."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.find import find_locations
from tidelog.datastore.location import Location
from tidelog.datastore.text import on_one_line

CANNOT_READ = 2


class Unreadable(NamedTuple):
    """A path that could not be read, and why."""

    path: str
    fault: str


def tell(text: str) -> None:
    """Say something on stderr, on one line."""
    click.echo(f"datastore: {on_one_line(text)}", err=True)


@contextmanager
def noting(unreadable: list[Unreadable], path: object) -> Iterator[None]:
    """Note why what is done in the block cannot be done with `path`, and go on behind it."""
    try:
        yield
    except BrokenPipeError:
        raise  # It is about what is printed, not about what is read.
    except (DatastoreError, OSError) as error:
        unreadable.append(Unreadable(str(path), str(error)))


def find_each(
    paths: Iterable[str], unreadable: list[Unreadable], *, disk: Disk | None = None
) -> list[Location]:
    """Return the runs that the paths mean; note those that mean none."""
    found: list[Location] = []
    for path in paths:
        with noting(unreadable, path):
            found += find_locations(path, disk=disk)
    return found


def end_if_any(unreadable: list[Unreadable]) -> None:
    """Tell of what could not be read, and end the command with its exit code."""
    for each in unreadable:
        tell(each.fault)
    if unreadable:
        raise SystemExit(CANNOT_READ)
