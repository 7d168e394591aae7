"""Fixtures: a world on a clock that moves only when told to, and a bot that calls it without sockets."""

import pytest
from sandbox_bot import Bot

from apaycli.clock import ManualClock
from apaycli.sandbox.world import World


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def world(clock: ManualClock) -> World:
    world = World(clock)
    world.settings.conflict_hold_seconds = 0
    return world


@pytest.fixture
def bot(world: World) -> Bot:
    return Bot(world)
