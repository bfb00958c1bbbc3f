"""The command `datastore` as a person runs it: a process of its own, in a wide terminal."""

import os
import subprocess
import sys

from waiting import PATIENCE_S


def datastore(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tidelog.datastore", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
        timeout=PATIENCE_S,
    )
