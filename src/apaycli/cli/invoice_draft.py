"""The options of `apay send-invoice` → invoices that can be checked.

Knows how each option is written and what is said when it is not. What an invoice may contain is
`core/invoice.py`'s to know; nothing is sent here.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apaycli.cli.env import Env, new_ids
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.core.model import Invoice, LabeledPrice, Product

_WHOLE = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_EXPIRES_DAYS_MAX = 3650


@dataclass(frozen=True, slots=True)
class Options:
    sku: str | None = None
    to: tuple[str, ...] = ()
    title: str | None = None
    description: str | None = None
    prices: tuple[str, ...] = ()
    currency: str | None = None
    forwarding: str | None = None
    uses: str | None = None
    single_use: bool = False
    buyer: int | None = None
    expires: str | None = None
    quantity: int = 1
    thread: int | None = None
    silent: bool = False
    protect: bool = False
    dry_run: bool = False
    yes: bool = False


def build_invoices(options: Options, env: Env) -> "list[Invoice]":
    """One draft per chat, each with its own id and payload. Raises UsageError with the option and what is allowed."""
    from apaycli.core.invoice import default_forwarding, default_uses_max, times
    from apaycli.core.model import Invoice

    product = _product(options, env)
    chats = _chats(options)
    now = env.clock.now()
    invoices = []
    for chat_id in chats:
        ids = new_ids()
        forwarding = _forwarding(options) or product.forwarding or default_forwarding(chat_id)
        invoices.append(
            Invoice(
                invoice_id=ids.invoice_id,
                mode=env.mode,
                invoice_payload=ids.invoice_payload,
                chat_id=chat_id,
                sku=product.sku or None,
                title=product.title,
                description=product.description,
                currency=product.currency,
                prices=times(product.prices, _quantity(options)),
                quantity=options.quantity,
                forwarding=forwarding,
                created_at=now,
                tips=product.tips,
                photo_url=product.photo_url,
                need=product.need,
                start_parameter=ids.invoice_id if forwarding == "deep-link" else None,
                uses_max=_uses_max(options, default_uses_max(chat_id)),
                buyer_id=_buyer(options),
                expires_at=now + _expires_seconds(options) * 1000 if options.expires else None,
            )
        )
    return invoices


def _product(options: Options, env: Env) -> "Product":
    """The stock file's product, or one made of --title, --description, --price and --currency (its sku is "")."""
    from apaycli.core.model import Product
    from apaycli.text import nearest, show

    own_words = [options.title, options.description, options.currency, *options.prices]
    if options.sku is not None:
        if any(own_words):
            raise UsageError("give either a SKU, or --title --description --price --currency")
        product = env.stock.products.get(options.sku)
        if product is None:
            raise UsageError(
                f"there is no product {show(options.sku)!r} in {env.config.stock_file}"
                + nearest(options.sku, env.stock.products)
            )
        if product.paused:
            raise UsageError(f"{options.sku} is paused in {env.config.stock_file}")
        return product
    if not (options.title and options.description and options.currency and options.prices):
        raise UsageError("give a SKU, or all of --title --description --price --currency")
    return Product("", options.title, options.description, options.currency, _prices(options))


def _prices(options: Options) -> "tuple[LabeledPrice, ...]":
    from apaycli.core.invoice import check_currency
    from apaycli.core.model import LabeledPrice
    from apaycli.money import AmountError, parse_amount
    from apaycli.text import show

    currency = options.currency or ""
    for problem in check_currency(currency):
        if problem.severity == "refuse":
            raise UsageError(f"--currency {problem.message}")
    prices = []
    for text in options.prices:
        label, equals, amount = text.rpartition("=")
        if not equals or not label.strip():
            raise UsageError(f'--price takes "Label=450", this is {show(text, 60)!r}')
        try:
            discount = amount.startswith("-") and len(options.prices) > 1
            value = parse_amount(amount.removeprefix("-") if discount else amount, currency)
        except AmountError as error:
            raise UsageError(f"--price {show(text, 60)!r}: {error}") from None
        prices.append(LabeledPrice(label.strip(), -value if discount else value))
    return tuple(prices)


def _chats(options: Options) -> list[str]:
    from apaycli.core.invoice import parse_chat
    from apaycli.text import show

    if not options.to:
        raise UsageError("--to is missing: which chat gets the invoice?")
    chats: list[str] = []
    for text in options.to:
        try:
            chat_id = parse_chat(text)
        except ValueError as error:
            raise UsageError(f"--to {show(text, 60)!r}: {error}") from None
        if chat_id.lower() in (chat.lower() for chat in chats):  # Telegram's names know no case
            raise UsageError(f"--to {chat_id} is given twice")
        chats.append(chat_id)
    return chats


def _forwarding(options: Options) -> Any:
    if options.forwarding not in (None, "pay-button", "deep-link"):
        raise UsageError("--forwarding takes pay-button or deep-link")
    return options.forwarding


def _quantity(options: Options) -> int:
    if not 1 <= options.quantity <= 1_000_000:
        raise UsageError("--quantity takes 1 to 1000000")
    return options.quantity


def _buyer(options: Options) -> int | None:
    if options.buyer is not None and not 0 < options.buyer < 2**52:
        raise UsageError("--buyer takes a user id: a positive number")
    return options.buyer


def _uses_max(options: Options, default: int | None) -> int | None:
    if options.single_use and options.uses not in (None, "1"):
        raise UsageError("--single-use and --uses contradict each other")
    if options.single_use:
        return 1
    if options.uses is None:
        return default
    if options.uses == "unlimited":
        return None
    if not _WHOLE.fullmatch(options.uses):
        raise UsageError("--uses takes a number from 1, or unlimited")
    return int(options.uses)


def _expires_seconds(options: Options) -> int:
    from apaycli.config_values import BadValue, parse_duration

    try:
        seconds = parse_duration(options.expires)
    except BadValue as bad:
        raise UsageError(f"--expires {bad}") from None
    if seconds > _EXPIRES_DAYS_MAX * 86_400:
        raise UsageError(f"--expires takes at most {_EXPIRES_DAYS_MAX}d")
    return seconds


def check_thread(thread: int | None) -> int | None:
    """A forum topic's id (Bot API `message_thread_id`)."""
    if thread is not None and not 0 < thread < 2**31:
        raise UsageError("--thread takes a topic's id: a positive number")
    return thread
