"""Commands, buttons, inline and shipping queries → what the bot says.

Knows the few sentences that lead a stranger to an invoice and keep the merchant within A-Pay's and
Telegram's rules, and in which order: terms before the invoice. Never sends anything: it returns effects. Whether an
invoice may be sent is asked of `core/decide.py`, with the very rules that will answer the buyer's pre-checkout query.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from apaycli.core.decide import Shop, decide_pre_checkout
from apaycli.core.incoming import Command, InlineQuery, PreCheckoutQuery, ShippingQuery
from apaycli.core.invoice import PRODUCT_LINK
from apaycli.core.model import CheckoutFacts, DeclineReason, Invoice, Product, ShippingOption, User
from apaycli.core.stock import stock_level
from apaycli.core.wording import SENTENCE_UNITS_MAX, cut_at_word, decline_sentence, utf16_units
from apaycli.money import render_money
from apaycli.text import show

MESSAGE_UNITS_MAX = 4096
BUTTON_UNITS_MAX = 64
INLINE_RESULTS_MAX = 50
BUTTONS_MAX = 50
OPEN_REQUESTS_MAX = 5  # of one buyer
_BUY, _AGREE = "b:", "a:"  # what the data of a button begins with; Telegram takes 64 bytes


@dataclass(frozen=True, slots=True)
class Button:
    """`InlineKeyboardButton`: a press comes back as `callback_data`, or opens `url`."""

    text: str
    callback_data: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class SendText:
    """Effect: `sendMessage`, plain text; one button a row."""

    chat_id: int
    text: str
    buttons: tuple[Button, ...] = ()


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
    """Effect: `answerShippingQuery`: ways of delivery, or (`ok=false`) the sentence why there are none.

    Beside options, `error_message` is what is said where Telegram takes none of them. `stand_in` goes with a refusal:
    an option that is not meant to be chosen.
    """

    shipping_query_id: str
    options: tuple[ShippingOption, ...] = ()
    error_message: str | None = None
    stand_in: ShippingOption | None = None


@dataclass(frozen=True, slots=True)
class AnswerCallbackQuery:
    """Effect: `answerCallbackQuery`: the button stops waiting, and shows `text` for a moment."""

    callback_query_id: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class RemoveKeyboard:
    """Effect: `editMessageReplyMarkup` without a keyboard: the message cannot be paid any more."""

    chat_id: str
    message_id: int


Message = SendText | SendInvoice
Effect = Message | AnswerInlineQuery | AnswerShippingQuery | AnswerCallbackQuery | RemoveKeyboard
StockCounts = Mapping[str, tuple[int, int]]  # (sold, held) by SKU


# -- commands ----------------------------------------------------------------------------------------------------------


def reply_to_command(command: Command, shop: Shop, counts: StockCounts, bot_username: str = "") -> list[Message]:
    """The answer to everything but `/start <parameter>` and a request behind /support; none for a command that is
    not ours."""
    match command.command:
        case "start" | "help":
            return [welcome(command, shop, counts, bot_username)]
        case "terms":
            return _terms(command.chat_id, shop, _language(command.user))
        case "support" | "paysupport":
            return [_support(command, shop)]
        case _:
            return []


def _language(user: User | None) -> str | None:
    return user.language_code if user else None


def welcome(command: Command, shop: Shop, counts: StockCounts, bot_username: str) -> SendText:
    """What is for sale. A press on a product brings its invoice; in a group it opens the bot's private chat."""
    language = _language(command.user)
    products = products_to_offer(shop, counts)[:BUTTONS_MAX]
    heading = shop.messages.say("for_sale" if products else "nothing_for_sale", language)
    lines = [f"• {show(p.title, 64)}: {render_money(p.total_amount, p.currency)}" for p in products]
    ending = "\n\n" + shop.messages.say("help", language)
    text = _cut("\n".join([heading, *lines]), MESSAGE_UNITS_MAX - utf16_units(ending)) + ending
    buttons = (_product_button(product, shop, command, bot_username) for product in products)
    return SendText(command.chat_id, text, tuple(buttons))


def _product_button(product: Product, shop: Shop, command: Command, bot_username: str) -> Button:
    price = render_money(product.total_amount, product.currency)
    title = show(product.title, 64)
    text = _cut(shop.messages.say("buy_button", _language(command.user), title=title, price=price), BUTTON_UNITS_MAX)
    if command.is_private:
        return Button(text, callback_data=_BUY + product.sku)
    return Button(text, url=product_link(bot_username, product.sku))


def product_link(bot_username: str, sku: str) -> str:
    """A product's deep link: whoever follows it gets the invoice in the bot's private chat."""
    return f"https://t.me/{bot_username}?start={PRODUCT_LINK}{sku}"


def _support(command: Command, shop: Shop) -> SendText:
    language = _language(command.user)
    say = shop.messages.say
    ending = say("telegram_cannot_help", language)
    if command.is_private:
        ending = say("support_how", language) + "\n\n" + ending
    text = _cut(shop.support_text or say("support_none", language), MESSAGE_UNITS_MAX - utf16_units(ending) - 2)
    return SendText(command.chat_id, f"{text}\n\n{ending}")


def request_received(command: Command, shop: Shop, number: int | None) -> SendText:
    """The answer to a request; None: this buyer has too many open ones."""
    language = _language(command.user)
    if number is None:
        return SendText(command.chat_id, shop.messages.say("support_too_many", language))
    received = shop.messages.say("support_received", language, number=number)
    return SendText(command.chat_id, f"{received}\n\n{shop.messages.say('telegram_cannot_help', language)}")


# -- terms -------------------------------------------------------------------------------------------------------------


def must_agree_first(shop: Shop, accepted_versions: Collection[str]) -> bool:
    return shop.require_acceptance and shop.terms_version not in accepted_versions


def terms_first(chat_id: int, shop: Shop, user: User, start_parameter: str) -> list[Message]:
    """The terms, and a button that leads on to what `start_parameter` stands for."""
    agree = shop.messages.say("agree_button", user.language_code)
    heading = shop.messages.say("terms_first", user.language_code, agree=agree)
    return [SendText(chat_id, heading), *_terms(chat_id, shop, user.language_code, start_parameter)]


def terms_again(chat_id: int, shop: Shop, user: User, start_parameter: str) -> list[Message]:
    """Somebody agreed to words that are not in force any more."""
    heading = shop.messages.say("terms_again", user.language_code)
    return [SendText(chat_id, heading), *_terms(chat_id, shop, user.language_code, start_parameter)]


def _terms(chat_id: int, shop: Shop, language: str | None, start_parameter: str = "") -> list[Message]:
    """The whole text, in as many messages as it takes; the button under the last one."""
    if not shop.terms_text:
        return [SendText(chat_id, shop.messages.say("terms_none", language))]
    parts = [SendText(chat_id, part) for part in _parts(shop.terms_text)]
    if shop.terms_version is not None:
        agree = Button(
            _cut(shop.messages.say("agree_button", language), BUTTON_UNITS_MAX),
            callback_data=f"{_AGREE}{terms_mark(shop.terms_version, shop.terms_text)}:{start_parameter}",
        )
        parts[-1] = SendText(chat_id, parts[-1].text, (agree,))
    return list(parts)


def terms_mark(version: str, text: str) -> str:
    """Eight letters that stand for these very words in the data of a button, which takes 64 bytes in all."""
    return hashlib.sha256(f"{version}\n{text}".encode()).hexdigest()[:8]


def _parts(text: str) -> list[str]:
    """`text` in messages, broken at line ends where that is possible."""
    parts = [""]
    for line in text.splitlines(keepends=True):
        rest = line
        while rest:
            piece, rest = _head(rest, MESSAGE_UNITS_MAX)
            if utf16_units(parts[-1] + piece) > MESSAGE_UNITS_MAX:
                parts.append("")
            parts[-1] += piece
    return [part for part in parts if part.strip()]


def _head(text: str, units_max: int) -> tuple[str, str]:
    if utf16_units(text) <= units_max:
        return text, ""
    return text[: units_max // 2], text[units_max // 2 :]


def _cut(text: str, units_max: int) -> str:
    return cut_at_word(text, units_max)


# -- buttons -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Press:
    """What the data of a button asks for. `start_parameter` is what to show then; `mark` the terms agreed to."""

    start_parameter: str
    mark: str | None = None


def parse_press(data: str) -> Press | None:
    """None for data that no button of ours has: anybody can send anything."""
    if data.startswith(_BUY):
        return Press(PRODUCT_LINK + data.removeprefix(_BUY))
    if data.startswith(_AGREE):
        mark, _, start_parameter = data.removeprefix(_AGREE).partition(":")
        return Press(start_parameter, mark)
    return None


def agreed(shop: Shop, user: User) -> str:
    """What the button shows for a moment (at most 200 characters)."""
    sentence = shop.messages.say("agreed", user.language_code, version=show(shop.terms_version or "", 32))
    return _cut(sentence, SENTENCE_UNITS_MAX)


# -- invoices ----------------------------------------------------------------------------------------------------------


def offer(chat_id: int, invoice: Invoice, facts: CheckoutFacts, user: User, shop: Shop, now: int) -> Message:
    """The invoice, or why this buyer cannot pay it now."""
    decision = decide_pre_checkout(would_be_query(invoice, user), facts, shop, now)
    if not decision.ok:
        return SendText(chat_id, decision.error_message or "")
    return SendInvoice(chat_id, invoice)


def link_unknown(command: Command, shop: Shop, counts: StockCounts, bot_username: str) -> SendText:
    hello = welcome(command, shop, counts, bot_username)
    sentence = shop.messages.say("link_unknown", _language(command.user))
    return SendText(hello.chat_id, _cut(f"{sentence}\n\n{hello.text}", MESSAGE_UNITS_MAX), hello.buttons)


def would_be_query(invoice: Invoice, buyer: User) -> PreCheckoutQuery:
    """The query that would come if `buyer` paid this invoice now, delivered the first way."""
    option = invoice.shipping[0] if invoice.shipping else None
    total_amount = invoice.total_amount + (option.total_amount if option else 0)
    option_id = option.option_id if option else None
    return PreCheckoutQuery(0, "", buyer, invoice.currency, total_amount, invoice.invoice_payload, option_id)


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


def reply_to_shipping_query(query: ShippingQuery, invoice: Invoice | None, shop: Shop) -> AnswerShippingQuery:
    """The ways of delivery into the buyer's country, or a sentence that says that there are none."""
    options = tuple(option for option in invoice.shipping if option.reaches(query.country_code)) if invoice else ()
    if options:
        return replace(refuse_shipping_query(query, shop), options=options)
    language = query.buyer.language_code
    if invoice is None:
        sentence = decline_sentence(DeclineReason.UNKNOWN_INVOICE, shop.messages, language)
    else:
        sentence = cut_at_word(shop.messages.say("no_delivery", language), SENTENCE_UNITS_MAX)
    return AnswerShippingQuery(query.shipping_query_id, error_message=sentence)


def refuse_shipping_query(query: ShippingQuery, shop: Shop) -> AnswerShippingQuery:
    """For a query that cannot be looked up in time."""
    sentence = decline_sentence(DeclineReason.UNAVAILABLE, shop.messages, query.buyer.language_code)
    return AnswerShippingQuery(query.shipping_query_id, error_message=sentence)
