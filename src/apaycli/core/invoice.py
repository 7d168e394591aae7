"""A product, or a merchant's own words, and options → an invoice within every limit.

Knows the limits of `sendInvoice` (Bot API reference, section 2) and what A-Pay takes. Never knows who sends
it. Everything that can be said before a request leaves is said here, all of it at once: a `Problem` refuses
or warns, and names the field.

Texts are counted in UTF-16 units: Telegram does not document how it counts, and this is the stricter way.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from apaycli.core.model import Forwarding, Invoice, LabeledPrice, Mode, PaymentMethod, Product, ShippingOption, Tips
from apaycli.core.wording import utf16_units
from apaycli.money import (
    AMOUNT_MAX,
    APAY_CURRENCIES,
    apay_step,
    currencies,
    render_money,
    render_money_in_words,
)
from apaycli.text import nearest, show

TITLE_UNITS_MAX = 32
DESCRIPTION_UNITS_MAX = 255
PAYLOAD_BYTES_MAX = 128
SUGGESTED_TIPS_MAX = 4
SHIPPING_OPTIONS_MAX = 20  # our own limit: a buyer chooses one on a phone
OPTION_ID_BYTES_MAX = 64
NEEDS = ("name", "phone", "email", "address")

_START_PARAMETER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_CHANNEL_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}", re.ASCII)
_CHAT_ID = re.compile(r"-?[1-9][0-9]{0,15}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)  # ISO 3166-1 alpha-2, as in the Bot API's ShippingAddress
_CHAT_ID_BITS = 52  # the Bot API promises at most 52 significant bits


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, or looks wrong, with one field; `message` says what is allowed."""

    field: str
    message: str
    severity: Literal["refuse", "warn"] = "refuse"


def parse_chat(text: str) -> str:
    """A user, group or channel id, or `@channelname`, as `chat_id` wants it. Raises ValueError with the cure."""
    if _CHANNEL_NAME.fullmatch(text):
        return text
    if text.startswith("@"):
        raise ValueError("a name is @ and 4 to 32 of A-Z a-z 0-9 _, and belongs to a channel or public group")
    if not _CHAT_ID.fullmatch(text) or abs(int(text)).bit_length() > _CHAT_ID_BITS:
        raise ValueError("give a user id, a group or channel id such as -1001234567890, or @channelname")
    return text


def is_private_chat(chat_id: str) -> bool:
    """Positive ids are users; groups and channels are negative or have a name, and a link is in no chat."""
    return chat_id.isdigit()


def default_forwarding(chat_id: str) -> Forwarding:
    return "deep-link" if is_private_chat(chat_id) else "pay-button"


def default_uses_max(chat_id: str) -> int | None:
    """Once in a private chat; elsewhere as often as the stock allows."""
    return 1 if is_private_chat(chat_id) else None


def times(prices: tuple[LabeledPrice, ...], quantity: int) -> tuple[LabeledPrice, ...]:
    """Price lines for several units: `Duck` becomes `Duck × 3`."""
    if quantity == 1:
        return prices
    return tuple(LabeledPrice(f"{price.label} × {quantity}", price.amount * quantity) for price in prices)


@dataclass(frozen=True, slots=True)
class Ids:
    """Chance, handed in: `invoice_id` may be shown to anybody, `invoice_payload` must not be guessable."""

    invoice_id: str
    invoice_payload: str


NewIds = Callable[[], Ids]
LINK_CHAT = "link"  # stands for every chat that a link is opened in
INLINE_CHAT = "inline"  # stands for every chat that an inline invoice is dropped into
PRODUCT_LINK = "p_"  # a product's `start_parameter` is this and its SKU


def inline_invoice(product: Product, mode: Mode, ids: Ids, now: int) -> Invoice:
    """The invoice of an inline result: anybody who sees it may pay it, as long as the stock lasts."""
    return product_invoice(product, mode, ids, now, INLINE_CHAT)


def private_invoice(product: Product, mode: Mode, ids: Ids, now: int, buyer_id: int) -> Invoice:
    """What a buyer gets who chose the product in the bot's private chat: to be paid once. A forwarded copy leads
    whoever presses it to the product, not to this invoice."""
    invoice = product_invoice(product, mode, ids, now, str(buyer_id))
    return replace(invoice, forwarding="deep-link", start_parameter=PRODUCT_LINK + product.sku, uses_max=1)


def product_invoice(product: Product, mode: Mode, ids: Ids, now: int, chat_id: str, quantity: int = 1) -> Invoice:
    """An invoice for `quantity` units of the product as the stock file describes it; who may pay, and how often, is
    left open."""
    return Invoice(
        invoice_id=ids.invoice_id,
        mode=mode,
        invoice_payload=ids.invoice_payload,
        chat_id=chat_id,
        sku=product.sku or None,
        title=product.title,
        description=product.description,
        currency=product.currency,
        prices=times(product.prices, quantity),
        quantity=quantity,
        forwarding="pay-button",
        created_at=now,
        tips=product.tips,
        photo_url=product.photo_url,
        need=product.need,
        shipping=product.shipping,
        provider_data=product.provider_data,
    )


def product_sku(start_parameter: str) -> str | None:
    """The SKU of a product's link; None for the link of an invoice."""
    return start_parameter.removeprefix(PRODUCT_LINK) if start_parameter.startswith(PRODUCT_LINK) else None


def check_invoice(invoice: Invoice) -> list[Problem]:
    """Every limit of section 2 of the reference; an empty list means that Telegram should take it."""
    return [
        *check_text("title", invoice.title),
        *check_text("description", invoice.description),
        *_check_payload(invoice.invoice_payload, invoice.start_parameter),
        *check_prices(invoice.prices, invoice.currency),
        *check_tips(invoice.tips, invoice.currency),
        *check_shipping(invoice.shipping, invoice.prices, invoice.currency),
        *check_photo_url(invoice.photo_url),
    ]


def check_text(field: str, text: str) -> Iterator[Problem]:
    """`title` or `description`."""
    units_max = TITLE_UNITS_MAX if field == "title" else DESCRIPTION_UNITS_MAX
    units = utf16_units(text)
    if not text.strip():
        yield Problem(field, "must not be empty")
    elif units > units_max:
        yield Problem(field, f"has {units} characters, at most {units_max} are allowed")
    if any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in text):
        yield Problem(field, "contains control characters; write it on one line")


def _check_payload(invoice_payload: str, start_parameter: str | None) -> Iterator[Problem]:
    size = len(invoice_payload.encode())
    if not 1 <= size <= PAYLOAD_BYTES_MAX:
        yield Problem("invoice_payload", f"has {size} bytes, 1 to {PAYLOAD_BYTES_MAX} are allowed")
    if start_parameter is not None and not _START_PARAMETER.fullmatch(start_parameter):
        yield Problem("start_parameter", "takes 1 to 64 of A-Z a-z 0-9 _ -")


def check_currency(currency: str) -> Iterator[Problem]:
    """Telegram must know it; A-Pay should."""
    if currency == "XTR":
        yield Problem("currency", "XTR is Telegram Stars, for digital goods; A-Pay is paid in real currencies")
    elif currency not in currencies():
        apay = " (A-Pay takes it, Telegram does not)" if currency in APAY_CURRENCIES else ""
        near = nearest(currency.upper(), APAY_CURRENCIES & currencies().keys())
        yield Problem("currency", f"{currency!r} is not in Telegram's list of currencies{apay or near}")
    elif currency not in APAY_CURRENCIES:
        yield Problem("currency", f"{currency} is not in A-Pay's list of currencies", "warn")


def check_prices(prices: tuple[LabeledPrice, ...], currency: str) -> Iterator[Problem]:
    """Lines, sum, Telegram's floating limits for the currency, and A-Pay's whole units."""
    problems = list(check_currency(currency))
    yield from problems
    if not prices:
        yield Problem("prices", "needs at least one line")
        return
    for price in prices:
        if not price.label.strip():
            yield Problem("prices", "each line needs a label")
        if abs(price.amount) > AMOUNT_MAX:
            yield Problem("prices", f"{price.label!r} is beyond {AMOUNT_MAX} smallest units")
    total = sum(price.amount for price in prices)
    if total <= 0:
        yield Problem("prices", "the total must be more than nothing")
    elif total > AMOUNT_MAX:
        yield Problem("prices", f"the total is beyond {AMOUNT_MAX} smallest units")
    elif not any(problem.severity == "refuse" for problem in problems):
        yield from _check_total(total, currency)
        yield from _check_whole_units("prices", (price.amount for price in prices), currency)


def _check_total(total: int, currency: str) -> Iterator[Problem]:
    """Telegram's limits float with exchange rates: far outside is refused, near the edge is a warning."""
    known = currencies()[currency]
    range_text = f"{render_money(known.min_amount, currency)} to {render_money(known.max_amount, currency)}"
    said = f"the total {render_money_in_words(total, currency)} is outside Telegram's limits of about {range_text}"
    if total * 2 < known.min_amount or total > known.max_amount * 2:
        yield Problem("prices", said)
    elif not known.min_amount <= total <= known.max_amount:
        yield Problem("prices", said + "; Telegram may refuse it", "warn")


def _check_whole_units(field: str, amounts: Iterator[int], currency: str) -> Iterator[Problem]:
    step = apay_step(currency)
    if any(amount % step for amount in amounts):
        yield Problem(field, f"A-Pay takes whole {currency} only; it may refuse or round other amounts", "warn")


def check_methods(invoice: Invoice, methods: Sequence[PaymentMethod]) -> Iterator[Problem]:
    """A-Pay's own limits, as they are now: an invoice is payable only inside Telegram's and a method's."""
    fitting = [method for method in methods if method.currency == invoice.currency]
    if not fitting:
        yield Problem("currency", f"A-Pay has no method for {invoice.currency} now: nobody could pay", "warn")
    elif not any(method.min_amount <= invoice.total_amount <= method.max_amount for method in fitting):
        limits = ", ".join(
            f"{show(m.name, 20)} {render_money(m.min_amount, m.currency)} to {render_money(m.max_amount, m.currency)}"
            for m in fitting[:5]
        )
        total = render_money(invoice.total_amount, invoice.currency)
        yield Problem("prices", f"no method of A-Pay takes {total} now: {limits}", "warn")


def check_tips(tips: Tips, currency: str) -> Iterator[Problem]:
    suggested, largest = tips.suggested_tip_amounts, tips.max_tip_amount
    if not 0 <= largest <= AMOUNT_MAX:
        yield Problem("tips.max", f"must be 0 to {AMOUNT_MAX} smallest units")
    if len(suggested) > SUGGESTED_TIPS_MAX:
        yield Problem("tips.suggested", f"takes at most {SUGGESTED_TIPS_MAX} amounts")
    if any(amount <= 0 for amount in suggested) or any(a >= b for a, b in itertools.pairwise(suggested)):
        yield Problem("tips.suggested", "amounts must be more than nothing and rise")
    if suggested and suggested[-1] > largest:
        yield Problem("tips.suggested", "no amount may be above tips.max")
    if currency in currencies():
        yield from _check_whole_units("tips", iter((largest, *suggested)), currency)


def check_shipping(
    shipping: tuple[ShippingOption, ...], prices: tuple[LabeledPrice, ...], currency: str
) -> Iterator[Problem]:
    """Ways of delivery (Bot API `ShippingOption`), and what the buyer pays with the dearest of them."""
    ids = [option.option_id for option in shipping]
    if len(set(ids)) != len(ids):
        yield Problem("shipping", "has two options with the same id")
    if len(ids) > SHIPPING_OPTIONS_MAX:
        yield Problem("shipping", f"takes at most {SHIPPING_OPTIONS_MAX} options")
    for option in shipping:
        name = repr(show(option.option_id, 40))
        if not option.title.strip() or not 1 <= len(option.option_id.encode()) <= OPTION_ID_BYTES_MAX:
            yield Problem("shipping", f"{name}: an option needs a title, and an id of 1 to {OPTION_ID_BYTES_MAX} bytes")
        if not 0 <= option.total_amount <= AMOUNT_MAX or any(abs(p.amount) > AMOUNT_MAX for p in option.prices):
            yield Problem("shipping", f"{name}: costs 0 to {AMOUNT_MAX} smallest units")
        elif option.total_amount == 0:
            said = "costs nothing: Telegram may refuse it; give it a price, or sell a pick-up as a product of its own"
            yield Problem("shipping", f"{name} {said}", "warn")
        elif currency in currencies():
            dearest = sum(price.amount for price in prices) + option.total_amount
            if dearest > currencies()[currency].max_amount:
                said = render_money_in_words(dearest, currency)
                yield Problem("shipping", f"{name}: with it the total is {said}; Telegram may refuse it", "warn")
        if unknown := [country for country in option.countries if not _COUNTRY.fullmatch(country)]:
            yield Problem(
                "shipping", f"{name}: {show(unknown[0], 20)!r} is no two-letter code of a country, such as IN"
            )
    if currency in currencies():
        amounts = (price.amount for option in shipping for price in option.prices)
        yield from _check_whole_units("shipping", amounts, currency)


def check_photo_url(photo_url: str | None) -> Iterator[Problem]:
    if photo_url is not None and not re.fullmatch(r"https://[^\s/]+\S*", photo_url):
        yield Problem("photo_url", "must be the https:// address of a picture")
