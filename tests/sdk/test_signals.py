"""Signal handlers that end a run in the middle of one of its own calls: nothing waits for itself."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tidelog.datastore import Reader

RunScript = Callable[..., subprocess.CompletedProcess[str]]
OnlyRun = Callable[[], Path]

SCRIPT = """
import signal, threading
from tidelog.datastore.disk import Disk
from tidelog.sdk.current import Current
from tidelog.sdk.matches import Match

class InterruptedDisk(Disk):
    '''A disk in the middle of whose copy of "model" a signal comes.'''

    def copy(self, source, path, **more):
        if str(source).endswith("model"):
            os.kill(os.getpid(), signal.SIGUSR1)
        super().copy(source, path, **more)

run = Current(disk=InterruptedDisk()).init({"project": "p", "dir": ROOT, "mode": "offline"})
open("model", "w").write("weights")
"""


def test_a_run_may_be_ended_in_the_middle_of_its_save(run_script: RunScript, only_run: OnlyRun) -> None:
    """Where the thread that copies code waits for the file that is being saved, too."""
    result = run_script(
        SCRIPT
        + """
def end(*_):
    run.files._code._take_beside([Match(__file__, "code/train.py")])  # It waits for the model's copy.
    run.finish()
    print("ended")
signal.signal(signal.SIGUSR1, end)
run.save("model")
print("saved")
"""
    )
    assert ("ended\nsaved\n", 0) == (result.stdout, result.returncode), result.stderr
    with Reader(only_run()) as reader:
        assert "finished" == reader.state
        assert {"files/model", "files/code/train.py"} <= {file.path for file in reader.files()}


def test_a_handler_that_saves_in_the_middle_of_a_save_is_put_off(
    run_script: RunScript, only_run: OnlyRun
) -> None:
    """The copy that it interrupted is whole, and its own comes after it."""
    result = run_script(
        SCRIPT
        + """
open("other", "w").write("x")
signal.signal(signal.SIGUSR1, lambda *_: print(run.save("other")))
print(run.save("model"))
for thread in threading.enumerate():
    if thread.name == "tidelog-deferred":
        thread.join()
run.finish()
"""
    )
    assert ("[]\n['files/model']\n", 0) == (result.stdout, result.returncode), result.stderr
    with Reader(only_run()) as reader:
        assert {"files/model", "files/other"} <= {file.path for file in reader.files()}


def test_a_run_may_be_ended_in_the_middle_of_handing_over_an_image(
    run_script: RunScript, only_run: OnlyRun
) -> None:
    """The thread that encodes needs what the interrupted call holds: the end is put off."""
    result = run_script(
        """
        import numpy
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        noise = numpy.random.default_rng(7).integers(0, 255, (1000, 1000, 3), dtype="uint8")
        run.log({"image": sdk.Image(noise)})
        with run._media._queue._lock:  # As put() holds it.
            began = time.monotonic()
            run.finish()
            print(time.monotonic() - began < 20)
        """
    )
    assert ("True\n", 0) == (result.stdout, result.returncode), result.stderr
    with Reader(only_run()) as reader:
        assert ("finished", 1) == (reader.state, len(reader.media()))
