"""What logging costs a training loop: steps of 3 ms at 200 a second, one timed `log()` each.

    python benchmarks/peers/pace.py bare.py --beside nothing|burner|threads --steps N --out DIR

`burner` is a second Python thread that computes all the time; with `threads` 64 of them log back to back
and nobody computes. Prints one line of JSON. Runs in two virtual environments: no tidelog in here.
"""

import importlib.util
import json
import os
import sys
import threading
import time
from pathlib import Path

STEP_S, PERIOD_S = 0.003, 0.005
THREADS = 64


def main():
    """Run what the command line asks for."""
    file, arguments = sys.argv[1], dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
    out, beside, steps = arguments["--out"], arguments["--beside"], int(arguments["--steps"])
    answer = os.dup(1)
    os.dup2(2, 1)
    os.makedirs(out, exist_ok=True)
    import job

    peer = _peer(Path(__file__).with_name(file))
    log = peer.start(out)
    rows = [job.row(index) for index in range(steps)]
    log(rows[0])
    spent_ns = _by_threads(log, rows) if beside == "threads" else _paced(log, rows, beside)
    peer.finish()
    os.write(answer, json.dumps({"spent_us": [ns / 1e3 for ns in spent_ns]}).encode())
    os._exit(0)  # A burner would burn on.


def _peer(path):
    spec = importlib.util.spec_from_file_location("peer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (kind,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == "peer" and hasattr(value, "start")
    )
    return kind()


def _paced(log, rows, beside):
    if beside == "burner":
        threading.Thread(target=_burn, daemon=True).start()
    clock, spent = time.perf_counter_ns, []
    due = time.perf_counter()
    for row in rows:
        end = time.perf_counter() + STEP_S
        while time.perf_counter() < end:
            pass
        before = clock()
        log(row)
        spent.append(clock() - before)
        due += PERIOD_S
        time.sleep(max(0.0, due - time.perf_counter()))
    return spent


def _burn():
    while True:
        sum(range(1000))


def _by_threads(log, rows):
    clock, spent = time.perf_counter_ns, []

    def work(part):
        for row in part:
            before = clock()
            log(row)
            spent.append(clock() - before)

    threads = [threading.Thread(target=work, args=(rows[n::THREADS],)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return spent


if __name__ == "__main__":
    main()
