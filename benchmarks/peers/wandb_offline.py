"""wandb, offline: `run.log` hands the row to wandb-core, a process of its own, over a socket.

wandb has no reader of its own files but the upload. This one takes their framing (LevelDB's log format)
apart and uses wandb's own protobuf classes; it leaves out the CRCs.
"""

import glob
import json
import os

import job

BLOCK_BYTES = 32 * 1024
FILE_HEADER_BYTES = RECORD_HEADER_BYTES = 7
FULL, LAST = 1, 4


class WandbOffline:
    """`wandb.init(mode="offline")`, quiet, with the system monitor and console capture off."""

    package = "wandb"
    version = ""
    float_error_max = 0.0

    def start(self, out):
        import wandb

        quiet = wandb.Settings(silent=True, console="off", x_disable_stats=True)
        self.run = wandb.init(mode="offline", project="bench", dir=out, settings=quiet)
        return self.run.log

    def finish(self):
        self.run.finish()

    def prepare_read(self, out):
        import wandb.proto.wandb_internal_pb2  # noqa: F401

    def read(self, out):
        from wandb.proto.wandb_internal_pb2 import Record

        (path,) = glob.glob(os.path.join(out, "wandb", "offline-run-*", "*.wandb"))
        columns = {name: [] for name in job.NAMES}
        with open(path, "rb") as file:
            data = file.read()
        for payload in payloads(data):
            record = Record.FromString(payload)
            if record.WhichOneof("record_type") == "history":
                for item in record.history.item:
                    name = item.key or item.nested_key[0]
                    if name in columns:
                        columns[name].append(json.loads(item.value_json))
        return columns


def payloads(data):
    """Yield the records of a file in LevelDB's log format: `crc, length, type` before each piece."""
    at, pieces = FILE_HEADER_BYTES, []
    while at + RECORD_HEADER_BYTES <= len(data):
        left_in_block = BLOCK_BYTES - at % BLOCK_BYTES
        if left_in_block < RECORD_HEADER_BYTES:
            at += left_in_block
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        pieces.append(data[at + RECORD_HEADER_BYTES : at + RECORD_HEADER_BYTES + length])
        at += RECORD_HEADER_BYTES + length
        if kind in (FULL, LAST):
            yield b"".join(pieces)
            pieces.clear()


if __name__ == "__main__":
    job.main(WandbOffline())
