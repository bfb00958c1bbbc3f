"""Writes the golden logs of format version 1. Run once; what is checked in is never written again.

    python tests/golden/make_golden.py

A file that is there already is left alone: golden logs are kept for ever, new ones get new names.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from golden.describe import describe, describe_log, describe_refusal  # noqa: E402
from golden.specs import GOLDEN, REFUSED, RUNS  # noqa: E402


def main() -> None:
    for name, data in GOLDEN.items():
        _write({HERE / "v1" / f"{name}.tlog": data}, HERE / "v1" / f"{name}.tlog", describe_log)
    for name, data in REFUSED.items():
        path = HERE / "v1" / "refused" / f"{name}.tlog"
        _write({path: data}, path, describe_refusal)
    for name, logs in RUNS.items():
        run = HERE / "v1" / "runs" / name
        _write({run / log: data for log, data in logs.items()}, run, describe)


def _write(files: dict[Path, bytes], shown: Path, described: Callable[[Path], dict[str, Any]]) -> None:
    if shown.exists():
        return
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    text = json.dumps(described(shown), indent=1, ensure_ascii=False)
    shown.with_suffix(".json").write_text(text + "\n")
    print(f"wrote {shown.name}, {sum(map(len, files.values()))} bytes")


if __name__ == "__main__":
    main()
