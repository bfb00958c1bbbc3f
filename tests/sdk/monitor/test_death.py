"""A status and what the kernel says of memory become an exit code and a reason in words."""

import pytest

from tidelog.sdk.monitor.death import Oom, explain_death

NONE = Oom()
GIB = 1024**3


@pytest.mark.parametrize(
    ("code", "words", "status", "oom"),
    [
        (3, "exit code 3 without finish()", 3 << 8, NONE),
        (0, "exit code 0 without finish()", 0, NONE),
        (-9, "killed by SIGKILL: kill -9, or a scheduler's time", 9, NONE),
        (-9, "the OOM killer: the memory limit of the cgroup, 2.1 GB", 9, Oom(1, 2 * GIB)),
        (-9, "the OOM killer: the machine was out of memory", 9, Oom(2, None)),
        (-9, "killed by SIGKILL, probably the OOM killer: the machine", 9, Oom(1, None, True)),
        (-11, "killed by SIGSEGV: a crash in native code", 11, NONE),
        (-11, "killed by SIGSEGV", 11 | 0x80, Oom(1, GIB)),
        (-15, "killed by SIGTERM: somebody or a scheduler", 15, Oom(1, GIB)),
        (-12, "killed by SIGUSR2", 12, NONE),
        (-60, "killed by signal 60", 60, NONE),
        (None, "this system does not tell", None, NONE),
        (None, "probably the OOM killer: the memory limit", None, Oom(1, GIB)),
    ],
)
def test_a_status_is_told_in_words(code: int | None, words: str, status: int | None, oom: Oom) -> None:
    """Only a SIGKILL can be the OOM killer's; 0x80 says that a core was dumped."""
    death = explain_death(status, oom)
    assert code == death.code
    assert words in death.reason
