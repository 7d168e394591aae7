"""The recorder misses nothing, changes nothing, and is gone afterwards; the played disk keeps its own promises."""

import sqlite3
import threading
from pathlib import Path
from random import Random

import pytest
from power_day import Day
from power_disk import CUTS, Cut, Disk
from recording_vfs import Kind, Step, recording_vfs

FILE = "/shop/apay.db"


@pytest.mark.parametrize("seed", range(3))
def test_what_was_recorded_is_what_lies_on_the_disk(tmp_path: Path, seed: int) -> None:
    """Byte for byte, at moments in between and at the end."""
    folder = tmp_path / "shop"
    folder.mkdir()
    with recording_vfs() as recorder:
        day, disk, taken = Day(folder / "apay.db", recorder, seed), Disk(Random(0)), 0

        def compare() -> None:
            nonlocal taken
            for step in recorder.log[taken:]:
                disk.take(step)
            taken = len(recorder.log)
            there = {each.name: each.read_bytes() for each in folder.iterdir() if not each.name.endswith("-shm")}
            assert disk.after_cut("everything") == there

        for move in (day.start, *(lambda: day.go_on(3) for _ in range(10)), day.end):
            move()
            compare()
    assert taken > 500


def test_afterwards_nothing_is_recorded(tmp_path: Path) -> None:
    with recording_vfs() as recorder:
        db = sqlite3.connect(tmp_path / "a.db")
        db.execute("CREATE TABLE songs (title)")
        db.close()
    before = len(recorder.log)
    assert before
    other = sqlite3.connect(tmp_path / "a.db")
    other.execute("CREATE TABLE singers (name)")
    other.close()
    assert len(recorder.log) == before


def test_a_file_that_outlives_the_recorder_goes_on(tmp_path: Path) -> None:
    with recording_vfs() as recorder:
        recorder.fail = lambda kind, file: sqlite3.SQLITE_FULL if kind == "write" and len(recorder.log) > 20 else 0
        db = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    db.execute("CREATE TABLE songs (title)")
    assert db.execute("SELECT count(*) FROM songs").fetchone() == (0,)
    db.close()


def test_it_sees_what_another_thread_writes(tmp_path: Path) -> None:
    """The listener writes from one."""
    with recording_vfs() as recorder:
        db = sqlite3.connect(tmp_path / "a.db", check_same_thread=False)
        worker = threading.Thread(target=db.execute, args=("CREATE TABLE songs (title)",))
        worker.start()
        worker.join()
        db.close()
    assert {step.kind for step in recorder.log} >= {"create", "write", "sync", "delete"}


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("create", sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
        ("write", sqlite3.SQLITE_FULL, "database or disk is full"),
        ("sync", sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error"),
        ("delete", sqlite3.SQLITE_IOERR_DELETE, "disk I/O error"),
    ],
)
def test_each_kind_of_step_can_be_made_to_fail(tmp_path: Path, kind: Kind, code: int, said: str) -> None:
    with recording_vfs() as recorder:
        db = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        recorder.fail = lambda asked, file: code if asked == kind and file.endswith("-journal") else 0
        with pytest.raises(sqlite3.OperationalError, match=said) as caught:
            db.execute("CREATE TABLE songs (title)")
        assert caught.value.sqlite_errorcode == code
        recorder.fail = lambda asked, file: 0
        db.execute("CREATE TABLE songs (title)")
        db.close()


def after(steps: list[Step], cut: Cut, seed: int = 0) -> dict[str, bytes]:
    disk = Disk(Random(seed))
    for step in steps:
        disk.take(step)
    return disk.after_cut(cut)


BEGUN = [Step("create", FILE), Step("write", FILE, 0, b"a" * 2000)]
KEPT = [*BEGUN, Step("sync", FILE), Step("sync folder", "/shop")]
LATER = [*KEPT, Step("write", FILE, 100, b"b" * 1500)]


def test_what_is_synced_stays_whatever_the_cut() -> None:
    for cut in CUTS:
        assert after(KEPT, cut) == {"apay.db": b"a" * 2000}
        assert set(after(LATER, cut)) == {"apay.db"}


def test_what_is_not_synced_may_be_gone_with_its_name() -> None:
    assert after(BEGUN, "synced only") == {}
    assert after([*BEGUN, Step("sync", FILE)], "synced only") == {}
    assert after([*BEGUN, Step("sync folder", "/shop")], "synced only") == {"apay.db": b""}
    assert after([*KEPT, Step("delete", FILE)], "synced only") == {"apay.db": b"a" * 2000}
    assert after([*KEPT, Step("delete", FILE)], "everything") == {}
    assert after([*KEPT, Step("truncate", FILE, 10)], "synced only") == {"apay.db": b"a" * 2000}
    assert after([*KEPT, Step("truncate", FILE, 10)], "everything") == {"apay.db": b"a" * 10}


def test_a_torn_write_is_torn_at_sectors_and_at_nothing_else() -> None:
    found = {after(LATER, "torn", seed)["apay.db"] for seed in range(200)}
    assert len(found) > 8
    for content in found:
        assert (len(content), content[:100], content[1600:]) == (2000, b"a" * 100, b"a" * 400)
        for start, end in ((100, 512), (512, 1024), (1024, 1536), (1536, 1600)):
            assert content[start:end].strip(b"a") == b"" or b"a" * 100 not in content[start:end]
    assert any(set(content) - set(b"ab") for content in found), "now and then a sector is neither old nor new"


def test_steps_are_kept_in_order_or_at_random_as_the_cut_says() -> None:
    steps = [*KEPT, *(Step("write", FILE, n * 512, b"%d" % n * 512) for n in range(3))]
    in_order = {after(steps, "in order", seed)["apay.db"][:1536:512] for seed in range(60)}
    assert in_order == {b"aaa", b"0aa", b"01a", b"012"}
    some = {after(steps, "some steps", seed)["apay.db"][:1536:512] for seed in range(200)}
    assert some == {bytes((x, y, z)) for x in b"a0" for y in b"a1" for z in b"a2"}


def test_what_a_failed_sync_forgot_no_later_sync_brings_back() -> None:
    steps = [*LATER, Step("failed sync", FILE), Step("sync", FILE)]
    assert {after(steps, "everything", seed)["apay.db"].count(b"b") for seed in range(20)} == {0, 1500}


def test_beyond_the_end_a_hole_is_zeros() -> None:
    assert after([*KEPT, Step("write", FILE, 2002, b"x")], "everything") == {"apay.db": b"a" * 2000 + b"\0\0x"}
    assert after([*KEPT, Step("truncate", FILE, 2002)], "everything") == {"apay.db": b"a" * 2000 + b"\0\0"}
