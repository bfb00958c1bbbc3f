"""Several targets of one daemon: each has its own cursor, its own queue and its own outages."""

import asyncio
from pathlib import Path

from run_spec import RunSpec, tree
from running_service import running

from tidelog.syncd.hub.server import HubServer, Listen


def test_one_target_that_is_down_does_not_hold_up_another(tmp_path: Path) -> None:
    """And gets all of it once it is back, from its own cursor on."""
    root, usb, late = tmp_path / "root", tmp_path / "usb", tmp_path / "not/mounted"
    run = RunSpec(root).rows(5)

    async def work() -> None:
        targets = [f"file://{usb}", f"file://{late}"]
        async with running(tmp_path / "state", targets, root) as daemon:
            await daemon.until(lambda: tree(root) == tree(usb))
            run.rows(5).media("a.png")
            await daemon.until(lambda: tree(root) == tree(usb))
            assert not late.exists()
            late.parent.mkdir()
            await daemon.until(lambda: tree(root) == tree(late))

    asyncio.run(work())


def test_a_hub_and_a_folder_at_once(tmp_path: Path) -> None:
    """A live row is at both."""
    root, usb, data = tmp_path / "root", tmp_path / "usb", tmp_path / "data"
    run = RunSpec(root).rows(5)

    async def work() -> None:
        async with HubServer(data, listen=Listen("127.0.0.1", 0)) as hub:
            key = hub.keys.create("test")
            targets = [hub.url, f"file://{usb}"]
            async with running(tmp_path / "state", targets, root, key=key) as daemon:
                for _ in range(3):
                    run.rows(3)
                    await daemon.until(lambda: tree(root) == tree(usb) == tree(data))

    asyncio.run(work())


def test_a_target_that_is_added_gets_everything_and_one_that_is_removed_nothing_more(
    tmp_path: Path,
) -> None:
    """With SIGHUP: also runs that had ended long ago; nothing is sent twice to the old one."""
    root, one, two = tmp_path / "root", tmp_path / "one", tmp_path / "two"
    RunSpec(root, run="done", seed=2).rows(50).media("a.png").finish()
    run = RunSpec(root, run="live").rows(5)

    async def work() -> None:
        async with running(tmp_path / "state", [f"file://{one}"], root) as daemon:
            await daemon.until(lambda: tree(root) == tree(one))
            status = await daemon.status_with(lambda s: not s["targets"][0]["wanted"])
            sent = status["targets"][0]["sent"]
            daemon.reload(targets=(f"file://{one}", f"file://{two}"))
            await daemon.until(lambda: tree(root) == tree(two))
            status = await daemon.status_with(lambda s: not any(t["wanted"] for t in s["targets"]))
            assert sent == status["targets"][0]["sent"]
            daemon.reload(targets=(f"file://{two}",))
            await daemon.status_with(lambda s: len(s["targets"]) == 1)
            before = tree(one)
            run.rows(5)
            await daemon.until(lambda: tree(root) == tree(two))
            assert before == tree(one)

    asyncio.run(work())


def test_a_configuration_that_is_not_sound_changes_nothing(tmp_path: Path) -> None:
    """It is told, and the uploads go on as before."""
    root, usb = tmp_path / "root", tmp_path / "usb"
    run = RunSpec(root).rows(5)

    async def work() -> list[str]:
        async with running(tmp_path / "state", [f"file://{usb}"], root) as daemon:
            await daemon.until(lambda: tree(root) == tree(usb))
            daemon.reload(targets=("ftp://hub",))
            run.rows(5)
            await daemon.until(lambda: tree(root) == tree(usb))
            return daemon.told

    [line] = asyncio.run(work())
    assert "the configuration stays as it was" in line
    assert "ftp://hub" in line
