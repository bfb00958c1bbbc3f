"""SQLite, one commit per row, in the kernel when it returns: WAL and synchronous=NORMAL."""

import os

import job

COLUMNS = ", ".join(f'"{name}"' for name in job.NAMES)


class Sqlite:
    """A table with a column per name. `synchronous=NORMAL` promises what tidelog's default promises."""

    package = ""
    float_error_max = 0.0

    @property
    def version(self):
        from sqlite3 import sqlite_version

        return sqlite_version

    def start(self, out):
        import sqlite3
        from time import time

        self.database = sqlite3.connect(os.path.join(out, "run.db"), isolation_level=None)
        execute = self.database.execute
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        execute(f"CREATE TABLE rows (step INTEGER PRIMARY KEY, time REAL, {COLUMNS})")
        insert = f"INSERT INTO rows VALUES (?, ?{', ?' * len(job.NAMES)})"
        step = -1

        def log(row):
            nonlocal step
            step += 1
            execute(insert, (step, time(), *row.values()))

        return log

    def finish(self):
        self.database.close()

    def prepare_read(self, out):
        import sqlite3  # noqa: F401

    def read(self, out):
        import sqlite3

        database = sqlite3.connect(os.path.join(out, "run.db"))
        rows = database.execute(f"SELECT {COLUMNS} FROM rows ORDER BY step").fetchall()
        database.close()
        return dict(zip(job.NAMES, zip(*rows, strict=True), strict=True))


if __name__ == "__main__":
    job.main(Sqlite())
