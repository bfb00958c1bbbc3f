"""run.json and summary.json: copies for human eyes, made from what the log says."""

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import RUN_JSON, SUMMARY_JSON
from tidelog.datastore.records import Histogram, Media


def write_run_json(
    directory: str, facts: Mapping[str, Any], config: Mapping[str, Any], *, disk: Disk
) -> None:
    """Write facts and config. Raises OSError."""
    _write(os.path.join(directory, RUN_JSON), {**facts, "config": dict(config)}, disk)


def write_summary_json(directory: str, summary: Mapping[str, Any], *, disk: Disk) -> None:
    """Write the summary. Raises OSError."""
    _write(os.path.join(directory, SUMMARY_JSON), dict(summary), disk)


def _write(path: str, values: Mapping[str, Any], disk: Disk) -> None:
    text = json.dumps(as_json(values), indent=2, ensure_ascii=False, allow_nan=False)
    disk.replace(path, (text + "\n").encode("utf-8", "backslashreplace"))


def as_json(value: Any) -> Any:
    """Return `value` as JSON can hold it; NaN and infinities, which it has no number for, as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, Media):
        return as_json(value.fields())
    if isinstance(value, Histogram):
        return as_json(value.fields)
    return value
