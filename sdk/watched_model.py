"""One model of PyTorch whose gradients and parameters are recorded, every so many passes.

Between two samples a forward pass costs one call that counts it. Nothing is changed that training
sees: no gradient, no random number, no result.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

BINS = 64


class WatchedModel:
    """One model: counts its forward passes, and looks closer at each one that is due."""

    def __init__(
        self,
        model: Any,
        kinds: Sequence[str],
        *,
        prefix: str,
        every: int,
        log: Callable[[dict[str, Any]], None],
        tell: Callable[[Exception], None],
    ) -> None:
        self.model = model
        self._kinds = kinds
        self._prefix = prefix
        self._every = every
        self._log = log
        self._tell = tell
        self._passes = 0
        self._armed: list[Any] = []
        self._found: dict[str, Any] = {}
        self._hook = model.register_forward_hook(_PassHook(self._count))

    def stop(self) -> None:
        """Take all hooks off the model."""
        self._hook.remove()
        self._disarm()

    def _count(self) -> None:
        import torch  # It is there: this is a hook of its own.

        if not torch.is_grad_enabled():
            return
        self._passes += 1
        if self._passes % self._every:
            return
        try:
            if "parameters" in self._kinds:
                self._log(
                    {
                        self._name("parameters", n): _histogram(p)
                        for n, p in self.model.named_parameters()
                    }
                )
            if "gradients" in self._kinds:
                self._arm()
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            self._tell(error)

    def _arm(self) -> None:
        """Look at each gradient of the backward pass that comes next, once."""
        self._disarm()
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                self._armed.append(parameter.register_hook(partial(self._take, name)))

    def _disarm(self) -> None:
        for hook in self._armed:
            hook.remove()
        self._armed.clear()

    def _take(self, name: str, gradient: Any) -> None:
        try:
            if not self._found:
                _at_the_end_of_backward(self._record_gradients)
            self._found[self._name("gradients", name)] = _histogram(gradient)
        except Exception as error:  # noqa: BLE001 - as above.
            self._tell(error)

    def _record_gradients(self) -> None:
        self._disarm()
        found, self._found = self._found, {}
        try:
            self._log(found)
        except Exception as error:  # noqa: BLE001 - as above.
            self._tell(error)

    def _name(self, kind: str, parameter: str) -> str:
        return f"{kind}/{self._prefix}{parameter}"


class _PassHook:
    """Makes a call at each forward pass; in a copy of the model, or a file of it, it does nothing."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def __call__(self, _model: object, _inputs: object, _output: object) -> None:
        self._call()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, str]]:
        # Something of the standard library that takes three arguments and does nothing: a file of the
        # whole model is to be read where there is no tidelog.
        return getattr, (nullcontext(), "__exit__")


def _histogram(tensor: Any) -> Any:
    from tidelog.sdk.media.histogram import Histogram

    return Histogram(tensor, num_bins=BINS)


def _at_the_end_of_backward(call: Callable[[], None]) -> None:
    """Make a call once the backward pass that is going on is over, as DistributedDataParallel does."""
    from torch.autograd import Variable

    Variable._execution_engine.queue_callback(call)
