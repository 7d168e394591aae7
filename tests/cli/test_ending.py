"""How a run ends: signals, full disks, closed pipes and terminals, in the program as a shell starts it."""

import errno
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apaycli import backups, backups_opening
from apaycli.cli import demo
from apaycli.cli.ending import cannot_write
from apaycli.errors import ConfigError, OutputError, UsageError
from apaycli.store.sqlite import SqliteStore
from ledger_rows import receipt
from shop import Shop

APAY = (sys.executable, "-m", "apaycli")
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
ENOUGH = 600  # receipts: more than a pipe or a buffer holds


@pytest.fixture
def sold(shop: Shop) -> Shop:
    with shop.store() as store, store.transaction() as tx:
        for number in range(ENOUGH):
            tx.record_receipt(receipt(number), number, b"{}", shop.clock.now())
    return shop


def environ_of(shop: Shop) -> dict[str, str]:
    return shop.environ | {"PATH": os.environ["PATH"], "PYTHONUTF8": "1"}


def started(shop: Shop, *arguments: str, **streams: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*APAY, *arguments], env=environ_of(shop), **streams)


# -- a reader who stalls, a terminal that is closed --------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), SIGNALS, ids=str)
@pytest.mark.parametrize("as_json", [False, True])
def test_one_signal_ends_it_although_its_reader_stalls(sold: Shop, number: int, code: int, as_json: bool) -> None:
    reading, writing = os.pipe()
    process = started(sold, "export", *(["--json"] if as_json else []), stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    try:
        full = select.poll()
        full.register(reading, select.POLLIN)
        assert full.poll(30_000)  # it has begun; soon the pipe is full
        while not _is_waiting_to_write(process.pid):
            assert process.poll() is None
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
        os.close(reading)
    sentence = "apay export was interrupted: its output is not complete"
    assert process.returncode == code
    if as_json:
        assert json.loads(err) == {"error": {"code": "interrupted", "message": sentence, "hint": None}}
    else:
        assert err.decode() == f"apay: {sentence}\n"


def _is_waiting_to_write(pid: int) -> bool:
    return "pipe" in Path(f"/proc/{pid}/wchan").read_text() or Path(f"/proc/{pid}/syscall").read_text()[:2] == "1 "


def test_a_terminal_that_is_closed_ends_it_with_129(sold: Shop) -> None:
    """SIGHUP comes, and every stream answers with EIO."""
    controller, terminal = os.openpty()
    own_it = "import fcntl, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    run = "runpy.run_module('apaycli', run_name='__main__', alter_sys=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", own_it + run, "receipts", "list", "--follow", "--limit", "1"],
        stdin=terminal, stdout=terminal, stderr=terminal, env=environ_of(sold), start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    assert os.read(controller, 10)
    os.close(controller)
    assert process.wait(30) == 129


def test_nohup_stays_nohup(sold: Shop) -> None:
    process = started(
        sold, "receipts", "list", "--follow", "--limit", "1", stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143  # SIGHUP would have been first


# -- what cannot be written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("stok",), ("stock", "--color", "x"), ("export", "--xlsx"), ()])
def test_an_error_that_cannot_be_told_keeps_its_code(sold: Shop, arguments: tuple[str, ...]) -> None:
    told = subprocess.run([*APAY, *arguments], env=environ_of(sold), capture_output=True, check=False)
    with Path("/dev/full").open("wb") as full:
        full_disk = started(sold, *arguments, stdout=subprocess.DEVNULL, stderr=full).wait(60)
    reading, writing = os.pipe()
    os.close(reading)
    gone = started(sold, *arguments, stdout=subprocess.DEVNULL, stderr=writing).wait(60)
    os.close(writing)
    assert (full_disk, gone) == (told.returncode, told.returncode)


def test_talk_to_a_full_disk_is_lost_and_the_work_is_done(sold: Shop) -> None:
    target = sold.folder / "receipts.csv"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*APAY, "export", str(target)], env=environ_of(sold), stderr=full, check=False)
    assert done.returncode == 0
    assert len(target.read_text().splitlines()) == ENOUGH + 1


@pytest.mark.parametrize("arguments", [("--version",), ("--version", "--json")])
def test_the_version_ends_as_everything_else(shop: Shop, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([*APAY, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (
        9,
        "apay: error: the output cannot be written: No space left on device\n",
    )
    reading, writing = os.pipe()
    os.close(reading)
    gone = subprocess.run([*APAY, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (gone.returncode, gone.stderr) == (0, b"")
    closed = subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *APAY, *arguments], check=False)
    assert closed.returncode == 0


def test_an_export_that_does_not_fit_is_the_disks_fault_and_leaves_no_file(sold: Shop) -> None:
    """A limit on the size of files is the disk that a test can fill."""
    done = subprocess.run(
        [*APAY, "export", "receipts.csv", "--json"], env=environ_of(sold), cwd=sold.folder, capture_output=True,
        check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (9, b"")
    assert json.loads(done.stderr)["error"] == {
        "code": "output",
        "message": "receipts.csv cannot be written: File too large; no half file is left",
        "hint": "make room there, then run it again",
    }
    assert not [path for path in sold.folder.iterdir() if "receipts" in path.name]


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.ENOSPC, OutputError, True), (errno.EDQUOT, OutputError, True), (errno.EIO, OutputError, False),
        (errno.EROFS, OutputError, False), (errno.EACCES, UsageError, False), (errno.ENAMETOOLONG, UsageError, False),
        (None, UsageError, False),
    ],
)  # fmt: skip
def test_the_disk_is_told_apart_from_the_name(number: int | None, kind: type, hint: bool) -> None:
    error = cannot_write("x cannot be written", None if number is None else OSError(number, "why"))
    assert (type(error), error.hint is not None) == (kind, hint)
    assert type(cannot_write("x", OSError(errno.EACCES, "why"), ConfigError)) is ConfigError


def test_a_backup_that_does_not_fit_is_a_backups_error(sold: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(backups, "_compress", fail)
    done = sold.run("backup", "--to", str(sold.folder / "b"), "--json")
    assert (done.code, done.error["code"]) == (9, "backup")
    assert done.error["message"] == f"no backup could be made in {sold.folder / 'b'}: No space left on device"


# -- Ctrl-C in the middle of something long ----------------------------------------------------------------------------


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "where", "name", "sentence"),
    [
        (("export", "-"), SqliteStore, "receipts", "apay export was interrupted: its output is not complete"),
        (("export", "{}/a.csv"), os, "fsync", "apay export was interrupted: {}/a.csv was not written"),
        (("export", "{}/old.csv", "--force"), os, "fsync",
         "apay export was interrupted: {}/old.csv was not changed"),
        (("verify",), SqliteStore, "evidenced_receipts",
         "apay verify was interrupted: not everything was checked; nothing was changed"),
        (("stats",), SqliteStore, "first_activity", "apay stats was interrupted: nothing was changed"),
        (("stats", "--html", "{}/a.html"), os, "fsync", "apay stats was interrupted: {}/a.html was not written"),
        (("find", "rahim"), SqliteStore, "find_receipts", "apay find was interrupted: nothing was changed"),
        (("backup", "--to", "{}/b"), backups, "_compress", "apay backup was interrupted: no backup was made"),
        (("restore", "{}/apay.db", "--yes"), backups_opening, "inspected",
         "apay restore was interrupted: the ledger was not changed"),
        (("init", "{}/new", "--no-input", "--offline", "--price", "500", "--currency", "INR"), os, "fsync",
         "apay init was interrupted: nothing was written"),
        (("demo",), demo, "_play", "apay demo was interrupted: nothing of it is left"),
        (("hooks", "retry", "1"), SqliteStore, "transaction",
         "apay hooks retry was interrupted: what it had recorded is kept"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_ctrl_c_says_what_was_interrupted_and_what_is_left(
    sold: Shop, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], where: Any, name: str, sentence: str
) -> None:
    named: Callable[[str], str] = lambda text: text.replace("{}", str(sold.folder))  # noqa: E731
    (sold.folder / "old.csv").write_text("last month")
    before = {path.name for path in sold.folder.iterdir()}
    monkeypatch.setattr(where, name, interrupt)
    done = sold.run(*map(named, arguments))
    monkeypatch.undo()
    assert done.code == 130
    assert done.err.splitlines()[-1] == f"apay: {named(sentence)}"
    assert "Traceback" not in done.err
    may_stay = {"b", ".local", "apay.db-wal", "apay.db-shm", "apay.db.lock"}
    assert {path.name for path in sold.folder.iterdir()} - before <= may_stay
