"""Each sample of tests/data/updates is the kind of update that its README says."""

import json

import pytest
from core_update_samples import SAMPLES

from apaycli.core.incoming import (
    CallbackQuery,
    ChatMigrated,
    Command,
    Ignored,
    InlineQuery,
    PreCheckoutQuery,
    RefundedPayment,
    ShippingQuery,
    SuccessfulPayment,
)
from apaycli.core.model import OrderInfo, User
from apaycli.core.update import parse_update

BOT = "Demo_Merchant_Bot"
RAHIM = User(987654321, "Rahim", "Uddin", "rahim_demo", "bn")
ASHA = User(5511223344, "Asha", "", None, "en")
GROUP = -1001234567890

KINDS: dict[str, object] = {
    "chosen_inline_result": Ignored,
    "inline_query.empty": InlineQuery(710000145, "4241990133470210302", ASHA, "", ""),
    "inline_query.next_page": InlineQuery(710000146, "4241990133470210303", ASHA, "tea", "50"),
    "inline_query.text": InlineQuery(710000144, "4241990133470210301", RAHIM, "tea 500", ""),
    "message.command_not_first": Ignored,
    "message.help": Command(710000138, RAHIM.user_id, 308, "help", "", RAHIM),
    "message.invoice.forwarded_to_bot": Ignored,
    "message.migrate_to_supergroup": ChatMigrated(710000143, -4012345678, GROUP),
    "message.paysupport": Command(710000137, RAHIM.user_id, 307, "paysupport", "", RAHIM),
    "message.refunded_payment": RefundedPayment(710000126, "tgcharge-0000000010", "XTR", 50),
    "message.refunded_payment.minimal": RefundedPayment(710000127, "tgcharge-0000000011", "XTR", 50),
    "message.start.deep_link": Command(710000129, RAHIM.user_id, 302, "start", "order-1001", RAHIM),
    "message.start.deep_link_64": Command(
        710000130, RAHIM.user_id, 303, "start", "A" * 31 + "_" + "z" * 31 + "-", RAHIM
    ),
    "message.start.group": Command(710000131, GROUP, 3302, "start", "spaceship", ASHA),
    "message.start.other_bot": Ignored,
    "message.start.plain": Command(710000128, RAHIM.user_id, 301, "start", "", RAHIM),
    "message.successful_payment.group": SuccessfulPayment,
    "message.successful_payment.invoice_in_channel": SuccessfulPayment,
    "message.successful_payment.order_info_shipping": SuccessfulPayment(
        710000118,
        1767261660000,
        RAHIM,
        "BDT",
        62000,
        "order-1002",
        "tgcharge-0000000003",
        "b17e55d1c93b4f21",
        "courier-dhaka",
        OrderInfo(
            "Rahim Uddin",
            "8801712345678",
            "rahim@example.com",
            '{"country_code": "BD", "state": "Dhaka", "city": "Dhaka", "street_line1": "House 12, Road 5", '
            '"street_line2": "Dhanmondi", "post_code": "1205"}',
        ),
    ),
    "message.successful_payment.private": SuccessfulPayment(
        710000115, 1767261600000, RAHIM, "BDT", 50000, "order-1001", "tgcharge-0000000001", "9c41d07be52f6a18"
    ),
    "message.successful_payment.redelivered_same_update": SuccessfulPayment,
    "message.successful_payment.reply_to_invoice": SuccessfulPayment,
    "message.successful_payment.same_charge_new_update": SuccessfulPayment,
    "message.successful_payment.second_payment_same_payload": SuccessfulPayment,
    "message.successful_payment.stars_recurring": SuccessfulPayment,
    "message.successful_payment.three_decimals_bhd": SuccessfulPayment,
    "message.successful_payment.unknown_payload": SuccessfulPayment,
    "message.successful_payment.with_tip": SuccessfulPayment,
    "message.support": Command(710000135, RAHIM.user_id, 305, "support", "", RAHIM),
    "message.support.with_text": Command(710000136, RAHIM.user_id, 306, "support", "where is my order?", RAHIM),
    "message.terms": Command(710000133, RAHIM.user_id, 304, "terms", "", RAHIM),
    "message.terms.group_addressed": Command(710000134, GROUP, 3304, "terms", "", ASHA),
    # Telegram's stand-in for an anonymous administrator is never taken for a buyer.
    "message.text.anonymous_admin": Ignored(710000141, "message"),
    "message.text.plain": Ignored,
    "other.callback_query": CallbackQuery(710000151, "4241990133470210401", RAHIM, "help"),
    "other.channel_post": Ignored(710000149, "channel_post"),
    "other.edited_channel_post": Ignored(710000150, "edited_channel_post"),
    "other.edited_message": Ignored(710000148, "edited_message"),
    "other.my_chat_member.user_blocked_bot": Ignored(710000152, "my_chat_member"),
    "other.purchased_paid_media": Ignored(710000153, "purchased_paid_media"),
    "other.subscription_bot_api_10_2": Ignored(710000154, "subscription"),
    "other.unknown_field_in_known_kind": PreCheckoutQuery,
    "other.unknown_kind": Ignored(710000155, "some_future_update"),
    "other.update_id_only": Ignored(710000157, "nothing"),
    "pre_checkout_query.empty_payload": PreCheckoutQuery,
    "pre_checkout_query.foreign_payload": PreCheckoutQuery,
    "pre_checkout_query.max_payload_128_bytes": PreCheckoutQuery(
        710000108, "2413557190573486519", RAHIM, "BDT", 50000, "৳" * 42 + "ab"
    ),
    "pre_checkout_query.order_info": PreCheckoutQuery,
    "pre_checkout_query.order_info_partial": PreCheckoutQuery,
    "pre_checkout_query.other_payer": PreCheckoutQuery,
    "pre_checkout_query.private": PreCheckoutQuery(710000101, "2413557190573486512", RAHIM, "BDT", 50000, "order-1001"),
    "pre_checkout_query.shipping_option": PreCheckoutQuery(
        710000104, "2413557190573486515", RAHIM, "BDT", 62000, "order-1001", "courier-dhaka"
    ),
    "pre_checkout_query.stars_xtr": PreCheckoutQuery,
    "pre_checkout_query.with_tip": PreCheckoutQuery,
    "pre_checkout_query.wrong_amount": PreCheckoutQuery,
    "pre_checkout_query.wrong_currency": PreCheckoutQuery,
    "shipping_query.full_address": ShippingQuery(710000113, "2413557190573486601", RAHIM, "order-1002", "BD"),
    "shipping_query.sparse_address": ShippingQuery(710000114, "2413557190573486602", ASHA, "order-1003", "KE"),
}


def test_every_sample_has_its_place() -> None:
    assert set(SAMPLES) == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_each_sample_is_its_kind(name: str) -> None:
    update, expected = parse_update(SAMPLES[name], BOT), KINDS[name]
    assert type(update) is expected if isinstance(expected, type) else update == expected
    assert update.update_id == json.loads(SAMPLES[name])["update_id"]
