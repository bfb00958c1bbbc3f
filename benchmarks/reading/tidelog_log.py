"""tidelog: one log from a Writer of the default durability, one write(2) and one chunk per row."""

import os

from benchmarks.reading import job, rows


class TidelogLog:
    """`Reader(path).history()`, `.metric(...)` and `.summary`."""

    package = "tidelog"
    version = ""
    float_error_max = 0.0

    def prepare(self, path, count):
        from tidelog.datastore import Writer

        writer = Writer(path)
        log_row, metrics, time_at = writer.log_row, rows.metrics, rows.time_at
        for index in range(count):
            log_row(metrics(index), step=index, time=time_at(index))
        writer.close()

    def load(self):
        from contextlib import suppress

        with suppress(ImportError):
            import numpy  # noqa: F401
        from tidelog.datastore import Reader  # noqa: F401 - names are loaded when asked for

    def read(self, path):
        from tidelog.datastore import Reader

        with Reader(self._log(path)) as run:
            history = run.history()
            return {name: history[name] for name in rows.NAMES}

    def metric(self, path):
        from tidelog.datastore import Reader

        with Reader(self._log(path)) as run:
            step, time, value = run.metric(rows.ASKED)
            return {rows.STEP: step, rows.TIME: time, rows.ASKED: value}

    def summary(self, path):
        from tidelog.datastore import Reader

        with Reader(self._log(path)) as run:
            return run.summary

    def _log(self, path):
        return os.path.join(path, "main.0001.tlog")


if __name__ == "__main__":
    job.main(TidelogLog())
