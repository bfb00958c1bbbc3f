import subprocess
from collections.abc import Callable
from pathlib import Path

from waiting import PATIENCE_S

from tidelog.datastore import Reader

RunScript = Callable[..., subprocess.CompletedProcess[str]]
StartScript = Callable[..., "subprocess.Popen[str]"]

TRAINER = """
run = sdk.init(project="p", id="a", name="calm", config={"lr": 1}, dir=ROOT, mode="offline")
run.log({"loss": 0.5})
print("ready", flush=True)
assert input() == "end"
run.log({"loss": 0.25})
run.finish()
"""
ATTACHED = """
run = sdk.attach("a", dir=ROOT)
assert run is sdk.run
print(run.name, run.project, run.mode, run.config.lr, run.step, run.resumed)
run.log({"accuracy": 0.75}, step=0)
run.log({"extra": 7})
run.summary["best"] = 1
"""


def test_another_process_records_in_a_run_and_does_not_end_it(
    start_script: StartScript, run_script: RunScript, tmp_path: Path
) -> None:
    """What both log is one run when it is read; only its own process says how it ended."""
    trainer = start_script(TRAINER, stdin=subprocess.PIPE)
    assert trainer.stdout is not None
    assert "ready" == trainer.stdout.readline().strip()
    attached = run_script(ATTACHED + "sys.exit(3)")
    assert ("calm p offline 1 1 True", 3) == (attached.stdout.strip(), attached.returncode)
    assert "recording" not in attached.stderr
    with Reader(tmp_path / "root/p/a") as reader:
        assert "running" == reader.state
    trainer.communicate("end\n", timeout=PATIENCE_S)
    with Reader(tmp_path / "root/p/a") as reader:
        assert ("finished", 0) == (reader.state, reader.exit_code)
        history = reader.history()
        assert ([0, 1], [0.5, 0.25]) == (list(history["_step"]), list(history["loss"]))
        assert (0.75, 7, 1) == (history["accuracy"][0], history["extra"][1], reader.summary["best"])
        assert "calm" == reader.name


def test_an_attached_process_that_is_killed_harms_nothing(
    start_script: StartScript, run_script: RunScript, tmp_path: Path
) -> None:
    """What it logged is there; the run goes on."""
    trainer = start_script(TRAINER, stdin=subprocess.PIPE)
    assert trainer.stdout is not None
    assert "ready" == trainer.stdout.readline().strip()
    run_script(ATTACHED + "os.kill(os.getpid(), 9)")
    trainer.communicate("end\n", timeout=PATIENCE_S)
    with Reader(tmp_path / "root/p/a") as reader:
        assert ("finished", 7) == (reader.state, reader.history()["extra"][1])


def test_a_run_that_is_not_there_is_told_once_and_nothing_is_recorded(
    run_script: RunScript, tmp_path: Path
) -> None:
    """The sentence names the root and the remedy; the process goes on."""
    result = run_script("run = sdk.attach('nobody', dir=ROOT)\nrun.log({'a': 1})\nprint(run.disabled)")
    assert ("True\n", 0) == (result.stdout, result.returncode)
    assert "there is no run nobody below" in result.stderr
    assert "TIDELOG_DIR" in result.stderr
    assert not (tmp_path / "root").exists()
