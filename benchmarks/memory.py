"""How much memory a process has, as /proc tells. Imports nothing, so that it may be asked early."""


def resident_bytes(pid: int | str = "self") -> int:
    """Return the resident size of a process, 0 where /proc does not tell."""
    return _status(pid, "VmRSS:")


def peak_bytes(pid: int | str = "self") -> int:
    """Return the largest resident size so far, or since `forget_peak`; 0 where /proc does not tell."""
    return _status(pid, "VmHWM:")


def forget_peak() -> None:
    """Let this process's peak begin anew at its present size, where the kernel lets it."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return  # The peak is then that of the process's whole life: too high, never too low.


def _status(pid: int | str, name: str) -> int:
    try:
        with open(f"/proc/{pid}/status") as file:
            lines = file.readlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)
