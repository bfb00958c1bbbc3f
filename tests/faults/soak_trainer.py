"""A training script for the soak: logs, and writes down outside what `log()` and `save()` returned for.

It resumes the run of its id where there is one. It ends when the file `--until` appears.
"""

import argparse
import os
import random
import time
from pathlib import Path

from PIL import Image

from tidelog import sdk

STEP_S = 0.01
"""A hundred rows a second."""
ROWS_OF_AN_IMAGE = 25
LARGE_BYTES = 2_500_000


def main() -> None:
    """Log until it is told to end, or killed."""
    parser = argparse.ArgumentParser()
    for name in ("root", "run", "ledger", "until", "scratch"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--has-large", action="store_true")
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    run = sdk.init(project="soak", id=chosen.run, dir=chosen.root, mode="offline", resume="allow")
    # One write(2) a line, after the call has returned: what stands here was promised.
    ledger = os.open(chosen.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    index = 0
    while not Path(chosen.until).exists():
        row = {"key": f"{chosen.seed}:{index}", "loss": chance.random()}
        if index % ROWS_OF_AN_IMAGE == 0:
            row["sample"] = sdk.Image(Image.frombytes("L", (32, 32), chance.randbytes(1024)))
        run.log(row)
        os.write(ledger, f"row {row['key']}\n".encode())
        if index == 10 and chosen.has_large:
            large = Path(chosen.scratch, f"large-{chosen.seed}.bin")
            large.write_bytes(chance.randbytes(LARGE_BYTES))
            run.save(str(large), policy="now")
        index += 1
        time.sleep(STEP_S)
    run.finish()


if __name__ == "__main__":
    main()
