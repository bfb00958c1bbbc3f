"""Writes the golden logs of format version 1. Run once; what is checked in is never written again.

    python tests/golden/make_golden.py

A file that is there already is left alone: golden logs are kept for ever, new ones get new names.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from golden.describe import describe  # noqa: E402
from golden.specs import GOLDEN  # noqa: E402


def main() -> None:
    for name, data in GOLDEN.items():
        path = HERE / "v1" / f"{name}.tlog"
        if path.exists():
            continue
        path.write_bytes(data)
        text = json.dumps(describe(path), indent=1, ensure_ascii=False)
        path.with_suffix(".json").write_text(text + "\n")
        print(f"wrote {path.name}, {len(data)} bytes")


if __name__ == "__main__":
    main()
