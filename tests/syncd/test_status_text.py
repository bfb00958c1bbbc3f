"""A status for people: what needs attention first, no line too wide, nothing that steers a terminal."""

import math

import pytest
from status_documents import HUB, USB, WALL, a_file, a_run, a_status, a_target, an_outage, behind

from tidelog.datastore.scan import Damage, TornTail
from tidelog.datastore.text import width_of
from tidelog.syncd.agent.plan.file_filter import FileFilter
from tidelog.syncd.agent.plan.gate import Closed
from tidelog.syncd.agent.plan.retry import Course
from tidelog.syncd.agent.task import LOG, Task
from tidelog.syncd.agent.upload.backlog import Amount, Backlog
from tidelog.syncd.agent.upload.telling import LastError
from tidelog.syncd.cli.status_text import BAD, status_lines

LONG = "the hub's answer " + "was quite long, and " * 20


def text_of(status: dict[str, object], width: int = 80) -> str:
    return "\n".join(line.text for line in status_lines(status, width=width))


def test_all_is_well_in_a_few_lines() -> None:
    """The daemon, its roots, each target, and that nothing is left to do."""
    live = a_run("r1")
    expected = """\
daemon 4242, up 3 d 4 h: 12,345 runs, 1 live
  watches     /root

https://hub.lab  up
  queue       empty: all of it has arrived
  rate        0 B/s now, 5.0 kB sent since the start
  live        0 rows  up to date  mnist/r1"""
    assert expected == text_of(a_status(a_target(), live=[live]))


def test_what_is_down_comes_first_with_why_since_when_and_the_next_try() -> None:
    """Then problems, then what works."""
    logs, unsent = behind(a_run("r1"), a_run("r2"), rows=1204)
    run = a_run("r9")
    status = a_status(
        a_target(USB),
        a_target("https://two.lab", parked={a_file(run, "media/a.png"): "it is not here"}),
        a_target(
            outage=an_outage(f"{HUB} cannot be reached: Connection refused"), behind=logs, wanted=2
        ),
        live=[a_run("r1"), a_run("r2")],
        unsent=unsent,
    )
    text = text_of(status)
    assert text.index(f"{HUB}  DOWN") < text.index("two.lab  up, with") < text.index(f"{USB}  up")
    assert (
        """\
https://hub.lab  DOWN
  why         https://hub.lab cannot be reached: Connection refused
  since       2 h 0 min, 14 tries; the next in 12.0 s
  queue       2 logs (8.0 kB)
  rate        0 B/s now, 5.0 kB sent since the start
  live        1,205 rows  1 min 1 s behind  mnist/r2
              1,204 rows  1 min 0 s behind  mnist/r1
"""
        in text
    )
    assert "`syncd retry` tries again what is parked" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Whatever names and answers hold: wide characters, words without end, bytes that are no text."""
    wide = a_run("验证" * 30, "项目" * 20)
    odd = a_run("x" * 120, "\x1b[2J\udcff")
    logs, unsent = behind(wide, odd, is_exact=False)
    status = a_status(
        a_target("https://" + "hub." * 40 + "lab", outage=an_outage(LONG), behind=logs, wanted=2),
        a_target(
            USB,
            parked={a_file(wide, "media/" + "图" * 60): LONG, Task(odd, LOG, "m.tlog"): "x" * 300},
            damaged=[(Task(wide, LOG, "main.0001.tlog"), Damage("main", 1000, 50, 2))],
            torn=[(Task(odd, LOG, "main.0001.tlog"), TornTail("main", 1000, 50))],
            twins={Task(wide, LOG, "main.0001.tlog"): "main.0001.0a0b0c0d.tlog"},
            last_error=LastError(WALL - 300, LONG, str(odd)),
        ),
        live=[wide, odd],
        unsent=unsent,
        roots=["/scratch/" + "很长的路径" * 30],
        problems={"/x" * 60: "Permission denied"},
    )
    lines = status_lines(status, width=width)
    assert [] == [line.text for line in lines if width_of(line.text) > width]
    assert [] == [line.text for line in lines if not line.text.isprintable()]
    assert any("about 12 rows" in line.text for line in lines)


def test_limits_filters_and_pauses_in_force_are_named() -> None:
    """With what they hold back, and until when."""
    backlog = Backlog(held_back=Amount(100, 1_100_000), small=Amount(3, 900), large=Amount(1, 2_100_000))
    status = a_status(
        a_target(wanted=4),
        closed=Closed("paused by a person", WALL + 3600, is_pause=True),
        files=FileFilter(("*.txt", "*.json"), has_media=False),
        limit_rate_bytes=2_000_000,
        metrics="http://127.0.0.1:9464/metrics",
        backlog=backlog,
    )
    text = text_of(status)
    assert "nothing is sent: paused by a person until 2" in text
    assert "  limit       2.0 MB/s for all targets" in text
    assert "  sends       records, of the files only *.txt, *.json but no media" in text
    assert "  metrics     http://127.0.0.1:9464/metrics" in text
    assert "  queue       3 small files (900 B), 1 large file (2.1 MB)" in text
    assert "  held back   100 files (1.1 MB): not asked for" in text
    endless = a_status(a_target(), closed=Closed("paused until `syncd resume`", math.inf, is_pause=True))
    assert "nothing is sent: paused until `syncd resume`" in text_of(endless)


def test_a_refused_key_is_the_most_urgent_of_all() -> None:
    """Above a hub that is away: only a person can help."""
    status = a_status(
        a_target(USB, outage=an_outage("gone")),
        a_target(HUB, outage=an_outage("the key 'x' is expired", course=Course.REFUSED)),
    )
    lines = status_lines(status, width=80)
    [first, second] = [line for line in lines if line.tone == BAD and not line.text.startswith(" ")]
    assert (f"{HUB}  KEY REFUSED", f"{USB}  DOWN") == (first.text, second.text)


def test_lists_are_cut_and_say_how_much_more_there_is() -> None:
    """A thousand parked files do not push the next target out of sight."""
    run = a_run("r1")
    parked = {a_file(run, f"media/{n}.png"): "it is not here" for n in range(1234)}
    lives = [a_run(f"r{n}") for n in range(3000)]
    text = text_of(a_status(a_target(parked=parked), live=lives))
    assert 10 == text.count("it is not here")
    assert "and 1,224 more" in text
    assert "and 2,990 more, no further behind" in text


def test_an_error_that_is_over_is_shown_with_its_age() -> None:
    """One that is in view already is not shown twice."""
    error = LastError(WALL - 300, "the hub failed", "mnist/r1/main.0001.tlog")
    text = text_of(a_status(a_target(last_error=error)))
    assert "  last error  5 min 0 s ago: mnist/r1/main.0001.tlog: the hub failed" in text
    run = a_run("r1")
    parked = a_target(last_error=error, parked={Task(run, LOG, "main.0001.tlog"): "the hub failed"})
    assert 1 == text_of(a_status(parked)).count("the hub failed")
