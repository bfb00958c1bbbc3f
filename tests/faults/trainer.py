"""Starts `training.py` as a process and holds it against the same training without tidelog."""

import functools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidelog.datastore import Reader

SCRIPT = Path(__file__).with_name("training.py")
DEADLINE_S = 120.0


@dataclass(frozen=True)
class Trained:
    """What a training came to, and what it said on stderr."""

    told: dict[str, Any]
    stderr: str

    def says(self, text: str) -> int:
        """Return how many times it said a thing."""
        return self.stderr.count(text)


def train(
    root: Path | None,
    *,
    steps: int = 500,
    strike: Callable[[int], None] | None = None,
    prefix: Sequence[str] = (),
    **options: Any,
) -> Trained:
    """Train to the end; `strike` is called with every tenth step while training goes on.

    Fails where the weights are others than without tidelog, or where anything was raised.
    """
    command = [*prefix, sys.executable, str(SCRIPT), "--steps", str(steps)]
    for name, value in {**options, **({} if root is None else {"root": root})}.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = ""
        for line in process.stdout:
            if strike is not None and line.strip().isdigit():
                strike(int(line))
        stderr = process.stderr.read()
    assert 0 == process.returncode, stderr
    assert "Traceback" not in stderr
    trained = Trained(json.loads(line), stderr)
    if root is not None:
        assert undisturbed(steps) == trained.told["weights"]
    return trained


@functools.cache
def undisturbed(steps: int) -> str:
    """Return the digest of the weights of a training that logs nothing."""
    return str(train(None, steps=steps).told["weights"])


def steps_read(root: Path) -> list[int]:
    """Return the steps of all rows of the one run below a root; none may be there twice."""
    (directory,) = {log.parent for log in root.glob("*/*/*.tlog")}
    with Reader(directory) as run:
        assert [] == run.damage
        steps = [int(record.data["i"]) for record in run.records() if record.kind == "row"]
    assert 1 == max(Counter(steps).values(), default=1)
    return steps
