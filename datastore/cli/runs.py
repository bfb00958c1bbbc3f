"""`datastore runs`: the runs of a root, chosen and sorted by what they were given and reached."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import click

from tidelog.datastore.as_json import encoded, plain
from tidelog.datastore.cli.as_text import print_table, time_text, value_text
from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.cli.progress import has_watcher
from tidelog.datastore.cli.unreadable import CANNOT_READ, tell
from tidelog.datastore.comparison import find_field
from tidelog.datastore.root import OnProgress, open_root
from tidelog.datastore.run_info import RunInfo, check_field
from tidelog.datastore.state import State
from tidelog.datastore.text import on_one_line

PROGRESS_RUNS_MIN = 500
"""Fewer runs are listed before a progress bar would be seen."""


@click.command(
    "runs",
    epilog="""\b
Examples:
  datastore runs tidelog
  datastore runs tidelog --where 'config.lr < 1e-3' --where 'summary.acc >= 0.9'
  datastore runs tidelog --state crashed --sort -updated
  datastore runs tidelog --show config.lr --show summary.acc --sort -summary.acc
  datastore runs tidelog --json | jq -r '.runs[].path'

\b
Fields: project, id, name, state, exit_code, rows, last_step, started, updated, config.KEY,
summary.KEY, metadata.KEY. Signs: = != < <= > >= and ~ for a pattern with *. A run that has no such
field is left out by any comparison.""",
)
@click.argument(
    "root", required=False, default="tidelog", metavar="[ROOT]", shell_complete=complete_path
)
@click.option("--project", metavar="PATTERN", help="Only runs of these projects; may hold *.")
@click.option("--state", type=click.Choice(get_args(State)), multiple=True, help="Only in this state.")
@click.option("--where", multiple=True, metavar="COMPARISON", help="Only runs for which it holds.")
@click.option("--sort", multiple=True, metavar="FIELD", help="By this field; -FIELD is largest first.")
@click.option("--show", multiple=True, metavar="FIELD", help="Show this field as well.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def command(
    root: str,
    *,
    project: str | None,
    state: tuple[State, ...],
    where: tuple[str, ...],
    sort: tuple[str, ...],
    show: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the runs of a root, ./tidelog unless told otherwise.

    Only the ends of logs are read, and what rests is kept in a cache: `datastore verify` reads all.
    """
    for name in show:
        check_field(name)
    with _progress() as on_progress:
        runs = open_root(root).runs(
            project=project,
            state=state or None,
            where=where,
            sort=sort or ("project", "id"),
            on_progress=on_progress,
        )
    if as_json:
        click.echo(encoded({"type": "runs", "runs": [_document(run) for run in runs]}, indent=2))
    elif runs:
        header = ("RUN", "STATE", "ROWS", "STEP", "UPDATED", "NAME", *show)
        print_table([header, *(_line(run, show) for run in runs)])
    elif project or state or where:
        click.echo("no run fits", err=True)
    else:
        click.echo(on_one_line(f"there is no run in {root}"), err=True)
    for run in runs:
        if run.fault is not None:
            tell(f"{run} cannot be read: {run.fault}")
    if any(run.fault is not None for run in runs):
        raise SystemExit(CANNOT_READ)


def _document(run: RunInfo) -> dict[str, Any]:
    return {
        "path": str(run),
        **plain(run.fields()),
        "missing_logs": run.missing_logs,
        "fault": run.fault,
    }


def _line(run: RunInfo, show: tuple[str, ...]) -> tuple[str, ...]:
    fields = run.fields()
    shown = [find_field(fields, name) for name in show]
    state = "unreadable" if run.fault is not None else run.state
    return (
        f"{run.project}/{run.id}",
        f"{state}, {len(run.missing_logs)} missing" if run.missing_logs else state,
        f"{run.rows:,}",
        str(run.last_step if run.last_step is not None else "-"),
        time_text(run.updated) if run.updated is not None else "-",
        run.name,
        *(value_text(value) if is_there else "-" for is_there, value in shown),
    )


@contextmanager
def _progress() -> Iterator[OnProgress | None]:
    """Show how far a long listing is, to a person."""
    if not has_watcher():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading runs", visible=False)

        def show(read: int, of: int) -> None:
            bar.update(task, completed=read, total=of, visible=of >= PROGRESS_RUNS_MIN)

        yield show
