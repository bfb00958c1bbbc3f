"""The doctor's look at this machine: settings, state, roots, disks, inotify, the daemon."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from syncd_process import run_syncd
from waiting import until
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, Entry, Room, StrPath
from tidelog.syncd.agent.daemon.lock import Holder
from tidelog.syncd.agent.doctor.daemon import judge_daemon, look_at_linger, look_at_proxies
from tidelog.syncd.agent.doctor.examination import Check, examine
from tidelog.syncd.agent.doctor.finding import Finding, Level, ok, worst
from tidelog.syncd.agent.doctor.inotify import Inotify, judge_inotify, look_at_inotify, taken
from tidelog.syncd.agent.doctor.rooms import judge_room, look_at_folder, look_at_room
from tidelog.syncd.agent.doctor.roots import look_at_root
from tidelog.syncd.agent.doctor.settings import look_at_settings
from tidelog.syncd.agent.doctor.state_folder import look_at_state
from tidelog.syncd.agent.upload.state import LmdbState, roots_in

GB = 1_000_000_000


def only(findings: object) -> Finding:
    (finding,) = findings  # type: ignore[misc]
    assert isinstance(finding, Finding)
    return finding


def config(own_home: Path, text: str, mode: int = 0o600) -> Path:
    path = own_home / "config/tidelog/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)
    return path


# -- settings ------------------------------------------------------------------------------------


def test_settings_say_where_they_come_from(own_home: Path) -> None:
    """The one that wins; those of the agent's own table too; a key is never shown."""
    path = config(
        own_home, 'hub = "http://a"\napi_key = "tide_secret"\n[sync]\nlimit_rate = "2M"\n', 0o600
    )
    environ = {"HOME": str(own_home), "XDG_CONFIG_HOME": str(own_home / "config")}
    found = look_at_settings({**environ, "TIDELOG_HUB": "http://b"}, Disk())
    assert {
        "hub = http://b, from TIDELOG_HUB",
        f"api_key = ..., from {path}",
        f"[sync] limit_rate = 2M, from {path}",
    } == {finding.text for finding in found}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hub = ", "cannot be read as TOML"),
        ('colour = "red"', "sets 'colour'"),
        ('[sync]\nlimit_rate = "fast"', "fast"),
        ("[sync]\ncolour = 1", "colour"),
    ],
)
def test_a_settings_file_that_is_not_sound(text: str, words: str, own_home: Path) -> None:
    """Each fault is a problem, told once."""
    config(own_home, text)
    problems = [f for f in look_at_settings(os.environ, Disk()) if f.level is Level.PROBLEM]
    assert words in only(problems).text


def test_a_key_that_others_can_read(own_home: Path) -> None:
    """The command that mends it is named."""
    path = config(own_home, 'api_key = "tide_x"\n', 0o644)
    problems = [f for f in look_at_settings(os.environ, Disk()) if f.level is Level.PROBLEM]
    assert f"`chmod 600 {path}`" == only(problems).remedy


# -- the state -----------------------------------------------------------------------------------


def test_a_state_is_read_beside_the_daemon_that_has_it(tmp_path: Path) -> None:
    """Before there is one, while it is written, and with its roots."""

    def look() -> Finding:
        return only(look_at_state(tmp_path / "s", bytes_max=1 << 24, disk=Disk()))

    assert "is not there yet" in look().text
    (tmp_path / "s").mkdir(mode=0o700)
    assert ("is empty" in look().text, []) == (True, roots_in(tmp_path / "s"))
    with LmdbState(tmp_path / "s", disk=Disk(), bytes_max=1 << 24) as state:
        state.add_root("/runs")
        # A process of its own, as two environments of one state must not be in one.
        program = (
            "import sys; from pathlib import Path; from tidelog.datastore.disk import Disk\n"
            "from tidelog.syncd.agent.doctor.state_folder import look_at_state\n"
            "from tidelog.syncd.agent.upload.state import roots_in\n"
            "path = Path(sys.argv[1])\n"
            "print(*look_at_state(path, bytes_max=1 << 24, disk=Disk()), roots_in(path))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path / "s"], capture_output=True, text=True, check=True
        )
        assert ("sound" in done.stdout, "['/runs']" in done.stdout) == (True, True), done.stdout


def test_a_state_that_is_damaged_open_to_others_or_nearly_full(tmp_path: Path) -> None:
    """Each says what to do."""
    with LmdbState(tmp_path, disk=Disk(), bytes_max=1 << 24) as state:
        state.add_root("/runs")
    tmp_path.chmod(0o755)
    full = list(look_at_state(tmp_path, bytes_max=1000, disk=Disk()))
    assert [Level.WARNING, Level.WARNING] == [finding.level for finding in full]
    assert (f"`chmod 700 {tmp_path}`", True) == (full[0].remedy, "the limit is 1.0 kB" in full[1].text)
    tmp_path.chmod(0o700)
    (tmp_path / "state/data.mdb").write_bytes(b"x" * 4096)
    broken = only(look_at_state(tmp_path, bytes_max=1 << 24, disk=Disk()))
    assert (Level.PROBLEM, True) == (broken.level, "cannot be opened" in broken.text)


class ReadOnlyDisk(Disk):
    """Takes no byte."""

    def is_writable(self, path: StrPath) -> bool:
        return False


def test_a_state_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    """Also one that is not there yet: the first daemon could not make it."""
    found = only(look_at_state(tmp_path / "not/there", bytes_max=1 << 24, disk=ReadOnlyDisk()))
    assert (Level.PROBLEM, True) == (found.level, f"cannot write to {tmp_path}" in found.text)
    assert "XDG_STATE_HOME" in found.remedy


class NetworkDisk(Disk):
    """Says that everything lies on NFS."""

    def read(self, path: StrPath) -> bytes:
        if str(path) == "/proc/self/mountinfo":
            return b"1 0 0:1 / / rw - nfs4 server:/home rw\n"
        return super().read(path)


def test_a_network_file_system_is_for_roots_and_not_for_the_state(tmp_path: Path) -> None:
    """Roots there are looked at by the clock."""
    assert Level.PROBLEM is only(look_at_state(tmp_path, bytes_max=1 << 24, disk=NetworkDisk())).level
    root = only(look_at_root(str(tmp_path), NetworkDisk()))
    assert (Level.OK, True) == (root.level, "nfs4" in root.text)


# -- roots and room ------------------------------------------------------------------------------


class UnreadableDisk(Disk):
    """Lists nothing; root may read what others may not, so a mode would not do."""

    def list(self, path: StrPath) -> list[Entry]:
        raise PermissionError(13, "Permission denied")


def test_roots_that_cannot_be_watched(tmp_path: Path) -> None:
    """One that is missing may still come; one that cannot be read is a problem."""
    missing = only(look_at_root(str(tmp_path / "missing"), Disk()))
    assert (Level.WARNING, True) == (missing.level, "unwatch" in missing.remedy)
    closed = only(look_at_root(str(tmp_path), UnreadableDisk()))
    assert (Level.PROBLEM, True) == (closed.level, "Permission denied" in closed.text)


def test_a_pattern_of_roots_is_looked_up(tmp_path: Path) -> None:
    """How many folders it means now, and how each of them is."""
    for name in ("ada", "bob"):
        (tmp_path / name / "tidelog").mkdir(parents=True)
    found = list(look_at_root(f"{tmp_path}/*/tidelog", Disk()))
    assert f"{tmp_path}/*/tidelog means 2 folders now" == found[0].text
    assert [f"{tmp_path}/{name}/tidelog" for name in ("ada", "bob")] == [
        finding.text.partition(":")[0] for finding in found[1:]
    ]


@pytest.mark.parametrize(
    ("room", "level"),
    [
        (Room(100 * GB, 50 * GB, 1000, 900_000), Level.OK),
        (Room(100 * GB, 4 * GB, 1000, 900_000), Level.WARNING),
        (Room(100 * GB, GB // 20, 1000, 900_000), Level.PROBLEM),
        (Room(100 * GB, 50 * GB, 1_000_000, 7), Level.PROBLEM),
        (Room(100 * GB, 50 * GB, 0, 0), Level.OK),
    ],
    ids=["enough", "little", "none", "no more files", "no table of files"],
)
def test_room_for_bytes_and_for_files(room: Room, level: Level) -> None:
    """A disk can be full of files with room for bytes left."""
    assert level is judge_room("/data", room).level


def test_a_file_system_that_is_full(tmp_path: Path) -> None:
    """A real one of 64 kB, where this account may mount it; any is measured."""
    assert "free" in only(look_at_room(str(tmp_path / "not/there/yet"), Disk())).text
    script = f'mount -t tmpfs -o size=64k tmpfs {tmp_path} && "{sys.executable}" -m tidelog.syncd doctor'
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    probe = subprocess.run(
        [*command, "mount -t tmpfs tmpfs /tmp"], capture_output=True, check=False, env=environment
    )
    if probe.returncode == 0:
        done = subprocess.run(
            [*command, script], capture_output=True, text=True, check=False, env=environment
        )
        assert (1, True) == (done.returncode, "65.5 kB of 65.5 kB free" in done.stdout), done


def test_a_target_that_is_a_folder(tmp_path: Path) -> None:
    """Its last part may be made; what is above it may be a disk that is not mounted."""
    assert Level.OK is only(look_at_folder(str(tmp_path / "new"), Disk())).level
    away = only(look_at_folder(str(tmp_path / "usb/new"), Disk()))
    assert (Level.PROBLEM, True) == (away.level, "mount the disk" in away.remedy)
    (tmp_path / "file").touch()
    assert Level.PROBLEM is only(look_at_folder(str(tmp_path / "file"), Disk())).level


# -- inotify -------------------------------------------------------------------------------------


def test_inotify_is_counted_and_compared() -> None:
    """What is short is named with the command that mends it; without it, looking is slower."""
    limits = Inotify(instances=128, watches=8192)

    def judge(used: Inotify, needed: int) -> list[Finding]:
        return list(judge_inotify(limits, used, queued=16384, needed_watches=needed))

    assert [Level.OK] == [finding.level for finding in judge(Inotify(3, 100), 50)]
    assert "max_user_instances=512" in judge(Inotify(128, 100), 50)[0].remedy
    assert "max_user_watches=16400" in judge(Inotify(3, 8150), 50)[0].remedy


def test_a_watch_that_is_held_is_counted(tmp_path: Path) -> None:
    """In the processes of this account, this one included."""
    instances, watches = _held()
    watching = Observer()
    watching.schedule(FileSystemEventHandler(), str(tmp_path))
    watching.start()
    try:
        assert (instances + 1, watches + 1) == _held()
        assert only(list(look_at_inotify(1, Disk()))[-1:]).level is Level.OK
        assert taken(Disk()).instances > instances
    finally:
        watching.stop()
        watching.join()


def _held() -> tuple[int, int]:
    """Return what this process alone holds: others come and go meanwhile."""

    class OwnDisk(Disk):
        def list(self, path: StrPath) -> list[Entry]:
            is_all = str(path) == "/proc"
            return (
                [Entry(str(os.getpid()), is_directory=True, is_file=False)]
                if is_all
                else super().list(path)
            )

    held = taken(OwnDisk())
    return held.instances, held.watches


# -- the daemon ----------------------------------------------------------------------------------

ANSWER = {"pid": 7, "uptime_s": 90.0, "version": "0.1.0"}


def test_a_daemon_runs_hangs_is_old_or_is_not_there() -> None:
    """Each says what to do."""

    def judge(answer: dict[str, object] | None, is_alive: bool) -> Finding:
        return judge_daemon(answer, Holder(7, "/s"), version="0.1.0", is_alive=is_alive)

    assert (Level.OK, "process 7, up 1 min 30 s, version 0.1.0") == judge(ANSWER, True)[1:3]
    old = judge({**ANSWER, "version": "0.0.9"}, True)
    assert (Level.WARNING, True) == (old.level, "version 0.0.9" in old.text)
    hung = judge(None, True)
    assert (Level.PROBLEM, True) == (hung.level, "does not answer" in hung.text)
    assert "none runs" == judge(None, False).text
    assert "none runs" == judge_daemon(None, None, version="0.1.0", is_alive=False).text


def test_a_service_that_ends_with_its_user(tmp_path: Path) -> None:
    """Only where there is one."""
    unit = tmp_path / "syncd.service"
    assert [] == list(look_at_linger(unit, Disk()))
    unit.touch()
    assert "enable-linger" in only(look_at_linger(unit, Disk())).remedy

    class Lingering(Disk):
        def is_there(self, path: StrPath) -> bool:
            return True

    assert Level.OK is only(look_at_linger(unit, Lingering())).level


def test_proxies_are_named_without_their_passwords() -> None:
    """A service that is started elsewhere has none of them."""
    assert [] == list(look_at_proxies({}))
    shown = only(look_at_proxies({"HTTPS_PROXY": "http://ada:secret@proxy:3128", "no_proxy": ".lab"}))
    assert "https_proxy=proxy:3128, no_proxy=.lab" in shown.text
    assert "secret" not in shown.text


# -- all of them ---------------------------------------------------------------------------------


class DeadDisk(Disk):
    """A root on a server that is away: whoever looks at it hangs."""

    def __init__(self) -> None:
        self.hanging = 0
        self.is_back = threading.Event()

    def list(self, path: StrPath) -> list[Entry]:
        self.hanging += 1
        self.is_back.wait()
        return []


class LastMoment(Clock):
    """Stands still until all but two threads of a disk have ended; then the deadline has come."""

    def __init__(self, disk: DeadDisk, deadline_s: float) -> None:
        self._disk = disk
        self._times = iter([0.0])
        self._deadline_s = deadline_s
        self._threads = threading.active_count() + 2

    def monotonic(self) -> float:
        for time_s in self._times:
            return time_s
        until(lambda: (2, self._threads) == (self._disk.hanging, threading.active_count()))
        return self._deadline_s


def test_what_hangs_is_named_and_keeps_nobody() -> None:
    """The others are looked at meanwhile; what a check found before it hung is kept."""
    disk = DeadDisk()

    def look() -> object:
        yield ok("half", "the first half")
        disk.list("/net")

    checks = [
        Check("root", lambda: look_at_root("/net", disk)),
        Check("half", look),  # type: ignore[arg-type]  # A generator of findings that then hangs.
        Check("other", lambda: [ok("other", "fine")]),
    ]
    found = list(examine(checks, clock=LastMoment(disk, 0.2), deadline_s=0.2))
    disk.is_back.set()
    assert [
        ("root", Level.PROBLEM),
        ("half", Level.OK),
        ("half", Level.PROBLEM),
        ("other", Level.OK),
    ] == [(finding.check, finding.level) for finding in found]


def test_a_check_that_fails_hides_no_other() -> None:
    """Its own bug is a finding."""

    def look() -> list[Finding]:
        raise RuntimeError("a bug")

    found = list(examine([Check("a", look), Check("b", lambda: [ok("b", "fine")])], clock=Clock()))
    assert (["a", "b"], True) == ([f.check for f in found], "RuntimeError: a bug" in found[0].text)
    assert (Level.PROBLEM, Level.OK) == (worst(found), worst([]))


def test_the_command_sums_up(own_home: Path, tmp_path: Path) -> None:
    """Exit code 1 for problems, 0 for warnings; as JSON one document."""
    done = run_syncd("doctor")
    assert (1, True) == (done.returncode, "no target to upload to" in done.stdout)
    done = run_syncd("doctor", "--json", "--to", f"file://{tmp_path}/usb")
    document = json.loads(done.stdout)
    assert (0, "doctor", "warning") == (done.returncode, document["type"], document["state"])
    daemon = next(each for each in document["findings"] if each["check"] == "daemon")
    assert {"check", "level", "text", "remedy"} == daemon.keys()
    config(own_home, "hub = ")
    done = run_syncd("doctor")
    assert (1, False) == (done.returncode, "Traceback" in done.stderr), done.stderr
