"""tidelog as a training script uses it: `sdk.init(mode="offline")` and `run.log`."""

import glob
import os

import job

PROJECT = "bench"


class TidelogSdk:
    """Default durability: a row is in the kernel when `log` has returned."""

    package = "tidelog"
    version = ""
    float_error_max = 0.0

    def start(self, out):
        from tidelog import sdk

        self.run = sdk.init(project=PROJECT, dir=out, mode="offline")
        return self.run.log

    def finish(self):
        self.run.finish()

    def prepare_read(self, out):
        import numpy  # noqa: F401

        from tidelog.datastore import Reader  # noqa: F401 - names are loaded when asked for

    def read(self, out):
        from tidelog.datastore import Reader

        (directory,) = glob.glob(os.path.join(out, PROJECT, "*"))
        with Reader(directory) as run:
            history = run.history()
            return {name: history[name] for name in job.NAMES}


if __name__ == "__main__":
    job.main(TidelogSdk())
