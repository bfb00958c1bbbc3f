"""A training script: SGD on a fixed seed, which prints what it came to as one line of JSON.

Its weights are the same to the bit whether it logs or not, and whatever becomes of its disk. At every
tenth step it prints the step, so that a test knows when to strike; `--at STEP` and `--do CODE` let it
strike itself.
"""

import argparse
import hashlib
import json
import sys
import time
from typing import Any

import numpy as np
import numpy.random

FEATURES = 16


def main() -> None:
    """Train, and say how it went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--step-s", type=float, default=0.0)
    parser.add_argument("--text-bytes", type=int, default=0)
    parser.add_argument("--at", type=int, default=-1)
    parser.add_argument("--do", default="")
    chosen = parser.parse_args()
    if chosen.root:
        from tidelog import sdk
    if chosen.at < 0:
        exec(chosen.do, {})
    run: Any = None
    if chosen.root:
        run = sdk.init(project="p", dir=chosen.root, mode="offline")
    random = np.random.default_rng(20261126)
    truth, weights = random.normal(size=FEATURES), np.zeros(FEATURES)
    text = "x" * chosen.text_bytes
    for step in range(chosen.steps):
        if step == chosen.at:
            exec(chosen.do, {"run": run})
        batch = random.normal(size=(32, FEATURES))
        error = batch @ weights - batch @ truth
        weights -= 0.01 * (batch.T @ error) / len(batch)
        if run is not None:
            row = {"i": step, "loss": float(error @ error)}
            if text:
                row["text"] = text
            run.log(row)
        if step % 10 == 0:
            print(step, flush=True)
        time.sleep(chosen.step_s)
    began = time.perf_counter()
    if run is not None:
        run.finish()
    told = {
        "weights": hashlib.sha256(weights.tobytes()).hexdigest(),
        "lost": run._writer.lost_rows if run is not None and run._writer is not None else 0,
        "finish_s": time.perf_counter() - began,
    }
    print(json.dumps(told), flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
