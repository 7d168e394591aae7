"""Every sentence that the bot says to a buyer: its name, its English, its placeholders, and how one is chosen.

Knows the names (a contract: the merchant's own file and the translations use them) and how values are put in.
Never knows where translations lie (`messagefile.py`), or when a sentence is said.

English is complete and stands here. The merchant's words in the buyer's language go first, then those for everybody,
then our translation, then English. What is put in comes from people and from the stock file: inside a language that
runs from right to left it is isolated, so that neither turns the other around.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from apaycli.core.model import DeclineReason, Flag
from apaycli.text import nearest

ENGLISH: Mapping[str, str] = {
    # /start, and the buttons under it
    "for_sale": "For sale:",
    "nothing_for_sale": "Nothing is for sale at the moment.",
    "help": "/start: what is for sale\n/terms: the shop's terms\n/support: how to reach the shop",
    "buy_button": "{title}, {price}",
    "link_unknown": "This link is not known here any more.",
    # /terms
    "terms_none": "The shop has not published its terms yet. Please ask before you buy: /support",
    "terms_first": "Before you buy, please read the shop's terms and press “{agree}”.",
    "terms_again": "The shop's terms have changed. Please read them again.",
    "agree_button": "I agree",
    "agreed": "Thank you. You agreed to the shop's terms, version {version}.",
    # /support and /paysupport
    "support_none": "The shop has not said yet how it can be reached. "
    "Please write to the person who sent you the invoice.",
    "telegram_cannot_help": "Telegram's own support and bot support cannot help with purchases made here: "
    "please write to the shop.",
    "support_how": "You can also leave a message here: write it behind the command, such as "
    "/support My parcel has not come.",
    "support_received": "The shop has your request. Its number is {number}; the answer will come here.",
    "support_too_many": "Several requests of yours are waiting already. The shop will answer them here.",
    "support_reply": "The shop, about your request {number}:",
    # after a payment
    "paid": "Thank you! You paid {amount} for {title}. Your receipt number is {receipt}.",
    "paid_late": "Thank you! You paid {amount} for {title}. It came late, but in time. "
    "Your receipt number is {receipt}.",
    "paid_oversold": "You paid {amount} for {title}, but it was sold out by then. The shop owes you this money. "
    "Your receipt number is {receipt}. You can write to the shop: /support",
    "paid_duplicate": "You paid {amount} for {title}, but it had been paid already. The shop owes you this money. "
    "Your receipt number is {receipt}. You can write to the shop: /support",
    "paid_amount_mismatch": "You paid {amount} for {title}. This differs from the invoice. The shop will look at it. "
    "Your receipt number is {receipt}. You can write to the shop: /support",
    "paid_unmatched": "You paid {amount}, but the invoice is not known here. The shop will look at it. "
    "Your receipt number is {receipt}. You can write to the shop: /support",
    # delivery
    "no_delivery": "Sorry, the shop does not deliver to this country. You were not charged.",
    # what Telegram shows beside each command
    "command_start": "What is for sale",
    "command_terms": "The shop's terms",
    "command_support": "How to reach the shop",
    "command_paysupport": "Help with a payment",
    # why a payment is refused, at most 200 characters each
    "declined_unknown_invoice": "This invoice is not known here any more. Please ask the shop for a new one.",
    "declined_cancelled": "This invoice was cancelled. Please ask the shop for a new one.",
    "declined_expired": "This invoice has expired. Please ask the shop for a new one.",
    "declined_currency_mismatch": "The currency of this payment differs from the invoice. "
    "Please ask the shop for a new invoice.",
    "declined_amount_mismatch": "The amount of this payment differs from the invoice. "
    "Please ask the shop for a new invoice.",
    "declined_other_buyer": "This invoice is for another person. Please ask the shop for one of your own.",
    "declined_terms_not_accepted": "Please read and accept the shop's terms first: send /terms to the bot.",
    "declined_not_for_sale": "This is not for sale at the moment. Please ask the shop.",
    "declined_already_paid": "This invoice has been paid already. You were not charged.",
    "declined_being_paid": "Somebody else is paying this invoice right now. Please try again in half an hour.",
    "declined_buyer_limit": "You have reached the largest number of these that one person can buy.",
    "declined_buyer_reserved": "You have reserved this already and not paid yet. "
    "Please pay on the page that you have open, or try again later.",
    "declined_sold_out": "Sorry, this is sold out. You were not charged.",
    "declined_unavailable": "The shop cannot take payments at this moment. You were not charged; "
    "please try again in a few minutes.",
}

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}", re.ASCII)
_BRACE = re.compile(r"[{}]")
_RIGHT_TO_LEFT = frozenset(("ar", "fa", "he", "ps", "sd", "ug", "ur", "yi"))
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_SENTENCE_UNITS_MAX = 1000
_COMMAND_UNITS_MAX = 256  # Bot API, BotCommand `description`

Sentences = Mapping[str, Mapping[str, str]]  # by language, then by name
EVERY_LANGUAGE = "*"  # the merchant's own words for all who have none in their language


@dataclass(frozen=True, slots=True)
class Messages:
    """`own` are the merchant's words, `translated` those that come with apay."""

    own: Sentences = field(default_factory=dict)
    translated: Sentences = field(default_factory=dict)

    def say(self, name: str, language_code: str | None, **values: object) -> str:
        """The sentence in the buyer's language, with `values` in place. `language_code`: Telegram's, such as pt-br."""
        language = base_language(language_code)
        text, spoken = next(self._candidates(name, language))
        isolate, end = (_ISOLATE, _END_ISOLATE) if spoken in _RIGHT_TO_LEFT else ("", "")
        return _PLACEHOLDER.sub(lambda match: f"{isolate}{values.get(match.group(1), '')}{end}", text)

    def _candidates(self, name: str, language: str) -> Iterator[tuple[str, str]]:
        for sentences, spoken in (
            (self.own, language),
            (self.own, EVERY_LANGUAGE),
            (self.translated, language),
            (self.own, "en"),
        ):
            text = sentences.get(spoken, {}).get(name, "")
            if text.strip():
                yield text, spoken
        yield ENGLISH[name], "en"

    @property
    def languages(self) -> list[str]:
        """English first, then every language with a sentence of its own."""
        return ["en", *sorted({*self.own, *self.translated} - {"en", EVERY_LANGUAGE})]


def base_language(language_code: str | None) -> str:
    """`pt-br` to `pt`: an IETF tag's first part."""
    return (language_code or "").replace("_", "-").split("-")[0].lower()


def paid_name(flag: Flag | None) -> str:
    return f"paid_{flag}" if flag else "paid"


def declined_name(reason: DeclineReason) -> str:
    return f"declined_{reason}"


def placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


def _units_max(name: str) -> int:
    return _COMMAND_UNITS_MAX if name.startswith("command_") else _SENTENCE_UNITS_MAX


def check_sentence(name: str, text: object) -> str | None:
    """What is wrong with a sentence of a file, as the end of a sentence that began with its place; None is good."""
    if name not in ENGLISH:
        return f"is not the name of a sentence{nearest(name, ENGLISH)}"
    if not isinstance(text, str) or not text.strip():
        return "must be a text in quotes, and not empty"
    units, most = len(text.encode("utf-16-le", "surrogatepass")) // 2, _units_max(name)
    if units > most:
        return f"has {units} characters, at most {most} are allowed"
    allowed = placeholders(ENGLISH[name])
    known = ", ".join(f"{{{each}}}" for each in sorted(allowed)) or "none"
    if unknown := sorted(placeholders(text) - allowed):
        return f"has the placeholder {{{unknown[0]}}}; it takes {known}"
    if _BRACE.search(_PLACEHOLDER.sub("", text)):
        return f"has a brace that belongs to no placeholder; it takes {known}"
    return None
