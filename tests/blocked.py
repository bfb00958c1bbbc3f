"""Runs a program in a process in which some packages cannot be imported."""

import subprocess
import sys

from waiting import PATIENCE_S

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}")
sys.meta_path.insert(0, Block())
"""


def run_without(
    packages: list[str], program: str, *arguments: object
) -> subprocess.CompletedProcess[str]:
    """Return the finished process of a Python program; its arguments are in `sys.argv[1:]`."""
    return subprocess.run(
        [sys.executable, "-c", BLOCK.format(packages=packages) + program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
