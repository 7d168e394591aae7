"""Every sample update of `tests/data/updates`: the outcome that its README describes, and a listener that goes on."""

import json
from collections.abc import Callable

import pytest
from botapi_spec import DATA, request_complaints
from rig import RAHIM, Rig

from apaycli.botapi.methods import request_of
from apaycli.core.model import LabeledPrice, Tips
from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.listen.processor import Processor, Recorded, queries_first

UPDATES = DATA / "updates"
FILES = sorted(path.name for path in UPDATES.glob("*.json"))
PAYER, OTHER = 987654321, 5511223344
LONG_PAYLOAD = "৳" * 42 + "ab"
PAID_FIRST = "message.successful_payment.private.json"


def accept(recorded: Recorded, _rig: Rig) -> None:
    [answer] = recorded.answers
    assert (answer.decision.ok, answer.fresh) == (True, True)


def decline(reason: str) -> Callable[[Recorded, Rig], None]:
    def check(recorded: Recorded, _rig: Rig) -> None:
        [answer] = recorded.answers
        assert (answer.decision.ok, answer.decision.reason) == (False, reason)

    return check


def receipt(flag: str | None = None, **columns: object) -> Callable[[Recorded, Rig], None]:
    def check(recorded: Recorded, rig: Rig) -> None:
        assert [type(event) for event in recorded.events] == [events.Paid]
        last = rig.receipts()[-1] if len(rig.receipts()) == 1 else max(rig.receipts(), key=lambda row: row.receipt_id)
        assert last.flag == flag
        assert {name: getattr(last, name) for name in columns} == columns

    return check


def repeated(recorded: Recorded, rig: Rig) -> None:
    [event] = recorded.events
    assert isinstance(event, events.PaymentRepeated)
    assert not event.conflict
    assert len(rig.receipts()) == 1


def refund(recorded: Recorded, rig: Rig) -> None:
    assert [type(event) for event in recorded.events] == [events.StarsRefunded]
    assert rig.receipts() == []


def passed(recorded: Recorded, _rig: Rig) -> None:
    assert [type(event) for event in recorded.events] == [events.Passed]


def migrated(_recorded: Recorded, rig: Rig) -> None:
    assert rig.rows("SELECT chat_id FROM invoices WHERE invoice_payload = 'order-2001'") == [("-1001234567890",)]


def replies(method: str, part: str = "") -> Callable[[Recorded, Rig], None]:
    def check(recorded: Recorded, rig: Rig) -> None:
        [effect] = recorded.effects
        name, params = request_of(effect, rig.world.test_provider_token)
        assert name == method
        assert request_complaints(name, params) == []
        assert part in json.dumps(params, ensure_ascii=False)

    return check


OUTCOMES: dict[str, Callable[[Recorded, Rig], None]] = {
    "chosen_inline_result.json": passed,
    "inline_query.empty.json": replies("answerInlineQuery", '"title": "Cup"'),
    "inline_query.next_page.json": replies("answerInlineQuery", '"results": []'),
    "inline_query.text.json": replies("answerInlineQuery", '"title": "Tea 500"'),
    "message.command_not_first.json": passed,
    "message.help.json": replies("sendMessage", "/terms"),
    "message.invoice.forwarded_to_bot.json": passed,
    "message.migrate_to_supergroup.json": migrated,
    "message.paysupport.json": replies("sendMessage", "Write to @shop"),
    "message.refunded_payment.json": refund,
    "message.refunded_payment.minimal.json": refund,
    "message.start.deep_link.json": replies("sendInvoice", '"payload": "order-1001"'),
    "message.start.deep_link_64.json": replies("sendMessage", "not known"),
    "message.start.group.json": replies("sendMessage", "For sale"),
    "message.start.other_bot.json": passed,
    "message.start.plain.json": replies("sendMessage", "Tea 500"),
    "message.successful_payment.group.json": receipt(buyer_id=OTHER, invoice_payload="order-2001"),
    "message.successful_payment.invoice_in_channel.json": receipt(buyer_id=OTHER, invoice_payload="order-3001"),
    "message.successful_payment.order_info_shipping.json": receipt(
        shipping_option_id="courier-dhaka", order_name="Rahim Uddin", order_phone="8801712345678",
        order_email="rahim@example.com", total_amount=62_000,
    ),
    PAID_FIRST: receipt(total_amount=50_000, currency="BDT", buyer_id=PAYER),
    "message.successful_payment.redelivered_same_update.json": repeated,
    "message.successful_payment.reply_to_invoice.json": receipt(),
    "message.successful_payment.same_charge_new_update.json": repeated,
    "message.successful_payment.second_payment_same_payload.json": receipt("duplicate", refund_state="due"),
    "message.successful_payment.stars_recurring.json": receipt("unmatched", currency="XTR"),
    "message.successful_payment.three_decimals_bhd.json": receipt(currency="BHD", total_amount=1500),
    "message.successful_payment.unknown_payload.json": receipt("unmatched", invoice_payload="not-in-our-store"),
    "message.successful_payment.with_tip.json": receipt(total_amount=55_000, tip_amount=5_000),
    "message.support.json": replies("sendMessage", "Telegram's own support"),
    "message.support.with_text.json": replies("sendMessage", "Telegram's own support"),
    "message.terms.group_addressed.json": replies("sendMessage", '"chat_id": -1001234567890'),
    "message.terms.json": replies("sendMessage", "terms"),
    "message.text.anonymous_admin.json": passed,
    "message.text.plain.json": passed,
    "other.callback_query.json": replies("answerCallbackQuery"),
    "other.channel_post.json": passed,
    "other.edited_channel_post.json": passed,
    "other.edited_message.json": passed,
    "other.my_chat_member.user_blocked_bot.json": passed,
    "other.purchased_paid_media.json": passed,
    "other.subscription_bot_api_10_2.json": passed,
    "other.unknown_field_in_known_kind.json": accept,
    "other.unknown_kind.json": passed,
    "other.update_id_only.json": passed,
    "pre_checkout_query.empty_payload.json": decline("unknown_invoice"),
    "pre_checkout_query.foreign_payload.json": decline("unknown_invoice"),
    "pre_checkout_query.max_payload_128_bytes.json": accept,
    "pre_checkout_query.order_info.json": accept,
    "pre_checkout_query.order_info_partial.json": accept,
    "pre_checkout_query.other_payer.json": decline("other_buyer"),
    "pre_checkout_query.private.json": accept,
    "pre_checkout_query.shipping_option.json": decline("amount_mismatch"),
    "pre_checkout_query.stars_xtr.json": decline("currency_mismatch"),
    "pre_checkout_query.with_tip.json": accept,
    "pre_checkout_query.wrong_amount.json": decline("amount_mismatch"),
    "pre_checkout_query.wrong_currency.json": decline("currency_mismatch"),
    "shipping_query.full_address.json": replies("answerShippingQuery", '"ok": false'),
    "shipping_query.sparse_address.json": replies("answerShippingQuery", '"ok": false'),
}  # fmt: skip


@pytest.fixture
def shop(rig: Rig) -> Rig:
    """The ledger of the samples: order-1001 is 50000 BDT for its buyer alone, once; the others are anybody's."""
    rig.offer("tea", stock=10, title="Tea 500")
    rig.offer("cup", title="Cup")
    tips, private = Tips(5_000, (1_000,)), str(PAYER)
    rig.ledger_invoice(
        "order-1001", chat_id=private, buyer_id=PAYER, uses_max=1, tips=tips, start_parameter="order-1001"
    )
    rig.ledger_invoice("order-1002", chat_id=private, prices=(LabeledPrice("Tea and courier", 62_000),))
    rig.ledger_invoice("order-2001", chat_id="-4012345678")
    rig.ledger_invoice("order-3001", chat_id="-1009876543210")
    rig.ledger_invoice("order-4001", chat_id=str(OTHER), currency="BHD", prices=(LabeledPrice("Tea", 1_500),))
    rig.ledger_invoice(LONG_PAYLOAD, invoice_id="inv_long", chat_id=private)
    return rig


def raw_of(name: str) -> bytes:
    return (UPDATES / name).read_bytes()


def process(rig: Rig, raw: bytes) -> Recorded:
    processor = Processor(rig.store, rig.shop, rig.clock, rig.new_ids, "demo_merchant_bot")
    [group] = queries_first(processor.parse([raw]))
    return processor.record(group)


def reserve_for(rig: Rig, raw: bytes) -> None:
    """The query that an honest payment follows."""
    message = json.loads(raw).get("message", {})
    if payment := message.get("successful_payment"):
        query = {"id": "1", "from": message["from"], **{
            name: payment[name] for name in ("currency", "total_amount", "invoice_payload")
        }}  # fmt: skip
        process(rig, json.dumps({"update_id": 1, "pre_checkout_query": query}).encode())


def test_every_sample_is_in_the_table() -> None:
    assert set(OUTCOMES) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_sample_has_the_outcome_that_it_should(shop: Rig, name: str) -> None:
    raw = raw_of(name)
    reserve_for(shop, raw)
    if OUTCOMES[name] is repeated or "second_payment" in name:
        process(shop, raw_of(PAID_FIRST))
    OUTCOMES[name](process(shop, raw), shop)
    assert shop.rows("SELECT count(*) FROM dead_letters") == [(0,)]


@pytest.mark.parametrize("name", FILES)
def test_a_listener_takes_a_sample_and_goes_on(shop: Rig, name: str) -> None:
    shop.invoice("afterwards", "cup")

    async def story(_listener: Listener) -> None:
        raw = raw_of(name)
        shop.world.buyers.inject(raw, update_id=json.loads(raw)["update_id"])
        await shop.quiet()
        assert (await shop.buy("afterwards", RAHIM)).payment == "paid"

    shop.listen(story)
    paid = shop.rows("SELECT count(*) FROM receipts")[0][0]
    assert paid == 1 + ("successful_payment" in name)
    assert shop.rows("SELECT count(*) FROM dead_letters") == [(0,)]


def test_all_samples_in_one_go(shop: Rig) -> None:
    shop.invoice("afterwards", "cup")

    async def story(_listener: Listener) -> None:
        with shop.world.polling.held():
            for name in FILES:
                raw = raw_of(name)
                if "redelivered" not in name:
                    shop.world.buyers.inject(raw, update_id=json.loads(raw)["update_id"])
        await shop.quiet()
        assert (await shop.buy("afterwards", RAHIM)).payment == "paid"

    shop.listen(story)
    samples = {json.loads(raw_of(name))["message"]["successful_payment"]["telegram_payment_charge_id"]
               for name in FILES if "successful_payment" in name}  # fmt: skip
    assert {receipt.telegram_payment_charge_id for receipt in shop.receipts()} > samples
    assert len(shop.receipts()) == len(samples) + 1
