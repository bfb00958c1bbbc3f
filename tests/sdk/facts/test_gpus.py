"""NVIDIA GPUs: no test machine has one, so what the driver and nvidia-smi print is text."""

import os
from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.gpus import gpu_facts, parse_driver, parse_information, parse_query

UUID = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
TABLE = f"NVIDIA H100 80GB HBM3, {UUID}, 81559, 550.54.15\nNVIDIA GB10, GPU-2, [N/A], 550.54.15\n"
INFORMATION = f"""\
Model: \t\t NVIDIA A100-SXM4-40GB
IRQ:   \t\t 185
GPU UUID: \t {UUID}
Bus Location: \t 0000:07:00.0
"""
VERSION = """\
NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023
GCC version:  gcc version 12.2.0
"""
OPEN_VERSION = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\n"


def test_the_table_of_nvidia_smi_is_read() -> None:
    """Memory in bytes; a GPU that shares the machine's has none of its own."""
    gpus = [
        {"name": "NVIDIA H100 80GB HBM3", "uuid": UUID, "memory_bytes": 81559 * 1024 * 1024},
        {"name": "NVIDIA GB10", "uuid": "GPU-2"},
    ]
    assert (gpus, "550.54.15") == parse_query(TABLE)
    assert ([], None) == parse_query("No devices were found\n")


def test_what_the_driver_says_is_read() -> None:
    """The proprietary and the open one."""
    assert {"name": "NVIDIA A100-SXM4-40GB", "uuid": UUID} == parse_information(INFORMATION)
    assert {} == parse_information("")
    assert "535.104.05" == parse_driver(VERSION)
    assert "550.54.15" == parse_driver(OPEN_VERSION)
    assert parse_driver("") is None


def test_without_a_driver_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started on a machine that has no GPU."""
    program(tmp_path / "bin", "touch $0.asked", monkeypatch)
    assert gpu_facts(disk=Disk(), system_root=str(tmp_path)) is None
    assert not (tmp_path / "bin" / "nvidia-smi.asked").exists()


def test_without_an_answer_the_drivers_own_files_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container without nvidia-smi."""
    card = tmp_path / "proc" / "driver" / "nvidia" / "gpus" / "0000:07:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text(INFORMATION)
    (card.parents[1] / "version").write_text(VERSION)
    monkeypatch.setenv("PATH", str(tmp_path))
    gpus = [{"name": "NVIDIA A100-SXM4-40GB", "uuid": UUID}]
    assert {"gpus": gpus, "driver": "535.104.05"} == gpu_facts(disk=Disk(), system_root=str(tmp_path))
    program(tmp_path / "bin", f"printf '{TABLE.splitlines()[0]}'", monkeypatch)
    found = gpu_facts(disk=Disk(), system_root=str(tmp_path))
    assert found is not None
    assert ("550.54.15", "NVIDIA H100 80GB HBM3") == (found["driver"], found["gpus"][0]["name"])


def program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stand-in for nvidia-smi be found first."""
    folder.mkdir()
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin:{os.environ['PATH']}")
