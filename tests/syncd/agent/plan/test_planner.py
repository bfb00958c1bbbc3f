"""The planner: what goes next, in which order, and when after a failure."""

import pytest

from tidelog.syncd.agent.plan.planner import Planner
from tidelog.syncd.agent.plan.retry import Course, Setback
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import LARGE_FILE, LOG, SMALL_FILES, Run, Stage, Task

SETTINGS = AgentSettings(tasks_max=3, backoff_first_s=1.0, backoff_max_s=8.0)
DOWN = Setback(Course.OUTAGE, "connection refused")
BROKEN = Setback(Course.AGAIN, "status 500")


def log(run: str, name: str = "main.0001.tlog") -> Task:
    return Task(Run(f"/root/p/{run}", "p", run), LOG, name)


def file(run: str, name: str) -> Task:
    return Task(Run(f"/root/p/{run}", "p", run), LARGE_FILE, name)


def planner(*, chance: float = 0.5, settings: AgentSettings = SETTINGS) -> Planner:
    return Planner(settings, chance=lambda: chance)


def drain(plan: Planner, now: float = 0.0) -> list[Task]:
    """Hand out and acknowledge one task after the other."""
    tasks = []
    while (task := plan.next(now)) is not None:
        tasks.append(task)
        plan.done(task)
    return tasks


def test_live_records_go_first_then_records_then_small_then_large_files() -> None:
    """The order of stages is that of what a person waits for."""
    plan = planner()
    large, small = file("a", "files/big"), Task(log("a").run, SMALL_FILES, "")
    plan.want(large, Stage.LARGE_FILE)
    plan.want(small, Stage.SMALL_FILES)
    plan.want(log("old"), Stage.LOG)
    plan.want(log("live"), Stage.LIVE_LOG)
    assert [log("live"), log("old"), small, large] == drain(plan)
    assert plan.is_idle


def test_runs_take_turns() -> None:
    """A run with many logs does not keep the others waiting."""
    plan = planner()
    for task in (log("a", "1"), log("a", "2"), log("a", "3"), log("b", "1"), log("c", "1")):
        plan.want(task, Stage.LOG)
    assert ["a1", "b1", "c1", "a2", "a3"] == [f"{t.run.name}{t.name}" for t in drain(plan)]


def test_a_task_with_more_to_send_goes_behind_the_other_runs() -> None:
    """A long log travels in turns."""
    plan = planner()
    plan.want(log("long"), Stage.LOG)
    plan.want(log("short"), Stage.LOG)
    first = plan.next(0)
    assert first == log("long")
    plan.done(first, has_more=True)
    assert [log("short"), log("long")] == drain(plan)


def test_no_more_tasks_are_under_way_than_the_limit() -> None:
    """The concurrency limit holds."""
    plan = planner()
    for name in "abcde":
        plan.want(log(name), Stage.LOG)
    assert [True, True, True, False] == [plan.next(0) is not None for _ in range(4)]


def test_with_all_places_taken_nothing_is_due() -> None:
    """Who waits for `next_due` sleeps until a task ends, although another's wait is over."""
    plan = planner()
    for name in "abcd":
        plan.want(log(name), Stage.LOG)
    first = plan.next(0)
    assert first is not None
    plan.failed(first, BROKEN, 0.0)
    assert [True, True, True] == [plan.next(0) is not None for _ in range(3)]
    assert plan.next(100.0) is None
    assert plan.next_due(0.0) is None


def test_large_files_leave_a_place_for_a_live_row() -> None:
    """However many large files there are, one place is free for records."""
    plan = planner()
    for name in "abcd":
        plan.want(file(name, "files/x"), Stage.LARGE_FILE)
    assert [True, True, False] == [plan.next(0) is not None for _ in range(3)]
    plan.want(log("live"), Stage.LIVE_LOG)
    assert log("live") == plan.next(0)


def test_what_grew_while_it_was_under_way_is_wanted_again() -> None:
    """News that came during a try are not lost."""
    plan = planner()
    plan.want(log("a"), Stage.LIVE_LOG)
    task = plan.next(0)
    assert task is not None
    plan.want(log("a"), Stage.LIVE_LOG)
    plan.done(task)
    assert log("a") == plan.next(0)


def test_while_the_target_is_down_one_probe_goes_out_at_a_time() -> None:
    """An outage is probed, not stormed."""
    plan = planner(chance=0.5)
    for name in "abc":
        plan.want(log(name), Stage.LOG)
    tasks = [plan.next(0), plan.next(0), plan.next(0)]
    for task in tasks:
        assert task is not None
        plan.failed(task, DOWN, 0.0)
    assert plan.outage is not None
    assert plan.next(0.4) is None
    assert 0.5 == plan.next_due(0.0)
    probe = plan.next(0.5)
    assert probe is not None
    assert plan.next(0.5) is None
    plan.failed(probe, DOWN, 0.5)
    assert 2 == plan.outage.attempt
    assert 1.5 == plan.next_due(0.0)


def test_the_first_acknowledgement_ends_an_outage_for_all() -> None:
    """What only waited for the target goes out at once when it works again."""
    plan = planner(chance=0.9)
    plan.want(log("a"), Stage.LOG)
    plan.want(log("b"), Stage.LOG)
    for _ in range(5):
        now = 1000.0 if plan.outage is None else plan.outage.until
        probe = plan.next(now)
        assert probe is not None
        plan.failed(probe, DOWN, now)
    assert plan.outage is not None
    now = plan.outage.until
    probe = plan.next(now)
    assert probe is not None
    assert plan.done(probe)
    assert plan.outage is None
    assert 1 == len(drain(plan, now))


def test_one_failing_item_does_not_stop_the_others() -> None:
    """A status 500 for one log is that log's own trouble."""
    plan = planner(chance=0.5)
    plan.want(log("bad"), Stage.LOG)
    plan.want(log("good"), Stage.LOG)
    bad = plan.next(0)
    assert bad is not None
    plan.failed(bad, BROKEN, 0.0)
    assert [log("good")] == drain(plan, 0.0)
    assert 0.5 == plan.next_due(0.0)
    assert [log("bad")] == drain(plan, 0.5)


def test_waits_double_up_to_a_bound_and_never_end() -> None:
    """Full jitter: 1, 2, 4, 8, 8, 8... times chance, for as many failures as there are."""
    plan = planner(chance=1.0)
    plan.want(log("a"), Stage.LOG)
    now, waits = 0.0, []
    for _ in range(100):
        task = plan.next(now)
        assert task is not None
        plan.failed(task, BROKEN, now)
        due = plan.next_due(0.0)
        assert due is not None
        waits.append(due - now)
        now = due
    assert [1.0, 2.0, 4.0, 8.0] == waits[:4]
    assert {8.0} == set(waits[4:])


def test_a_wrong_guess_of_the_offset_is_asked_at_once_but_not_for_ever() -> None:
    """The first 409 costs nothing; a hub that says 409 again and again is backed off from."""
    plan = planner(chance=0.5)
    plan.want(log("a"), Stage.LOG)
    again = Setback(Course.ASK, "409")
    first = plan.next(0)
    assert first is not None
    plan.failed(first, again, 0.0)
    second = plan.next(0)
    assert second is not None
    plan.failed(second, again, 0.0)
    assert plan.next(0) is None
    assert 1.0 == plan.next_due(0.0)


def test_parked_items_stay_until_somebody_asks() -> None:
    """A refusal is not tried again by itself, whatever happens on the disk."""
    plan = planner()
    plan.want(log("a"), Stage.LOG)
    task = plan.next(0)
    assert task is not None
    plan.failed(task, Setback(Course.PARK, "422 invalid chunks"), 0.0)
    plan.park(task, "422 invalid chunks")
    plan.want(log("a"), Stage.LIVE_LOG)
    assert plan.next(1e9) is None
    assert {log("a"): "422 invalid chunks"} == plan.parked
    plan.unpark(task)
    plan.want(task, Stage.LOG)
    assert task == plan.next(0)


def test_a_refused_key_is_probed_rarely() -> None:
    """A wrong key stops everything, and a new one is noticed in time."""
    plan = planner(chance=1.0)
    plan.want(log("a"), Stage.LOG)
    task = plan.next(0)
    assert task is not None
    plan.failed(task, Setback(Course.REFUSED, "401"), 0.0)
    assert 8.0 == plan.next_due(0.0)


def test_retry_now_makes_everything_due() -> None:
    """`syncd retry` does not wait for a backoff."""
    plan = planner(chance=1.0)
    plan.want(log("a"), Stage.LOG)
    task = plan.next(0)
    assert task is not None
    plan.failed(task, DOWN, 100.0)
    assert plan.next(100.0) is None
    plan.retry_now()
    assert task == plan.next(100.0)


def test_an_abandoned_try_leaves_the_task_wanted() -> None:
    """A try that we cut off ourselves is no failure."""
    plan = planner()
    plan.want(log("a"), Stage.LOG)
    task = plan.next(0)
    assert task is not None
    plan.abandoned(task)
    assert task == plan.next(0)


@pytest.mark.parametrize("seed", range(5))
def test_no_task_is_ever_lost(seed: int) -> None:
    """Whatever fails in whatever order: at the end everything was acknowledged or is parked."""
    from random import Random

    random = Random(seed)
    plan = Planner(SETTINGS, chance=random.random)
    tasks = {log(f"r{i}", f"{j}") for i in range(5) for j in range(4)}
    for task in tasks:
        plan.want(task, random.choice([Stage.LIVE_LOG, Stage.LOG, Stage.LARGE_FILE]))
    done: set[Task] = set()
    now, under_way = 0.0, []
    for _ in range(20_000):
        task = plan.next(now)
        if task is not None:
            under_way.append(task)
        elif not under_way:
            if plan.is_idle:
                break
            due = plan.next_due(0.0)
            assert due is not None
            now = max(now, due)
        if under_way and (task is None or random.random() < 0.5):
            ended = under_way.pop(random.randrange(len(under_way)))
            chance = random.random()
            if chance < 0.5:
                plan.done(ended)
                done.add(ended)
            elif chance < 0.52:
                plan.failed(ended, Setback(Course.PARK, "no"), now)
            else:
                course = random.choice([Course.OUTAGE, Course.AGAIN, Course.ASK, Course.REFUSED])
                plan.failed(ended, Setback(course, "no"), now)
    assert plan.is_idle
    assert tasks == done | set(plan.parked)


def test_a_probe_that_says_nothing_of_the_target_is_followed_by_a_wait() -> None:
    """An item that fails for reasons of its own is not tried without end while the target is down."""
    plan = planner()
    plan.want(log("a"), Stage.LOG)
    assert log("a") == plan.next(0.0)
    plan.failed(log("a"), DOWN, 0.0)
    for _ in range(3):
        assert plan.outage is not None
        now = plan.outage.until
        assert log("a") == plan.next(now)
        plan.failed(log("a"), BROKEN, now)
        assert plan.next(now) is None
        due = plan.next_due(now)
        assert due is not None
        assert due > now


def test_what_is_pending_of_a_run_is_told() -> None:
    """Wanted, under way, waiting or parked; of no other run, and nothing that is done."""
    plan = planner()
    names = ("under way", "done", "wanted", "parked")
    for task in (*(log("a", name) for name in names), log("b")):
        plan.want(task, Stage.LOG)
    under_way, _ = plan.next(0), plan.next(0)
    done = plan.next(0)
    assert (log("a", "under way"), log("a", "done")) == (under_way, done)
    plan.done(log("a", "done"))
    plan.park(log("a", "parked"), "gone")
    assert {"under way", "wanted", "parked"} == {task.name for task in plan.pending("/root/p/a")}
    assert [] == plan.pending("/root/p/c")


def test_an_outage_ends_with_the_last_task() -> None:
    """Where the run is deleted that was to be sent, no probe would ever end it."""
    plan = planner()
    plan.want(log("a"), Stage.LOG)
    plan.failed(plan.next(0.0), DOWN, 0.0)  # type: ignore[arg-type]
    assert plan.outage is not None
    plan.forget(log("a").run)
    assert plan.outage is None
    assert plan.is_idle


# -- disks at home that do not answer ----------------------------------------------------------------


def at(root: str, run: str) -> Task:
    return Task(Run(f"{root}/p/{run}", "p", run), LOG, "main.0001.tlog")


def under_way(plan: Planner) -> list[Task]:
    """Hand out all that may go, and let none of it end."""
    tasks = []
    while (task := plan.next(0.0)) is not None:
        tasks.append(task)
    return tasks


def test_who_waits_for_its_own_disk_lends_its_place() -> None:
    """The hung root's uploads hold all places, then none."""
    plan = planner()
    hung = [at("/away", run) for run in "abc"]
    for task in (*hung, at("/here", "a")):
        plan.want(task, Stage.LOG)
    assert hung == under_way(plan)
    for task in hung:
        plan.lend(task)
    assert [at("/here", "a")] == under_way(plan)
    assert tuple(hung) == tuple(sorted(plan.lent))


def test_a_root_that_lent_all_it_may_begins_nothing_more_until_its_disk_answers() -> None:
    """However much of it is due: more of it would hang as well, each in a thread of its own."""
    plan = planner()
    tasks = [at("/away", run) for run in "abcdef"]
    for task in tasks:
        plan.want(task, Stage.LIVE_LOG)
    for task in under_way(plan):
        plan.lend(task)
    assert [] == under_way(plan)
    assert plan.next_due(0.0) is None
    plan.take_back(tasks[0])
    assert [] == under_way(plan)
    plan.done(tasks[0])
    assert tasks[3:4] == under_way(plan)
    for task in tasks[1:4]:
        plan.done(task)
    assert tasks[4:] == drain(plan)
    assert plan.is_idle


def test_large_files_that_are_read_for_long_leave_a_place_to_the_logs_of_their_root() -> None:
    """To prove a hundred gigabytes takes minutes; a live row of that root waits for none of them."""
    plan = planner()
    for name in "xyz":
        plan.want(file("a", name), Stage.LARGE_FILE)
    for task in under_way(plan):
        plan.lend(task)
    assert [] == under_way(plan)
    plan.want(log("a"), Stage.LIVE_LOG)
    assert [log("a")] == under_way(plan)


def test_what_waits_for_its_own_disk_is_no_probe_of_a_target_that_is_down() -> None:
    """Another item probes; where there is none, nobody is woken up for nothing."""
    plan = planner(chance=0.0)
    hung, other = at("/away", "a"), at("/here", "a")
    plan.want(hung, Stage.LOG)
    assert hung == plan.next(0.0)
    plan.lend(hung)
    plan.want(other, Stage.LOG)
    assert other == plan.next(0.0)
    plan.failed(other, DOWN, 0.0)
    assert 0.0 == plan.next_due(0.0)
    assert other == plan.next(0.0)
    assert plan.done(other)
    plan.take_back(hung)
    plan.failed(hung, DOWN, 0.0)
    assert hung == plan.next(0.0)
    plan.lend(hung)
    assert plan.next_due(0.0) is None


def test_a_task_that_is_set_aside_can_be_parked_and_forgotten() -> None:
    """It does not come back with the disk."""
    plan = planner(settings=AgentSettings(tasks_max=1))
    hung, parked, gone = (at("/away", run) for run in "abc")
    for task in (hung, parked, gone):
        plan.want(task, Stage.LOG)
    for task in under_way(plan):
        plan.lend(task)
    assert [] == under_way(plan)
    plan.park(parked, "a person is needed")
    assert [gone] == plan.forget(gone.run)
    plan.take_back(hung)
    plan.done(hung)
    assert [] == under_way(plan)
    assert plan.is_idle


def test_what_was_set_aside_keeps_its_turn() -> None:
    """It gave way to others of its root; it does not wait for their next turn as well."""
    plan = planner(settings=AgentSettings(tasks_max=2))
    hung, other, aside = (at("/away", run) for run in "abc")
    for task in (hung, other, aside):
        plan.want(task, Stage.LOG)
    assert [hung, other] == under_way(plan)
    plan.lend(hung)
    assert [] == under_way(plan)
    plan.done(other, has_more=True)
    assert [aside] == under_way(plan)
