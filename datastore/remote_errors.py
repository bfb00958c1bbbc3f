"""What fsspec and the network libraries below it raise, as errors that name a URL. Raises nothing."""

import errno
import os

from tidelog.datastore.errors import MissingPackageError, UnsupportedUrlError
from tidelog.datastore.remote_url import RemoteUrl

_OF_STATUS = {401: errno.EACCES, 403: errno.EACCES, 404: errno.ENOENT, 410: errno.ENOENT}
_OF_CLASS: tuple[tuple[type[Exception], int], ...] = (
    (FileNotFoundError, errno.ENOENT),
    (PermissionError, errno.EACCES),
    (TimeoutError, errno.ETIMEDOUT),
    (IsADirectoryError, errno.EISDIR),
    (NotADirectoryError, errno.ENOTDIR),
)
_NO_RANGES = "the server sends no parts of files: put simplecache:: before http to read copies of them"


def as_os_error(error: Exception, url: str) -> OSError:
    """Return the `OSError`, of the class that fits, that says of `url` what `error` says."""
    cause = error.__cause__
    # Of a web server fsspec says "not found", whatever the reason was.
    if isinstance(error, FileNotFoundError) and isinstance(cause, Exception) and _is_of_the_web(cause):
        error = cause
    status = getattr(error, "status", None)
    if isinstance(status, int):
        reason = f"the server answered {status} {getattr(error, 'message', '')}".rstrip()
        return OSError(_OF_STATUS.get(status, errno.EIO), reason, url)
    for kind, number in _OF_CLASS:
        if isinstance(error, kind):
            return OSError(number, os.strerror(number), url)
    if isinstance(error, ValueError) and any(word in str(error) for word in ("range", "stream")):
        return OSError(errno.ESPIPE, _NO_RANGES, url)
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.errno:
        return OSError(error.errno, " ".join((error.strerror or reason).split()), url)
    return OSError(errno.EIO, f"{type(error).__name__}: {reason}", url)


def missing_package(error: ImportError, url: RemoteUrl) -> MissingPackageError:
    """Return the error that says what to install: of one scheme in the URL fsspec lacks the package."""
    from fsspec.registry import known_implementations

    reason, remedy = str(error).rstrip("."), ""
    for scheme in url.schemes:
        known = known_implementations.get(scheme, {})
        package = str(known.get("class", "")).partition(".")[0]
        if known.get("err") == str(error) and package != "fsspec":
            remedy = f": pip install {package}"
    return MissingPackageError(f"{url.shown()} cannot be read here ({reason}){remedy}")


def unknown_scheme(error: Exception, url: RemoteUrl) -> UnsupportedUrlError | None:
    """Return the error for a scheme that fsspec has never heard of, None where that is not it."""
    if not isinstance(error, ValueError) or "not known" not in str(error):
        return None
    return UnsupportedUrlError(
        f"{url.shown()} cannot be read: fsspec knows no {' and no '.join(url.schemes)}"
    )


def _is_of_the_web(cause: Exception) -> bool:
    return type(cause).__module__.startswith("aiohttp") or isinstance(cause, TimeoutError)
