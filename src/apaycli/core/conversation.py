"""/start, /terms, /support, inline and shipping queries → what the bot says.

Knows the few sentences that lead a stranger to an invoice and keep the merchant within A-Pay's and
Telegram's rules. Never sends anything: it returns effects. Whether an invoice may be sent again is asked of
`core/decide.py`, with the very rules that will answer the buyer's pre-checkout query.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apaycli.core.decide import Shop, decide_pre_checkout
from apaycli.core.incoming import Command, InlineQuery, PreCheckoutQuery, ShippingQuery
from apaycli.core.model import CheckoutFacts, Invoice, Product, User
from apaycli.core.stock import stock_level
from apaycli.money import render_money
from apaycli.text import show

MESSAGE_CHARACTERS_MAX = 4096
INLINE_RESULTS_MAX = 50

# A-Pay's checklist: buyers are told that Telegram cannot help.
TELEGRAM_CANNOT_HELP = (
    "Telegram's own support and bot support cannot help with purchases made here: please write to the shop."
)
_NO_TERMS = "The shop has not published its terms yet. Please ask before you buy: /support"
_NO_SUPPORT = "The shop has not said yet how it can be reached. Please write to the person who sent you the invoice."
_HELP = "/start: what is for sale\n/terms: the shop's terms\n/support: how to reach the shop"
_NO_DELIVERY = "Sorry, the shop cannot deliver to this address. You were not charged; please ask the shop."


@dataclass(frozen=True, slots=True)
class SendText:
    """Effect: `sendMessage`, plain text."""

    chat_id: int
    text: str


@dataclass(frozen=True, slots=True)
class SendInvoice:
    """Effect: `sendInvoice` of an invoice that is in the ledger, into this chat."""

    chat_id: int
    invoice: Invoice


@dataclass(frozen=True, slots=True)
class AnswerInlineQuery:
    """Effect: `answerInlineQuery` with invoices that are in the ledger."""

    inline_query_id: str
    invoices: tuple[Invoice, ...]
    next_offset: str


@dataclass(frozen=True, slots=True)
class AnswerShippingQuery:
    """Effect: `answerShippingQuery`, always a refusal: this version sells nothing with delivery."""

    shipping_query_id: str
    error_message: str


Effect = SendText | SendInvoice | AnswerInlineQuery | AnswerShippingQuery
StockCounts = Mapping[str, tuple[int, int]]  # (sold, held) by SKU


def reply_to_command(command: Command, shop: Shop, counts: StockCounts) -> Effect | None:
    """The answer to everything but `/start <parameter>`; None for a command that is not ours."""
    match command.command:
        case "start" | "help":
            text = _welcome(shop, counts)
        case "terms":
            text = shop.terms_text or _NO_TERMS
        case "support" | "paysupport":
            ending = f"\n\n{TELEGRAM_CANNOT_HELP}"
            text = (shop.support_text or _NO_SUPPORT)[: MESSAGE_CHARACTERS_MAX - len(ending)] + ending
        case _:
            return None
    return SendText(command.chat_id, text[:MESSAGE_CHARACTERS_MAX])


def reply_to_deep_link(command: Command, facts: CheckoutFacts, shop: Shop, now: int) -> Effect:
    """`/start <start_parameter>` of a forwarded invoice: that invoice, or why it cannot be paid any more."""
    if facts.invoice is None or command.user is None:
        return SendText(command.chat_id, "This link is not known here any more.\n\n" + _welcome(shop, {}))
    query = would_be_query(facts.invoice, command.user)
    decision = decide_pre_checkout(query, facts, shop, now)
    if not decision.ok:
        return SendText(command.chat_id, decision.error_message or "")
    return SendInvoice(command.chat_id, facts.invoice)


def would_be_query(invoice: Invoice, buyer: User) -> PreCheckoutQuery:
    """The query that would come if `buyer` paid this invoice now: asked of the rules before it is sent."""
    return PreCheckoutQuery(0, "", buyer, invoice.currency, invoice.total_amount, invoice.invoice_payload)


def products_to_offer(shop: Shop, counts: StockCounts, words: str = "") -> list[Product]:
    """What is for sale now, in the order of the stock file, that has every one of `words` in it."""
    wanted = words.lower().split()
    return [
        product
        for product in shop.products.values()
        if not product.paused
        and stock_level(product, *counts.get(product.sku, (0, 0))).available != 0
        and all(word in f"{product.sku} {product.title} {product.description}".lower() for word in wanted)
    ]


def reply_to_inline_query(query: InlineQuery, invoices: Iterable[Invoice]) -> AnswerInlineQuery:
    """At most 50 results a page; `offset` is the number of those already shown."""
    first = int(query.offset) if query.offset.isascii() and query.offset.isdigit() and len(query.offset) < 7 else 0
    offered = list(invoices)
    page = tuple(offered[first : first + INLINE_RESULTS_MAX])
    more = len(offered) > first + len(page)
    return AnswerInlineQuery(query.inline_query_id, page, str(first + len(page)) if more else "")


def reply_to_shipping_query(query: ShippingQuery) -> AnswerShippingQuery:
    return AnswerShippingQuery(query.shipping_query_id, _NO_DELIVERY)


def _welcome(shop: Shop, counts: StockCounts) -> str:
    lines = [
        f"• {show(product.title, 64)}: {render_money(product.total_amount, product.currency)}"
        for product in products_to_offer(shop, counts)[:50]
    ]
    goods = "For sale:\n" + "\n".join(lines) if lines else "Nothing is for sale at the moment."
    return f"{goods}\n\n{_HELP}"
