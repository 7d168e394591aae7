"""The suite that every storage inherits: all verbs of store/protocol.py.

A storage's test file subclasses `StoreContract` and says how an empty ledger is opened and how its tables are
read; see `contract_ledger.py`.
"""

from contract_audit import AuditContract
from contract_books import BooksContract
from contract_checkout import CheckoutContract
from contract_machine import OversellContract
from contract_people import PeopleContract
from contract_receipts import ReceiptContract


class StoreContract(CheckoutContract, ReceiptContract, BooksContract, PeopleContract, AuditContract, OversellContract):
    """Every promise of the ledger, whatever it is kept in."""
