"""What `apay init` wants to know about the shop: each question with its option, its default and its rule.

Knows which answer is good, by the rules that the config and the stock file follow; never how it is asked. `BadAnswer`
is a sentence about the answer, never with a secret in it.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apaycli.core.invoice import check_currency, check_prices, check_text
from apaycli.core.model import LabeledPrice
from apaycli.money import APAY_CURRENCIES, AmountError, currencies, parse_amount, render_money_in_words

Answers = dict[str, Any]
UNLIMITED = "unlimited"
_ENOUGH = 4  # the suggested price lies above Telegram's least one, which floats, by this factor
_UNITS_MAX = 1_000_000_000
_SKU = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)


class BadAnswer(ValueError):
    """Why an answer cannot be taken."""


@dataclass(frozen=True, slots=True)
class Question:
    """`read` turns the words into the value, or raises BadAnswer. `needs`: answers that it looks at; `default_needs`:
    those that only the default looks at."""

    name: str
    ask: Callable[[Answers], str]
    default: Callable[[Answers], str]
    read: Callable[[str, Answers], Any]
    needs: tuple[str, ...] = ()
    default_needs: tuple[str, ...] = ()
    option: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "option", self.option or "--" + self.name.replace("_", "-"))


def invoiceable() -> list[str]:
    """A-Pay's currencies that Telegram can invoice; those of BotFather's own card first."""
    first = ["INR", "BDT", "PKR"]
    return first + sorted((APAY_CURRENCIES & currencies().keys()) - set(first))


def not_invoiceable() -> list[str]:
    return sorted(APAY_CURRENCIES - currencies().keys())


def read_currency(text: str, _answers: Answers) -> str:
    currency = text.strip().upper()
    for problem in check_currency(currency):
        raise BadAnswer(problem.message + (f"; take one of {' '.join(invoiceable())}" if currency else ""))
    return currency


def read_title(text: str, _answers: Answers) -> str:
    title = text.strip()
    for problem in check_text("title", title):
        raise BadAnswer(problem.message)
    return title


def read_description(text: str, _answers: Answers) -> str:
    for problem in check_text("description", text):
        raise BadAnswer(problem.message)
    return text.strip()


def read_price(text: str, answers: Answers) -> int:
    currency = answers["currency"]
    try:
        amount = parse_amount(text.strip(), currency)
    except AmountError as error:
        raise BadAnswer(str(error)) from None
    for problem in check_prices((LabeledPrice("price", amount),), currency):
        if problem.severity == "refuse":
            raise BadAnswer(problem.message)
    return amount


def read_stock(text: str, _answers: Answers) -> int | None:
    word = text.strip().lower()
    if word == UNLIMITED:
        return None
    if not (word.isascii() and word.isdigit()) or len(word) > 10 or int(word) > _UNITS_MAX:
        raise BadAnswer(f"takes a whole number, 0 to {_UNITS_MAX}, or {UNLIMITED}")
    return int(word)


def read_support(text: str, _answers: Answers) -> str:
    """`@name`, a number or an address alone becomes a sentence; a sentence stays as it is."""
    contact = text.strip()
    if not contact or not contact.isprintable() or len(contact) > 500:
        raise BadAnswer("takes one line of at most 500 characters, such as @myshop_help")
    return f"Write to {contact}" if " " not in contact else contact


def read_terms_version(text: str, _answers: Answers) -> str:
    version = text.strip()
    if not version or not version.isprintable() or len(version) > 40:
        raise BadAnswer("takes a short text, such as 2026-11")
    return version


def read_sku(text: str, _answers: Answers) -> str:
    if not _SKU.fullmatch(text):
        raise BadAnswer("takes 1 to 32 of a-z 0-9 _ -")
    return text


def sku_of(title: str) -> str:
    """`"Rubber duck (8 cm)"` to `rubber-duck-8-cm`; a title without Latin letters to `product-1`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32].strip("-") or "product-1"


def suggested_price(currency: str) -> str:
    """A round price that Telegram surely takes: 500 for INR."""
    known = currencies()[currency]
    least = known.min_amount * _ENOUGH // 10**known.exponent + 1
    size = 1
    while size * 10 < least:
        size *= 10
    return str(next(factor * size for factor in (1, 2, 5, 10) if factor * size >= least))


def price_warning(amount: int, currency: str) -> str | None:
    """What is worth saying about a price that is allowed."""
    problems = check_prices((LabeledPrice("price", amount),), currency)
    return next((problem.message for problem in problems if problem.severity == "warn"), None)


def price_in_words(answers: Answers) -> str:
    return render_money_in_words(answers["price"], answers["currency"])


QUESTIONS = (
    Question(
        "currency",
        lambda _: (
            f"A-Pay's currencies: {' '.join(invoiceable())}\n"
            f"(and {', '.join(not_invoiceable())}, which Telegram cannot invoice). Currency"
        ),
        lambda _: "INR",
        read_currency,
    ),
    Question("title", lambda _: "A first product, as buyers read it", lambda _: "Rubber duck", read_title),
    Question(
        "price",
        lambda answers: f"Its price in {answers['currency']}",
        lambda answers: suggested_price(answers["currency"]),
        read_price,
        needs=("currency",),
    ),
    Question("stock", lambda _: f"How many there are, or {UNLIMITED}", lambda _: "10", read_stock),
    Question(
        "support",
        lambda _: "Where buyers reach you: @username, phone, or a sentence",
        lambda _: "Send /support and your question, we answer here",
        read_support,
    ),
)
# What is derived unless an option says otherwise.
DERIVED = (
    Question("sku", lambda _: "", lambda answers: sku_of(answers["title"]), read_sku, default_needs=("title",)),
    Question("description", lambda _: "", lambda answers: answers["title"], read_description, default_needs=("title",)),
    Question("terms_version", lambda _: "", lambda answers: answers["month"], read_terms_version),
)
