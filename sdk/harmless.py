"""What keeps a callback or a chart of ours from ending the training that calls it."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from tidelog.sdk.notices import Notices

P = ParamSpec("P")
T = TypeVar("T")

_notices = Notices()


def harmless(call: Callable[P, T]) -> Callable[P, T | None]:
    """Return `call` as one that tells what it raises, once, and returns None then."""

    @wraps(call)
    def attempt(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return call(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            _notices.tell(
                call.__qualname__,
                f"{call.__qualname__}() failed ({type(error).__name__}: {error}); training goes on",
            )
            return None

    return attempt
