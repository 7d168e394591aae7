"""The disk is full, or refuses, at each single step: nothing half is kept, and with room again all goes on.

invariants.md's G3 and G4, as far as the ledger goes.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from power_campaign import violations
from power_day import Day, state_of
from recording_vfs import Kind, Recorder, recording_vfs

from apaycli.errors import LedgerError, LedgerUnavailable
from apaycli.store.sqlite import open_sqlite

SEED, MOVES = 4, 4


class Trouble:
    """The steps of one kind that fail: those from `first` on, `times` times."""

    def __init__(self, kind: Kind, code: int, suffix: str = "", first: int = 0, times: int = 0) -> None:
        self._kind, self._code, self._suffix = kind, code, suffix
        self._fails = range(first, first + times)
        self.seen = self.met = 0

    def fail(self, kind: Kind, file: str) -> int:
        if kind != self._kind or not file.endswith(self._suffix):
            return 0
        number, self.seen = self.seen, self.seen + 1
        if number not in self._fails:
            return 0
        self.met += 1
        return self._code


@contextmanager
def short_day(folder: Path, trouble: Trouble, *, opens_anew: bool = False) -> Iterator[tuple[Day, Recorder]]:
    """Played, and not yet ended."""
    folder.mkdir()
    with recording_vfs() as recorder:
        recorder.fail = trouble.fail
        day = Day(folder / "apay.db", recorder, SEED)
        day.opens_anew_when_full = opens_anew
        day.start()
        day.go_on(MOVES)
        yield day, recorder
        day.end()


def undisturbed(folder: Path, trouble: Trouble) -> str:
    """What a good day leaves, as a digest."""
    with short_day(folder, trouble) as (day, _recorder):
        return state_of(day.store)


@pytest.mark.parametrize(("times", "stride"), [(1, 1), (40, 9)], ids=["for one write", "for a while"])
def test_a_disk_that_is_full_at_any_write_keeps_nothing_half(tmp_path: Path, times: int, stride: int) -> None:
    """A failed transaction raises LedgerUnavailable and leaves nothing (`Day` looks); tried again, by the same
    connection or a new one, it succeeds, and the day ends as if nothing had happened. A checkpoint that finds no
    room is left to the next."""
    probe, failures = Trouble("write", sqlite3.SQLITE_FULL), 0
    good = undisturbed(tmp_path / "good", probe)
    assert probe.seen > 100
    for first in range(0, probe.seen, stride):
        trouble = Trouble("write", sqlite3.SQLITE_FULL, first=first, times=times)
        with short_day(tmp_path / f"{first}", trouble, opens_anew=first // 2 % 2 == 1) as (day, recorder):
            assert state_of(day.store) == good, f"write {first}"
            assert day.store.integrity_problems() == []
        assert trouble.met
        failures += day.failures
        if first % 10 == 0:
            assert violations(day, recorder.log, 4, first, tmp_path / f"{first}" / "image") == []
    assert failures > 50


@pytest.mark.parametrize("suffix", ["-wal", ".db"])
def test_a_sync_that_fails_ends_the_run_and_the_next_one_finds_the_truth(tmp_path: Path, suffix: str) -> None:
    """Nobody knows what is on the disk: LedgerError, and not to be tried again in place. The next start reads what is
    there (`Day` opens the ledger anew) and goes on. A checkpoint's failure hurts nobody."""
    probe = Trouble("sync", sqlite3.SQLITE_IOERR_FSYNC, suffix)
    good = undisturbed(tmp_path / "good", probe)
    for first in range(probe.seen):
        trouble = Trouble("sync", sqlite3.SQLITE_IOERR_FSYNC, suffix, first, times=1)
        with short_day(tmp_path / f"{first}", trouble) as (day, recorder):
            assert state_of(day.store) == good, f"sync {first}"
            assert day.store.integrity_problems() == []
        assert trouble.met == 1
        assert day.failures <= (suffix == "-wal")
        assert violations(day, recorder.log, 6, first, tmp_path / f"{first}" / "image") == []


def test_a_failed_sync_is_not_a_moment_to_wait_for(tmp_path: Path) -> None:
    with recording_vfs() as recorder:
        store = open_sqlite(tmp_path / "apay.db")
        for code, unavailable in ((sqlite3.SQLITE_IOERR_FSYNC, False), (sqlite3.SQLITE_FULL, True)):
            kind = "write" if unavailable else "sync"
            recorder.fail = lambda asked, file, kind=kind, code=code: code if asked == kind else 0
            with pytest.raises(LedgerError) as caught, store.transaction() as tx:
                tx.attest("x", 1)
            assert isinstance(caught.value, LedgerUnavailable) is unavailable
            assert not store.db.in_transaction
        recorder.fail = lambda asked, file: 0
        assert store.attestations() == {}
        store.close()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("create", sqlite3.SQLITE_CANTOPEN),
        ("write", sqlite3.SQLITE_FULL),
        ("sync", sqlite3.SQLITE_IOERR_FSYNC),
        ("delete", sqlite3.SQLITE_IOERR_DELETE),
    ],
)
@pytest.mark.parametrize("times", [1, 100])
def test_a_ledger_that_cannot_be_made_is_made_by_the_next_start(
    tmp_path: Path, kind: Kind, code: int, times: int
) -> None:
    """Each step of the first opening fails, the migration's among them: LedgerError, or it found a way around."""
    with recording_vfs() as recorder:
        probe = Trouble(kind, code)
        recorder.fail = probe.fail
        new = open_sqlite(tmp_path / "good.db")
        good, steps = state_of(new), probe.seen
        new.close()
        assert steps
        for first in range(steps):
            path = tmp_path / f"{first}.db"
            recorder.fail = Trouble(kind, code, first=first, times=times).fail
            with suppress(LedgerError):
                open_sqlite(path).close()
            recorder.fail = Trouble(kind, code).fail
            store = open_sqlite(path)
            assert state_of(store) == good
            assert store.integrity_problems() == []
            store.close()


def test_a_new_ledger_on_a_full_disk_is_refused_for_that_reason(tmp_path: Path) -> None:
    with recording_vfs() as recorder:
        recorder.fail = lambda kind, file: sqlite3.SQLITE_FULL if kind == "write" and file.endswith("-wal") else 0
        with pytest.raises(LedgerUnavailable, match="disk is full"):
            open_sqlite(tmp_path / "apay.db")


def test_a_full_disk_does_not_stop_the_end(tmp_path: Path) -> None:
    """The last checkpoint has no room: the log stays, and the next start reads it."""
    with recording_vfs() as recorder:
        store = open_sqlite(tmp_path / "apay.db")
        with store.transaction() as tx:
            tx.attest("x", 1)
        recorder.fail = lambda kind, file: sqlite3.SQLITE_FULL if kind == "write" else 0
        store.close()
        assert (tmp_path / "apay.db-wal").stat().st_size > 0
        store = open_sqlite(tmp_path / "apay.db")
        assert store.attestations() == {"x": 1}
        store.close()
