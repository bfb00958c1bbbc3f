"""Parquet by pyarrow with its defaults: a format for finished tables, written in one go."""

from benchmarks.reading import job, rows


class ParquetFile:
    """`pyarrow.parquet.read_table`, then each column to NumPy."""

    package = "pyarrow"
    version = ""
    float_error_max = 0.0

    def prepare(self, path, count):
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        kinds = {name: pa.int64() if name in rows.INTS else pa.float64() for name in rows.NAMES}
        schema = pa.schema(list(kinds.items()))
        with ParquetWriter(path, schema) as writer:
            for block in rows.blocks(count):
                writer.write_table(pa.Table.from_pylist([rows.row(index) for index in block], schema))

    def load(self):
        import numpy  # noqa: F401
        import pyarrow.parquet  # noqa: F401

    def read(self, path):
        return _columns(path, rows.NAMES)

    def metric(self, path):
        return _columns(path, (rows.STEP, rows.TIME, rows.ASKED))


def _columns(path, names):
    from pyarrow.parquet import read_table

    table = read_table(path, columns=list(names))
    return {name: table.column(name).to_numpy() for name in names}


if __name__ == "__main__":
    job.main(ParquetFile())
