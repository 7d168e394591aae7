"""What merchant and buyer are told about money, one sentence an event, and how many sentences make a message.

Knows which events concern money and how they read. Never sends anything: `listen/notices.py` does.
"""

from collections.abc import Mapping, Sequence

from apaycli.clock import render_instant
from apaycli.core.incoming import Command
from apaycli.core.messages import Messages, paid_name
from apaycli.core.model import Flag, Receipt, User
from apaycli.core.wording import utf16_units
from apaycli.money import render_money
from apaycli.text import show

KEPT_MILLISECONDS = 24 * 3_600_000  # Telegram keeps an update that nobody confirmed for 24 hours
MESSAGE_UNITS_MAX = 4096  # sendMessage: `text`, 1-4096 characters after entities parsing

FLAG_MEANINGS: Mapping[Flag, str] = {
    Flag.LATE: "paid when no reservation held any more; units were there",
    Flag.OVERSOLD: "no units left: a refund is due",
    Flag.DUPLICATE: "already paid: a refund is due",
    Flag.AMOUNT_MISMATCH: "another amount or currency than the invoice: look at it",
    Flag.UNMATCHED: "no such invoice in this ledger: look at it",
}


def receipt_notice(receipt_id: int, receipt: Receipt) -> str:
    """`Paid: 1 x Rubber duck, ₹499.00, by Rahim (@rahim), receipt 17`."""
    amount = "an amount that could not be read"
    if receipt.total_amount is not None and receipt.currency is not None:
        amount = render_money(receipt.total_amount, show(receipt.currency, 12))
    what = f"{receipt.quantity} x {show(receipt.title, 64)}, " if receipt.title else ""
    buyer = receipt.buyer
    who = "somebody" if buyer is None else show(buyer.name, 64) or f"user {buyer.user_id}"
    if buyer is not None and buyer.username:
        who += f" (@{show(buyer.username, 40)})"
    test = "Test payment" if receipt.mode == "test" else "Paid"
    flag = f". {str(receipt.flag).upper()}: {FLAG_MEANINGS[receipt.flag]}" if receipt.flag else ""
    return f"{test}: {what}{amount}, by {who}, receipt {receipt_id}{flag}"


def buyer_notice(receipt_id: int, receipt: Receipt, messages: Messages) -> str:
    """What the buyer is told: thank you, or what is wrong and what happens with the money."""
    amount = "?"
    if receipt.total_amount is not None and receipt.currency is not None:
        amount = render_money(receipt.total_amount, show(receipt.currency, 12))
    return messages.say(
        paid_name(receipt.flag),
        receipt.buyer.language_code if receipt.buyer else None,
        amount=amount,
        title=show(receipt.title or "", 64),
        receipt=receipt_id,
    )


def support_notice(request_id: int, command: Command) -> str:
    buyer = command.user or User(0)
    who = show(buyer.name, 64) or f"user {buyer.user_id}"
    name = f" (@{show(buyer.username, 40)})" if buyer.username else ""
    return (
        f"Support request {request_id} from {who}{name}: {show(command.text, 3000)}\n"
        f'Answer: apay support reply {request_id} "..."'
    )


def conflict_notice(telegram_payment_charge_id: str) -> str:
    return (
        f"CONFLICT: Telegram told of {show(telegram_payment_charge_id, 64)} again, with other content."
        " The first record stands; compare with the A-Pay dashboard"
    )


def query_conflict_notice(pre_checkout_query_id: str, differs: Sequence[str]) -> str:
    return (
        f"CONFLICT: Telegram asked again about pre-checkout query {show(pre_checkout_query_id, 64)}, with another"
        f" {', '.join(differs)}. The first decision stands; apay status"
    )


def dead_letter_notice(reason: str) -> str:
    return f"A PAYMENT THAT COULD NOT BE READ ({show(reason, 100)}) is kept as it came: apay deadletters list"


def hook_notice(receipt_id: int, failure: str) -> str:
    return (
        f"The hook of receipt {receipt_id} failed for a day and is given up: {show(failure, 200)}."
        f" apay hooks retry {receipt_id}"
    )


def gap_sentence(from_at: int, until_at: int) -> str:
    """The sentence of a gap that was longer than Telegram keeps receipts."""
    return (
        f"nobody heard Telegram from {render_instant(from_at)} to {render_instant(until_at)}: receipts sent before"
        f" {render_instant(until_at - KEPT_MILLISECONDS)} may be gone at Telegram; compare with the A-Pay dashboard"
    )


def message_of(texts: Sequence[str]) -> tuple[str, int]:
    """As many of `texts` as one message holds, and how many those are: at least one, cut if need be."""
    message = _cut(texts[0])
    for count, text in enumerate(texts[1:], start=1):
        longer = f"{message}\n{text}"
        if utf16_units(longer) > MESSAGE_UNITS_MAX:
            return message, count
        message = longer
    return message, len(texts)


def _cut(text: str) -> str:
    while utf16_units(text) > MESSAGE_UNITS_MAX:
        text = text[: len(text) - max(1, (utf16_units(text) - MESSAGE_UNITS_MAX) // 2)]
    return text
