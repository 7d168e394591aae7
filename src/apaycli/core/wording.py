"""The sentences that buyers read.

Knows each decline's default sentence, how the merchant's own wording is chosen, and the limit: Telegram
documents none for `error_message`, so the 200 UTF-16 units of callback answers are kept. Never knows why
a query was declined; it is handed the reason.
"""

from collections.abc import Mapping

from apaycli.core.model import DeclineReason, Product
from apaycli.text import show

SENTENCE_UNITS_MAX = 200

DECLINE_SENTENCES: Mapping[DeclineReason, str] = {
    DeclineReason.UNKNOWN_INVOICE: "This invoice is not known here any more. Please ask the shop for a new one.",
    DeclineReason.CANCELLED: "This invoice was cancelled. Please ask the shop for a new one.",
    DeclineReason.EXPIRED: "This invoice has expired. Please ask the shop for a new one.",
    DeclineReason.CURRENCY_MISMATCH: "The currency of this payment differs from the invoice. "
    "Please ask the shop for a new invoice.",
    DeclineReason.AMOUNT_MISMATCH: "The amount of this payment differs from the invoice. "
    "Please ask the shop for a new invoice.",
    DeclineReason.OTHER_BUYER: "This invoice is for another person. Please ask the shop for one of your own.",
    DeclineReason.TERMS_NOT_ACCEPTED: "Please read and accept the shop's terms first: send /terms to the bot.",
    DeclineReason.NOT_FOR_SALE: "This is not for sale at the moment. Please ask the shop.",
    DeclineReason.ALREADY_PAID: "This invoice has been paid already. You were not charged.",
    DeclineReason.BEING_PAID: "Somebody else is paying this invoice right now. Please try again in half an hour.",
    DeclineReason.BUYER_LIMIT: "You have reached the largest number of these that one person can buy.",
    DeclineReason.SOLD_OUT: "Sorry, this is sold out. You were not charged.",
    DeclineReason.UNAVAILABLE: "The shop cannot take payments at this moment. You were not charged; "
    "please try again in a few minutes.",
}


def decline_sentence(
    reason: DeclineReason,
    wordings: Mapping[str, str],
    language_code: str | None,
    product: Product | None = None,
) -> str:
    """The product's own sentence, else the merchant's in the buyer's language, else theirs, else ours; on one line.

    `wordings` is keyed by `sold_out` and `bn.sold_out`.
    """
    own = product.sold_out if product and reason is DeclineReason.SOLD_OUT else None
    language = (language_code or "").split("-")[0].lower()
    candidates = (own, wordings.get(f"{language}.{reason}"), wordings.get(reason), DECLINE_SENTENCES[reason])
    sentence = next(line for each in candidates if (line := " ".join((each or "").split())))
    return cut_at_word(show(sentence, limit=1000), SENTENCE_UNITS_MAX)


def cut_at_word(text: str, units_max: int) -> str:
    """`text` within `units_max` UTF-16 units (how Telegram counts), cut behind a whole word."""
    if utf16_units(text) <= units_max:
        return text
    while utf16_units(text) > units_max - 1:
        shorter = text.rpartition(" ")[0]
        text = shorter if shorter else text[:-1]
    return text + "…"


def utf16_units(text: str) -> int:
    """Characters outside the basic plane count twice: the stricter reading of Telegram's limits."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
