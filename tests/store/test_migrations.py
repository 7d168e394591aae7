"""Every ledger that was ever released becomes the current one, whole or not at all, whoever else tries."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apaycli.errors import LedgerError
from apaycli.store.migrations import SCHEMA_VERSION, migrate, schema
from apaycli.store.sqlite import open_sqlite

SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(":memory:", isolation_level=None)
    yield db
    db.close()


def objects(db: sqlite3.Connection) -> dict[str, str]:
    """Every table and index by name, its words in one line and without comments."""
    rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(re.sub(r"--[^\n]*", "", sql).split()) for name, sql in rows}


def version_of(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_fresh_ledger_is_what_the_schema_says(db: sqlite3.Connection) -> None:
    migrate(db)
    written = sqlite3.connect(":memory:")
    written.executescript(schema())
    assert objects(db) == objects(written)
    assert len(objects(db)) > 15
    assert version_of(db) == SCHEMA_VERSION
    written.close()


def test_every_table_is_strict(db: sqlite3.Connection) -> None:
    migrate(db)
    loose = [name for name, strict in db.execute("SELECT name, strict FROM pragma_table_list('main')") if not strict]
    tables = {name for name, sql in objects(db).items() if sql.startswith("CREATE TABLE")}
    assert len(tables) >= 11
    assert not tables & set(loose)


def test_migrating_again_changes_nothing(db: sqlite3.Connection) -> None:
    migrate(db)
    before = objects(db)
    db.execute("INSERT INTO meta VALUES ('bot_id', '1')")
    meta = db.execute("SELECT * FROM meta").fetchall()
    migrate(db)
    assert (objects(db), version_of(db)) == (before, SCHEMA_VERSION)
    assert db.execute("SELECT * FROM meta").fetchall() == meta


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_every_released_schema_becomes_the_current_one(db: sqlite3.Connection, version: int) -> None:
    db.executescript((SCHEMAS / f"v{version}.sql").read_text("utf-8"))
    db.execute(f"PRAGMA user_version = {version}")
    migrate(db)
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    migrate(fresh)
    assert objects(db) == objects(fresh)
    assert version_of(db) == SCHEMA_VERSION
    fresh.close()


def test_a_migration_that_fails_leaves_nothing(db: sqlite3.Connection) -> None:
    """The last but one table cannot be made: none of the others is there either."""
    db.execute("CREATE TABLE listener_runs (x)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(db)
    assert list(objects(db)) == ["listener_runs"]
    assert version_of(db) == 0
    assert not db.in_transaction


OPEN = """
import sys
from pathlib import Path
from apaycli.store.sqlite import open_sqlite
print("ready", flush=True)
sys.stdin.readline()
store = open_sqlite(Path(sys.argv[1]))
with store.transaction() as tx:
    tx.attest(sys.argv[2], 1)
print(store.integrity_problems())
store.close()
"""


def test_several_processes_may_open_a_new_ledger_at_once(tmp_path: Path) -> None:
    path = tmp_path / "apay.db"
    names = ["a", "b", "c", "d"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        said, complaint = process.communicate(timeout=60)
        assert (said, complaint, process.returncode) == ("[]\n", "", 0)
    store = open_sqlite(path)
    assert sorted(store.attestations()) == names
    assert version_of(store.db) == SCHEMA_VERSION
    store.close()


def test_a_process_that_waits_for_the_migration_finds_it_done(tmp_path: Path) -> None:
    path = tmp_path / "apay.db"
    first = sqlite3.connect(path, isolation_level=None)
    first.execute("PRAGMA journal_mode = WAL")
    second = sqlite3.connect(path, isolation_level=None, timeout=0)
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        migrate(second)
    assert not second.in_transaction
    first.execute("COMMIT")
    migrate(first)
    migrate(second)
    assert version_of(second) == SCHEMA_VERSION
    first.close()
    second.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_ledger_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "apay.db"
    open_sqlite(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="written by a newer apay") as caught:
        open_sqlite(path, read_only=read_only)
    assert caught.value.hint == "upgrade apay"
    assert path.read_bytes() == before


def test_a_disk_that_is_full_during_the_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "apay.db", isolation_level=None)
    db.execute("PRAGMA max_page_count = 4")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        migrate(db)
    assert not db.in_transaction
    assert version_of(db) == 0
    assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


class Emptied(sqlite3.Connection):
    """A disk that is full at the end of the migration: SQLite has rolled back by itself."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql.startswith("PRAGMA user_version ="):
            super().execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *parameters)


def test_a_migration_that_sqlite_undid_by_itself_is_not_undone_again(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "apay.db", isolation_level=None, factory=Emptied)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        migrate(db)
    assert not db.in_transaction
    assert version_of(db) == 0
