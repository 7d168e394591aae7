"""Fixtures: the listener on a clock that jumps, checked at the end of every test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "botapi"))  # the judge of requests is shared

from rig import Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.sound()
    rig.store.close()
