"""The ledger in one SQLite file.

Knows how to open the file safely, what a transaction is, and how SQLite's errors become `LedgerError`. The
verbs stand beside it: `sqlite_transaction` writes, `sqlite_reading` reads. Never knows
a rule: what to record is handed in.

Durability has one setting: WAL and `synchronous=FULL`, both read back after they were asked for. One
connection writes; everybody else opens read-only.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from apaycli.errors import ConfigError, LedgerError, LedgerLost
from apaycli.store.migrations import SCHEMA_VERSION, migrate
from apaycli.store.sqlite_errors import translated
from apaycli.store.sqlite_files import OpenFiles
from apaycli.store.sqlite_reading import ReadingVerbs
from apaycli.store.sqlite_schema import refuse_foreign_schema

if TYPE_CHECKING:
    from apaycli.store.sqlite_transaction import SqliteTransaction

_BUSY_MILLISECONDS = 5_000  # below the eight seconds that an answer may take
_BUSY_AGAIN_MILLISECONDS = 50
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ncpfs"}
_SYNCHRONOUS_FULL = 2
_WAL_TRIES_MAX = 10


class SqliteStore(ReadingVerbs):
    """An open ledger. Use it from one thread at a time."""

    def __init__(self, db: sqlite3.Connection, path: str, files: OpenFiles | None = None) -> None:
        self.db = db
        self.path = path
        self._busy_milliseconds = _BUSY_MILLISECONDS
        self._files = files

    @contextmanager
    def transaction(self) -> "Iterator[SqliteTransaction]":
        """What was committed when the block ends is in the file that the path names: LedgerLost otherwise."""
        from apaycli.store.sqlite_transaction import SqliteTransaction  # commands that only read start without it

        with translated(self.path):
            self._begin()
            try:
                yield SqliteTransaction(self.db, self.path)
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
        self.refuse_lost_files()

    def _begin(self) -> None:
        """Whoever met a lock once does not wait for it again until it is gone: others wait for this thread."""
        try:
            self.db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._wait_for_locks(_BUSY_AGAIN_MILLISECONDS)
            raise
        self._wait_for_locks(_BUSY_MILLISECONDS)

    def _wait_for_locks(self, milliseconds: int) -> None:
        if milliseconds != self._busy_milliseconds:
            self.db.execute(f"PRAGMA busy_timeout = {milliseconds}")
            self._busy_milliseconds = milliseconds

    def refuse_lost_files(self) -> None:
        """Raise LedgerLost when a file of the open ledger was removed or replaced: SQLite would go on writing into
        files without a name, and everything would be gone with the process."""
        lost = self._files.lost() if self._files is not None else None
        if lost is not None:
            raise LedgerLost(f"{lost} was removed or replaced while the ledger was open")

    def bind_bot(self, bot_id: int) -> None:
        with self.transaction() as tx:
            tx.db.execute("INSERT INTO meta VALUES ('bot_id', ?) ON CONFLICT DO NOTHING", (str(bot_id),))
            (owner,) = tx.db.execute("SELECT value FROM meta WHERE key = 'bot_id'").fetchone()
        if owner != str(bot_id):
            raise ConfigError(
                f"{self.path} is the ledger of bot {owner}, and the bot token belongs to bot {bot_id}",
                hint="give each bot its own config and ledger ([store] url, or APAY_STORE)",
            )

    def close(self) -> None:
        """Raises LedgerLost where a file of the ledger was lost under this connection, which wrote: everything that was
        recorded is then in the file that the error names."""
        files, self._files = self._files, None
        try:
            if files is not None and files.writes and files.lost() is not None:
                from apaycli.store.sqlite_rescue import rescue

                raise rescue(self.db, files)
        finally:
            self.db.close()


def open_sqlite(
    path: Path, *, read_only: bool = False, spare_folder: Path | None = None, to_verify: bool = False
) -> SqliteStore:
    """Open or create the ledger. Raises LedgerError with what stands in the way.

    `spare_folder`: where a ledger is saved that was deleted while it was open, should its own folder be gone.
    `to_verify`: a schema that is not ours is no obstacle to reading it, since that is what shall be told.
    """
    _refuse_unusable_path(path, read_only)
    with translated(str(path)):
        if not read_only:
            private_file(path)
        db = sqlite3.connect(
            f"file:{uri_of(path)}?mode={'ro' if read_only else 'rw'}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_MILLISECONDS / 1000,
        )
        try:
            _configure(db, path, read_only)
            if not (read_only and to_verify):
                refuse_foreign_schema(db, str(path))
            db.execute("PRAGMA user_version").fetchone()  # opens the log: SQLite does not before it is read
            files = OpenFiles(path, writes=not read_only, spare_folder=spare_folder)
        except BaseException:
            db.close()
            raise
    return SqliteStore(db, str(path), files)


def sqlite_version() -> tuple[int, ...]:
    """The version of the SQLite library that is in use."""
    return sqlite3.sqlite_version_info


def open_in_memory() -> SqliteStore:
    """A ledger without a file: for tests, and where there is none to read."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA foreign_keys = ON")
    migrate(db)
    return SqliteStore(db, ":memory:")


def uri_of(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _refuse_unusable_path(path: Path, read_only: bool) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if read_only:
            raise LedgerError(
                f"there is no ledger at {path} yet", hint="apay send-invoice or apay listen creates it"
            ) from None
        if not path.parent.is_dir():
            raise LedgerError(f"the folder of the ledger does not exist: {path.parent}") from None
        mode = stat.S_IFREG
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be reached: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise LedgerError(f"the ledger {path} is not a file", hint="[store] url names an SQLite file")
    kind = _filesystem(path.parent)
    if kind in _NETWORK_FILESYSTEMS:
        raise LedgerError(
            f"the ledger {path} lies on a network filesystem ({kind}), where SQLite loses data",
            hint="move it to a local disk",
        )


def _filesystem(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The kind of filesystem that holds `folder`, or "" where the system does not say."""
    try:
        rows = [line.split(" ") for line in mounts.read_text("utf-8", "replace").splitlines()]
    except OSError:
        return ""
    here = folder.resolve()
    # /proc/mounts writes a space as \040.
    mounted = [(row[1].replace("\\040", " "), row[2]) for row in rows if len(row) > 2]
    holding = [(len(where), kind) for where, kind in mounted if here.is_relative_to(where)]
    return max(holding, default=(0, ""))[1]


def private_file(path: Path) -> None:
    """0600 from the first byte: -wal and -shm take the file's mode."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be made or opened: {error.strerror}") from error
    try:
        if os.name == "posix" and os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _switch_to_wal(db: sqlite3.Connection) -> str:
    """The journal mode that was granted. Two processes that open a new ledger at once block each other here, and
    SQLite does not wait at this place: a transaction in between does."""
    for _ in range(_WAL_TRIES_MAX):
        try:
            return str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
    return str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])


def _configure(db: sqlite3.Connection, path: Path, read_only: bool) -> None:
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA mmap_size = 0")
    # In this order: whoever migrates at this moment makes both appear at once.
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if tables and version == 0:
        raise LedgerError(
            f"{path} is an SQLite file of another program", hint="[store] url names a file that apay itself creates"
        )
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {path} was written by a newer apay (version {version}; this one knows {SCHEMA_VERSION})",
            hint="upgrade apay",
        )
    if read_only:
        db.execute("PRAGMA query_only = ON")
    else:
        db.execute("PRAGMA synchronous = FULL")
        journal = _switch_to_wal(db)
        (synchronous,) = db.execute("PRAGMA synchronous").fetchone()
        if journal != "wal" or synchronous != _SYNCHRONOUS_FULL:
            raise LedgerError(f"the disk under {path} does not allow a durable ledger (WAL and FULL)")
    if version < SCHEMA_VERSION:
        if read_only:
            raise LedgerError(f"the ledger {path} is older than this apay", hint="run apay listen once: it upgrades it")
        migrate(db)
