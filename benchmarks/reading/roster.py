"""Who reads: the readers' names, their modules, and the question each is asked. No I/O."""

from dataclasses import dataclass

ROWS = 100_000
FIRST = "tidelog, history()"

READ, METRIC, SUMMARY = "read", "metric", "summary"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a table: a reader and its question.

    `module` is a file beside this one, `package` what it needs in the readers' environment, empty for
    those that run in tidelog's own; `without` names a package that is hidden from it.
    """

    name: str
    module: str
    question: str = READ
    package: str = ""
    without: str = ""


ROSTER = (
    Entry(FIRST, "tidelog_log"),
    Entry("tidelog without NumPy, history()", "tidelog_log", without="numpy"),
    Entry("Parquet, pyarrow", "parquet_file", package="pyarrow"),
    Entry("sqlite3, SELECT", "sqlite_table"),
    Entry("msgpack.Unpacker", "msgpack_dicts"),
    Entry("wandb, DataStore", "wandb_file", package="wandb"),
    Entry("TensorBoard, EventAccumulator", "tensorboard_events", package="tensorboard"),
    Entry('tidelog, metric("loss")', "tidelog_log", METRIC),
    Entry("Parquet, three columns", "parquet_file", METRIC, package="pyarrow"),
    Entry("sqlite3, three columns", "sqlite_table", METRIC),
    Entry("tidelog, summary", "tidelog_log", SUMMARY),
)
