"""The options of `apay send-invoice` → invoices that can be checked.

Knows how each option is written and what is said when it is not. What an invoice may contain is
`core/invoice.py`'s to know; nothing is sent here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apaycli.cli.env import Env, new_ids
from apaycli.cli.invoice_extras import amount_option, split_label, with_extras
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.core.model import Invoice, LabeledPrice, Product

_WHOLE = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_EXPIRES_DAYS_MAX = 3650


@dataclass(frozen=True, slots=True)
class Options:
    sku: str | None = None
    to: tuple[str, ...] = ()
    to_file: str | None = None
    link: bool = False
    qr: str | None = None
    force: bool = False
    campaign: str | None = None
    retry_unknown: bool = False
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
    photo: str | None = None
    need: tuple[str, ...] = ()
    tip_max: str | None = None
    tips: tuple[str, ...] = ()
    shipping: tuple[str, ...] = ()
    provider_data: Path | None = None
    thread: int | None = None
    direct_topic: int | None = None
    reply_to: int | None = None
    silent: bool = False
    protect: bool = False
    dry_run: bool = False
    yes: bool = False


def build_invoices(options: Options, env: Env, chats: Sequence[str]) -> "list[Invoice]":
    """One draft per chat, each with its own id and payload. Raises UsageError with the option and what is allowed."""
    from dataclasses import replace

    from apaycli.core.invoice import LINK_CHAT, default_forwarding, default_uses_max, product_invoice

    product = with_extras(product_of(options, env), options)
    now, quantity = env.clock.now(), _quantity(options)
    invoices = []
    for chat_id in chats:
        ids = new_ids()
        forwarding = _forwarding(options) or product.forwarding or default_forwarding(chat_id)
        if chat_id == LINK_CHAT:
            forwarding = "pay-button"  # a link has no copies: it is what is handed on
        invoices.append(
            replace(
                product_invoice(product, env.mode, ids, now, chat_id, quantity),
                forwarding=forwarding,
                start_parameter=ids.invoice_id if forwarding == "deep-link" else None,
                uses_max=_uses_max(options, default_uses_max(chat_id)),
                buyer_id=_buyer(options),
                expires_at=now + _expires_seconds(options) * 1000 if options.expires else None,
            )
        )
    return invoices


def product_of(options: Options, env: Env) -> "Product":
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
    from apaycli.text import show

    currency = options.currency or ""
    for problem in check_currency(currency):
        if problem.severity == "refuse":
            raise UsageError(f"--currency {problem.message}")
    prices = []
    for text in options.prices:
        label, amount = split_label(text, "--price")
        discount = amount.startswith("-") and len(options.prices) > 1
        value = amount_option(amount.removeprefix("-") if discount else amount, currency, f"--price {show(text, 60)!r}")
        prices.append(LabeledPrice(label, -value if discount else value))
    return tuple(prices)


def chats_of(options: Options) -> list[str]:
    """Where it goes: `--to`, or nowhere with `--link`. Raises UsageError."""
    from apaycli.core.invoice import LINK_CHAT

    ways = [
        name
        for name, given in (("--to", options.to), ("--to-file", options.to_file), ("--link", options.link))
        if given
    ]
    if len(ways) > 1:
        raise UsageError(f"{' and '.join(ways)} contradict each other")
    if options.qr is not None and not options.link:
        raise UsageError("--qr belongs to --link; for a product's own link: apay links --qr")
    if options.to_file is None and (options.retry_unknown or options.campaign is not None):
        raise UsageError("--retry-unknown and --campaign belong to --to-file")
    if options.link:
        _refuse_delivery(options)
        return [LINK_CHAT]
    if not options.to:
        raise UsageError("--to is missing: which chat gets the invoice?", hint="or --to-file FILE, or --link")
    chats: list[str] = []
    for text in options.to:
        chat_id = parse_chat_option(text, "--to")
        if chat_id.lower() in (chat.lower() for chat in chats):  # Telegram's names know no case
            raise UsageError(f"--to {chat_id} is given twice")
        chats.append(chat_id)
    return chats


def parse_chat_option(text: str, place: str) -> str:
    from apaycli.core.invoice import parse_chat
    from apaycli.text import show

    try:
        return parse_chat(text)
    except ValueError as error:
        raise UsageError(f"{place} {show(text, 60)!r}: {error}") from None


def _refuse_delivery(options: Options) -> None:
    given = {
        "--thread": options.thread,
        "--direct-topic": options.direct_topic,
        "--reply-to": options.reply_to,
        "--silent": options.silent,
        "--protect": options.protect,
        "--forwarding": options.forwarding,
    }
    for name, value in given.items():
        if value:
            raise UsageError(f"{name} is for messages: a link is in no chat")


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
