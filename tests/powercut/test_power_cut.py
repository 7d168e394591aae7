"""A power cut at any step: what was confirmed is there, to the unit, and the ledger adds up.

The promise is invariants.md's G2. `--images 50000` cuts that often.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from power_campaign import IMAGES_PER_DAY, violations
from power_day import Day
from recording_vfs import Kind, Step, recording_vfs

from apaycli.errors import LedgerError
from apaycli.store.sqlite import open_sqlite


def played(folder: Path, seed: int, **terms: Any) -> tuple[Day, list[Step]]:
    with recording_vfs() as recorder:
        day = Day(folder / "apay.db", recorder, seed, **terms)
        day.play()
    return day, recorder.log


def test_after_any_power_cut_all_that_was_confirmed_is_there(day_seed: int, tmp_path: Path) -> None:
    day, log = played(tmp_path, day_seed)
    assert violations(day, log, IMAGES_PER_DAY, day_seed, tmp_path / "image") == []


# The first two are written into a copy that nothing uses yet, which takes the ledger's place by a rename; a query that
# contradicts its decision is kept by the same means as a payment that does, of which the day has some.
NOT_IN_A_DAY = {"restores", "missing_receipts", "query_conflicts"}


def test_a_day_holds_what_a_cut_could_hurt(tmp_path: Path) -> None:
    """A log that turns over many times, a ledger that is opened again, money, promises: or the cuts prove nothing."""
    day, log = played(tmp_path, 0)
    steps = Counter((step.kind, Path(step.file).name) for step in log)
    assert steps["sync", "apay.db"] > 10
    assert steps["sync", "apay.db-wal"] > len(day.moments)
    assert steps["create", "apay.db-wal"] > 1
    assert steps["create", "apay.db-journal"] == 1
    assert len(day.receipts) > 20
    assert set(day.decisions.values()) == {True, False}
    with sqlite3.connect(day.path) as db:
        tables = [table for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        empty = [table for table in tables if not db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]]
    db.close()
    assert set(empty) == NOT_IN_A_DAY


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_with_fewer_syncs_confirmed_receipts_are_lost_and_that_is_seen(tmp_path: Path, synchronous: str) -> None:
    day, log = played(tmp_path, 0, synchronous=synchronous)
    found = violations(day, log, 60, 0, tmp_path / "image")
    assert any("lost receipt" in line for line in found)
    if synchronous == "NORMAL":  # SQLite's own promise: the ledger is old, but whole
        assert [line for line in found if "lost" not in line] == []


def _log_unsynced(step: Step) -> bool:
    return step.kind == "sync" and step.file.endswith("-wal")


def _ledger_unsynced(step: Step) -> bool:
    return step.kind == "sync" and step.file.endswith(".db")


def _folder_unsynced(step: Step) -> bool:
    return step.kind == "sync folder"


@pytest.mark.parametrize("ignored", [_log_unsynced, _ledger_unsynced, _folder_unsynced])
def test_a_disk_that_ignores_one_kind_of_sync_is_found_out(tmp_path: Path, ignored: Callable[[Step], bool]) -> None:
    day, log = played(tmp_path, 0)
    lied = [step._replace(kind="ignored sync") if ignored(step) else step for step in log]
    assert violations(day, lied, 60, 0, tmp_path / "image") != []


def test_a_ledger_that_may_not_sync_each_commit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(sqlite3.Connection):
        """SQLite as a distribution might build it, or a wrapper set it: FULL is asked for, and not granted."""

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("synchronous = FULL", "synchronous = NORMAL"), *parameters)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs, factory=Careless))
    with pytest.raises(LedgerError, match="does not allow a durable ledger"):
        open_sqlite(tmp_path / "apay.db")
    with connect(tmp_path / "apay.db") as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    db.close()


def failing_disk(chance: Random, ledger_syncs_fail: bool) -> Callable[[Kind, str], int]:
    """A disk on its last days: full for a moment here and there, and syncs that fail."""

    def fail(kind: Kind, file: str) -> int:
        luck = chance.random()
        if kind == "write" and luck < 0.01:
            return sqlite3.SQLITE_FULL
        if kind == "sync" and luck < (0.05 if file.endswith("-wal") else 0.3 * ledger_syncs_fail):
            return sqlite3.SQLITE_IOERR_FSYNC
        return 0

    return fail


@pytest.mark.parametrize("has_readers", [False, True], ids=["alone", "with readers"])
@pytest.mark.parametrize("seed", range(2))
def test_neither_does_a_failing_disk_lose_what_was_confirmed(tmp_path: Path, seed: int, has_readers: bool) -> None:
    """Beyond the promise, which is for disks that keep what they say; and with one exception, SQLite's own. While
    somebody reads, a checkpoint may stop half way, unsynced; if the sync of the next one fails, and the system forgets
    both, SQLite writes only the second half again. So beside readers the ledger's own syncs succeed here."""
    with recording_vfs() as recorder:
        recorder.fail = failing_disk(Random(seed), ledger_syncs_fail=not has_readers)
        day = Day(tmp_path / "apay.db", recorder, seed)
        day.has_readers = has_readers
        day.play()
    assert day.failures > 5
    assert violations(day, recorder.log, 150, seed, tmp_path / "image") == []
