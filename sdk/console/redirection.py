"""One descriptor of this process led to a pipe instead of to where it went, and back."""

import contextlib
import os

from tidelog.datastore.disk import Disk
from tidelog.sdk.console.channel import Channel
from tidelog.sdk.console.terminal import open_like


class Redirection:
    """Descriptors that went to one place, such as the terminal, and go to one pipe from now on.

    One pipe for both keeps what people see in its order; what came from which of them is not known then.
    """

    def __init__(self, name: str, descriptors: list[int], *, disk: Disk) -> None:
        """Change nothing yet. Raises OSError where there is no pipe to be had."""
        import fcntl

        self.name = name
        self._descriptors = descriptors
        self._disk = disk
        # High numbers: a program may close all low ones.
        self.target = fcntl.fcntl(descriptors[0], fcntl.F_DUPFD_CLOEXEC, 100)
        try:
            is_terminal = os.isatty(self.target)
            self.source, self._entry = open_like(self.target) if is_terminal else os.pipe()
        except OSError:
            disk.close(self.target)
            raise
        self._identity = disk.identity(self._entry)
        self._held = [self.source, self.target, self._entry]

    def begin(self) -> None:
        """Let what is written go to the pipe."""
        for descriptor in self._descriptors:
            os.dup2(self._entry, descriptor)
        # Were it held, nobody would see the end of what is written.
        self._held.remove(self._entry)
        self._disk.close(self._entry)

    def end(self) -> None:
        """Let what is written go where it went, unless somebody redirected it anew; again is fine."""
        for descriptor in self._descriptors:
            with contextlib.suppress(OSError):  # The script closed it.
                if self._disk.identity(descriptor) == self._identity:
                    os.dup2(self.target, descriptor)

    def take_over(self) -> Channel:
        """Do the work of a pump that is gone until nobody writes any more; nothing of it is kept."""
        channel = Channel(
            self.source,
            self.target,
            keep=lambda _text: None,
            on_broken=lambda: channel.release(),
            disk=self._disk,
        )
        self._held.remove(self.source)  # The channel closes it.
        channel.start()
        return channel

    def close(self) -> None:
        """Let go of our own ends; again is without effect."""
        held, self._held = self._held, []
        for descriptor in held:
            self._disk.close(descriptor)


def redirections(disk: Disk) -> list[Redirection]:
    """Return one for each place that the standard streams go to; none for a closed one."""
    places: dict[tuple[int, int], tuple[str, list[int]]] = {}
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        with contextlib.suppress(OSError):
            places.setdefault(disk.identity(descriptor), (name, []))[1].append(descriptor)
    return [Redirection(name, descriptors, disk=disk) for name, descriptors in places.values()]
