"""The contract's random steps once more, on a ledger in a file that is closed and opened between them."""

import itertools
from pathlib import Path

import pytest
from contract_machine import OversellContract

from apaycli.store.protocol import Store
from apaycli.store.sqlite import SqliteStore, open_sqlite


class TestKeptLedger(OversellContract):
    @pytest.fixture
    def steps(self) -> int:
        return 100  # each waits for the disk

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.files = (tmp_path / f"{number}.db" for number in itertools.count())

    def open_store(self) -> Store:
        return open_sqlite(next(self.files))

    def reopen(self, store: Store) -> Store:
        assert isinstance(store, SqliteStore)
        store.close()
        return open_sqlite(Path(store.path))
