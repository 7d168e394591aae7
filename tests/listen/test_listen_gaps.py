"""Honest about time: how long nobody listened, what may be gone for good, clocks that jump, disks that fill."""

import asyncio

import pytest
from rig import Rig

from apaycli.listen import events
from apaycli.listen.listener import Listener

DAY = 24 * 3600


def away(rig: Rig, seconds: float) -> None:
    """One run, then nobody for so long."""
    rig.listen(lambda _listener: rig.quiet())
    rig.clock.advance(seconds)


def test_a_day_away_is_told_at_each_start_until_it_is_acknowledged(rig: Rig) -> None:
    away(rig, DAY + 3600)
    rig.listen(lambda _listener: asyncio.sleep(5))
    (found,) = rig.happened(events.GapFound)
    assert found.until_at - found.from_at > DAY * 1000
    rig.events.clear()
    rig.listen(lambda _listener: asyncio.sleep(5))
    assert len(rig.happened(events.GapFound)) == 1
    with rig.store.transaction() as tx:
        tx.acknowledge(rig.clock.now())
    rig.events.clear()
    rig.listen(lambda _listener: asyncio.sleep(5))
    assert rig.happened(events.GapFound) == []


def test_less_than_a_day_is_none(rig: Rig) -> None:
    away(rig, DAY - 3600)
    rig.listen(lambda _listener: asyncio.sleep(5))
    assert rig.happened(events.GapFound) == []
    assert rig.store.gaps() == []


@pytest.fixture
def kept_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day of back-off, twice a second, takes a minute to play; an hour says the same."""
    monkeypatch.setattr("apaycli.listen.upkeep.KEPT_MILLISECONDS", 3_600_000)


def test_a_partition_that_outlasts_telegrams_memory_is_a_gap_too(rig: Rig, kept_an_hour: None) -> None:
    async def story(_listener: Listener) -> None:
        await rig.quiet()
        rig.http.refused_until = rig.clock.monotonic() + 3700
        await asyncio.sleep(3800)

    rig.listen(story)
    (found,) = rig.happened(events.GapFound)
    assert len(rig.store.gaps()) == 1
    assert found.until_at - found.from_at > 3_600_000


def test_a_start_that_cannot_reach_telegram_for_so_long_is_a_gap(rig: Rig, kept_an_hour: None) -> None:
    away(rig, 1800)
    rig.http.refused_until = rig.clock.monotonic() + 2400

    async def story(_listener: Listener) -> None:
        await rig.until(lambda: rig.happened(events.GapFound), 3600)

    rig.listen(story, ready=False)
    assert len(rig.store.gaps()) == 1


def test_the_heart_beats_while_telegram_is_silent(rig: Rig) -> None:
    async def story(_listener: Listener) -> None:
        await rig.quiet()
        rig.http.refused_until = rig.clock.monotonic() + 3600
        await asyncio.sleep(1800)
        run = rig.store.last_run()
        assert run is not None
        assert rig.clock.now() - run.alive_at <= 12_000
        assert rig.clock.now() - (run.last_contact_at or 0) > 1_700_000

    rig.listen(story)


def test_a_clock_that_is_set_is_told_once(rig: Rig) -> None:
    async def story(_listener: Listener) -> None:
        await rig.quiet()
        rig.clock.jump(-3600)
        await asyncio.sleep(30)
        rig.clock.jump(59)
        await asyncio.sleep(30)

    rig.listen(story)
    assert [event.seconds for event in rig.happened(events.ClockJumped)] == [-3600]


def test_a_full_disk_is_told_each_minute_before_it_hurts(rig: Rig) -> None:
    rig.listen(lambda _listener: asyncio.sleep(130), free_bytes=lambda: 10 * 2**20)
    assert [event.free_bytes for event in rig.happened(events.DiskLow)] == [10 * 2**20] * 2
    rig.events.clear()
    rig.listen(lambda _listener: asyncio.sleep(130), free_bytes=lambda: 10**9)
    assert rig.happened(events.DiskLow) == []


def test_a_long_queue_is_told_at_the_start(rig: Rig) -> None:
    for _ in range(1_001):
        rig.world.buyers.inject(b'{"update_id":@UPDATE_ID@,\n"poll":{}}')
    rig.listen(lambda _listener: rig.quiet())
    assert [event.pending_update_count for event in rig.happened(events.Backlog)] == [1_001]
