"""What every test stands on: a home of its own, so that nobody's settings or runs are touched."""

import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is no finding where a machine does other things as well.
settings.register_profile(
    "patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

# PyTorch is in `training` of pyproject.toml for Python 3.11 alone, as a CPU build: for later ones pip
# would fetch gigabytes of CUDA. Files that import it are not collected there, and the header says so.
TESTS = Path(__file__).parent
HAS_TORCH = sys.version_info < (3, 12)
IMPORTS_TORCH = re.compile(r"(?m)^ *import (torch|keras)$")
collect_ignore = [
    str(path)
    for path in ([] if HAS_TORCH else sorted(TESTS.rglob("test_*.py")))
    if IMPORTS_TORCH.search(path.read_text())
]


def pytest_report_header() -> list[str]:
    """Name what is not collected."""
    names = ", ".join(os.path.relpath(path, TESTS) for path in collect_ignore)
    return [f"no PyTorch for this Python, not collected: {names}"] if names else []


SURROUNDINGS = re.compile(
    r"TIDELOG_|WANDB_|SLURM_|OMPI_|(LOCAL_)?RANK$|WORLD_SIZE$|(HTTPS?|ALL|NO)_PROXY$|NOTIFY_SOCKET$|WATCHDOG_",
    re.IGNORECASE,
)
"""What a caller's settings, scheduler, proxy and service manager say is not meant for the tests."""


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a fresh HOME and XDG folders, and nothing of the caller's surroundings."""
    home = tmp_path_factory.mktemp("home")
    for name in filter(SURROUNDINGS.match, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "STATE", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    monkeypatch.setenv("NO_COLOR", "1")
    # A monitor outlives its trainer by moments; its own tests have theirs.
    monkeypatch.setenv("TIDELOG_MONITOR", "off")
    return home
