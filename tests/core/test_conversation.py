"""What the bot says to strangers: products, terms, support, an invoice, or why there is none."""

import pytest
from core_samples import ASHA, NOW, RAHIM, checkout_facts, invoice, product, reservation, shop

from apaycli.core.conversation import (
    INLINE_RESULTS_MAX,
    MESSAGE_UNITS_MAX,
    AnswerInlineQuery,
    AnswerShippingQuery,
    Button,
    Press,
    SendInvoice,
    SendText,
    agreed,
    link_unknown,
    must_agree_first,
    offer,
    parse_press,
    products_to_offer,
    refuse_shipping_query,
    reply_to_command,
    reply_to_inline_query,
    reply_to_shipping_query,
    request_received,
    terms_again,
    terms_first,
    terms_mark,
    would_be_query,
)
from apaycli.core.incoming import Command, InlineQuery, PreCheckoutQuery, ShippingQuery
from apaycli.core.messages import ENGLISH, declined_name
from apaycli.core.model import CheckoutFacts, DeclineReason, Invoice, LabeledPrice, ShippingOption
from apaycli.core.wording import utf16_units

CHAT = ASHA.user_id
GROUP = -1001234567890
POST = ShippingOption("post", "Post", (LabeledPrice("Post", 6000),), ("IN",))
PICKUP = ShippingOption("pickup", "Pick it up", (LabeledPrice("Pick it up", 0),))
BEAR = product(sku="bear", title="Iron bear", description="Heavy", currency="BHD", stock=None)


def command(name: str, text: str = "", chat_id: int = CHAT) -> Command:
    return Command(1, chat_id, 2, name, text, ASHA)


def only(effects: object) -> SendText:
    (effect,) = effects if isinstance(effects, list) else [effects]
    assert isinstance(effect, SendText)
    return effect


def said(effects: object) -> str:
    assert only(effects).chat_id == CHAT
    return only(effects).text


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
    assert len(text) <= MESSAGE_UNITS_MAX
    assert text.count("•") == 50


def test_each_product_has_a_button_that_brings_its_invoice() -> None:
    welcome = only(reply_to_command(command("start"), shop(product(), BEAR), {}))
    assert welcome.buttons == (
        Button("Rubber duck, ₹499.00", callback_data="b:duck"),
        Button("Iron bear, BHD 49.900", callback_data="b:bear"),
    )
    assert parse_press("b:duck") == Press("p_duck")


def test_in_a_group_a_button_opens_the_private_chat() -> None:
    welcome = only(reply_to_command(command("start", chat_id=GROUP), shop(), {}, "ducks_bot"))
    assert (welcome.chat_id, welcome.buttons) == (
        GROUP,
        (Button("Rubber duck, ₹499.00", url="https://t.me/ducks_bot?start=p_duck"),),
    )


def test_terms_are_the_shops_or_honestly_missing() -> None:
    assert said(reply_to_command(command("terms"), shop(terms_text="Be kind."), {})) == "Be kind."
    assert "has not published its terms" in said(reply_to_command(command("terms"), shop(), {}))


def test_terms_with_a_version_can_be_agreed_to() -> None:
    terms = only(reply_to_command(command("terms"), shop(terms_text="Be kind.", terms_version="2026-11"), {}))
    (button,) = terms.buttons
    assert button.text == "I agree"
    assert button.callback_data is not None
    assert parse_press(button.callback_data) == Press("", terms_mark("2026-11", "Be kind."))
    marks = {terms_mark("2026-11", "Be kind."), terms_mark("2026-12", "Be kind."), terms_mark("2026-11", "Be kinder.")}
    assert len(marks) == 3


@pytest.mark.parametrize(
    "text", ["x" * 9999, "🦆" * 5000, "line\n" * 3000, ("y" * 4000 + "\n") * 3], ids=lambda t: t[:4]
)
def test_long_terms_come_whole_in_several_messages_with_the_button_last(text: str) -> None:
    parts = reply_to_command(command("terms"), shop(terms_text=text, terms_version="1"), {})
    texts = [part.text for part in parts if isinstance(part, SendText)]
    assert "".join(texts) == text
    assert max(map(utf16_units, texts)) <= MESSAGE_UNITS_MAX
    assert [bool(part.buttons) for part in parts if isinstance(part, SendText)] == [False] * (len(parts) - 1) + [True]


def test_a_buyer_who_must_agree_first_gets_the_terms_and_a_button_that_leads_on() -> None:
    asks = shop(terms_text="Be kind.", terms_version="2", require_acceptance=True)
    assert must_agree_first(asks, ["1"])
    assert not must_agree_first(asks, ["1", "2"])
    assert not must_agree_first(shop(terms_version="2"), [])
    for function, heading in ((terms_first, "Before you buy"), (terms_again, "The shop's terms have changed")):
        first, terms = function(CHAT, asks, ASHA, "p_duck")
        assert only(first).text.startswith(heading)
        (button,) = only(terms).buttons
        assert button.callback_data == f"a:{terms_mark('2', 'Be kind.')}:p_duck"
    assert agreed(asks, ASHA) == "Thank you. You agreed to the shop's terms, version 2."


def test_the_data_of_a_button_fits_into_its_64_bytes() -> None:
    asks = shop(terms_text="Be kind.", terms_version="x" * 1000)
    (_, terms) = terms_first(CHAT, asks, ASHA, "p_" + "s" * 32)
    assert only(terms).buttons[0].callback_data is not None
    assert len(only(terms).buttons[0].callback_data or "") <= 64
    assert utf16_units(agreed(asks, ASHA)) <= 200


@pytest.mark.parametrize("data", ["", "x", "c:duck", "b", "\x00", "buy:duck"])
def test_data_of_nobodys_button_means_nothing(data: str) -> None:
    assert parse_press(data) is None


@pytest.mark.parametrize("name", ["support", "paysupport"])
@pytest.mark.parametrize("support_text", [None, "Write to @ducks.", "x" * 9999])
def test_support_says_that_telegram_cannot_help(name: str, support_text: str | None) -> None:
    text = said(reply_to_command(command(name), shop(support_text=support_text), {}))
    assert text.endswith(ENGLISH["telegram_cannot_help"])
    assert text.startswith((support_text or "The shop has not said yet how it can be reached")[:40])
    assert len(text) <= MESSAGE_UNITS_MAX


@pytest.mark.parametrize("name", ["settings", "", "Start", "terms_of_others"])
def test_other_commands_are_left_alone(name: str) -> None:
    assert reply_to_command(command(name), shop(), {}) == []


def test_in_private_support_says_how_to_leave_a_message() -> None:
    assert "/support My parcel" in said(reply_to_command(command("support"), shop(), {}))
    assert "/support My parcel" not in only(reply_to_command(command("support", chat_id=GROUP), shop(), {})).text


def test_a_request_is_acknowledged_with_its_number() -> None:
    text = said(request_received(command("support", "Where is it?"), shop(), 17))
    assert "17" in text
    assert ENGLISH["telegram_cannot_help"] in text
    assert said(request_received(command("support", "Hello?"), shop(), None)) == ENGLISH["support_too_many"]


def test_an_invoice_that_can_be_paid_is_sent() -> None:
    assert offer(CHAT, invoice(), checkout_facts(), ASHA, shop(), NOW) == SendInvoice(CHAT, invoice())


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
    assert facts.invoice is not None
    assert said(offer(CHAT, facts.invoice, facts, ASHA, shop(), NOW)) == ENGLISH[declined_name(reason)]


def test_whoever_is_paying_already_gets_the_invoice_again() -> None:
    facts = CheckoutFacts(invoice(uses_max=1), uses_held=1, own_reservation=reservation(), stock_held=10)
    assert facts.invoice is not None
    assert isinstance(offer(CHAT, facts.invoice, facts, ASHA, shop(), NOW), SendInvoice)


def test_an_unknown_link_leads_to_the_shop() -> None:
    unknown = link_unknown(command("start", "x"), shop(), {}, "ducks_bot")
    assert unknown.text.startswith("This link is not known here any more.\n\nFor sale:\n• Rubber duck")
    assert unknown.buttons


def test_the_question_before_sending_is_the_buyers_own_query() -> None:
    assert would_be_query(invoice(), RAHIM) == PreCheckoutQuery(0, "", RAHIM, "INR", 49900, "payload-1")
    delivered = would_be_query(invoice(shipping=(POST,)), RAHIM)
    assert (delivered.total_amount, delivered.shipping_option_id) == (55900, "post")


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


@pytest.mark.parametrize(
    ("country_code", "options"),
    [("IN", (POST, PICKUP)), ("in", (POST, PICKUP)), ("BD", (PICKUP,)), ("", (PICKUP,))],
)
def test_delivery_is_offered_by_country(country_code: str, options: tuple[ShippingOption, ...]) -> None:
    asked = ShippingQuery(1, "sq-1", ASHA, "payload-1", country_code)
    answer = reply_to_shipping_query(asked, invoice(shipping=(POST, PICKUP)), shop())
    assert answer == AnswerShippingQuery("sq-1", options, ENGLISH["declined_unavailable"])


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (invoice(shipping=(POST,)), "no_delivery"),
        (invoice(), "no_delivery"),
        (None, "declined_unknown_invoice"),
    ],
    ids=["another country", "no delivery", "no invoice"],
)
def test_where_nothing_is_delivered_the_buyer_is_told(found: Invoice | None, sentence: str) -> None:
    answer = reply_to_shipping_query(ShippingQuery(1, "sq-1", ASHA, "payload-1", "BD"), found, shop())
    assert answer == AnswerShippingQuery("sq-1", error_message=ENGLISH[sentence])


def test_a_shipping_query_that_cannot_be_looked_up_is_refused() -> None:
    answer = refuse_shipping_query(ShippingQuery(1, "sq-1", ASHA, "payload-1", "BD"), shop())
    assert answer == AnswerShippingQuery("sq-1", error_message=ENGLISH["declined_unavailable"])
