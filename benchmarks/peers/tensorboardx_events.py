"""tensorboardX: `add_scalar` once per value, as its users do; events go through a queue to a thread.

Its floats are 32 bit and its reader is TensorBoard's; this one takes the record framing apart and
uses tensorboardX's own protobuf classes; it leaves out the CRCs.
"""

import glob
import os

import job

LENGTH_AND_CRC_BYTES, CRC_BYTES = 12, 4


class TensorboardX:
    """`SummaryWriter(out)` with its defaults."""

    package = "tensorboardX"
    version = ""
    float_error_max = 1e-6

    def start(self, out):
        from tensorboardX import SummaryWriter

        self.writer = SummaryWriter(out)
        add_scalar, step = self.writer.add_scalar, -1

        def log(row):
            nonlocal step
            step += 1
            for name, value in row.items():
                add_scalar(name, value, step)

        return log

    def finish(self):
        self.writer.close()

    def prepare_read(self, out):
        from tensorboardX.proto import event_pb2  # noqa: F401

    def read(self, out):
        from tensorboardX.proto.event_pb2 import Event

        (path,) = glob.glob(os.path.join(out, "events.out.tfevents.*"))
        with open(path, "rb") as file:
            data = file.read()
        columns, at = {name: [] for name in job.NAMES}, 0
        while at < len(data):
            start = at + LENGTH_AND_CRC_BYTES
            end = start + int.from_bytes(data[at : at + 8], "little")
            for value in Event.FromString(data[start:end]).summary.value:
                if value.tag in columns:
                    columns[value.tag].append(value.simple_value)
            at = end + CRC_BYTES
        return columns


if __name__ == "__main__":
    job.main(TensorboardX())
