"""Inline keyboards: which buttons are taken, what of them stays, and who refuses the others."""

from typing import Any

import pytest
from sandbox_bot import Bot

from apaycli.sandbox.markup import is_address

SITE = {"text": "Site", "url": "https://a.example"}
PAY = {"text": "Pay", "pay": True}


def keyboard(*buttons: Any) -> dict[str, Any]:
    return {"inline_keyboard": [list(buttons)]}


@pytest.mark.parametrize(
    ("button", "shown"),
    [
        (SITE, SITE),
        ({"text": "Yes", "callback_data": "y"}, {"text": "Yes", "callback_data": "y"}),
        ({"text": "Yes", "callback_data": "a" * 64}, {"text": "Yes", "callback_data": "a" * 64}),
        ({"text": "Yes", "callback_data": "৳" * 21}, {"text": "Yes", "callback_data": "৳" * 21}),
        ({"text": "5", "callback_data": 5}, {"text": "5", "callback_data": "5"}),
        ({**SITE, "callback_data": "y"}, SITE),
        ({**SITE, "pay": False}, SITE),
        ({**SITE, "style": "primary", "colour": "red"}, {**SITE, "style": "primary"}),
    ],
    ids=str,
)
def test_buttons(bot: Bot, button: dict[str, Any], shown: dict[str, Any]) -> None:
    message = bot.call("sendMessage", chat_id=1001, text="a", reply_markup=keyboard(button))
    assert message["reply_markup"] == keyboard(shown)


@pytest.mark.parametrize(
    ("button", "text"),
    [
        ({"text": "Yes", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "Yes", "callback_data": "a" * 65}, "BUTTON_DATA_INVALID"),
        ({"text": "Yes", "callback_data": "৳" * 22}, "BUTTON_DATA_INVALID"),
        (
            {"text": "Yes", "callback_data": {}},
            'can\'t parse inline keyboard button: Field "callback_data" must be of type String',
        ),
        ({"text": "Site", "url": []}, 'can\'t parse inline keyboard button: Field "url" must be of type String'),
        ({"text": "Site", "url": "shop"}, "inline keyboard button URL 'shop' is invalid: Wrong HTTP URL"),
        ({"text": "Pay", "pay": "yes"}, 'can\'t parse inline keyboard button: Field "pay" must be of type Boolean'),
        ({"text": "Yes"}, "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
        ({"text": "", "url": "a.example"}, "can't parse inline keyboard button: text is empty"),
        (PAY, "BUTTON_TYPE_INVALID"),
    ],
    ids=str,
)
def test_refusals(bot: Bot, button: dict[str, Any], text: str) -> None:
    params = {"chat_id": 1001, "text": "a", "reply_markup": keyboard(button)}
    assert bot.refusal("sendMessage", **params) == (400, f"Bad Request: {text}")


def test_an_invoice_may_have_callback_buttons_behind_pay(bot: Bot) -> None:
    later = {"text": "Later", "callback_data": "later"}
    assert bot.send_invoice(reply_markup=keyboard(PAY, later))["reply_markup"] == keyboard(PAY, later)
    params = bot.invoice(reply_markup=keyboard(PAY, {**later, "callback_data": "x" * 65}))
    assert bot.refusal("sendInvoice", **params)[1] == "Bad Request: BUTTON_DATA_INVALID"


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://shop.example/a?b=c", True),
        ("HTTP://shop.example:8080", True),
        ("shop.example", True),
        ("tg://user?id=1001", True),
        ("https://localhost/a.b", False),
        ("https://", False),
        ("javascript:alert(1.5)", False),
        ("", False),
        ("tg:", False),
        ("https://.", False),
    ],
)
def test_addresses(url: str, is_good: bool) -> None:
    assert is_address(url) == is_good


def test_a_button_that_is_not_utf8(bot: Bot) -> None:
    params = {"chat_id": 1001, "text": "a", "reply_markup": keyboard({"text": "Yes", "callback_data": "\udcff"})}
    assert bot.refusal("sendMessage", **params)[1] == "Bad Request: strings must be encoded in UTF-8"
