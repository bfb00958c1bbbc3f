"""The house of DESIGN, section 2: which room may use which, and where the doors to the outside are."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("datastore", "sdk", "syncd")
SOURCES = {
    ".".join(("tidelog", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in SOURCES.items()}

FORBIDDEN_ARROWS = [
    ("tidelog.datastore", ("tidelog.sdk", "tidelog.syncd")),
    ("tidelog.sdk", ("tidelog.syncd",)),
    ("tidelog.syncd", ("tidelog.sdk",)),
    ("tidelog.syncd.agent", ("tidelog.syncd.hub", "tidelog.syncd.cli")),
    ("tidelog.syncd.hub", ("tidelog.syncd.agent", "tidelog.syncd.cli")),
]

# Decisions: given the same arguments, the same answer. No clock, no randomness, no I/O, no threads.
PURE = (
    "tidelog.datastore.append",
    "tidelog.datastore.as_arrow",
    "tidelog.datastore.as_json",
    "tidelog.datastore.as_numpy",
    "tidelog.datastore.as_pandas",
    "tidelog.datastore.checkpoint_chain",
    "tidelog.datastore.columns",
    "tidelog.datastore.comparison",
    "tidelog.datastore.console",
    "tidelog.datastore.digest",
    "tidelog.datastore.errors",
    "tidelog.datastore.extras",
    "tidelog.datastore.format",
    "tidelog.datastore.gaps",
    "tidelog.datastore.gather",
    "tidelog.datastore.layout",
    "tidelog.datastore.limits",
    "tidelog.datastore.log_copy",
    "tidelog.datastore.log_draft",
    "tidelog.datastore.log_references",
    "tidelog.datastore.merge",
    "tidelog.datastore.names",
    "tidelog.datastore.outline",
    "tidelog.datastore.payload",
    "tidelog.datastore.promptness",
    "tidelog.datastore.rebuild",
    "tidelog.datastore.record_encoder",
    "tidelog.datastore.records",
    "tidelog.datastore.remote_file",
    "tidelog.datastore.remote_url",
    "tidelog.datastore.row_chunks",
    "tidelog.datastore.row_layout",
    "tidelog.datastore.run_outline",
    "tidelog.datastore.sampler",
    "tidelog.datastore.sampling",
    "tidelog.datastore.same_content",
    "tidelog.datastore.scan",
    "tidelog.datastore.selection",
    "tidelog.datastore.shell",
    "tidelog.datastore.series_samples",
    "tidelog.datastore.smoothing",
    "tidelog.datastore.state",
    "tidelog.datastore.stretch",
    "tidelog.datastore.summary",
    "tidelog.datastore.table",
    "tidelog.datastore.text",
    "tidelog.datastore.typed_column",
    "tidelog.datastore.unsynced",
    "tidelog.datastore.variables",
    "tidelog.datastore.walk",
    "tidelog.sdk.as_map",
    "tidelog.sdk.console.allowance",
    "tidelog.sdk.console.screen",
    "tidelog.sdk.console.transcript",
    "tidelog.sdk.curves",
    "tidelog.sdk.errors",
    "tidelog.sdk.facts.environ",
    "tidelog.sdk.facts.git_status",
    "tidelog.sdk.facts.patch",
    "tidelog.sdk.facts.scheduler",
    "tidelog.sdk.facts.secrets",
    "tidelog.sdk.launch",
    "tidelog.sdk.media.box3d",
    "tidelog.sdk.media.counting",
    "tidelog.sdk.monitor.moment",
    "tidelog.sdk.monitor.pace",
    "tidelog.sdk.monitor.process_tree",
    "tidelog.sdk.monitor.rates",
    "tidelog.sdk.plot.scores",
    "tidelog.syncd.agent.doctor.certificate",
    "tidelog.syncd.agent.doctor.finding",
    "tidelog.syncd.agent.doctor.key",
    "tidelog.syncd.agent.notice",
    "tidelog.syncd.agent.plan.file_filter",
    "tidelog.syncd.agent.plan.gate",
    "tidelog.syncd.agent.plan.pace",
    "tidelog.syncd.agent.plan.planner",
    "tidelog.syncd.agent.plan.quiet_hours",
    "tidelog.syncd.agent.plan.retry",
    "tidelog.syncd.agent.proof.receipt",
    "tidelog.syncd.agent.settings",
    "tidelog.syncd.agent.target.distrust",
    "tidelog.syncd.agent.target.held",
    "tidelog.syncd.agent.task",
    "tidelog.syncd.agent.upload.cursor",
    "tidelog.syncd.agent.upload.lag",
    "tidelog.syncd.agent.upload.rate",
    "tidelog.syncd.agent.watch.seen",
    "tidelog.syncd.agent.watch.trust",
    "tidelog.syncd.checksum",
    "tidelog.syncd.cli.status_text",
    "tidelog.syncd.cli.top_screen",
    "tidelog.syncd.errors",
    "tidelog.syncd.hub.guard.accounts",
    "tidelog.syncd.hub.guard.book",
    "tidelog.syncd.hub.guard.book_text",
    "tidelog.syncd.hub.guard.grants",
    "tidelog.syncd.hub.guard.key_document",
    "tidelog.syncd.hub.guard.keys",
    "tidelog.syncd.hub.guard.refusals",
    "tidelog.syncd.hub.page.headers",
    "tidelog.syncd.hub.page.media_kind",
    "tidelog.syncd.hub.read.run_state",
    "tidelog.syncd.hub.signin.flow",
    "tidelog.syncd.hub.signin.form_token",
    "tidelog.syncd.hub.signin.id_token",
    "tidelog.syncd.hub.signin.people",
    "tidelog.syncd.hub.signin.way_back",
    "tidelog.syncd.hub.web.pace",
    "tidelog.syncd.install.launchd_plist",
    "tidelog.syncd.install.service",
    "tidelog.syncd.install.systemd_unit",
    "tidelog.syncd.listen",
    "tidelog.syncd.protocol",
    "tidelog.syncd.quantities",
)
# A decision's own door: one method that hands all of it over to a module that acts, and nothing else.
HANDED_OVER = {"tidelog.datastore.columns": {"tidelog.datastore.disk", "tidelog.datastore.export"}}
IMPURE_MODULES = set(
    "aiohttp asyncio io lmdb logging os pathlib psutil random secrets select shutil signal socket "
    "subprocess sys tempfile threading time uuid watchdog".split()
)

DISK = "tidelog.datastore.disk"
FILE_MODULES = {"shutil", "tempfile", "glob", "fileinput"}
FILE_CALLS = set(
    "access chmod chown close exists fdatasync fsync fstat ftruncate getmtime getsize glob is_dir "
    "is_file isdir isfile lchmod link listdir lstat makedirs mkfifo open pread pwrite readlink remove "
    "removedirs rename replace rmdir scandir stat statvfs symlink truncate utime walk".split()
)
PATH_CALLS = set(
    "iterdir mkdir read_bytes read_text rglob rmtree symlink_to touch unlink write_bytes "
    "write_text".split()
)


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Yield every module that a tree imports; `from a import b` counts as `a` and as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_no_room_uses_one_that_it_must_not_know() -> None:
    """datastore <- sdk, datastore <- syncd; never sdk <-> syncd, never agent <-> hub."""
    wrong = [
        f"{name} imports {module}"
        for name, tree in TREES.items()
        for room, forbidden in FORBIDDEN_ARROWS
        if is_within(name, room)
        for module in imports_of(tree)
        if any(is_within(module, other) for other in forbidden)
    ]
    assert [] == wrong


def test_the_agent_and_the_hub_share_only_what_is_neither() -> None:
    """What both import lies in syncd itself or below, so that each can be replaced alone."""
    shared = {
        module
        for name, tree in TREES.items()
        if is_within(name, "tidelog.syncd.agent") or is_within(name, "tidelog.syncd.hub")
        for module in imports_of(tree)
        if is_within(module, "tidelog.syncd") and module in TREES
    }
    others = {m for m in shared if len(m.split(".")) > 3 and m.split(".")[2] not in ("agent", "hub")}
    assert set() == others


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_imports_nothing_that_acts(name: str) -> None:
    """Decisions are pure: neither the system's modules nor ours that act."""
    imported = set(imports_of(TREES[name]))
    assert set() == {module for module in imported if module.split(".")[0] in IMPURE_MODULES}
    ours = {module for module in imported if module in TREES}
    allowed = {*PURE, "tidelog.datastore", *HANDED_OVER.get(name, ())}
    assert set() == ours - allowed


def file_calls_of(tree: ast.AST) -> Iterator[str]:
    """Yield calls that reach the file system other than through something named `disk`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            yield f"line {node.lineno}: open()"
        elif isinstance(node, ast.Attribute):
            receiver = ast.unparse(node.value)
            is_path = receiver in ("os", "Path") or receiver.endswith(("path", "Path)", "directory"))
            if node.attr in PATH_CALLS or (node.attr in FILE_CALLS and is_path):
                yield f"line {node.lineno}: {receiver}.{node.attr}"


def test_disk_is_the_only_door_to_the_file_system() -> None:
    """A fault injected there reaches everything."""
    wrong = [
        f"{name}: {found}"
        for name, tree in TREES.items()
        if name != DISK
        for found in [
            *file_calls_of(tree),
            *(f"imports {module}" for module in imports_of(tree) if module in FILE_MODULES),
        ]
    ]
    assert [] == wrong


def test_nothing_imports_the_checkouts_folders_by_their_bare_names() -> None:
    """`import datastore` in the checkout would be a second copy of every class."""
    wrong = []
    for folder in (*PACKAGES, "tests", "benchmarks", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            if ".venv" in path.parts:
                continue
            modules = imports_of(ast.parse(path.read_text(), str(path)))
            wrong += [f"{path.name} imports {m}" for m in modules if m.split(".")[0] in PACKAGES]
    assert [] == wrong


HEAVY = ("numpy", "psutil", "lmdb", "aiohttp", "watchdog", "PIL", "click", "rich", "asyncio")
HEAVY += ("pandas", "pyarrow")


@pytest.mark.parametrize(
    "statement",
    [
        "from tidelog import sdk",
        "import tidelog.sdk as wandb",
        "from tidelog.datastore import Writer, Reader",
        "from tidelog.datastore import Reader",
    ],
)
def test_a_script_pays_only_for_what_it_uses(statement: str) -> None:
    """Importing the sdk, the writer or the reader loads no heavy package."""
    program = f"{statement}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "" == result.stdout.strip()


SELDOM = (
    "fingerprints",
    "forking",
    "attaching",
    "facts.origin",
    "facts.git",
    "monitor.watch",
)
SELDOM += ("from_wandb.names", "integration", "plot", "model_watch", "console.redirect")


def test_a_script_pays_for_no_room_that_few_enter() -> None:
    """Each of our modules is half a millisecond of an import that is to take less than 60."""
    rooms = [f"tidelog.sdk.{name}" for name in SELDOM]
    program = f"from tidelog import sdk\nimport sys\nprint(*[m for m in {rooms!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "" == result.stdout.strip()
    assert set(rooms) <= set(SOURCES)


def test_print_the_longest_files_and_functions(capsys: pytest.CaptureFixture[str]) -> None:
    """For the eye, not enforced: a room that gets crowded is to be redrawn."""
    files = sorted(((len(p.read_text().splitlines()), n) for n, p in SOURCES.items()), reverse=True)
    functions = sorted(
        (
            ((node.end_lineno or 0) - node.lineno + 1, f"{name}.{node.name}")
            for name, tree in TREES.items()
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        ),
        reverse=True,
    )
    with capsys.disabled():
        print(f"\n{len(files)} files, median {files[len(files) // 2][0]} lines; the longest:")
        print(*(f"  {lines:4} {name}" for lines, name in files[:6]), sep="\n")
        print(
            f"{len(functions)} functions, median {functions[len(functions) // 2][0]} lines; the longest:"
        )
        print(*(f"  {lines:4} {name}" for lines, name in functions[:6]), sep="\n")
