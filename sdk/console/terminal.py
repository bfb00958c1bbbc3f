"""A pseudo-terminal in the place of a terminal, so that programs still find one."""

import contextlib
import os


def open_like(terminal: int) -> tuple[int, int]:
    """Return what is read and what is written of a pseudo-terminal that changes no byte.

    It has the size and the modes of `terminal`, but for the translation of newlines, which would be
    made twice. Raises OSError where there is none to be had.
    """
    import termios

    source, target = os.openpty()
    with contextlib.suppress(termios.error):
        modes = termios.tcgetattr(terminal)
        modes[1] &= ~termios.OPOST
        termios.tcsetattr(target, termios.TCSANOW, modes)
    copy_size(terminal, target)
    return source, target


def copy_size(terminal: int, other: int) -> None:
    """Give another terminal the width and height of one, where both have them."""
    import fcntl
    import termios

    with contextlib.suppress(OSError):
        size = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
        if size != fcntl.ioctl(other, termios.TIOCGWINSZ, bytes(8)):
            fcntl.ioctl(other, termios.TIOCSWINSZ, size)
