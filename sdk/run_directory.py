"""The path of a run directory, which is added to like text as well."""

from pathlib import Path


class RunDirectory(type(Path())):  # type: ignore[misc] # PosixPath or WindowsPath: what Path makes.
    """A path. wandb's `run.dir` is text, so scripts write `run.dir + "/model.pt"`."""

    def __add__(self, text: str) -> str:
        return str(self) + text

    def __radd__(self, text: str) -> str:
        return text + str(self)
