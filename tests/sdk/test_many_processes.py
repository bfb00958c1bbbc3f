"""Training of many processes and runs: started in every way, ended in every way; no row is missing."""

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tidelog.datastore import Reader

RunScript = Callable[..., subprocess.CompletedProcess[str]]
OnlyRun = Callable[[], Path]

INIT = 'run = sdk.init(project="p", dir=ROOT, mode="offline")\n'


def rows_of(directory: Path) -> list[dict[str, object]]:
    with Reader(directory) as run:
        assert ([], []) == (run.damage, run.torn_tails)
        return [dict(record.data) for record in run.records() if record.kind == "row"]


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_workers_of_multiprocessing_join_the_run_by_its_id(
    method: str, run_script: RunScript, only_run: OnlyRun
) -> None:
    """Each worker's rows are in the run, whatever way it was started; so are the parent's."""
    result = run_script(
        """
        import multiprocessing, warnings
        warnings.simplefilter("ignore", DeprecationWarning)

        def work(run_id, worker):
            run = sdk.attach(run_id, dir=ROOT)
            for i in range(20):
                run.log({"worker": worker, "i": i})
            run.finish()

        if __name__ == "__main__":
            run = sdk.init(project="p", dir=ROOT, id="shared", mode="offline")
            context = multiprocessing.get_context(sys.argv[1])
            workers = [context.Process(target=work, args=("shared", n)) for n in range(4)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            print([worker.exitcode for worker in workers])
            run.log({"parent": 1})
            run.finish()
        """,
        method,
    )
    assert ("[0, 0, 0, 0]\n", 0) == (result.stdout, result.returncode), result.stderr
    rows = rows_of(only_run())
    assert Counter((w, i) for w in range(4) for i in range(20)) == Counter(
        (row["worker"], row["i"]) for row in rows if "worker" in row
    )
    assert 1 == sum("parent" in row for row in rows)


@pytest.mark.parametrize(
    "start_method",
    ["fork", *(pytest.param(name, marks=pytest.mark.proof) for name in ("spawn", "forkserver"))],
)
def test_the_workers_of_a_data_loader_disturb_nothing(
    start_method: str, run_script: RunScript, only_run: OnlyRun
) -> None:
    """PyTorch's own, two of them: training logs every batch, and the weights are those without a run."""
    result = run_script(
        """
        import hashlib, warnings
        import torch
        from torch.utils.data import DataLoader, TensorDataset
        warnings.simplefilter("ignore")

        def train(run, workers):
            torch.manual_seed(7)
            data = TensorDataset(torch.randn(256, 4), torch.randn(256, 1))
            loader = DataLoader(
                data, batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(3),
                num_workers=workers, persistent_workers=workers > 0,
                multiprocessing_context=sys.argv[1] if workers else None,
            )
            model = torch.nn.Linear(4, 1)
            step = torch.optim.SGD(model.parameters(), lr=0.01)
            for epoch in range(2):
                for x, y in loader:
                    loss = ((model(x) - y) ** 2).mean()
                    step.zero_grad(); loss.backward(); step.step()
                    if run is not None:
                        run.log({"epoch": epoch, "loss": loss.item()})
            return hashlib.sha256(model.weight.detach().numpy().tobytes()).hexdigest()

        if __name__ == "__main__":
            run = sdk.init(project="p", dir=ROOT, mode="offline")
            logged = train(run, 2)
            run.finish()
            print(logged == train(None, 2))
        """,
        start_method,
    )
    assert ("True\n", 0) == (result.stdout, result.returncode), result.stderr
    assert "Traceback" not in result.stderr
    assert [0] * 16 + [1] * 16 == [row["epoch"] for row in rows_of(only_run())]


def test_256_processes_in_one_run_directory(run_script: RunScript, only_run: OnlyRun) -> None:
    """All at once: each has a log of its own, and every row is there once."""
    result = run_script(
        """
        import warnings
        from tidelog.datastore import Writer
        warnings.simplefilter("ignore", DeprecationWarning)
        directory = os.path.join(ROOT, "p", "many")
        starting, start = os.pipe()

        def work(n):
            os.close(start)
            os.read(starting, 1)  # Until the parent has closed its end.
            writer = Writer(directory)
            for i in range(10):
                writer.log_row({"worker": n, "i": i}, step=i)
            writer.close()

        pids = []
        for n in range(256):
            pid = os.fork()
            if pid == 0:
                work(n)
                os._exit(0)
            pids.append(pid)
        os.close(start)
        print(sum(os.waitpid(pid, 0)[1] for pid in pids))
        """
    )
    assert ("0\n", 0) == (result.stdout, result.returncode), result.stderr
    rows = rows_of(only_run())
    assert Counter((w, i) for w in range(256) for i in range(10)) == Counter(
        (row["worker"], row["i"]) for row in rows
    )
    assert 256 == len(list(only_run().glob("*.tlog")))


def test_sigterm_with_a_handler_that_exits(run_script: RunScript, only_run: OnlyRun) -> None:
    """As a scheduler ends a job: what was logged is there, and so is the exit code."""
    result = run_script(
        """
        import signal
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        for i in range(5000):
            run.log({"i": i})
            if i == 3000:
                os.kill(os.getpid(), signal.SIGTERM)
        """
    )
    assert 143 == result.returncode, result.stderr
    assert "Traceback" not in result.stderr
    assert list(range(3001)) == [row["i"] for row in rows_of(only_run())]
    with Reader(only_run()) as run:
        assert ("failed", 143) == (run.state, run.exit_code)


LATE = {
    "an atexit handler that was registered before": """
        import atexit
        atexit.register(lambda: sdk.log({"late": 1}))
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.log({"i": 0})
    """,
    "an atexit handler that was registered after": """
        import atexit
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.log({"i": 0})
        atexit.register(lambda: run.log({"late": 1}))
    """,
    "a finalizer": """
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.log({"i": 0})
        class Model:
            def __del__(self):
                run.log({"late": 1})
        model = Model()
        sys.modules["keep"] = model
    """,
    "a daemon thread": """
        import threading
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        run.log({"i": 0})
        def chatter():
            while True:
                run.log({"late": 1})
        threading.Thread(target=chatter, daemon=True).start()
        time.sleep(0.05)
    """,
    "init in an atexit handler": """
        import atexit
        def late():
            run = sdk.init(project="p", dir=ROOT, mode="offline")
            run.log({"i": 0})
            run.finish()
        atexit.register(late)
    """,
}


@pytest.mark.parametrize("late", list(LATE))
def test_the_end_of_the_interpreter(late: str, run_script: RunScript, only_run: OnlyRun) -> None:
    """Whoever logs at the end neither hangs nor crashes it; the run is finished, and whole."""
    result = run_script(LATE[late])
    assert 0 == result.returncode, result.stderr
    assert "Traceback" not in result.stderr
    assert "Fatal Python error" not in result.stderr
    assert {"i": 0} in rows_of(only_run())
    with Reader(only_run()) as run:
        assert ("finished", 0) == (run.state, run.exit_code)


def test_runs_side_by_side(run_script: RunScript, tmp_path: Path) -> None:
    """Nested and parallel, in threads of one process: each run has its own rows."""
    result = run_script(
        """
        import threading
        def train(n):
            run = sdk.init(project=f"p{n}", dir=ROOT, mode="offline", reinit="create_new")
            for i in range(200):
                run.log({"n": n, "i": i})
            inner = sdk.init(project=f"p{n}-inner", dir=ROOT, mode="offline", reinit="create_new")
            inner.log({"n": n, "i": -1})
            inner.finish()
            run.finish()
        threads = [threading.Thread(target=train, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """
    )
    assert 0 == result.returncode, result.stderr
    for n in range(8):
        (outer,) = (tmp_path / "root" / f"p{n}").iterdir()
        (inner,) = (tmp_path / "root" / f"p{n}-inner").iterdir()
        assert [{"n": n, "i": i} for i in range(200)] == rows_of(outer)
        assert [{"n": n, "i": -1}] == rows_of(inner)


def test_tasks_of_an_event_loop(run_script: RunScript, only_run: OnlyRun) -> None:
    """log() from many tasks, and from threads that they await: the loop goes on, no row is lost."""
    result = run_script(
        """
        import asyncio
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        async def work(task):
            for i in range(20):
                run.log({"task": task, "i": i})
                await asyncio.sleep(0)
                await asyncio.to_thread(run.log, {"task": task, "i": 100 + i})
        async def main():
            async with asyncio.TaskGroup() as group:
                for task in range(20):
                    group.create_task(work(task))
        asyncio.run(main())
        """
    )
    assert 0 == result.returncode, result.stderr
    expected = Counter((t, i + more) for t in range(20) for i in range(20) for more in (0, 100))
    assert expected == Counter((row["task"], row["i"]) for row in rows_of(only_run()))


def test_64_threads_log_every_row(run_script: RunScript, only_run: OnlyRun) -> None:
    """At once, into one run: each row is there, those of each thread in order."""
    result = run_script(
        """
        import threading
        run = sdk.init(project="p", dir=ROOT, mode="offline")
        def work(n):
            for i in range(100):
                run.log({"n": n, "i": i})
        threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """
    )
    assert 0 == result.returncode, result.stderr
    rows = rows_of(only_run())
    assert 6400 == len(rows)
    for n in range(64):
        assert list(range(100)) == [row["i"] for row in rows if row["n"] == n]
