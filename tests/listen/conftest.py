"""Fixtures: the listener on a clock that jumps, checked at the end of every test."""

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "botapi"))  # the judge of requests is shared

from rig import Rig

from apaycli.store.sqlite import open_sqlite


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.sound()
    rig.store.close()


@pytest.fixture
def other(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """The ledger in a file that meets a lock without waiting, and another program's connection to it."""
    for name in ("_BUSY_MILLISECONDS", "_BUSY_AGAIN_MILLISECONDS"):
        monkeypatch.setattr(f"apaycli.store.sqlite.{name}", 1)
    rig.store.close()
    rig.store = open_sqlite(tmp_path / "apay.db")
    connection = sqlite3.connect(tmp_path / "apay.db", isolation_level=None)
    yield connection
    connection.close()
