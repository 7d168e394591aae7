"""What the bot says to strangers: products, terms, support, an invoice, or why there is none."""

import pytest
from core_samples import ASHA, NOW, RAHIM, checkout_facts, invoice, product, reservation, shop

from apaycli.core.conversation import (
    INLINE_RESULTS_MAX,
    MESSAGE_CHARACTERS_MAX,
    TELEGRAM_CANNOT_HELP,
    AnswerInlineQuery,
    AnswerShippingQuery,
    SendInvoice,
    SendText,
    products_to_offer,
    reply_to_command,
    reply_to_deep_link,
    reply_to_inline_query,
    reply_to_shipping_query,
    would_be_query,
)
from apaycli.core.incoming import Command, InlineQuery, PreCheckoutQuery, ShippingQuery
from apaycli.core.model import CheckoutFacts, DeclineReason
from apaycli.core.wording import DECLINE_SENTENCES

CHAT = 77
BEAR = product(sku="bear", title="Iron bear", description="Heavy", currency="BHD", stock=None)


def command(name: str, text: str = "") -> Command:
    return Command(1, CHAT, 2, name, text, ASHA)


def said(effect: object) -> str:
    assert isinstance(effect, SendText)
    assert effect.chat_id == CHAT
    return effect.text


@pytest.mark.parametrize("name", ["start", "help"])
def test_start_lists_what_is_for_sale_with_prices(name: str) -> None:
    text = said(reply_to_command(command(name), shop(product(), BEAR), {}))
    assert text.startswith("For sale:\n• Rubber duck: ₹499.00\n• Iron bear: BHD 49.900\n\n/start")
    assert "/terms" in text
    assert "/support" in text


def test_start_of_an_empty_shop_says_so() -> None:
    text = said(reply_to_command(command("start"), shop(), {"duck": (10, 0)}))
    assert text.startswith("Nothing is for sale at the moment.\n\n/start")


def test_a_hostile_title_stays_one_harmless_line() -> None:
    hostile = product(title="Duck\n• Free: ₹0 \u202e" + "x" * 100)
    lines = said(reply_to_command(command("start"), shop(hostile), {})).splitlines()
    assert lines[1].startswith(r"• Duck\x0a• Free: ₹0 \u202exx")
    assert lines[2] == ""


def test_a_large_shop_fits_into_one_message() -> None:
    many = [product(sku=f"duck-{number}", title="🦆" * 16 + "x" * 16) for number in range(300)]
    text = said(reply_to_command(command("start"), shop(*many), {}))
    assert len(text) <= MESSAGE_CHARACTERS_MAX
    assert text.count("•") == 50


def test_terms_are_the_shops_or_honestly_missing() -> None:
    assert said(reply_to_command(command("terms"), shop(terms_text="Be kind."), {})) == "Be kind."
    assert "has not published its terms" in said(reply_to_command(command("terms"), shop(), {}))
    assert said(reply_to_command(command("terms"), shop(terms_text="x" * 9999), {})) == "x" * 4096


@pytest.mark.parametrize("name", ["support", "paysupport"])
@pytest.mark.parametrize("support_text", [None, "Write to @ducks.", "x" * 9999])
def test_support_says_that_telegram_cannot_help(name: str, support_text: str | None) -> None:
    text = said(reply_to_command(command(name), shop(support_text=support_text), {}))
    assert text.endswith(TELEGRAM_CANNOT_HELP)
    assert text.startswith((support_text or "The shop has not said yet how it can be reached")[:40])
    assert len(text) <= MESSAGE_CHARACTERS_MAX


@pytest.mark.parametrize("name", ["settings", "", "Start", "terms_of_others"])
def test_other_commands_are_left_alone(name: str) -> None:
    assert reply_to_command(command(name), shop(), {}) is None


def test_a_deep_link_sends_its_invoice_again() -> None:
    facts = checkout_facts()
    assert facts.invoice is not None
    assert reply_to_deep_link(command("start", "x"), facts, shop(), NOW) == SendInvoice(CHAT, facts.invoice)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (CheckoutFacts(invoice(cancelled_at=1)), DeclineReason.CANCELLED),
        (CheckoutFacts(invoice(expires_at=NOW)), DeclineReason.EXPIRED),
        (CheckoutFacts(invoice(buyer_id=RAHIM.user_id)), DeclineReason.OTHER_BUYER),
        (CheckoutFacts(invoice(uses_max=1), uses_paid=1), DeclineReason.ALREADY_PAID),
        (CheckoutFacts(invoice(uses_max=1), uses_held=1), DeclineReason.BEING_PAID),
        (CheckoutFacts(invoice(), stock_sold=10), DeclineReason.SOLD_OUT),
        (CheckoutFacts(invoice(mode="live")), DeclineReason.UNAVAILABLE),
    ],
)
def test_a_deep_link_that_cannot_be_paid_says_why(facts: CheckoutFacts, reason: DeclineReason) -> None:
    assert said(reply_to_deep_link(command("start", "x"), facts, shop(), NOW)) == DECLINE_SENTENCES[reason]


def test_whoever_is_paying_already_gets_the_invoice_again() -> None:
    facts = CheckoutFacts(invoice(uses_max=1), uses_held=1, own_reservation=reservation(), stock_held=10)
    assert isinstance(reply_to_deep_link(command("start", "x"), facts, shop(), NOW), SendInvoice)


@pytest.mark.parametrize(
    ("facts", "user"), [(CheckoutFacts(None), ASHA), (checkout_facts(), None)], ids=["unknown link", "no buyer"]
)
def test_an_unknown_link_leads_to_the_shop(facts: CheckoutFacts, user: object) -> None:
    asked = Command(1, CHAT, 2, "start", "x", ASHA if user else None)
    text = said(reply_to_deep_link(asked, facts, shop(), NOW))
    assert text.startswith("This link is not known here any more.\n\nFor sale:\n• Rubber duck")


def test_the_question_before_sending_is_the_buyers_own_query() -> None:
    assert would_be_query(invoice(), RAHIM) == PreCheckoutQuery(0, "", RAHIM, "INR", 49900, "payload-1")


@pytest.mark.parametrize(
    ("words", "skus"),
    [
        ("", ["duck", "bear"]),
        ("  ", ["duck", "bear"]),
        ("DUCK", ["duck"]),
        ("iron HEAVY", ["bear"]),
        ("iron yellow", []),
        ("cm", ["duck"]),
    ],
)
def test_the_search_finds_every_word_in_the_order_of_the_file(words: str, skus: list[str]) -> None:
    assert [each.sku for each in products_to_offer(shop(product(), BEAR), {}, words)] == skus


@pytest.mark.parametrize(
    ("changes", "counts", "offered"),
    [
        ({}, (9, 0), True),
        ({}, (5, 5), False),
        ({}, (0, 10), False),
        ({}, (50, 0), False),
        ({"stock": 1}, None, True),
        ({"stock": None}, (10**6, 10**6), True),
        ({"stock": 0}, (0, 0), False),
        ({"paused": True}, (0, 0), False),
    ],
)
def test_only_what_can_be_sold_now_is_offered(
    changes: dict[str, object], counts: tuple[int, int] | None, offered: bool
) -> None:
    assert bool(products_to_offer(shop(product(**changes)), {"duck": counts} if counts else {})) is offered


@pytest.mark.parametrize(
    ("offset", "first", "count", "next_offset"),
    [
        ("", 0, 50, "50"),
        ("50", 50, 50, "100"),
        ("100", 100, 20, ""),
        ("120", 120, 0, ""),
        ("999999", 999999, 0, ""),
        ("9999999", 0, 50, "50"),
        ("-50", 0, 50, "50"),
        ("٥٠", 0, 50, "50"),
        ("²", 0, 50, "50"),
        ("x", 0, 50, "50"),
    ],
)
def test_inline_results_come_in_pages(offset: str, first: int, count: int, next_offset: str) -> None:
    invoices = [invoice(invoice_id=f"inv-{number}") for number in range(120)]
    answer = reply_to_inline_query(InlineQuery(1, "iq-1", ASHA, "", offset), iter(invoices))
    assert answer == AnswerInlineQuery("iq-1", tuple(invoices[first : first + INLINE_RESULTS_MAX]), next_offset)
    assert len(answer.invoices) == count


def test_nothing_is_delivered_and_the_buyer_is_told() -> None:
    answer = reply_to_shipping_query(ShippingQuery(1, "sq-1", ASHA, "payload-1", "BD"))
    assert isinstance(answer, AnswerShippingQuery)
    assert answer.shipping_query_id == "sq-1"
    assert "not charged" in answer.error_message
