"""tidelog's Writer alone: the log format without the SDK around it, in its default durability."""

import os

import job


class TidelogWriter:
    """`Writer(directory).log_row`, and `Reader(directory).history()`."""

    package = "tidelog"
    version = ""
    float_error_max = 0.0

    def start(self, out):
        from tidelog.datastore import Writer

        self.writer = Writer(os.path.join(out, "run"))
        log_row, step = self.writer.log_row, -1

        def log(row):
            nonlocal step
            step += 1
            log_row(row, step=step)

        return log

    def finish(self):
        self.writer.close()

    def prepare_read(self, out):
        import numpy  # noqa: F401

        from tidelog.datastore import Reader  # noqa: F401 - names are loaded when asked for

    def read(self, out):
        from tidelog.datastore import Reader

        with Reader(os.path.join(out, "run")) as run:
            history = run.history()
            return {name: history[name] for name in job.NAMES}


if __name__ == "__main__":
    job.main(TidelogWriter())
