"""Which process of a distributed job this is, by the variables of its launcher. No I/O."""

from collections.abc import Mapping
from typing import NamedTuple

from tidelog.datastore.layout import MAIN

LAUNCHERS = (
    ("RANK", "WORLD_SIZE"),  # torchrun, accelerate, deepspeed
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
)


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
