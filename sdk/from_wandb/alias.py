"""Lets `import wandb` mean this package, for libraries that import wandb themselves.

PyTorch Lightning's WandbLogger, transformers' Trainer and accelerate then record with tidelog. They ask
for wandb's version, too, and are told the one whose names these are.
"""

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from types import ModuleType
from typing import Any

from tidelog.sdk.notices import say

PACKAGE = "tidelog.sdk"
NAME = "wandb"
VERSION = "0.31.0"
OURS = ("errors", "integration", "plot")
"""Rooms that are called the same in wandb. Names of all its other modules are in the package itself."""


class WandbFinder(MetaPathFinder, Loader):
    """Finds `wandb` and its modules in this package."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for wandb and what is below it, None for anything else."""
        if fullname.partition(".")[0] != NAME:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return our own module; its spec is kept, for the import system is about to replace it."""
        module = import_module(_our_module(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back: it was executed when it was imported."""
        replaced = module.__spec__
        module.__spec__ = None if replaced is None else replaced.loader_state

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        """Yield a distribution to who asks for wandb by name; a list of packages shows none."""
        if context is not None and context.name == NAME:
            yield WandbDistribution()


class WandbDistribution(Distribution):
    """What `importlib.metadata` tells of wandb: its name and version."""

    def read_text(self, filename: str) -> str | None:
        """Return the metadata, None for other files."""
        return (
            f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"
            if filename == "METADATA"
            else None
        )

    def locate_file(self, path: Any) -> Any:
        """Return a path as it is: there are no files."""
        return path


def as_wandb() -> ModuleType:
    """Let `import wandb` mean this package from now on, and return it; again is without effect.

    Call it before a library that uses wandb is imported. A wandb that was imported already stays what
    it is to whoever has it, which is told.
    """
    package = sys.modules[PACKAGE]
    if sys.modules.get(NAME, package) is not package:
        say("tidelog: as_wandb() came after `import wandb`, and who has that keeps it: call it first")
        for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
            del sys.modules[name]
    if not any(isinstance(finder, WandbFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, WandbFinder())
    return import_module(NAME)


def _our_module(name: str) -> str:
    """Return the module that answers for a module of wandb's."""
    inside = name.partition(".")[2]
    return f"{PACKAGE}.{inside}" if inside.partition(".")[0] in OURS else PACKAGE
