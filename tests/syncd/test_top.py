"""`syncd top` and `status --watch` as a person has them: in a terminal, beside a real daemon and hub."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_spec import RunSpec
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from terminal import Terminal

ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[SyncdProcess]:
    """A daemon with a live run, for a hub that is there and one that is away."""
    RunSpec(tmp_path / "root", "验证", "livé").rows(30)
    with HubProcess(tmp_path / "data") as hub:
        key = make_key(tmp_path / "data")
        targets = ("--to", hub.url, "--to", "http://127.0.0.1:9")
        with SyncdProcess(
            "start", "--root", tmp_path / "root", *targets, TIDELOG_API_KEY=key
        ) as process:
            process.line_with("uploads to")
            yield process


def test_top_shows_targets_and_live_runs_and_obeys_keys(daemon: SyncdProcess) -> None:
    """p pauses and resumes, r tries again, q leaves the terminal as it was."""
    with Terminal("top", "--interval", "0.1", width=100, height=24) as top:
        screen = top.until("LIVE RUN", "livé", "DOWN", "LAST EVENTS", "30", "q quit")
        assert screen.index("http://127.0.0.1:9 ") < screen.index("  up ")
        assert ENTERED in top.bytes
        assert not top.is_as_before
        top.press("p")
        top.until("nothing is sent: paused until `syncd resume`")
        assert '"is_pause": true' in run_syncd("status", "--json").stdout
        top.press("p")
        top.until("resumed")
        assert '"held": null' in run_syncd("status", "--json").stdout
        top.press("r")
        top.until("trying")
        top.press("\x1b[A\x1bOPx\xe9q")
        assert (0, True) == (top.end(), top.is_as_before)
        assert top.bytes.rindex(LEFT) > top.bytes.rindex(ENTERED)
        assert top.bytes.rindex(SHOWN) > top.bytes.rindex(HIDDEN)


def test_another_size_is_filled_at_once(daemon: SyncdProcess) -> None:
    """Without a wait for the next look."""
    with Terminal("top", "--interval", "600") as top:
        top.until("q quit")
        for width, height in ((120, 30), (60, 40)):
            top.resize(width, height)
            top.until_line(height - 1, "q quit")
        top.press("q")
        assert 0 == top.end()


def test_a_signal_leaves_the_terminal_as_it_was(daemon: SyncdProcess) -> None:
    """The screen of before, the cursor, the echo of keys: after Ctrl-C and after SIGTERM."""
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with Terminal("top", "--interval", "60") as top:
            top.until("q quit")
            if number == signal.SIGINT:
                top.press("\x03")
            else:
                top.signal(number)
            assert (code, True) == (top.end(), top.is_as_before)
            assert LEFT in top.bytes[-200:]
            assert SHOWN in top.bytes[-200:]


def test_a_daemon_that_goes_away_is_said_and_one_that_comes_back_is_shown(
    daemon: SyncdProcess, tmp_path: Path
) -> None:
    """The screen stays: a restart is no reason to begin again."""
    with Terminal("top", "--interval", "0.1", width=100) as top:
        top.until(f"daemon {daemon.pid}")
        daemon.terminate()
        top.until("the daemon does not answer")
        with SyncdProcess("start", "--to", f"file://{tmp_path}/usb") as another:
            top.until(f"daemon {another.pid}", "file:///")
            top.press("q")
            assert 0 == top.end()


def test_status_watch_draws_again_on_a_terminal(daemon: SyncdProcess) -> None:
    """In place, without the alternate screen: the last status stays in view after Ctrl-C."""
    with Terminal("status", "--watch", "0.1") as watch:
        watch.until(f"daemon {daemon.pid}", "DOWN")
        run_syncd("pause")
        screen = watch.until("nothing is sent: paused")
        assert 1 == screen.count(f"daemon {daemon.pid}")
        watch.press("\x03")
        assert (130, True) == (watch.end(), watch.is_as_before)
        assert "nothing is sent: paused" in watch.text


def test_no_color_is_heeded(daemon: SyncdProcess) -> None:
    """Colours by default on a terminal, none where NO_COLOR is set."""
    for arguments in (("status",), ("status", "--watch", "60"), ("top",)):
        for no_color in ("1", ""):
            with Terminal(*arguments, NO_COLOR=no_color) as terminal:
                terminal.until("DOWN")
                if arguments != ("status",):
                    terminal.press("\x03")
                terminal.end()
                assert (b"\x1b[31m" in terminal.bytes) == (not no_color), arguments


def test_top_needs_a_terminal() -> None:
    """And says what does not."""
    done = run_syncd("top")
    assert (2, True) == (done.returncode, "status --watch" in done.stderr)


def test_top_without_a_daemon_says_how_to_start_one() -> None:
    """Exit code 3, before the screen is touched."""
    with Terminal("top") as top:
        assert 3 == top.end()
        assert "syncd start" in top.text
        assert ENTERED not in top.bytes
