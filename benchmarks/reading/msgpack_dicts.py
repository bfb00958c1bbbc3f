"""msgpack: a file of dicts back to back, the names in each."""

from benchmarks.reading import job, rows


class MsgpackDicts:
    """`msgpack.Unpacker` over the file; floats gathered in arrays, the leanest that plain Python has."""

    package = "msgpack"
    version = ""
    float_error_max = 0.0

    def prepare(self, path, count):
        from msgpack import Packer

        pack = Packer().pack
        with open(path, "wb") as file:
            for index in range(count):
                file.write(pack(rows.row(index)))

    def load(self):
        import array  # noqa: F401

        import msgpack  # noqa: F401
        import numpy  # noqa: F401

    def read(self, path):
        from array import array

        import numpy as np
        from msgpack import Unpacker

        columns = {name: array("q" if name in rows.INTS else "d") for name in rows.NAMES}
        appends = [(name, column.append) for name, column in columns.items()]
        with open(path, "rb") as file:
            for row in Unpacker(file):
                for name, append in appends:
                    append(row[name])
        return {name: np.asarray(column) for name, column in columns.items()}


if __name__ == "__main__":
    job.main(MsgpackDicts())
