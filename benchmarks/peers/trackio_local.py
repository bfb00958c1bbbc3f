"""trackio, local: `log` puts the row into a list, which a thread moves into SQLite twice a second.

No Space, no server, no page; read back with trackio's own `get_logs`.
"""

import os

import job

PROJECT, RUN = "bench", "run"


class TrackioLocal:
    """`trackio.init(space_id=None)` with the monitors of GPU and CPU off."""

    package = "trackio"
    version = ""
    float_error_max = 0.0

    def start(self, out):
        os.environ["TRACKIO_DIR"] = out
        import trackio

        self.run = trackio.init(
            PROJECT, name=RUN, space_id=None, embed=False, auto_log_gpu=False, auto_log_cpu=False
        )
        return self.run.log

    def finish(self):
        self.run.finish()

    def prepare_read(self, out):
        # trackio takes its folder from the environment once, when it is imported.
        os.environ["TRACKIO_DIR"] = out
        import trackio.sqlite_storage  # noqa: F401

    def read(self, out):
        from trackio.sqlite_storage import SQLiteStorage

        rows = SQLiteStorage.get_logs(PROJECT, RUN)
        return {name: [row[name] for row in rows] for name in job.NAMES}


if __name__ == "__main__":
    job.main(TrackioLocal())
