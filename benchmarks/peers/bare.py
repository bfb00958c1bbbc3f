"""The floor: msgpack, a CRC-32 and one write(2) per row. Not a format: nothing is recovered from it."""

import os

import job


class Bare:
    """A row is `length, crc, [step, time, {name: value, ...}]`, and says its names like a log does."""

    package = "msgpack"
    version = ""
    float_error_max = 0.0

    def start(self, out):
        from struct import Struct
        from time import time
        from zlib import crc32

        from msgpack import Packer

        pack, head, write = Packer().pack, Struct("<II").pack, os.write
        self.fd = fd = os.open(os.path.join(out, "rows"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        step = -1

        def log(row):
            nonlocal step
            step += 1
            payload = pack([step, time(), row])
            write(fd, head(len(payload), crc32(payload)) + payload)

        return log

    def finish(self):
        os.fdatasync(self.fd)
        os.close(self.fd)

    def prepare_read(self, out):
        import msgpack  # noqa: F401

    def read(self, out):
        from struct import Struct
        from zlib import crc32

        from msgpack import unpackb

        with open(os.path.join(out, "rows"), "rb") as file:
            data = file.read()
        head, rows, at = Struct("<II"), [], 0
        while at < len(data):
            length, crc = head.unpack_from(data, at)
            payload = data[at + 8 : at + 8 + length]
            if crc32(payload) != crc:
                raise ValueError(f"the CRC of the row at byte {at} is wrong")
            rows.append(unpackb(payload))
            at += 8 + length
        return {name: [row[name] for _step, _time, row in rows] for name in job.NAMES}


if __name__ == "__main__":
    job.main(Bare())
