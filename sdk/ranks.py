"""Which process of a distributed job this is, by the variables of its launcher."""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

from tidelog.datastore.layout import MAIN

LAUNCHERS = (
    ("RANK", "WORLD_SIZE"),  # torchrun, accelerate, deepspeed
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
)


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Rank(NamedTuple):
    """A process's number, and how many there are."""

    number: int
    world_size: int

    @property
    def stream(self) -> str:
        """The name of the log files that this process writes."""
        return f"rank{self.number}" if self.number else MAIN


ALONE = Rank(0, 1)


def find_rank(environ: Mapping[str, str]) -> Rank:
    """Return this process's rank; `ALONE` where no launcher started more than one process."""
    for number_name, size_name in LAUNCHERS:
        number, size = environ.get(number_name, ""), environ.get(size_name, "")
        if number.isdecimal() and size.isdecimal() and int(size) > 1 and int(number) < int(size):
            return Rank(int(number), int(size))
    return ALONE


def rank_zero_only(function: Callable[Arguments, Result]) -> Callable[Arguments, Result | None]:
    """Return a function that does its work on rank 0 alone; on the others it returns None at once."""

    @wraps(function)
    def on_rank_zero(*args: Arguments.args, **keywords: Arguments.kwargs) -> Result | None:
        return None if find_rank(os.environ).number else function(*args, **keywords)

    return on_rank_zero
