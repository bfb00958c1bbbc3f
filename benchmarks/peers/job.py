"""What one peer does in one process: log N rows and time each call, or read them back into columns.

    python benchmarks/peers/bare.py --rows 20000 --out DIR     logs; one line of JSON on stdout
    python benchmarks/peers/bare.py --read yes --out DIR       reads DIR back and checks every value

Imports next to nothing, so that no peer finds the modules that it needs already loaded; for the
same reason it reads its arguments by hand. Runs in two virtual environments: no tidelog in here.
"""

import os
import sys
from time import perf_counter_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract import Peer

NAMES = ("loss", "accuracy", "learning_rate", "grad_norm", "val/loss", "epoch")
ROWS_PER_EPOCH = 1000

# Multiples of these modulo 1 spread evenly and fill all 53 bits, so that no peer stores them smaller.
_STRIDES = (
    0.6180339887498949,
    0.4142135623730951,
    0.7320508075688772,
    0.2360679774997898,
    0.5497787143782138,
)


def row(index: int) -> dict[str, float]:
    """Return the row at `index`: five floats and one int, the same ones for every peer."""
    a, b, c, d, e = _STRIDES
    n = index + 1
    return {
        "loss": n * a % 1.0,
        "accuracy": n * b % 1.0,
        "learning_rate": n * c % 1.0,
        "grad_norm": n * d % 1.0,
        "val/loss": n * e % 1.0,
        "epoch": index // ROWS_PER_EPOCH,
    }


def main(peer: "Peer") -> None:
    """Run the job that the command line asks for and print what was measured."""
    arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
    out = arguments.get("--out")
    if not out or not ("--rows" in arguments or "--read" in arguments):
        sys.exit(f"usage: {sys.argv[0]} (--rows N | --read yes) --out DIR")
    # The peers chat on stdout; the JSON goes to the real one, the chat to stderr.
    answer = os.dup(1)
    os.dup2(2, 1)
    os.makedirs(out, exist_ok=True)
    measured = _read(peer, out) if "--read" in arguments else _log(peer, out, int(arguments["--rows"]))
    import json
    from importlib.metadata import version

    measured["version"] = version(peer.package) if peer.package else peer.version
    os.write(answer, json.dumps(measured).encode() + b"\n")


def _log(peer: "Peer", out: str, rows: int) -> dict[str, object]:
    """Time each call; nothing is subtracted: two readings of the clock, 0.1 us, are in each figure."""
    from array import array

    clock, took = perf_counter_ns, array("q", bytes(8 * rows))
    first_row = row(0)
    started = clock()
    log = peer.start(out)
    before = clock()
    log(first_row)
    after = clock()
    first_log_s = (after - started) / 1e9
    took[0] = after - before
    for index in range(1, rows):
        values = row(index)
        before = clock()
        log(values)
        took[index] = clock() - before
    finishing = clock()
    peer.finish()
    finish_s = (clock() - finishing) / 1e9
    ordered = sorted(took)
    return {
        "rows": rows,
        "first_log_s": first_log_s,
        "log_p50_us": ordered[rows // 2] / 1e3,
        "log_p99_us": ordered[min(rows - 1, rows * 99 // 100)] / 1e3,
        "log_max_us": ordered[-1] / 1e3,
        "logging_s": sum(took) / 1e9,
        "finish_s": finish_s,
        "bytes": _bytes_below(out),
    }


def _read(peer: "Peer", out: str) -> dict[str, object]:
    """Time the reading, imports apart, and refuse columns that are not what was logged."""
    peer.prepare_read(out)
    started = perf_counter_ns()
    columns = peer.read(out)
    read_s = (perf_counter_ns() - started) / 1e9
    rows = len(columns[NAMES[0]])
    _check(columns, rows, peer.float_error_max)
    return {"read_rows": rows, "read_s": read_s}


def _check(columns: "dict[str, Sequence[float]]", rows: int, error_max: float) -> None:
    for index in range(rows):
        for name, expected in row(index).items():
            got = columns[name][index]
            if abs(got - expected) > error_max:
                sys.exit(f"row {index}: {name} was logged as {expected!r} and read back as {got!r}")


def _bytes_below(folder: str) -> int:
    return sum(
        os.lstat(os.path.join(where, name)).st_size
        for where, _folders, names in os.walk(folder)
        for name in names
    )
