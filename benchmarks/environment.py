"""The peers' own virtual environment, and the variables that keep them quiet and off the network."""

import os
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
REQUIREMENTS = PEERS / "requirements.txt"
VENV = PEERS / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "installed"

# Nothing listens on port 9 (discard): a library that would go out by HTTP is refused at once.
NOWHERE = "http://127.0.0.1:9"

OFFLINE = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    **{f"{scheme}_PROXY": NOWHERE for scheme in ("HTTP", "HTTPS", "ALL")},
    **{f"{scheme}_proxy": NOWHERE for scheme in ("http", "https", "all")},
}
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")


class InstallError(Exception):
    """A peer's package could not be installed; the text says why."""


def variables(home: Path, *, is_offline: bool = True) -> dict[str, str]:
    """Return all variables of a peer's process: `home` for what it wants to keep, and no network."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    folders = {
        f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA", "STATE")
    }
    return {**kept, "HOME": str(home), **folders, **(OFFLINE if is_offline else {})}


def install(package: str) -> None:
    """Install a package of `requirements.txt`, at its version there, unless that was done before.

    InstallError where it cannot be had; the other peers go on without it.
    """
    pinned = _pinned(package)
    stamp = STAMPS / pinned
    if stamp.exists():
        return
    print(f"installing {pinned} into {os.path.relpath(VENV)} ...", file=sys.stderr)
    if not PYTHON.exists():
        _run(sys.executable, "-m", "venv", VENV)
    # All pins bound each install, so that one peer's dependencies cannot move another peer's version.
    _run(PYTHON, "-m", "pip", "install", "--quiet", "--constraint", REQUIREMENTS, pinned)
    STAMPS.mkdir(exist_ok=True)
    stamp.touch()


def _pinned(package: str) -> str:
    for line in REQUIREMENTS.read_text().splitlines():
        if line.startswith(f"{package}=="):
            return line.strip()
    raise InstallError(f"{package} is not in {REQUIREMENTS.name}")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise InstallError((errors or done.stderr.splitlines() or ["no reason given"])[-1])
