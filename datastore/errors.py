"""The errors of the datastore, one tree; none of them is ever logged here, only raised.

DatastoreError
├── NotALogError             the file does not start like a log, and holds no chunk of one
├── NotARunError             the path is no run directory and no log
├── UnsupportedVersionError  the log was written by a newer tidelog
├── UnsupportedUrlError      a URL of a scheme that nobody knows, or of no file on this machine
├── InvalidNameError         a project, run or file name outside the grammar (also a ValueError)
├── RecordError              a value that no record can hold (also a ValueError)
├── ComparisonError          a text by which runs are to be chosen is no comparison (also a ValueError)
├── DamagedLogError          damage or a torn tail, in a recovery mode that forbids it
├── TargetTakenError         a copy was to go where something is, or into what it copies
├── AppendRefusedError       bytes that do not continue a replica
├── ReaderClosedError        something that was not read yet was asked for after `close()`
├── MissingPackageError      what was asked for needs a package that is not there (also an ImportError)
├── WriterBusyError          a signal handler used a writer in the middle of another call
└── WriterClosedError        a writer was used after `close()`
"""


class DatastoreError(Exception):
    """Base of every error that the datastore raises on purpose."""


class NotALogError(DatastoreError):
    """The file is not a log: neither its header nor any chunk in it is one of ours."""


class NotARunError(DatastoreError):
    """The path leads to no run directory and no log."""


class UnsupportedVersionError(DatastoreError):
    """The log's header is whole and names a version that this reader does not know."""


class UnsupportedUrlError(DatastoreError):
    """Nothing reads a URL of this scheme, or a `file:` URL names another machine."""


class InvalidNameError(DatastoreError, ValueError):
    """A name of a project, run or file does not fit the grammar of run directories."""


class RecordError(DatastoreError, ValueError):
    """A value cannot be held by any record."""


class ComparisonError(DatastoreError, ValueError):
    """A text is no comparison of a field of a run with a value."""


class DamagedLogError(DatastoreError):
    """A log has damage (or, in strict mode, a torn tail) and the recovery mode says to raise."""


class ReaderClosedError(DatastoreError):
    """A reader was asked after it was closed for something that it had not read before."""


class MissingPackageError(DatastoreError, ImportError):
    """What was asked for needs a package that only an extra of tidelog brings."""


class WriterBusyError(DatastoreError):
    """A signal handler came in the middle of a call of this writer, and called it again."""


class WriterClosedError(DatastoreError):
    """A writer was asked to append after it was closed."""


class TargetTakenError(DatastoreError):
    """A copy was to go where something lies already, or into what it is a copy of."""


class AppendRefusedError(DatastoreError):
    """Bytes offered to a replica do not continue what it holds; nothing was written."""


class OffsetMismatchError(AppendRefusedError):
    """Bytes start somewhere else than the replica ends; `held` is the offset where it does."""

    def __init__(self, message: str, *, held: int) -> None:
        super().__init__(message)
        self.held = held


class DifferentLogError(AppendRefusedError):
    """Another log is held under this name; `held` is its id."""

    def __init__(self, message: str, *, held: bytes) -> None:
        super().__init__(message)
        self.held = held


class DifferentBytesError(AppendRefusedError):
    """The replica holds other bytes at this place."""


class InvalidChunksError(AppendRefusedError):
    """The bytes are not whole chunks in their order, or damaged where nobody said so."""


class FileMismatchError(DatastoreError):
    """The bytes of a file are not what its size or its SHA-256 says; it was not put in place."""


class PlaceTakenError(DatastoreError):
    """A symbolic link, or something of another kind, is in the place of a path."""
