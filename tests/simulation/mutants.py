"""Bugs to plant, one at a time: a simulation that does not find them proves nothing.

Each is a line of real code and what a tired person might have written. How many seeds it took to find
them stands in `docs/decisions.md`.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """A promise that is broken, the file, the text that keeps it and the text that does not."""

    breaks: str
    path: str
    sound: str
    broken: str


MUTANTS = [
    Mutant(
        "the hub acknowledges an append before its fsync",
        "datastore/replica_logs.py",
        "                self._disk.fdatasync(fd)\n            known.held = held",
        "                pass\n            known.held = held",
    ),
    Mutant(
        "a rename is not followed by an fsync of the folder",
        "datastore/disk.py",
        '        self.sync_directory(os.path.dirname(os.fspath(target)) or ".")\n',
        "",
    ),
    Mutant(
        "a part of a large file is not synced",
        "datastore/replica_files.py",
        "            self._disk.fdatasync(fd)\n",
        "            pass\n",
    ),
    Mutant(
        "a large file appears though its digest does not hold",
        "datastore/replica_files.py",
        "        if (held, found) != (size, sha256):\n",
        "        if False:\n",
    ),
    Mutant(
        "the hub takes damage that nobody declared",
        "datastore/append.py",
        "    for damage in scanner.damage:\n",
        "    for damage in ():\n",
    ),
    Mutant(
        "the hub believes a body whose digest does not hold",
        "syncd/hub/web/body.py",
        "        if found != self.digest:\n",
        "        if False:\n",
    ),
    Mutant(
        "the cursor moves before the acknowledgement",
        "syncd/agent/upload/log_uploads.py",
        "        if found.end > start:\n            held = await",
        "        self._state.advance(self._target.name, task, found.after, [])\n"
        "        if found.end > start:\n            held = await",
    ),
    Mutant(
        "the files that a range names are not queued with its cursor",
        "syncd/agent/upload/log_uploads.py",
        "task, found.after, done.entries)\n",
        "task, found.after, [])\n",
    ),
    Mutant(
        "after a lost answer the target is not asked how far it is",
        "syncd/agent/upload/log_uploads.py",
        "        if source is not None:\n            source.held = None\n",
        "",
    ),
    Mutant(
        "another log under a used name gets no name of its own",
        "syncd/agent/upload/log_uploads.py",
        "        if held is not None and held.log_id != source.log_id and not cursor.twin:\n",
        "        if False:\n",
    ),
    Mutant(
        "what goes to the twin is sent to the first log's name",
        "syncd/agent/upload/log_uploads.py",
        "        name = found.after.twin or source.task.name\n",
        "        name = source.task.name\n",
    ),
    Mutant(
        "a file that took a log's place is not noticed",
        "syncd/agent/upload/log_uploads.py",
        "            if await self._home.ask(task, source.is_still_there):\n",
        "            if True:\n",
    ),
    Mutant(
        "damage travels undeclared",
        "syncd/agent/upload/log_uploads.py",
        "found.damage_from(start))\n",
        "[])\n",
    ),
    Mutant(
        "a tail that stays at home is not told",
        "syncd/agent/upload/log_uploads.py",
        "done.tail, done.twin = found.damage, found.tail, found.after.twin\n",
        "done.tail, done.twin = found.damage, None, found.after.twin\n",
    ),
    Mutant(
        "what a hub from an older copy lacks is noticed, and not sent again",
        "syncd/agent/upload/recount.py",
        "        elif held.missing:\n            self._let_start_over(question)\n",
        "        elif held.missing:\n",
    ),
    Mutant(
        "the files queued before a restart are forgotten",
        "syncd/agent/upload/agent.py",
        "        self._left = {run: {} for run in self._state.runs_with_files(self.target.name)}\n",
        "        self._left = {}\n",
    ),
    Mutant(
        "what failed in an outage is not taken up again",
        "syncd/agent/plan/planner.py",
        "                self._return(entry.task)\n            else:\n",
        "                pass\n            else:\n",
    ),
    Mutant(
        "what grew while it was sent is not wanted again",
        "syncd/agent/plan/planner.py",
        "            self._under_way[task] = True\n",
        "            pass\n",
    ),
    Mutant(
        "a probe that says nothing of the target is followed by no wait",
        "syncd/agent/plan/planner.py",
        "        elif self.outage is not None and attempt > 1:\n",
        "        elif False:\n",
    ),
    Mutant(
        "a portal's page counts as a success",
        "syncd/agent/target/hub_client.py",
        "        raise no_hub(answer.status, str(error)) from error\n",
        "        return 10**9\n",
    ),
]
