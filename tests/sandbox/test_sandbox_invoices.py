"""What Telegram refuses in an invoice, in whose words, and in which turn."""

from typing import Any

import pytest
from sandbox_bot import Bot

from apaycli.sandbox.invoices import clean, currency_limits, render_amount
from apaycli.sandbox.world import World

P129 = "৳" * 43


def price(*amounts: Any) -> list[dict[str, Any]]:
    return [{"label": "x", "amount": amount} for amount in amounts]


REFUSALS = [
    ({"title": None}, 'parameter "title" is required'),
    ({"title": ""}, 'parameter "title" is required'),
    ({"description": ""}, 'parameter "description" is required'),
    ({"payload": ""}, 'parameter "payload" is required'),
    ({"currency": ""}, 'parameter "currency" is required'),
    ({"prices": ""}, 'parameter "prices" is required'),
    ({"prices": "{"}, "can't parse prices JSON object"),
    ({"prices": {"label": "x", "amount": 1}}, "expected an Array of labeled prices"),
    ({"prices": []}, "there must be at least one price"),
    ({"prices": [{"amount": 50000}]}, "can't parse labeled price: LabeledPrice label must be non-empty"),
    ({"prices": [{"label": "", "amount": 5}]}, "can't parse labeled price: LabeledPrice label must be non-empty"),
    ({"prices": [{"label": "x"}]}, "can't parse labeled price: "),
    ({"prices": price(500.5)}, "can't parse labeled price: "),
    ({"prices": price(500.0)}, "can't parse labeled price: "),
    ({"prices": price(True)}, "can't parse labeled price: "),
    ({"prices": price("12,5")}, "can't parse labeled price: "),
    ({"prices": ["x"]}, "can't parse labeled price: "),
    ({"prices": price(1_000_000_000_000)}, "too big amount of the currency specified"),
    ({"prices": price(-1_000_000_000_000, 50000)}, "too big amount of the currency specified"),
    ({"prices": price(100, -100)}, "total price must be positive"),
    ({"prices": price(999_999_999_999, 1)}, "total price is too big"),
    ({"max_tip_amount": "x"}, 'can\'t parse "max_tip_amount" as Number'),
    ({"max_tip_amount": -1}, "invalid max_tip_amount of the currency specified"),
    ({"max_tip_amount": 1_000_000_000_000}, "invalid max_tip_amount of the currency specified"),
    ({"suggested_tip_amounts": "["}, "can't parse suggested_tip_amounts JSON object"),
    ({"suggested_tip_amounts": {"a": 1}}, "expected an Array of suggested tip amounts"),
    ({"suggested_tip_amounts": [1.5]}, "can't parse suggested tip amount as Number"),
    ({"suggested_tip_amounts": [0], "max_tip_amount": 9}, "suggested tip amount must be positive"),
    ({"suggested_tip_amounts": [5]}, "suggested tip amount can't be bigger than max_tip_amount"),
    ({"suggested_tip_amounts": [1, 2, 3, 4, 5], "max_tip_amount": 9}, "there can be at most 4 suggested tip amounts"),
    ({"payload": P129}, "INVOICE_PAYLOAD_INVALID"),
    ({"payload": "a" * 129}, "INVOICE_PAYLOAD_INVALID"),
    ({"provider_token": None}, "PAYMENT_PROVIDER_INVALID"),
    ({"provider_token": "1:TEST:x"}, "PAYMENT_PROVIDER_INVALID"),
    ({"currency": "XTR"}, "PAYMENT_PROVIDER_INVALID"),
    ({"currency": "XTR", "provider_token": ""}, "STARS_INVOICE_INVALID"),
    ({"currency": "KHR"}, "PAYMENT_PROVIDER_INVALID"),
    ({"currency": "bdt"}, "PAYMENT_PROVIDER_INVALID"),
    ({"prices": price(10000)}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
    ({"prices": price(12160)}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
    ({"currency": "USD", "prices": price(1000001)}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
    ({"photo_url": "ftp://x"}, "WEBDOCUMENT_URL_INVALID"),
    ({"provider_data": "{"}, "DATA_JSON_INVALID"),
    ({"provider_data": "order 7"}, "DATA_JSON_INVALID"),
    ({"provider_data": "[NaN]"}, "DATA_JSON_INVALID"),
    ({"provider_data": "[" * 100_000}, "DATA_JSON_INVALID"),
    ({"provider_data": '"\udcff"'}, "strings must be encoded in UTF-8"),
]


@pytest.mark.parametrize(("changes", "text"), REFUSALS, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("method", ["sendInvoice", "createInvoiceLink"])
def test_refusals(bot: Bot, world: World, method: str, changes: dict[str, Any], text: str) -> None:
    code, description = bot.refusal(method, **bot.invoice(**changes))
    assert code == 400
    assert (
        description.startswith(f"Bad Request: {text}") if text.endswith(" ") else description == f"Bad Request: {text}"
    )
    assert world.books.invoices == {}


@pytest.mark.parametrize(
    ("method", "text"),
    [("sendInvoice", "wrong invoice information specified"), ("createInvoiceLink", "MEDIA_INVALID")],
)
@pytest.mark.parametrize(
    "changes",
    [
        {"title": "a" * 33},
        {"title": "\U0001f375" * 17},
        {"title": "\u202e"},
        {"description": "a" * 256},
    ],
    ids=["title", "title in UTF-16", "title of nothing", "description"],
)
def test_texts_out_of_bounds(bot: Bot, method: str, text: str, changes: dict[str, str]) -> None:
    assert bot.refusal(method, **bot.invoice(**changes)) == (400, f"Bad Request: {text}")


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "a" * 32},
        {"title": "\U0001f375" * 16},
        {"description": "a" * 255},
        {"payload": "৳" * 42 + "ab"},
        {"prices": price(12161)},
        {"prices": price("50000")},
        {"prices": price(60000, -10000)},
        {"suggested_tip_amounts": [5, 5], "max_tip_amount": 5},
        {"suggested_tip_amounts": [1, 2, 3, 4], "max_tip_amount": 4},
        {"currency": "USD", "prices": price(1_000_000)},
        {"start_parameter": "a" * 64},
        {"photo_url": "https://shop.example.com/tea.jpg", "photo_size": "abc"},
        {
            "reply_markup": {
                "inline_keyboard": [[{"text": "Pay", "pay": True}], [{"text": "?", "url": "https://a.example"}]]
            }
        },
        {"reply_markup": {"inline_keyboard": []}},
    ],
    ids=lambda value: str(value)[:60],
)
def test_accepted(bot: Bot, changes: dict[str, Any]) -> None:
    message = bot.send_invoice(**changes)
    assert "payload" not in message["invoice"]
    assert message["reply_markup"]["inline_keyboard"][0][0]["pay"] is True


@pytest.mark.parametrize(
    ("given", "kept"),
    [('{"order": 7}', '{"order": 7}'), ({"order": 7}, '{"order": 7}'), ("5", "5"), ("", ""), (None, "")],
)
def test_provider_data_is_kept(bot: Bot, world: World, given: Any, kept: str) -> None:
    bot.send_invoice(provider_data=given)
    assert world.books.find_invoice("tea-1").form.provider_data == kept


def test_pictures_are_clamped_and_contacts_kept(bot: Bot, world: World) -> None:
    sizes = {"photo_size": 10**10, "photo_width": 10_001, "photo_height": -5}
    bot.link(photo_url="https://a.example/a.jpg", **sizes, send_phone_number_to_provider=True)
    form = world.books.find_invoice("tea-1").form
    assert (form.photo_size, form.photo_width, form.photo_height) == (10**9, 10_000, 0)
    assert (form.send_phone_number_to_provider, form.need_phone_number) == (True, True)
    assert (form.send_email_to_provider, form.need_email) == (False, False)


def test_payload_must_be_utf8(bot: Bot, world: World) -> None:
    path = f"/bot{world.bot_token}/sendInvoice?title=a&description=b&payload=%FF"
    answer = world.handle(path)
    assert answer.json()["description"] == "Bad Request: the payload must be encoded in UTF-8"


def test_malformed_body_complains_about_the_first_parameter(world: World) -> None:
    answer = world.handle(f"/bot{world.bot_token}/sendInvoice", "application/json", b'{"title": "a",}')
    assert answer.json()["description"] == 'Bad Request: parameter "title" is required'


# Each step is worse than the next one; mending them one by one shows the turn of complaints.
TURNS = [
    ("title", "", 'parameter "title" is required'),
    ("description", "", 'parameter "description" is required'),
    ("payload", "", 'parameter "payload" is required'),
    ("currency", "", 'parameter "currency" is required'),
    ("prices", "{", "can't parse prices JSON object"),
    ("max_tip_amount", "x", 'can\'t parse "max_tip_amount" as Number'),
    ("suggested_tip_amounts", "x", "can't parse suggested_tip_amounts JSON object"),
    ("reply_markup", "x", "can't parse reply keyboard markup JSON object"),
    ("chat_id", "", "chat_id is empty"),
    ("message_thread_id", 7, "message thread not found"),
    ("prices", price(5, -5), "total price must be positive"),
    ("start_parameter", "a b", "START_PARAM_INVALID"),
    ("provider_data", "x", "DATA_JSON_INVALID"),
    ("provider_token", "x", "PAYMENT_PROVIDER_INVALID"),
    ("prices", price(1), "CURRENCY_TOTAL_AMOUNT_INVALID"),
]


def test_turn_of_complaints(bot: Bot) -> None:
    seen = []
    for turn in range(len(TURNS)):
        broken: dict[str, Any] = {}
        for name, value, _ in TURNS[turn:]:
            broken.setdefault(name, value)
        seen.append(bot.refusal("sendInvoice", **bot.invoice(**broken))[1].removeprefix("Bad Request: "))
    assert seen == [text for _, _, text in TURNS]


@pytest.mark.parametrize(
    ("start_parameter", "text"),
    [("a" * 65, "START_PARAM_TOO_LONG"), ("a b", "START_PARAM_INVALID"), ("ä", "START_PARAM_INVALID")],
)
def test_start_parameter(bot: Bot, start_parameter: str, text: str) -> None:
    params = bot.invoice(start_parameter=start_parameter)
    assert bot.refusal("sendInvoice", **params) == (400, f"Bad Request: {text}")


@pytest.mark.parametrize(
    ("keyboard", "text"),
    [
        ([[{"text": "x", "url": "https://a.example"}]], "REPLY_MARKUP_BUY_EMPTY"),
        ([[{"text": "x", "url": "https://a.example"}, {"text": "Pay", "pay": True}]], "REPLY_MARKUP_BUY_EMPTY"),
        ([[{"text": "Pay", "pay": True}], [{"text": "Pay", "pay": True}]], "BUTTON_TYPE_INVALID"),
        ([[{"text": "Pay"}]], "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
        ([[{"text": "Pay", "pay": False}]], "can't parse inline keyboard button: Text buttons are unallowed"),
        ([[{"text": "Pay", "pay": True}] * 101], "reply markup is too long"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_keyboards(bot: Bot, keyboard: list[list[dict[str, Any]]], text: str) -> None:
    params = bot.invoice(reply_markup={"inline_keyboard": keyboard})
    assert bot.refusal("sendInvoice", **params)[1].startswith(f"Bad Request: {text}")


def test_link(bot: Bot, world: World) -> None:
    assert bot.link().startswith("https://t.me/$")
    world.settings.link_base = "https://telegram.me/$"
    link = bot.link(payload="tea-2")
    assert link.startswith("https://telegram.me/$")
    assert world.books.find_invoice(link.replace("telegram.me", "t.me")).form.payload == "tea-2"


@pytest.mark.parametrize("name", ["subscription_period", "business_connection_id"])
def test_link_refuses_what_is_for_stars(bot: Bot, name: str) -> None:
    assert bot.refusal("createInvoiceLink", **bot.invoice(**{name: "2592000"}))[1].endswith("STARS_INVOICE_INVALID")


def test_live_token_works_as_well(bot: Bot, world: World) -> None:
    assert bot.link(provider_token=world.live_provider_token)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (50000, "BDT", "BDT 500.00"),
        (1500, "BHD", "BHD 1.500"),
        (1500, "JPY", "JPY 1,500"),
        (123456789, "USD", "USD 1,234,567.89"),
        (5, "USD", "USD 0.05"),
    ],
)
def test_amounts_on_the_button(amount: int, currency: str, expected: str) -> None:
    assert render_amount(amount, currency) == expected


def test_cleaning() -> None:
    assert clean("a\x1b[31m\rb\u202ec\nd\t") == "a [31mbc\nd"


def test_limits_are_numbers_for_every_currency() -> None:
    assert len(currency_limits()) == 94
    assert all(0 < low < high for low, high in currency_limits().values())
