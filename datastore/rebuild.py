"""The commands that make a run again, and what no command can bring back. No I/O.

What a run says may come from anybody: each value is checked for what it must be, or quoted.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tidelog.datastore.shell import quoted
from tidelog.datastore.variables import is_set_again

PATCH = "files/code/diff.patch"
REQUIREMENTS = "files/requirements.txt"
CODE = "files/code/"
HIDDEN = "***"
NAMED_MAX = 20

PYTHON = '"$top/venv/bin/python"'

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_VERSION = re.compile(r"(3\.[0-9]{1,2})\.[0-9]+.*")
# git runs a program for other kinds of addresses, or takes one with a dash for an option.
_ADDRESS = re.compile(r"(https?|ssh|git|file)://[^-].*|/.*|([\w.][\w.-]*@)?[\w.][\w.-]*:(?!//)[^:-].*")


class Rebuild(NamedTuple):
    """Lines for bash, and a sentence for each thing that they do not bring back."""

    commands: list[str]
    missing: list[str]


def rebuild(
    facts: Mapping[str, Any], files: Sequence[str], *, directory: str | None, requirements: str = ""
) -> Rebuild:
    """Return how to rebuild a run from its facts and the paths in its ledger.

    `directory` is where the run lies, None where that is another machine; `requirements` the text of
    its `requirements.txt`.
    """
    return _Plan(facts, frozenset(files), directory, requirements).made()


class _Plan:
    """One rebuild: each part adds its commands, and says what is missing."""

    def __init__(
        self,
        facts: Mapping[str, Any],
        files: frozenset[str],
        directory: str | None,
        requirements: str,
    ) -> None:
        self._facts = facts
        self._git = _map(facts.get("git"))
        self._files = files
        self._directory = directory
        self._requirements = requirements
        self._commands: list[str] = []
        self._missing: list[str] = []

    def made(self) -> Rebuild:
        """Add every part in its order."""
        self._find_run()
        self._fetch_code()
        self._apply_patch()
        self._install()
        self._set_variables()
        self._run()
        self._missing.append(
            "data that the script reads: compare sdk.fingerprint(path) with what the run's config says"
        )
        return Rebuild(self._commands, self._missing)

    def _find_run(self) -> None:
        if self._directory is None:
            self._commands.append('run=${1:?"the run directory: copy it to this machine first"}')
        else:
            self._commands.append(f"run={quoted(self._directory)}")
        self._commands.append("top=$PWD")

    def _fetch_code(self) -> None:
        commit, source = _text(self._git.get("commit")), self._source()
        if _COMMIT.fullmatch(commit) and source is not None:
            self._commands += [
                f"git clone --quiet -- {quoted(source)} code",
                "cd code",
                f"git checkout --quiet --detach {commit}",
            ]
            self._fetch_submodules()
        elif any(path.startswith(CODE) and path != PATCH for path in self._files):
            self._commands += ['cp -R -- "$run"/files/code code', "cd code"]
            self._missing.append("code that log_code() did not copy: the run knows no commit")
        else:
            self._commands += ["mkdir code", "cd code"]
            self._missing.append(
                f"the code: the run knows no commit, and log_code() was not called; it was "
                f"{_text(self._facts.get('program')) or 'typed in'}"
            )
        untracked = _texts(self._git.get("untracked"))
        if untracked:
            self._missing.append(f"files that git did not track: {_listed(untracked)}")
        if self._git.get("trouble"):
            self._missing.append(f"what git could not tell: {_text(self._git['trouble'])}")

    def _source(self) -> str | None:
        """Return what to clone: the remote, or the checkout where the remote has not the commit."""
        remote, root = _text(self._git.get("remote")), _text(self._git.get("root"))
        if remote and self._git.get("is_pushed") is not False:
            if _ADDRESS.fullmatch(remote):
                return remote
            self._missing.append(f"the remote {remote}: git may run a program for it")
            return None
        if not root.startswith("/"):
            return None
        self._missing.append(
            f"a commit that others can fetch: it was not pushed to {remote or 'any remote'}, and is "
            f"cloned from {root} on {_text(self._facts.get('host')) or 'the machine that trained'}"
        )
        return root

    def _fetch_submodules(self) -> None:
        submodules = _map(self._git.get("submodules"))
        if submodules:
            self._commands.append("git submodule --quiet update --init --recursive")
        for path, commit in submodules.items():
            if _COMMIT.fullmatch(_text(commit)) and _is_inside(path):
                self._commands.append(f"git -C ./{quoted(path)} checkout --quiet --detach {commit}")

    def _apply_patch(self) -> None:
        patch = _map(self._facts.get("patch"))
        if PATCH in self._files:
            self._commands.append(f'git apply --whitespace=nowarn -- "$run"/{PATCH}')
        elif self._git.get("dirty") and not _texts(patch.get("left_out")):
            self._missing.append("the changes that were not committed: they are not in the run")
        if patch.get("is_cut"):
            self._missing.append("changes beyond the limit of the diff, or that git was too slow for")
        if _texts(patch.get("left_out")):
            self._missing.append(
                f"changes to {_listed(_texts(patch['left_out']))}: left out of the diff"
            )
        if _texts(patch.get("hidden")):
            names = _listed(_texts(patch["hidden"]))
            self._missing.append(f"secrets in changed lines, which the diff has as {HIDDEN}: {names}")

    def _install(self) -> None:
        version = _VERSION.fullmatch(_text(self._facts.get("python")))
        python = "python3" if version is None else f"python{version[1]}"
        self._commands.append(f'{python} -m venv "$top/venv"')
        if REQUIREMENTS not in self._files:
            self._missing.append("the packages that were installed: the run does not name them")
            return
        self._commands.append(f'{PYTHON} -m pip install --quiet -r "$run"/{REQUIREMENTS}')
        self._missing += list(_elsewhere(self._requirements))

    def _set_variables(self) -> None:
        for name, value in sorted(_map(self._facts.get("environ")).items()):
            if is_set_again(name) and isinstance(value, str):
                if HIDDEN in value:
                    self._missing.append(f"the value of {name}, which looked like a secret")
                else:
                    self._commands.append(f"export {name}={quoted(value)}")
            elif name == "PYTHONPATH":
                self._missing.append(f"what was on PYTHONPATH: {_text(value)}")

    def _run(self) -> None:
        prefix = self._git.get("prefix")
        if isinstance(prefix, str) and _is_inside(prefix):
            self._commands.append(f"cd -- {quoted(prefix)}")
        elif self._facts.get("cwd") and prefix != ".":
            self._missing.append(
                f"the working directory, which was {_text(self._facts['cwd'])}: relative paths of data "
                "lead elsewhere"
            )
        arguments = _texts(self._facts.get("launcher")) or _texts(self._facts.get("command"))
        if any("ipykernel" in argument for argument in arguments[:3]):
            arguments = []
        if arguments:
            self._commands.append(" ".join(map(self._argument, range(len(arguments)), arguments)))
        else:
            entry = _text(self._git.get("entry")) or _text(self._facts.get("program"))
            self._missing.append(
                f"the command: it was a notebook, or is not known ({entry or 'no file'})"
            )
        if any(HIDDEN in argument for argument in arguments):
            self._missing.append(f"secrets on the command line, which has them as {HIDDEN}")

    def _argument(self, index: int, argument: str) -> str:
        """Return an argument with paths of the old machine led to the new places."""
        executable, root = _text(self._facts.get("executable")), _text(self._git.get("root"))
        if argument == executable or (index == 0 and _is_python(argument)):
            return PYTHON
        if executable and posixpath.dirname(argument) == posixpath.dirname(executable):
            return f'"$top/venv/bin"/{quoted(posixpath.basename(argument))}'
        if root and argument.startswith(f"{root}/"):
            return f'"$top/code"/{quoted(argument[len(root) + 1 :])}'
        return quoted(argument)


def _elsewhere(requirements: str) -> Iterator[str]:
    """Yield what of `requirements.txt` pip cannot fetch, or not from its usual index."""
    lines = requirements.splitlines()
    local = [line for line in lines if re.match(r"[\w.-]+==[^ ]*\+", line)]
    if local:
        yield f"packages from an index of their own, such as CUDA builds of PyTorch: {_listed(local)}"
    notes = [line.lstrip("# ") for line in lines[1:] if "was installed from" in line]
    if notes:
        yield f"packages that no index has: {_listed(notes)}"


def _is_python(argument: str) -> bool:
    return re.fullmatch(r"(python|pypy)[0-9.]*", posixpath.basename(argument)) is not None


def _is_inside(prefix: str) -> bool:
    """Tell whether a relative path leads below where it starts, and not to the very place."""
    return prefix not in ("", ".") and not prefix.startswith("/") and ".." not in prefix.split("/")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


def _map(value: object) -> dict[str, Any]:
    items = value.items() if isinstance(value, Mapping) else ()
    return {key: item for key, item in items if isinstance(key, str)}


def _texts(value: object) -> list[str]:
    items = value if isinstance(value, (list, tuple)) else ()
    return [item for item in items if isinstance(item, str)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
