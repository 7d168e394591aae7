"""What must be true after any story: the sandbox's own books against our ledger.

Knows nothing of how the story went. Every sentence here is a promise of `invariants.md`.
"""

import json
from collections import Counter
from collections.abc import Iterator

from simulation_story import TTL_SECONDS, Story

from apaycli.books.export import COLUMNS, render_export
from apaycli.checks.verify import verify
from apaycli.core.messages import ENGLISH, declined_name
from apaycli.core.model import DeclineReason, ReceiptFilter, ReceiptRow


def violations(story: Story) -> Iterator[str]:
    receipts = list(story.store.receipts(ReceiptFilter()))
    yield from _exactly_once(story, receipts)
    yield from _never_oversold(story, receipts)
    yield from _decisions_stand(story)
    yield from _promises_kept(story, receipts)
    yield from _settled(story)
    yield from _sums(story, receipts)
    yield from story.store.integrity_problems()
    yield from (f"{problem.check}: {problem.what}" for problem in verify(story.store).problems)


def _exactly_once(story: Story, receipts: list[ReceiptRow]) -> Iterator[str]:
    """B1, B7: each charge that Telegram told of has one receipt, with its amount; and there are no others."""
    ours = Counter(receipt.telegram_payment_charge_id for receipt in receipts)
    charges = {charge.telegram_payment_charge_id: charge for charge in story.world.books.charges}
    yield from (f"lost: {charge_id}" for charge_id in charges if charge_id not in ours)
    yield from (f"doubled: {charge_id}" for charge_id, count in ours.items() if count > 1)
    yield from (f"invented: {charge_id}" for charge_id in ours if charge_id not in charges)
    for receipt in receipts:
        charge = charges.get(receipt.telegram_payment_charge_id)
        if receipt.flag is None and receipt.total_amount != 49900 + receipt.shipping_amount:
            yield f"price and delivery do not make the total: {receipt.telegram_payment_charge_id}"
        if charge and (receipt.total_amount, receipt.currency) != (charge.total_amount, charge.currency):
            yield f"changed: {receipt.telegram_payment_charge_id}"


def _never_oversold(story: Story, receipts: list[ReceiptRow]) -> Iterator[str]:
    """B7's sum rule: sold units that were not flagged never exceed what was ever offered; uses likewise."""
    booked = [r for r in receipts if r.flag in (None, "late", "amount_mismatch")]
    if len(booked) > story.capacity_highest:
        yield f"oversold: {len(booked)} of {story.capacity_highest}"
    for invoice_id, uses_max in story.store.db.execute("SELECT invoice_id, uses_max FROM invoices"):
        uses = sum(receipt.invoice_id == invoice_id for receipt in booked)
        if uses_max is not None and uses > uses_max:
            yield f"paid too often: {invoice_id}"


def _decisions_stand(story: Story) -> Iterator[str]:
    """A1, A2: what Telegram was told is what the ledger says, and a yes was on disk. A3: a refusal that needed no
    record is forgotten by a crash; then the record may say yes, too late for anybody to hear it."""
    decisions = dict(story.store.db.execute("SELECT pre_checkout_query_id, ok FROM decisions").fetchall())
    for checkout in story.checkouts:
        recorded = decisions.get(checkout.pre_checkout_query_id)
        if checkout.outcome == "accepted" and recorded != 1:
            yield f"accepted without a record: {checkout.pre_checkout_query_id}"
        forgotten = story.lives > 1 and checkout.error_message == ENGLISH[declined_name(DeclineReason.UNAVAILABLE)]
        if checkout.outcome == "declined" and recorded == 1 and not forgotten:
            yield f"declined against the record: {checkout.pre_checkout_query_id}"


def _promises_kept(story: Story, receipts: list[ReceiptRow]) -> Iterator[str]:
    """A1, A4: who was told yes and paid within a minute, for the first time, gets what they paid for."""
    flags = {receipt.telegram_payment_charge_id: receipt.flag for receipt in receipts}
    seen: set[tuple[str, int]] = set()
    charges = {charge.telegram_payment_charge_id: charge for charge in story.world.books.charges}
    answered = {checkout.checkout_id: checkout for checkout in story.checkouts}
    for charge_id, charge in charges.items():
        buyer = (charge.invoice_payload, charge.buyer_id)
        checkout = answered[charge.checkout_id]
        told_at = checkout.pressed_at + (checkout.answer_milliseconds or 0)
        prompt = -200_000 < charge.paid_at - told_at < 60_000  # the wall clock may have been set back meanwhile
        if buyer not in seen and prompt and flags.get(charge_id) is not None:
            yield f"told yes, paid, and flagged {flags[charge_id]}: {charge_id}"
        seen.add(buyer)


def _settled(story: Story) -> Iterator[str]:
    """A6, B2: after the quiet no hold is overdue, and nothing waits at Telegram."""
    overdue = story.store.reservations_due(story.clock.now() - 10_000)
    if overdue:
        yield f"{overdue} reservation(s) overdue after {TTL_SECONDS} s and quiet"
    untold = len(story.store.notices(100))
    if untold:
        yield f"{untold} notice(s) were never told"
    waiting = len(story.world.queue)
    if waiting:
        yield f"{waiting} update(s) still wait at Telegram"


def _sums(story: Story, receipts: list[ReceiptRow]) -> Iterator[str]:
    """D4: charges issued = rows = export, per currency."""
    issued = Counter[str]()
    for charge in story.world.books.charges:
        issued[charge.currency] += charge.total_amount
    exported = Counter[str]()
    for line in "".join(render_export(iter(receipts), COLUMNS, "jsonl")).splitlines():
        row = json.loads(line)
        exported[row["currency"]] += row["total_amount"]
    if issued != exported:
        yield f"sums differ: issued {dict(issued)}, exported {dict(exported)}"
