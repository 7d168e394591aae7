"""A ledger whose file was moved, deleted or replaced under an open connection: all of it into one file with a name.

Knows SQLite's checkpoint and backup, which both work through the descriptors that are still open. Never touches a file
that has the ledger's name now: it is somebody else's.
"""

import os
import shlex
import sqlite3
from contextlib import suppress
from pathlib import Path

from apaycli.errors import LedgerLost
from apaycli.files import make_folder
from apaycli.files_folder import settle
from apaycli.store.sqlite_errors import FAILURES
from apaycli.store.sqlite_files import OpenFiles

_BUSY_MILLISECONDS = 2_000
_LATER = "then start apay listen again: payments since then wait at Telegram for 24 hours"


def rescue(db: sqlite3.Connection, files: OpenFiles) -> LedgerLost:
    """Write what stands in the log alone into the ledger; copy the ledger where it has no name any more, or the log
    could not be worked off. The error says where everything is, and how it is put back."""
    lost = files.lost() or str(files.real)
    whole = _log_worked_off(db)
    there = files.whereabouts()
    if whole and there.in_place:
        return LedgerLost(
            f"{lost} was removed or replaced while the ledger was open; every record is in {files.path}",
            hint="stop the program that removes it, then start again",
        )
    if whole and there.path is not None:
        return _told(files, f"was moved to {there.path}", there.path)
    try:
        copy = _copied(db, files)
    except (OSError, *FAILURES) as error:
        return LedgerLost(
            f"the ledger {files.path} was moved or deleted while apay was using it, and could not be saved: {error}",
            hint=f"restore a backup with apay restore, and compare with the A-Pay dashboard; {_LATER}",
        )
    return _told(files, f"was moved or deleted; every record was saved to {copy}", copy)


def _told(files: OpenFiles, what: str, whole: Path) -> LedgerLost:
    first = "move away what lies there now, then " if os.path.lexists(files.path) else ""
    return LedgerLost(
        f"while apay was using it, the ledger {files.path} {what}",
        hint=f"{first}put it back, it is complete: mv {shlex.quote(str(whole))} {shlex.quote(str(files.path))};"
        f" {_LATER}",
    )


def _log_worked_off(db: sqlite3.Connection) -> bool:
    """TRUNCATE leaves an empty log behind, which can do no harm to another ledger that gets this name."""
    try:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except FAILURES:
        return False
    return not busy


def _copied(db: sqlite3.Connection, files: OpenFiles) -> Path:
    """Beside its old place, or in the spare folder."""
    try:
        return _copied_into(files.real.parent, db, files)
    except (OSError, *FAILURES):
        if files.spare_folder is None:
            raise
        make_folder(files.spare_folder)
        return _copied_into(files.spare_folder, db, files)


def _copied_into(folder: Path, db: sqlite3.Connection, files: OpenFiles) -> Path:
    path = _new_file(folder / f"{files.real.name}.rescued")
    try:
        copy = sqlite3.connect(path, isolation_level=None)
        try:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whatever lies beside it
        finally:
            copy.close()
        with suppress(OSError):  # not on every system
            settle(folder)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return path


def _new_file(wanted: Path) -> Path:
    path, number = wanted, 1
    while True:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            number += 1
            path = wanted.with_name(f"{wanted.name}-{number}")
        else:
            return path
