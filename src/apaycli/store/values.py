"""Dead letters, and what `apay verify` reads, as they come out of the ledger.

Knows the names; never how they are kept, or what is right.
"""

from typing import Literal, NamedTuple

from apaycli.core.model import ReceiptRow

LetterState = Literal["open", "replayed", "discarded"]


class DeadLetter(NamedTuple):
    """An update that could not be read or recorded, without its bytes."""

    dead_letter_id: int
    update_id: int | None
    reason: str
    mentions_payment: bool
    state: LetterState
    received_at: int
    ended_at: int | None
    size_bytes: int
    digest: str


class Problem(NamedTuple):
    """Something that the ledger says against itself. `check` is a heading of docs/ledger.md."""

    check: str
    what: str


class EvidencedReceipt(NamedTuple):
    """A receipt, its digests, stored and counted again, and the bytes that it was read from (None: not there)."""

    receipt: ReceiptRow
    update_id: int
    digest: str
    row_digest: str
    row_digest_counted: str
    raw: bytes | None


class KeptBytes(NamedTuple):
    """Other bytes that are kept: of conflicts and refunds, and dead letters, which say if they mention a payment."""

    kind: str
    name: str | int
    digest: str
    raw: bytes
    mentions_payment: int | None
