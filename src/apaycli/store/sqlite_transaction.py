"""The verbs that write, all of them, and how one of them is undone alone.

Knows that verbs stand by subject in `sqlite_checkout`, `sqlite_receipts`, `sqlite_sending`, `sqlite_hooks`,
`sqlite_people` and `sqlite_running`, and which errors are about a value and which about the disk.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from apaycli.store.protocol import Unrecordable
from apaycli.store.sqlite_cases import CaseVerbs
from apaycli.store.sqlite_errors import FAILURES, REFUSALS, ledger_error
from apaycli.store.sqlite_hooks import HookVerbs
from apaycli.store.sqlite_people import PeopleVerbs
from apaycli.store.sqlite_purge import PurgeVerbs
from apaycli.store.sqlite_receipts import ReceiptVerbs
from apaycli.store.sqlite_reconcile import ReconcileVerbs
from apaycli.store.sqlite_running import RunningVerbs
from apaycli.store.sqlite_sending import SendingVerbs


class SqliteTransaction(
    ReceiptVerbs, SendingVerbs, HookVerbs, CaseVerbs, PeopleVerbs, PurgeVerbs, ReconcileVerbs, RunningVerbs
):
    """The verbs that write, between BEGIN IMMEDIATE and COMMIT."""

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self.db.execute("SAVEPOINT one_update")
        try:
            yield
        except BaseException as error:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK TO one_update")
                self.db.execute("RELEASE one_update")
            if isinstance(error, REFUSALS):
                raise Unrecordable(str(error)) from error
            if isinstance(error, FAILURES):
                raise ledger_error(error, self.path) from error
            raise
        self.db.execute("RELEASE one_update")
