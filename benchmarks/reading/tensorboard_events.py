"""TensorBoard: an event file from its own RecordWriter, an event per value as `add_scalar` writes it."""

import os

from benchmarks.reading import job, rows


class TensorboardEvents:
    """`EventAccumulator` that keeps everything. TensorBoard stores 32 bits of a float."""

    package = "tensorboard"
    version = ""
    float_error_max = 6e-8

    def prepare(self, path, count):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        os.makedirs(path)
        with open(os.path.join(path, "events.out.tfevents.0.bench"), "wb") as file:
            writer = RecordWriter(file)
            first = Event(wall_time=rows.STARTED_S, file_version="brain.Event:2")
            writer.write(first.SerializeToString())
            for index in range(count):
                time = rows.time_at(index)
                for name, value in rows.metrics(index).items():
                    event = Event(wall_time=time, step=index)
                    event.summary.value.add(tag=name, simple_value=value)
                    writer.write(event.SerializeToString())

    def load(self):
        import numpy  # noqa: F401
        import tensorboard.backend.event_processing.event_accumulator  # noqa: F401

    def read(self, path):
        import numpy as np
        from tensorboard.backend.event_processing.event_accumulator import (
            STORE_EVERYTHING_SIZE_GUIDANCE,
            EventAccumulator,
        )

        run = EventAccumulator(path, size_guidance=STORE_EVERYTHING_SIZE_GUIDANCE)
        run.Reload()
        scalars = {name: run.Scalars(name) for name in rows.METRICS}
        first = scalars[rows.ASKED]
        columns = {
            rows.STEP: np.array([scalar.step for scalar in first]),
            rows.TIME: np.array([scalar.wall_time for scalar in first]),
        }
        for name, column in scalars.items():
            columns[name] = np.array([scalar.value for scalar in column])
        return columns


if __name__ == "__main__":
    job.main(TensorboardEvents())
