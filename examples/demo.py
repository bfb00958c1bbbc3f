"""The main job of tidelog from end to end, on this machine, in under a minute: `make demo`.

Trains a real classifier offline, with no hub and every socket forbidden; then trains another one while
syncd uploads it live, kills syncd in the middle, takes the hub away and brings it back; then proves
that the hub holds exactly what the disk holds.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import plotext
import psutil
from rich.console import Console
from rich.table import Table

from tidelog.datastore import NotARunError, Reader
from tidelog.datastore.find import find_runs

ROOT = Path(__file__).resolve().parents[1]
OWN_PLACE = ROOT / "build" / "demo"  # Cleared at each start; a place that is named must be new.
PLACE = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else OWN_PLACE
RUNS, HUB, HOME = PLACE / "runs", PLACE / "hub", PLACE / "home"
TRAINING = str(ROOT / "examples" / "train_digits.py")
BIN = Path(sys.executable).parent
PATIENCE_S = 60
EPOCHS = 20
STEPS = 3400  # What 20 epochs of 169 batches and a validation log, each a step of its own.
MEMORY_MB_MAX = 100

# Whatever would open a socket ends the training with this sentence instead.
WITHOUT_SOCKETS = """
import runpy, sys
def forbid(event, arguments):
    if event.startswith("socket."):
        sys.exit(f"an offline run reached for the network: {event}{arguments}")
sys.addaudithook(forbid)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

console = Console(highlight=False)
T = TypeVar("T")


class Demo:
    """The processes of the demo and what was measured of them."""

    def __init__(self, stack: ExitStack) -> None:
        self.address = ""
        self.key = ""
        self.memory_mb: dict[str, float] = {}
        self._stack = stack
        self._running: dict[str, subprocess.Popen[str]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment with the demo's own folders and none of the caller's settings."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("TIDELOG_")}
        own |= {
            "TIDELOG_DIR": str(RUNS),
            "XDG_CONFIG_HOME": str(HOME / "config"),
            "XDG_STATE_HOME": str(HOME / "state"),
            "XDG_RUNTIME_DIR": str(HOME / "run"),
        }
        if self.key:
            own |= {"TIDELOG_HUB": self.address, "TIDELOG_API_KEY": self.key}
        return own

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True)

    def must(self, *command: str) -> str:
        """Run a command that must succeed and return what it printed."""
        result = self.run(*command)
        if result.returncode:
            sys.exit(f"{' '.join(command)} ended with {result.returncode}:\n{result.stderr}")
        return result.stdout.strip()

    def start(self, name: str, *command: str) -> subprocess.Popen[str]:
        """Start a process; it is ended with the demo, whatever ends the demo. Its stderr is kept."""
        log = (PLACE / f"{name}.stderr").open("a")
        self._stack.callback(log.close)
        process = subprocess.Popen(
            command, env=self.environment, stdout=log, stderr=log, text=True, start_new_session=True
        )
        self._running[name] = process
        self._stack.callback(end, process)
        return process

    def measure(self) -> None:
        """Note the most memory that agent and hub were seen to use."""
        for name in ("syncd", "hub"):
            process = self._running.get(name)
            if process is not None and process.poll() is None:
                used = psutil.Process(process.pid).memory_info().rss / 1e6
                self.memory_mb[name] = max(used, self.memory_mb.get(name, 0.0))

    def start_hub(self, listen: str) -> subprocess.Popen[str]:
        """Start the hub and wait until it accepts."""
        told_before = read(PLACE / "hub.stderr").count("listening on")
        hub = self.start("hub", str(BIN / "syncd"), "serve", "--data", str(HUB), "--listen", listen)
        wait_until(
            lambda: read(PLACE / "hub.stderr").count("listening on") > told_before, "the hub", hub
        )
        self.address = read(PLACE / "hub.stderr").rsplit("listening on ", 1)[1].split()[0]
        return hub

    def start_syncd(self) -> subprocess.Popen[str]:
        """Start the daemon on the folder of runs."""
        return self.start(
            "syncd", str(BIN / "syncd"), "start", "--root", str(RUNS), "--to", self.address
        )

    def rows_on_hub(self, run: str) -> int:
        """Return how many rows of a run the hub's folder holds now."""
        try:
            with Reader(HUB / "digits" / run) as reader:
                return reader.rows
        except NotARunError:
            return 0  # Nothing of it has arrived yet.


def main() -> int:
    """Run the demo; returns the exit code."""
    started = time.monotonic()
    if PLACE == OWN_PLACE:
        shutil.rmtree(PLACE, ignore_errors=True)
    elif PLACE.exists():
        sys.exit(f"{PLACE} is there already; name a folder that is not, or none")
    for folder in (RUNS, HUB, HOME):
        folder.mkdir(parents=True)
    with ExitStack() as stack:
        demo = Demo(stack)
        stack.callback(end_other_daemon, demo)
        say("1", "Train offline: no hub is running, and a socket would end the training.")
        train_offline(demo)
        say("2", "Start a hub with a fresh key, and syncd. Train a second run and watch it arrive live.")
        train_live(demo)
        say("3", "Prove it: the hub against the disk, row by row, byte by byte, file by file.")
        is_equal = verify(demo)
        demo.measure()
    lost = show_runs()
    is_small = report_memory(demo)
    took_s = time.monotonic() - started
    verdict = "[bold]Lost: nothing.[/bold]" if not lost else f"[bold red]Lost: {lost} rows.[/bold red]"
    console.print(f"\n{verdict} Done in {took_s:.0f} s.")
    say_next()
    return 0 if is_equal and is_small and not lost else 1


def train_offline(demo: Demo) -> None:
    training = [
        sys.executable,
        "-c",
        WITHOUT_SOCKETS,
        TRAINING,
        "--mode",
        "offline",
        "--epochs",
        str(EPOCHS),
    ]
    result = demo.run(*training)
    if result.returncode:
        sys.exit(f"the offline training failed:\n{result.stderr}")
    print(indented(result.stderr))


def train_live(demo: Demo) -> None:
    demo.key = demo.must(
        str(BIN / "syncd"), "key", "create", "demo", "--data", str(HUB), "--role", "write"
    )
    hub = demo.start_hub("127.0.0.1:0")
    address = demo.address.removeprefix("http://")
    syncd = demo.start_syncd()
    training = demo.start(
        "training",
        *(
            sys.executable,
            TRAINING,
            "--mode",
            "online",
            "--epochs",
            str(EPOCHS),
            "--seed",
            "1",
            "--pause-s",
            "0.004",
        ),
    )
    run = wait_until(second_run, "the second run", training)
    wait_until(lambda: demo.rows_on_hub(run) > 500, "the first rows on the hub", syncd)
    tell(f"the hub has {demo.rows_on_hub(run):,} rows while training goes on")
    demo.measure()

    os.kill(syncd.pid, signal.SIGKILL)
    syncd.wait()
    tell(f"syncd was killed with SIGKILL at {rows_on_disk(run):,} rows on the disk")
    syncd = demo.start_syncd()
    before = demo.rows_on_hub(run)
    wait_until(lambda: demo.rows_on_hub(run) > before + 300, "rows after syncd's death", syncd)
    tell(f"syncd was started again; the hub has {demo.rows_on_hub(run):,} rows")

    end(hub)
    at_outage = demo.rows_on_hub(run)
    wait_until(
        lambda: rows_on_disk(run) > at_outage + 500 or training.poll() is not None, "rows in the outage"
    )
    tell(f"the hub is gone at {at_outage:,} rows; training has logged {rows_on_disk(run):,}")
    demo.start_hub(address)
    tell("the hub is back")

    if training.wait(PATIENCE_S):
        sys.exit(f"the live training failed:\n{read(PLACE / 'training.stderr')}")
    wait_until(lambda: demo.rows_on_hub(run) == rows_on_disk(run), "the last rows on the hub", syncd)
    tell(f"training has ended; the hub has all {demo.rows_on_hub(run):,} rows")
    demo.measure()


def verify(demo: Demo) -> bool:
    command = (str(BIN / "syncd"), "verify", str(RUNS), "--to", demo.address)
    deadline = time.monotonic() + PATIENCE_S
    while (result := demo.run(*command)).returncode and time.monotonic() < deadline:
        time.sleep(0.5)  # The last images may still be on their way.
    print(indented(result.stdout + result.stderr))
    return result.returncode == 0


def show_runs() -> int:
    """Print both runs as the hub's folder holds them; return how many steps are missing there."""
    say("4", "Read both runs back from the hub's folder with tidelog.datastore.Reader.")
    table = Table(
        "run", "state", "rows", "images", "files", "val/accuracy", "lost", box=None, pad_edge=False
    )
    chart = plotext.figure.plot_size(min(console.width, 90), 14).title(
        "val/loss by step, from the hub's data"
    )
    lost = 0
    for path in find_runs(HUB):
        with Reader(path) as run:
            steps = {record.step for record in run.records() if record.kind == "row"}
            missing = STEPS - len(steps)
            lost += missing
            table.add_row(
                run.name,
                run.state,
                f"{run.rows:,}",
                str(len(run.media("images"))),
                str(len(run.files())),
                f"{run.summary['val/accuracy']:.4f}",
                f"{missing} steps, {sum(found.chunks for found in run.damage)} chunks",
            )
            loss = run.metric("val/loss")
            curve = chart.signal(list(loss.step), list(loss.value))
            curve.label(run.name)
            curve.lines()
            chart.draw(curve)
    console.print(table)
    chart.legend(x=chart.size()[0] - 12, ha="right").show(colorless=not console.is_terminal)
    return lost


def report_memory(demo: Demo) -> bool:
    used = ", ".join(f"{name} {mb:.0f} MB" for name, mb in sorted(demo.memory_mb.items()))
    console.print(f"Memory while they carried this: {used} (limit {MEMORY_MB_MAX} MB each)")
    return all(mb < MEMORY_MB_MAX for mb in demo.memory_mb.values())


def say_next() -> None:
    place = os.path.relpath(HUB)
    tools = os.path.relpath(BIN)
    console.print("\nWhat to type next:", style="bold")
    for command in (
        f"{tools}/datastore show {place}",
        f"{tools}/datastore cat {place}/digits/* --kind row --json | head -3",
        f"{tools}/datastore verify {place}",
        f"{tools}/syncd serve --data {place}",
    ):
        print(f"  {command}")


# -- small parts -------------------------------------------------------------------------------------


def second_run() -> str | None:
    """Return the id of the run that is being trained."""
    runs = sorted(path.name for path in (RUNS / "digits").iterdir() if not path.name.endswith(".tmp"))
    return runs[1] if len(runs) > 1 else None


def rows_on_disk(run: str) -> int:
    with Reader(RUNS / "digits" / run) as reader:
        return reader.rows


def wait_until(
    condition: Callable[[], T | None], what: str, process: subprocess.Popen[str] | None = None
) -> T:
    """Return what `condition` gives once that is true; gives up when the process dies or time is out."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if value := condition():
            return value
        if process is not None and process.poll() is not None and process.returncode:
            break
        time.sleep(0.05)
    logs = "".join(f"\n--- {path.name}\n{read(path)}" for path in sorted(PLACE.glob("*.stderr")))
    sys.exit(f"waited in vain for {what}{logs}")


def end(process: subprocess.Popen[str]) -> None:
    """End a process that we started, by its id: SIGTERM, and SIGKILL where that is not heard."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_other_daemon(demo: Demo) -> None:
    """End the daemon that an online run started by itself, where ours was gone at that moment."""
    status = demo.run(str(BIN / "syncd"), "status", "--json")
    if status.returncode == 0:
        os.kill(json.loads(status.stdout)["pid"], signal.SIGTERM)


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def say(number: str, text: str) -> None:
    console.print(f"\n[bold]{number}. {text}[/bold]")


def tell(text: str) -> None:
    console.print(f"  [dim]{time.strftime('%H:%M:%S')}[/dim]  {text}")


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.rstrip().splitlines())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        console.print("\nInterrupted; every process that the demo had started was ended.")
        sys.exit(130)
