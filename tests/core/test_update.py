"""One update's bytes, read strictly: what is broken is Unreadable, and money with a charge id is always read."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from core_update_samples import PAYMENT, QUERY, REFUND, SAMPLES, raw_of, short

from apaycli.clock import render_instant
from apaycli.core.incoming import (
    Command,
    Ignored,
    PreCheckoutQuery,
    RefundedPayment,
    ShippingQuery,
    SuccessfulPayment,
    Unreadable,
)
from apaycli.core.model import OrderInfo, User
from apaycli.core.update import parse_update

BOT = "Demo_Merchant_Bot"


@pytest.mark.parametrize(
    ("raw", "update_id"),
    [
        (b"", None),
        (b"{}", None),
        (b"null", None),
        (b"[]", None),
        (b'"x"', None),
        (b"5", None),
        (b"\xef\xbb\xbf{}", None),
        (b'{"update_id":true}', None),
        (b'{"update_id":"5"}', None),
        (b'{"update_id":5.0}', 5),
        (b'{"update_id":-1}', None),
        (b'{"update_id":9223372036854775808}', None),
        (b'{"update_id":5,"message":null}', 5),
        (b'{"update_id":5,"message":[]}', 5),
        (b'{"update_id":5,"pre_checkout_query":"x"}', 5),
        (b'{"update_id":5,"message":{},"pre_checkout_query":{}}', 5),
        (b'{"update_id":5,"message":{},"poll":{}}', 5),
        (b'{"update_id":5,"update_id":6}', 5),
        (b'{"update_id":5,"message":{"text":"a","text":"b"}}', 5),
        (b'{"update_id":5,"message":{"date":NaN}}', 5),
        (b'{"update_id":5,"message":{"date":Infinity}}', 5),
        (b'{"update_id":5,"message":{"date":-Infinity}}', 5),
        (b'{"update_id":5,"message":{"text":"\xff"}}', 5),
        (b'{"update_id":5,"message":{"text":"\xed\xa0\x80"}}', 5),
        (b'{"update_id":5,"message":{"text":"a\nb"}}', 5),
        (b'{"update_id":5,"message":{"text":"abc', 5),
        (b'{"update_id":5,"message":{"date":' + b"9" * 5000 + b"}}", 5),
        (b'{"update_id":5,"message":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", 5),
        (b"[" * 100_000, None),
        (b'{"update_id":5,"message":{}} x', 5),
        (raw_of(QUERY, id=None), 710000101),
        (raw_of(QUERY, id=""), 710000101),
        (raw_of(QUERY, id=5), 710000101),
        (raw_of(QUERY, **{"from": None}), 710000101),
        (raw_of(QUERY, **{"from": {"id": "1"}}), 710000101),
        (raw_of(QUERY, **{"from": {"id": 2**63}}), 710000101),
        (raw_of(REFUND, telegram_payment_charge_id=None), 710000127),
    ],
    ids=short,
)
def test_a_bad_update_is_unreadable_and_keeps_its_id(raw: bytes, update_id: int | None) -> None:
    update = parse_update(raw)
    assert isinstance(update, Unreadable)
    assert (update.update_id, update.mentions_payment) == (update_id, False)
    assert update.reason
    assert len(update.reason) < 250


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[]", "no JSON object"),
        (b"{}", "no usable update_id"),
        (b'{"update_id":5,"message":{"date":NaN}}', "NaN is no JSON number"),
        (b'{"update_id":5,"update_id":6}', "a key stands twice in one object"),
        (b'{"update_id":5,"message":{},"poll":{}}', "two kinds of update at once: message, poll"),
        (b'{"update_id":5,"message":{"text":"\xff"}}', "no JSON that can be used: UnicodeDecodeError"),
        (b'{"update_id":5,"message":[]}', "message is no object"),
        (
            b'{"update_id":5,"new_kind":{"successful_payment":{}}}',
            "a payment in a kind of update that apay does not read: new_kind",
        ),
        (raw_of(QUERY, id=None), "id is missing or no text"),
        (raw_of(QUERY, **{"from": {}}), "from has no usable id"),
        (b'{"update_id":5,"inline_query":{"id":"9","from":{}}}', "from has no usable id"),
    ],
    ids=short,
)
def test_the_reason_says_what_is_wrong(raw: bytes, reason: str) -> None:
    update = parse_update(raw)
    assert isinstance(update, Unreadable)
    assert update.reason == reason


def test_of_a_query_without_a_buyer_at_least_the_id_is_known() -> None:
    update = parse_update(raw_of(QUERY, **{"from": {"id": "1001"}}))
    assert isinstance(update, Unreadable)
    assert update.pre_checkout_query_id
    assert isinstance(broken := parse_update(raw_of(QUERY, id=7)), Unreadable)
    assert broken.pre_checkout_query_id is None


@pytest.mark.parametrize(
    ("poll", "readable"),
    [
        (b'{"a":' * 63 + b"1" + b"}" * 63, True),
        (b'{"a":' * 64 + b"1" + b"}" * 64, False),
        (b"[" * 63 + b"]" * 63, True),
        (b"[" * 64 + b"]" * 64, False),
        (b"[" * 63 + b"]" * 62 + b",[]]", True),
        (b"[" * 64 + b"]" * 63 + b",[]]", False),
        (b"[" + b"[],{}," * 500 + b"[]]", True),
        (b'"' + b"[{" * 500 + b'"', True),
    ],
    ids=short,
)
def test_the_depth_of_an_update_is_capped(poll: bytes, readable: bool) -> None:
    update = parse_update(b'{"update_id":5,"poll":' + poll + b"}")
    assert update == (Ignored(5, "poll") if readable else Unreadable(5, "nested deeper than 64", False))


@pytest.mark.parametrize("address", [None, [], "x", {"country_code": 5}])
def test_a_shipping_query_without_a_usable_address_names_no_country(address: object) -> None:
    body = {"id": "sq", "from": {"id": 1}, "invoice_payload": "p", "shipping_address": address}
    update = parse_update(json.dumps({"update_id": 5, "shipping_query": body}).encode())
    assert update == ShippingQuery(5, "sq", User(1), "p", "")


@pytest.mark.parametrize(
    "raw",
    [
        raw_of(PAYMENT, telegram_payment_charge_id=None),
        raw_of(PAYMENT, telegram_payment_charge_id=""),
        raw_of(PAYMENT, telegram_payment_charge_id=["x"]),
        SAMPLES["message.successful_payment.private"].replace(b"Rahim", b'"'),
        b'{"update_id":5,"message":{"successful_payment":null}}',
        b'{"update_id":5,"edited_message":{"successful_payment":{',
    ],
    ids=short,
)
def test_unreadable_money_is_told_apart(raw: bytes) -> None:
    update = parse_update(raw)
    assert isinstance(update, Unreadable)
    assert update.mentions_payment


BAD_AMOUNTS = [True, False, "100", 100.0, -1, 10**12, 2**63, 10**400, None, [], {}]


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=repr)
@pytest.mark.parametrize("sample", [PAYMENT, QUERY, REFUND])
def test_an_amount_is_an_integer_or_nothing(sample: str, amount: object) -> None:
    update = parse_update(raw_of(sample, total_amount=amount))
    assert isinstance(update, SuccessfulPayment | PreCheckoutQuery | RefundedPayment)
    assert update.total_amount is None


@pytest.mark.parametrize("written", [b"1e2", b"100.0", b"1E2", b"1.0e2"])
def test_an_amount_in_another_notation_is_nothing(written: bytes) -> None:
    raw = raw_of(PAYMENT).replace(b"50000", written)
    update = parse_update(raw)
    assert isinstance(update, SuccessfulPayment)
    assert update.total_amount is None


@pytest.mark.parametrize("amount", [0, 1, 999_999_999_999])
def test_an_amount_within_the_bounds_is_read(amount: int) -> None:
    update = parse_update(raw_of(PAYMENT, total_amount=amount))
    assert isinstance(update, SuccessfulPayment)
    assert update.total_amount == amount


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"currency": None}, {"currency": None}),
        ({"currency": 5}, {"currency": None}),
        ({"currency": "inr"}, {"currency": "inr"}),
        ({"currency": ""}, {"currency": ""}),
        ({"invoice_payload": None}, {"invoice_payload": ""}),
        ({"invoice_payload": "'); DROP TABLE receipts; --"}, {"invoice_payload": "'); DROP TABLE receipts; --"}),
        ({"invoice_payload": "{{7*7}}"}, {"invoice_payload": "{{7*7}}"}),
        ({"invoice_payload": "x" * 10_240}, {"invoice_payload": "x" * 10_240}),
        ({"invoice_payload": "a\ud800b"}, {"invoice_payload": "a\\ud800b"}),
        ({"invoice_payload": "a\x00b"}, {"invoice_payload": "a\x00b"}),
        ({"provider_payment_charge_id": None}, {"provider_payment_charge_id": ""}),
        ({"provider_payment_charge_id": 7}, {"provider_payment_charge_id": ""}),
        ({"shipping_option_id": {}}, {"shipping_option_id": None}),
        ({"order_info": []}, {"order_info": None}),
        ({"order_info": {}}, {"order_info": OrderInfo()}),
        ({"order_info": {"name": None, "email": 5, "shipping_address": "x"}}, {"order_info": OrderInfo()}),
        ({"order_info": {"name": "=1+1"}}, {"order_info": OrderInfo(name="=1+1")}),
        (
            {"order_info": {"shipping_address": {"city": "a\ud800"}}},
            {"order_info": OrderInfo(shipping_address='{"city": "a?"}')},
        ),
        (
            {"order_info": {"shipping_address": {"city": "x" * 2**20}}},
            {"order_info": OrderInfo(shipping_address=json.dumps({"city": "x" * 2**20}))},
        ),
        ({"subscription_expiration_date": 1, "is_recurring": True}, {}),
    ],
    ids=short,
)
def test_with_a_charge_id_everything_else_may_be_wrong(changes: dict[str, Any], seen: dict[str, Any]) -> None:
    usual = parse_update(SAMPLES[f"message.{PAYMENT}.private"])
    assert isinstance(usual, SuccessfulPayment)
    assert parse_update(raw_of(PAYMENT, **changes)) == replace(usual, **seen)


def _message(**changes: Any) -> bytes:
    update = json.loads(SAMPLES["message.successful_payment.private"])
    update["message"] |= changes
    return json.dumps(update).encode()


@pytest.mark.parametrize("sender", [None, [], {"id": True}, {"id": 2**63}, {"first_name": "x"}])
def test_money_from_an_unreadable_buyer_is_still_money(sender: object) -> None:
    update = parse_update(_message(**{"from": sender}))
    assert isinstance(update, SuccessfulPayment)
    assert update.buyer is None


@pytest.mark.parametrize(
    "name", ["\x1b]52;c;aaaa\x07", "\u202eabc", "[/x]", "a\x00b", "a\nb", "A" + "\u0301" * 4096], ids=short
)
def test_a_hostile_name_is_kept_as_given(name: str) -> None:
    update = parse_update(_message(**{"from": {"id": 1, "first_name": name, "last_name": 5, "username": None}}))
    assert isinstance(update, SuccessfulPayment)
    assert update.buyer == User(1, name)


@pytest.mark.parametrize(
    ("date", "paid_at"),
    [
        (1, 1000),
        (0, None),
        (-1, None),
        (True, None),
        (1.5, None),
        ("1", None),
        (None, None),
        (253402300799, 253402300799000),
        (253402300800, None),
        (2**39, None),
        (2**63, None),
    ],
)
def test_a_date_is_one_that_can_be_written_or_nothing(date: object, paid_at: int | None) -> None:
    update = parse_update(_message(date=date))
    assert isinstance(update, SuccessfulPayment)
    assert update.paid_at == paid_at
    assert paid_at is None or render_instant(paid_at)


def _command(said: str, **changes: Any) -> bytes:
    message: dict[str, Any] = {"message_id": 1, "chat": {"id": 5}, "from": {"id": 5}, "text": said}
    message["entities"] = [{"type": "bot_command", "offset": 0, "length": 6}]
    return json.dumps({"update_id": 9, "message": message | changes}).encode()


@pytest.mark.parametrize(
    ("raw", "command"),
    [
        (_command("/terms"), ("terms", "")),
        (_command("/TERMS@demo_merchant_bot  a b "), ("terms", "a b")),
        (_command("/start " + "x" * 5000), ("start", "x" * 4096)),
        (_command("/start a\ud800"), ("start", "a?")),
        (_command("/terms@other_bot"), None),
        (_command("terms"), None),
        (_command("/terms", entities=None), None),
        (_command("/terms", entities=["x", {"type": "bold", "offset": 0}]), None),
        (_command("/terms", entities=[{"type": "bot_command", "offset": 2}]), None),
        (_command("/terms", text=5), None),
        (_command("/terms", chat={"id": "5"}), None),
        (_command("/terms", chat=None), None),
        (_command("/terms", message_id=None), None),
    ],
    ids=short,
)
def test_a_command_is_for_this_bot_and_stands_first(raw: bytes, command: tuple[str, str] | None) -> None:
    update = parse_update(raw, BOT)
    if command is None:
        assert update == Ignored(9, "message")
    else:
        assert update == Command(9, 5, 1, *command, user=User(5))


@pytest.mark.parametrize(
    "hostile",
    [
        lambda n: b'{"update_id":1,"a":' + b"[" * 70 + b'"' + b'\\"' * n,
        lambda n: b'{"update_id":1,"a":' + b'["' * n,
        lambda n: b'{"a":' * n,
        lambda n: b'{"update_id":1,"a":"' + b"\\" * n,
    ],
    ids=["escaped quotes", "open brackets", "open objects", "backslashes"],
)
def test_no_bytes_are_looked_at_again_and_again(hostile: Callable[[int], bytes]) -> None:
    """A megabyte that took minutes would stop the loop; the bound is generous, the old cost was quadratic."""
    raw = hostile(200_000)
    started = time.process_time()
    assert isinstance(parse_update(raw), Unreadable)
    assert time.process_time() - started < 5
