"""A daemon that is started in the background gets what the person wished."""

import pytest

from tidelog.syncd.agent.config import Wishes
from tidelog.syncd.cli.background import flags_of
from tidelog.syncd.cli.start import command


@pytest.mark.parametrize("media", [True, False])
def test_every_wish_is_handed_over(media: bool) -> None:
    """The command reads its own flags back; what lacked, the settings file would decide."""
    wishes = Wishes(
        targets=["http://hub", "file:///usb"],
        roots=["/runs"],
        limit_rate="10M",
        concurrency=2,
        quiet_hours=["mon-fri 08:00-18:00"],
        only=["media/**"],
        media=media,
        retry_max=0.5,
        metrics="127.0.0.1:9464",
    )
    said = command.make_context("start", list(flags_of(wishes))).params
    assert all(getattr(wishes, name) is not None for name in Wishes.__struct_fields__)
    assert wishes == Wishes(
        targets=list(said["to"]),
        roots=list(said["roots"]),
        limit_rate=said["limit_rate"],
        concurrency=said["concurrency"],
        quiet_hours=list(said["quiet_hours"]),
        only=said["only"],
        media=said["media"],
        retry_max=said["retry_max_s"],
        metrics=said["metrics"],
    )


def test_what_nobody_wished_is_no_flag() -> None:
    """The settings file has the word then."""
    assert [] == list(flags_of(Wishes()))
