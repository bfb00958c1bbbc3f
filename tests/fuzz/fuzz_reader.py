"""Fuzzes the reader under atheris, led by the branches it takes: `make fuzz FUZZ_S=600`.

Begins with the kept corpus (`corpus/`) and the golden logs; what leads to new branches goes to
`build/fuzz/`, what breaks to `build/fuzz/crash-...`. `make test` asks all that is in `corpus/`: what
broke something goes there, beside the few inputs that take all branches together.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tidelog.datastore"]):
    from fuzz.cost import MEMORY_BYTES_MAX, SECONDS_MAX, bytes_of, seconds_of
    from fuzz.log_mutator import LogMutator
    from fuzz.questions import QUESTIONS, ask_everything

BYTES_MAX = 4096
"""Small logs take the same branches, hundreds of times as fast; for large ones there are the bombs."""

INSTRUMENTED_FACTOR = 4
"""So many times as long takes code that counts its branches."""
MEASURED_EVERY = 64

TESTS = Path(__file__).parents[1]
_inputs = 0


def fuzz(data: bytes) -> None:
    """Ask all of one input; of some what each answer costs as well."""
    global _inputs
    _inputs += 1
    ask_everything(data)
    if _inputs % MEASURED_EVERY == 0:
        for name, question in QUESTIONS.items():
            seconds = seconds_of(question, data, enough_s=SECONDS_MAX * INSTRUMENTED_FACTOR)
            if seconds > SECONDS_MAX * INSTRUMENTED_FACTOR:
                raise RuntimeError(f"{name} took {seconds:.3f} s of processor time")
            if (size := bytes_of(question, data)) > MEMORY_BYTES_MAX:
                raise RuntimeError(f"{name} took {size} bytes")


def mutate(data: bytes, size_max: int, seed: int) -> bytes:
    """Change a log so that its CRCs are right, with the fuzzer's own changes of bytes within."""
    return LogMutator(seed, atheris.Mutate).mutate(data, min(size_max, BYTES_MAX))


def main() -> None:
    """Fuzz until the limits in the arguments are reached, from the corpora named there."""
    with tempfile.TemporaryDirectory() as seeds:
        for path in (TESTS / "golden").rglob("*.tlog"):
            Path(seeds, path.name).write_bytes(path.read_bytes())
        options = ["-timeout=10", "-rss_limit_mb=2048", f"-max_len={BYTES_MAX}"]
        atheris.Setup([*sys.argv, *options, seeds], fuzz, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
