"""The suite that every storage inherits: all verbs of store/protocol.py.

A storage's test file subclasses `StoreContract` and says how an empty ledger is opened and how its tables are
read; see `contract_ledger.py`.
"""

from contract_audit import AuditContract
from contract_bookkeeping import BookkeepingContract
from contract_books import BooksContract
from contract_checkout import CheckoutContract
from contract_machine import OversellContract
from contract_people import PeopleContract
from contract_receipts import ReceiptContract
from contract_reconcile import ReconcileContract
from contract_stats import StatsContract


class StoreContract(
    CheckoutContract,
    ReceiptContract,
    BooksContract,
    BookkeepingContract,
    PeopleContract,
    AuditContract,
    ReconcileContract,
    StatsContract,
    OversellContract,
):
    """Every promise of the ledger, whatever it is kept in."""
