"""The peers' own virtual environments, and the variables that keep them quiet and off the network."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment in a folder, `.venv`, for what the folder's `requirements.txt` pins."""

    folder: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / ".venv" / "bin" / "python"

    def install(self, package: str) -> None:
        """Install a package of `requirements.txt`, at its version there, unless that was done before.

        InstallError where it cannot be had; the other peers go on without it.
        """
        pinned = self.pinned(package)
        stamp = self.folder / ".venv" / "installed" / pinned
        if stamp.exists():
            return
        venv = self.folder / ".venv"
        print(f"installing {pinned} into {os.path.relpath(venv)} ...", file=sys.stderr)
        if not self.python.exists():
            _run(sys.executable, "-m", "venv", venv)
        # All pins bound each install: one peer's dependencies cannot move another peer's version.
        constraint = ("--constraint", self._requirements)
        _run(self.python, "-m", "pip", "install", "--quiet", *constraint, pinned)
        stamp.parent.mkdir(exist_ok=True)
        stamp.touch()

    @property
    def _requirements(self) -> Path:
        return self.folder / "requirements.txt"

    def pinned(self, package: str) -> str:
        """Return a package with its version, as `requirements.txt` has it. Raises InstallError."""
        for line in self._requirements.read_text().splitlines():
            if line.startswith(f"{package}=="):
                return line.strip()
        raise InstallError(f"{package} is not in {self._requirements}")


PEERS = Environment(Path(__file__).parent / "peers")
READERS = Environment(Path(__file__).parent / "reading")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise InstallError((errors or done.stderr.splitlines() or ["no reason given"])[-1])
