"""SQLite: a table with a column per name, its rows taken into NumPy as they come."""

from benchmarks.reading import job, rows

COLUMNS = ", ".join(f'"{name}" {"INTEGER" if name in rows.INTS else "REAL"}' for name in rows.NAMES)


class SqliteTable:
    """`SELECT *` by way of Python's own sqlite3."""

    package = ""
    float_error_max = 0.0

    @property
    def version(self):
        from sqlite3 import sqlite_version

        return sqlite_version

    def prepare(self, path, count):
        import sqlite3

        database = sqlite3.connect(path)
        database.execute(f"CREATE TABLE rows ({COLUMNS})")
        insert = f"INSERT INTO rows VALUES (?{', ?' * (len(rows.NAMES) - 1)})"
        for block in rows.blocks(count):
            database.executemany(insert, (tuple(rows.row(index).values()) for index in block))
        database.commit()
        database.close()

    def load(self):
        import sqlite3  # noqa: F401

        import numpy  # noqa: F401

    def read(self, path):
        return _select(path, rows.NAMES)

    def metric(self, path):
        return _select(path, (rows.STEP, rows.TIME, rows.ASKED))


def _select(path, names):
    import sqlite3

    import numpy as np

    database = sqlite3.connect(path)
    (count,) = database.execute("SELECT count(*) FROM rows").fetchone()
    listed = ", ".join(f'"{name}"' for name in names)
    found = database.execute(f"SELECT {listed} FROM rows ORDER BY rowid")
    kinds = [(name, np.int64 if name in rows.INTS else np.float64) for name in names]
    table = np.fromiter(found, dtype=kinds, count=count)
    database.close()
    return {name: table[name] for name in names}


if __name__ == "__main__":
    job.main(SqliteTable())
