"""What was run: command line, entry file or notebook, Python, launcher. Free, so told at once."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.secrets import hide_secrets
from tidelog.sdk.facts.small_file import read_small_file

_LAUNCHERS = """
accelerate composer deepspeed horovodrun mpiexec mpirun ray srun torchrun torch.distributed.run
torch.distributed.launch
"""
LAUNCHER_ARGUMENTS_MAX = 6
CELLS_CHARACTERS_MAX = 1_000_000


def script_facts() -> dict[str, Any]:
    """Return what can be told at once and for free."""
    facts = {
        "argv": hide_secrets(sys.argv),
        # Unlike argv it has `-m`, `-c` and the interpreter's own options, and no script changes it.
        "command": hide_secrets(sys.orig_argv),
        "program": entry_file(),
        "module": entry_module(),
        "python": sys.version.split()[0],
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "platform": sys.platform,
        "cpu_count": os.cpu_count(),
        "cwd": _working_directory(),
    }
    return {name: value for name, value in facts.items() if value is not None}


def entry_file() -> str | None:
    """Return the file of the script, of `python -m` the module's, or the notebook; None for `-c`.

    To be asked while the script runs: at its end Python takes `__file__` away, before it calls anybody.
    """
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None) or _notebook(vars(main) if main else {}, os.environ)
    return path if isinstance(path, str) else None


def entry_module() -> str | None:
    """Return the name after `python -m`, None for a script."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = getattr(spec, "name", None)
    return name.removesuffix(".__main__") if isinstance(name, str) else None


def notebook_cells() -> str | None:
    """Return the cells that ran so far as a script, where the code is typed and in no file."""
    cells = getattr(sys.modules.get("__main__"), "In", None)
    if "IPython" not in sys.modules or not isinstance(cells, list):
        return None
    text = "\n\n".join(f"# %%\n{cell}" for cell in cells if isinstance(cell, str) and cell.strip())
    return text[:CELLS_CHARACTERS_MAX] or None


def launcher_command(*, disk: Disk, system_root: str = "/") -> list[str] | None:
    """Return the command line of the parent where it is a launcher such as torchrun, else None."""
    line = read_small_file(os.path.join(system_root, f"proc/{os.getppid()}/cmdline"), disk=disk)
    return parse_launcher(line)


def parse_launcher(cmdline: str) -> list[str] | None:
    """Return the arguments from `/proc/<pid>/cmdline` where one of the first is a launcher's name."""
    arguments = cmdline.removesuffix("\0").split("\0")
    names = {os.path.basename(argument) for argument in arguments[:LAUNCHER_ARGUMENTS_MAX]}
    return hide_secrets(arguments) if names.intersection(_LAUNCHERS.split()) else None


def _notebook(names: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """Return the notebook's file, where the program that shows it tells the kernel."""
    told = names.get("__vsc_ipynb_file__") or environ.get("JPY_SESSION_NAME")
    return told if isinstance(told, str) and told.endswith(".ipynb") else None


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None
