"""wandb: a .wandb file, written and read by wandb's own DataStore and protobuf classes.

For each row it holds what wandb-core puts there in offline mode: the history, the summary with the
same values, and the run time.
"""

import json

from benchmarks.reading import job, rows

WANDB_NAMES = {"_timestamp": rows.TIME}


class WandbFile:
    """`DataStore.open_for_scan`, then a protobuf record and JSON text per value."""

    package = "wandb"
    version = ""
    float_error_max = 0.0

    def prepare(self, path, count):
        from wandb.proto.wandb_internal_pb2 import Record
        from wandb.sdk.internal.datastore import DataStore

        store = DataStore()
        store.open_for_write(path)
        for index in range(count):
            for number, fill in enumerate((_fill_summary, _fill_history, _fill_run_time)):
                record = Record(num=3 * index + number)
                fill(record, index)
                store.write(record)
        store.close()

    def load(self):
        import numpy  # noqa: F401
        import wandb.proto.wandb_internal_pb2
        import wandb.sdk.internal.datastore  # noqa: F401

    def read(self, path):
        import numpy as np
        from wandb.proto.wandb_internal_pb2 import Record
        from wandb.sdk.internal.datastore import DataStore

        columns = {name: [] for name in rows.NAMES}
        store = DataStore()
        store.open_for_scan(path)
        while (data := store.scan_data()) is not None:
            record = Record.FromString(data)
            if record.WhichOneof("record_type") == "history":
                for item in record.history.item:
                    name = item.key or item.nested_key[0]
                    name = WANDB_NAMES.get(name, name)
                    if name in columns:
                        columns[name].append(json.loads(item.value_json))
        store.close()
        return {name: np.array(column) for name, column in columns.items()}


def _values(index):
    time = rows.time_at(index)
    run_time = time - rows.STARTED_S
    return {**rows.metrics(index), "_timestamp": time, "_runtime": run_time, "_step": index}


def _fill_summary(record, index):
    for name, value in _values(index).items():
        record.summary.update.add(nested_key=[name], value_json=json.dumps(value))


def _fill_history(record, index):
    record.history.step.num = index
    for name, value in _values(index).items():
        record.history.item.add(nested_key=[name], value_json=json.dumps(value))


def _fill_run_time(record, index):
    run_time = json.dumps(int(rows.time_at(index) - rows.STARTED_S))
    record.summary.update.add(nested_key=["_wandb", "runtime"], value_json=run_time)


if __name__ == "__main__":
    job.main(WandbFile())
