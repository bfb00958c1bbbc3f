"""What a reader makes of what a screen gave away."""

from pathlib import Path

from tidelog.datastore import Reader
from tidelog.datastore.console import ConsoleLines
from tidelog.datastore.records import Record
from tidelog.sdk.console.screen import Screen


def record_of(text: str, *, stream: str = "stdout", time: float = 0.0) -> Record:
    """Return a console record as `Reader.records()` gives it."""
    return Record("console", "main.0001.tlog", 0, time, None, {"stream": stream, "text": text})


def read(texts: list[str]) -> str:
    """Return the lines that a reader has after these texts, as one text."""
    lines = ConsoleLines()
    finished = 0
    for text in texts:
        lines.feed(record_of(text))
    shown = [line.text for line in lines.all()]
    finished = len(shown) - len(lines.unfinished())
    return "".join(f"{line}\n" for line in shown[:finished]) + "".join(shown[finished:])


def seen(*pieces: str, screen: Screen | None = None, takes: bool = False) -> str:
    """Return what a reader has after these pieces were printed; `takes` after each of them."""
    screen = screen or Screen()
    texts = []
    for piece in pieces:
        screen.feed(piece)
        if takes:
            texts.append(screen.take(with_unfinished=True))
    texts.append(screen.take(with_unfinished=True))
    return read(texts)


def printed(run: Path, stream: str = "stdout") -> str:
    """Return what a run recorded of a stream, the unfinished last line included, in all its logs."""
    texts: dict[str, list[str]] = {}
    with Reader(run) as reader:
        for record in reader.records():
            if record.kind == "console" and record.data["stream"] == stream:
                texts.setdefault(record.log, []).append(record.data["text"])
    return "".join(read(each) for each in texts.values())
