"""What a script keeps of itself: `save_code`, `log_code()`, live files; also when it is killed."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

from saved_files import saved_files

from tidelog.datastore import Reader

RunScript = Callable[..., subprocess.CompletedProcess[str]]
StartScript = Callable[..., subprocess.Popen[str]]
OnlyRun = Callable[[], Path]


def test_a_script_is_saved_with_save_code(
    run_script: RunScript, only_run: OnlyRun, tmp_path: Path
) -> None:
    """By `init(save_code=True)` alone, under its own name, and told as nothing."""
    result = run_script("sdk.init(project='p', dir=ROOT, mode='offline', save_code=True)")
    assert "save_code" not in result.stderr
    with Reader(only_run()) as reader:
        assert ["files/code/train0.py"] == [file.path for file in saved_files(reader)]
    saved = only_run() / "files" / "code" / "train0.py"
    assert (tmp_path / "train0.py").read_bytes() == saved.read_bytes()


def test_log_code_is_whole_when_the_run_has_ended(run_script: RunScript, only_run: OnlyRun) -> None:
    """Though it is copied beside training; with wandb's names of the arguments too."""
    result = run_script(
        """
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        for n in range(50):
            with open(f"m{n}.py", "w") as file:
                file.write(str(n))
        print(len(run.log_code(include_fn=lambda path: path.endswith(".py"))))
        print(sdk.log_code(".", "twice", exclude=["m*"]))
        """
    )
    assert ["51", "['files/code/twice/train0.py']"] == result.stdout.splitlines()
    with Reader(only_run()) as reader:
        files = {file.path: file.sha256 for file in saved_files(reader)}
    assert 52 == len(files)
    for path, sha256 in files.items():
        assert hashlib.sha256((only_run() / path).read_bytes()).hexdigest() == sha256


def test_a_live_file_is_in_the_run_of_a_script_that_is_killed(
    start_script: StartScript, only_run: OnlyRun
) -> None:
    """Its change was copied while the script went on, so SIGKILL does not lose it."""
    process = start_script(
        """
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        with open("best.txt", "w") as file:
            file.write("1")
        run.save("best.txt", policy="live")
        with open("best.txt", "w") as file:
            file.write("22")
        from tidelog.datastore import Reader
        with Reader(run.dir) as reader:
            while [2] != [file.size for file in reader.files() if file.path == "files/best.txt"]:
                time.sleep(0.01)
        print("copied", flush=True)
        time.sleep(60)
        """
    )
    assert process.stdout is not None
    assert "copied\n" == process.stdout.readline()
    process.kill()
    process.wait()
    with Reader(only_run()) as reader:
        (file,) = saved_files(reader)
    assert (2, hashlib.sha256(b"22").hexdigest()) == (file.size, file.sha256)


def test_a_fingerprint_goes_into_config(run_script: RunScript, only_run: OnlyRun) -> None:
    """And one that cannot be made is None, which is told, and training goes on."""
    result = run_script(
        """
        with open("data.bin", "wb") as file:
            file.write(b"abc")
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.config.update({"data": sdk.fingerprint("data.bin"), "none": sdk.fingerprint("missing")})
        """
    )
    assert (0, 1) == (result.returncode, result.stderr.count("fingerprint('missing') could not be made"))
    with Reader(only_run()) as reader:
        assert {"data": hashlib.sha256(b"abc").hexdigest(), "none": None} == reader.config


def test_what_a_script_writes_into_the_run_directory_is_kept(
    run_script: RunScript, only_run: OnlyRun
) -> None:
    """As wandb uploads it: at the end, as it is then, in the ledger; nothing of ours is copied."""
    run_script(
        """
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        with open(os.path.join(run.dir, "model [1].pt"), "w") as file:
            file.write("weights")
        os.makedirs(run.dir / "checkpoints")
        open(run.dir / "checkpoints" / "last", "w").close()
        open(run.dir + "/unfinished.tmp", "w").close()
        run.log({"a": 1})
        run.finish()
        """
    )
    with Reader(only_run()) as reader:
        kept = {file.path: file.size for file in saved_files(reader)}
    assert {"files/model [1].pt": 7, "files/checkpoints/last": 0} == kept
    assert "weights" == (only_run() / "files/model [1].pt").read_text()
