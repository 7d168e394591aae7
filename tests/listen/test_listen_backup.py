"""Backups beside the listener: told, and never in a buyer's way."""

import asyncio

from rig import Rig

from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.listen.setting import BackupNews


def test_what_a_backup_came_to_is_told_and_buyers_do_not_wait_for_it(rig: Rig) -> None:
    rig.invoice()
    news = iter([None, BackupNews("a.db.gz", 7), BackupNews(None, 0, failure="no room"), BackupNews("b", 8, None, "x")])

    async def back_up() -> BackupNews | None:
        await asyncio.sleep(40)  # a large ledger
        return next(news, None)

    async def story(_listener: Listener) -> None:
        await asyncio.sleep(70)  # in the middle of the first
        checkout = await rig.buy()
        assert (checkout.answer_milliseconds or 0) < 1000
        await asyncio.sleep(600)

    rig.listen(story, back_up=back_up)
    rig.truth_kept()
    assert [event.path for event in rig.happened(events.BackedUp)] == ["a.db.gz", "b"]
    assert [event.message for event in rig.happened(events.BackupFailed)] == ["no room"]
