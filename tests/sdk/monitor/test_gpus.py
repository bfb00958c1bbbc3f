"""Which makes of GPUs a machine has: told by what their drivers put there."""

import pytest
from text_disk import TextDisk

from tidelog.sdk.monitor import gpus
from tidelog.sdk.monitor.gpus import amd_facts, missing_library, vendors_here


@pytest.mark.parametrize(
    ("expected", "path"),
    [
        (["NVIDIA"], "/proc/driver/nvidia"),
        (["NVIDIA"], "/dev/dxg"),
        (["AMD"], "/dev/kfd"),
        ([], "/dev/null"),
    ],
)
def test_a_driver_tells_the_make(expected: list[str], path: str) -> None:
    """No library is loaded for a GPU that is not there."""
    assert expected == [vendor.name for vendor in vendors_here(TextDisk({path: ""}))]


def test_a_gpu_without_a_library_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is there, and where there is no GPU, there is nothing to tell."""
    kfd = TextDisk({"/dev/kfd": ""})
    assert "GPUs of AMD, and amdsmi is not installed" in (missing_library(kfd) or "")
    assert missing_library(TextDisk({"/proc/driver/nvidia": ""})) is None
    assert missing_library(TextDisk({})) is None
    unknown = gpus.NVIDIA._replace(module="no_such_module")
    monkeypatch.setattr(gpus, "VENDORS", (unknown, gpus.AMD))
    assert "tidelog[gpu]" in (missing_library(TextDisk({"/proc/driver/nvidia": ""})) or "")


def test_a_driver_that_does_not_answer_has_no_facts() -> None:
    """Such as one without its library, or in a container that was not given the GPUs."""
    assert [] == amd_facts(TextDisk({"/proc/driver/nvidia": "", "/dev/kfd": ""}))
