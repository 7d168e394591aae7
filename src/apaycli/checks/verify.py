"""Whether the ledger is right: everything in it, counted again from its rows and from the received bytes.

Knows how a receipt must look beside the update that it was read from (`core/update.py` reads it once more), and in
which order to look. Never repairs, and never reads a table: the store yields rows. A part that cannot be read is
a problem of its own, so that the others are still looked at. Each name in CHECKS is a heading of docs/ledger.md.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from apaycli.core.incoming import SuccessfulPayment
from apaycli.core.model import Mode, OrderInfo, ReceiptRow
from apaycli.core.update import may_hold_payment, parse_update
from apaycli.errors import LedgerError
from apaycli.store.digests import digest_of
from apaycli.store.protocol import Store
from apaycli.store.sqlite_sums import FURTHER_SUMS, SUMS
from apaycli.store.values import EvidencedReceipt, KeptBytes, Problem

CHECKS: tuple[str, ...] = (
    "file",
    "schema",
    "references",
    "constraints",
    *(each.name for each in (*SUMS, *FURTHER_SUMS)),
    "receipt-digest",
    "receipt-evidence",
    "kept-bytes",
    "unreadable",
)
_PROBLEMS_KEPT_MAX = 10_000
_NO_FORM = OrderInfo()
_MODES = ("test", "live")


# What stands in a receipt and in the update that it was read from. Personal values are never shown.
_COMPARED = (
    *("telegram_payment_charge_id", "provider_payment_charge_id", "currency", "total_amount", "invoice_payload"),
    *("shipping_option_id", "paid_at", "update_id", "buyer_id"),
)
_COMPARED_PERSONAL = ("buyer_username", "buyer_name", "order_name", "order_phone", "order_email", "order_address")


@dataclass(slots=True)
class Takings:
    """What all receipts of one mode and currency sum up to, flagged ones, too."""

    receipts: int = 0
    total_amount: int = 0


@dataclass(slots=True)
class Verdict:
    """What was read and what is wrong. Problems beyond the ten thousandth are counted, not kept."""

    receipts: int = 0
    kept: int = 0
    takings: dict[tuple[Mode, str | None], Takings] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    @property
    def good(self) -> bool:
        return self.problem_count == 0

    def add(self, problem: Problem) -> None:
        self.problem_count += 1
        if len(self.problems) < _PROBLEMS_KEPT_MAX:
            self.problems.append(problem)


def verify(store: Store) -> Verdict:
    """Read one moment of the ledger, all of it. Raises LedgerError where nothing can be read."""
    verdict = Verdict()
    with store.snapshot():
        for problems in (
            store.file_problems,
            store.sum_problems,
            lambda: _receipt_problems(store, verdict),
            lambda: _kept_problems(store, verdict),
        ):
            _collect(problems, verdict)
    return verdict


def _collect(problems: Callable[[], Iterator[Problem]], verdict: Verdict) -> None:
    try:
        for problem in problems():
            verdict.add(problem)
    except LedgerError as error:
        verdict.add(Problem("unreadable", f"a part of the ledger was not looked at: {error.message}"))


def _receipt_problems(store: Store, verdict: Verdict) -> Iterator[Problem]:
    purged_before = _purged_before(store)
    for row in store.evidenced_receipts():
        _count(row.receipt, verdict)
        if row.row_digest != row.row_digest_counted:
            yield Problem("receipt-digest", f"{_name(row)}: changed after it was recorded")
        wrong = "" if _is_purged(row, purged_before) else _evidence_problem(row)
        if wrong:
            yield Problem("receipt-evidence", f"{_name(row)}: {wrong}")


def _purged_before(store: Store) -> int:
    """Up to when the owner has removed personal data, and the received bytes with it."""
    text = store.remembered("purged_before") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0


def _is_purged(row: EvidencedReceipt, purged_before: int) -> bool:
    """The digest over the row still speaks for it."""
    paid_at = row.receipt.paid_at
    return row.raw == b"" and isinstance(paid_at, int) and paid_at < purged_before


def _count(receipt: ReceiptRow, verdict: Verdict) -> None:
    verdict.receipts += 1
    total_amount = receipt.total_amount or 0
    # Damage can put anything into a column, which the digest will tell.
    if isinstance(total_amount, int) and receipt.mode in _MODES and isinstance(receipt.currency or "", str):
        takings = verdict.takings.setdefault((receipt.mode, receipt.currency), Takings())
        takings.receipts += 1
        takings.total_amount += total_amount


def _name(row: EvidencedReceipt) -> str:
    return f"receipt {row.receipt.receipt_id} ({row.receipt.telegram_payment_charge_id})"


def _evidence_problem(row: EvidencedReceipt) -> str:
    """What the received bytes say against the row; "" where they agree."""
    if row.raw is None:
        return "the bytes that it was read from are not there"
    if not _fits(row.raw, row.digest):
        return "the bytes that it was read from have changed"
    payment = parse_update(row.raw)
    if not isinstance(payment, SuccessfulPayment):
        return "the bytes that it was read from are no payment"
    stored, received = _stored(row), _received(payment, row.receipt.recorded_at)
    return "" if stored == received else "; ".join(_differences(stored, received))


def _fits(raw: object, digest: str) -> bool:
    """Damage can turn bytes into a text or a number."""
    return isinstance(raw, bytes) and digest_of(raw) == digest


def _stored(row: EvidencedReceipt) -> tuple[str | int | None, ...]:
    """The columns of _COMPARED and _COMPARED_PERSONAL, as the ledger has them."""
    receipt = row.receipt
    return (
        receipt.telegram_payment_charge_id,
        receipt.provider_payment_charge_id,
        receipt.currency,
        receipt.total_amount,
        receipt.invoice_payload,
        receipt.shipping_option_id,
        receipt.paid_at,
        row.update_id,
        receipt.buyer_id,
        receipt.buyer_username,
        receipt.buyer_name,
        receipt.order_name,
        receipt.order_phone,
        receipt.order_email,
        receipt.order_address,
    )


def _received(payment: SuccessfulPayment, recorded_at: int) -> tuple[str | int | None, ...]:
    """The same, as the update says it. Without a usable date a receipt bears the moment in which it was recorded."""
    buyer, form = payment.buyer, payment.order_info or _NO_FORM
    return (
        payment.telegram_payment_charge_id,
        payment.provider_payment_charge_id,
        payment.currency,
        payment.total_amount,
        payment.invoice_payload,
        payment.shipping_option_id,
        recorded_at if payment.paid_at is None else payment.paid_at,
        payment.update_id,
        buyer.user_id if buyer else None,
        buyer.username if buyer else None,
        buyer.name if buyer else None,
        form.name,
        form.phone_number,
        form.email,
        form.shipping_address,
    )


def _differences(stored: tuple[str | int | None, ...], received: tuple[str | int | None, ...]) -> Iterator[str]:
    for name, ours, theirs in zip((*_COMPARED, *_COMPARED_PERSONAL), stored, received, strict=True):
        if ours != theirs:
            shown = "differs from what was received" if name in _COMPARED_PERSONAL else f"is {ours}, received: {theirs}"
            yield f"{name} {shown}"


def _kept_problems(store: Store, verdict: Verdict) -> Iterator[Problem]:
    purged = _purged_before(store) > 0
    for kept in store.kept_bytes():
        verdict.kept += 1
        wrong = "" if purged and kept.raw == b"" else _kept_problem(kept)
        if wrong:
            yield Problem("kept-bytes", f"{kept.kind} {kept.name}: {wrong}")


def _kept_problem(kept: KeptBytes) -> str:
    if not _fits(kept.raw, kept.digest):
        return "its bytes have changed"
    if kept.mentions_payment is not None and bool(kept.mentions_payment) != may_hold_payment(kept.raw):
        return "it is marked wrongly about mentioning a payment"
    return ""
