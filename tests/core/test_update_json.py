"""The second, lenient reading of an update: money is kept, nothing is merged, whoever waits is answered."""

import json
from itertools import combinations
from typing import Any

import pytest
from core_update_samples import QUERY, SAMPLES, raw_of, short

from apaycli.core.incoming import SuccessfulPayment, Unreadable, Update
from apaycli.core.update import parse_update
from apaycli.core.update_json import loads_leniently

USUAL = SAMPLES["message.successful_payment.private"]
USUAL_QUERY = SAMPLES["pre_checkout_query.private"]
SHIPPING = SAMPLES["shipping_query.full_address"]
NAME = b"Rahim"


def payment_of(raw: bytes) -> SuccessfulPayment:
    update = parse_update(raw)
    assert isinstance(update, SuccessfulPayment), update
    return update


@pytest.mark.parametrize(
    ("name", "read"),
    [
        (b"R\xff", "R\ufffd"),
        (b"R\xed\xa0\x80", "R\ufffd\ufffd\ufffd"),
        (b"R\xff\\ud800", "R\ufffd?"),
        (b"R\x01", "R\x01"),
        ("R\xe9\xfc".encode(), "R\xe9\xfc"),
    ],
    ids=short,
)
def test_a_payment_whose_name_is_broken_is_money(name: bytes, read: str) -> None:
    payment, usual = payment_of(USUAL.replace(NAME, name)), payment_of(USUAL)
    assert payment.buyer is not None
    assert payment.buyer.first_name == read
    assert payment.telegram_payment_charge_id == usual.telegram_payment_charge_id
    assert (payment.total_amount, payment.invoice_payload, payment.update_id) == (
        usual.total_amount, usual.invoice_payload, usual.update_id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spoiled", "read"),
    [
        (USUAL.replace(b'"order-1001"', b'"order-1001\xff"'), {"invoice_payload": "order-1001\\xff"}),
        (USUAL.replace(b"50000", b"NaN"), {"total_amount": None}),
        (USUAL.replace(b"50000", b"9" * 5000), {"total_amount": None}),
        (USUAL.replace(b'"currency"', b'"currency":"INR","currency"'), {"currency": None}),
        (USUAL.replace(b'"currency"', b'"currency":"BDT","currency"'), {"currency": "BDT"}),
        (USUAL.replace(b'"total_amount"', b'"total_amount":50000.0,"total_amount"'), {"total_amount": None}),
        (USUAL.replace(b'"from"', b'"from":{},"from":{},"from"'), {"buyer": None}),
        (USUAL.replace(b"710000115", b"-5"), {"update_id": 0}),
        (USUAL.replace(b"710000115", b"9223372036854775808"), {"update_id": 0}),
        (USUAL.replace(b"710000115", b"9223372036854775807"), {"update_id": 2**63 - 1}),
        (USUAL.replace(b"710000115", b"2147483648").replace(NAME, b"\xff"), {"update_id": 2**31}),
    ],
    ids=short,
)
def test_what_is_in_doubt_is_nothing_and_the_rest_is_read(spoiled: bytes, read: dict[str, Any]) -> None:
    payment = payment_of(spoiled)
    assert {name: getattr(payment, name) for name in read} == read
    assert payment.telegram_payment_charge_id == payment_of(USUAL).telegram_payment_charge_id


CHARGE = payment_of(USUAL).telegram_payment_charge_id.encode()


@pytest.mark.parametrize(
    "spoiled",
    [
        USUAL.replace(
            b'"telegram_payment_charge_id":', b'"telegram_payment_charge_id":"x","telegram_payment_charge_id":'
        ),
        USUAL.replace(b'"successful_payment"', b'"successful_payment":{},"successful_payment"'),
        USUAL.replace(b'"message"', b'"message":{},"message"'),
        USUAL.replace(b'"message"', b'"poll":{},"message"'),
        USUAL.replace(b'"message"', b'"edited_message"'),
        USUAL.replace(b'"message"', b'"channel_post"'),
        USUAL.replace(b'"' + CHARGE + b'"', b"NaN"),
        USUAL[:-9],
    ],
    ids=short,
)
def test_a_payment_that_could_be_two_or_none_is_kept_and_books_nothing(spoiled: bytes) -> None:
    update = parse_update(spoiled)
    assert isinstance(update, Unreadable)
    assert update.mentions_payment


IDS = [
    b"charge", b"charge\xff", b"charge\xfe", b"charge\\udcff", b"charge\\udcfe", b"charge\\ud800", b"charge\\ud801",
    b"charge\\\\xff", b"charge\\\\ud800", b"charge\\\\\\\\xff", b"charge\\ud800\\udcff", b"charge\\ud800\xff",
    b"charge\xff\\udcff", b"charge?", b"charge\xef\xbf\xbd",
]  # fmt: skip


def test_charge_ids_that_differ_in_anything_stay_apart() -> None:
    read = {raw: payment_of(USUAL.replace(CHARGE, raw)) for raw in IDS}
    for one, other in combinations(IDS, 2):
        assert read[one].telegram_payment_charge_id != read[other].telegram_payment_charge_id, (one, other)
    for payment in read.values():
        payment.telegram_payment_charge_id.encode()  # any database takes it
    assert read[b"charge"].telegram_payment_charge_id == "charge"
    assert read[b"charge\xff"].telegram_payment_charge_id == "charge\\xff"


def asked(update: Update) -> tuple[str | None, str | None]:
    assert isinstance(update, Unreadable), update
    return update.pre_checkout_query_id, update.shipping_query_id


QUERY_ID = json.loads(USUAL_QUERY)["pre_checkout_query"]["id"]
SHIPPING_ID = json.loads(SHIPPING)["shipping_query"]["id"]


@pytest.mark.parametrize(
    "spoiled",
    [
        USUAL_QUERY.replace(b'"currency"', b'"currency":"INR","currency"'),
        USUAL_QUERY.replace(b'"id"', b'"id":"%s","id"' % QUERY_ID.encode(), 1),
        USUAL_QUERY.replace(NAME, b"\xff"),
        USUAL_QUERY.replace(b"710000101", b"-2147483648"),
        USUAL_QUERY.replace(b'"update_id"', b'"no_id"'),
        USUAL_QUERY.replace(b'"pre_checkout_query"', b'"poll":{},"pre_checkout_query"'),
        raw_of(QUERY, total_amount=float("nan")),
        raw_of(QUERY, **{"from": {"id": "1"}}),
    ],
    ids=short,
)
def test_a_query_that_is_not_whole_is_answered_if_its_id_can_be_read(spoiled: bytes) -> None:
    assert asked(parse_update(spoiled)) == (QUERY_ID, None)


@pytest.mark.parametrize(
    "spoiled",
    [
        USUAL_QUERY.replace(QUERY_ID.encode(), b"5\xff"),
        USUAL_QUERY.replace(QUERY_ID.encode(), b"5\\ud800"),
        USUAL_QUERY.replace(b'"id"', b'"id":"6","id"', 1),
        USUAL_QUERY.replace(b'"pre_checkout_query"', b'"pre_checkout_query":{},"pre_checkout_query"'),
        raw_of(QUERY, id=""),
        USUAL_QUERY[:-9],
    ],
    ids=short,
)
def test_a_query_without_an_id_that_can_be_sent_back_asks_for_nothing(spoiled: bytes) -> None:
    assert asked(parse_update(spoiled)) == (None, None)


@pytest.mark.parametrize(
    "spoiled",
    [SHIPPING.replace(b'"city"', b'"city":5,"city"'), SHIPPING.replace(b'"city"', b'"x":"\xff","city"')],
    ids=short,
)
def test_a_shipping_query_that_is_not_whole_is_answered_too(spoiled: bytes) -> None:
    assert asked(parse_update(spoiled)) == (None, SHIPPING_ID)


def _with(**changes: Any) -> bytes:
    update = json.loads(USUAL)
    update["message"] |= changes
    return json.dumps(update).encode()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (_with(forward_origin={"type": "user"}), "forward_origin"),
        (_with(forward_date=5), "forward_date"),
        (_with(edit_date=5), "edit_date"),
        (_with(via_bot={"id": 7}), "via_bot"),
        (_with(**{"from": {"id": 7, "is_bot": True}}), "from a bot"),
    ],
    ids=short,
)
def test_a_message_that_somebody_made_over_books_nothing(raw: bytes, why: str) -> None:
    update = parse_update(raw)
    assert isinstance(update, Unreadable)
    assert update.mentions_payment
    assert update.reason == f"a payment in a message that Telegram did not send: {why}"


def test_an_anonymous_administrator_pays_and_stays_unknown() -> None:
    payment = payment_of(_with(**{"from": {"id": 1087968824, "is_bot": True}, "sender_chat": {"id": -100}}))
    assert payment.buyer is None


def test_a_payment_in_a_message_that_is_answered_is_no_payment_of_that_message() -> None:
    original = json.loads(USUAL)["message"]
    body = {"message_id": 1, "chat": {"id": 5}, "from": {"id": 5}, "text": "?", "reply_to_message": original}
    assert not isinstance(parse_update(json.dumps({"update_id": 5, "message": body}).encode()), SuccessfulPayment)


def test_a_key_that_stands_often_is_looked_at_once_each() -> None:
    raw = b'{"update_id":1,"a":0' + b',"a":[1]' * 200_000 + b"}"
    assert loads_leniently(raw) == {"update_id": 1}


def test_what_is_too_large_to_be_whole_says_so_and_may_hold_a_payment() -> None:
    update = parse_update(b'{"update_id":7,"message":{"text":"' + b"x" * (4 * 1024 * 1024))
    assert isinstance(update, Unreadable)
    assert (update.update_id, update.mentions_payment) == (7, True)
    assert update.reason == "larger than 4 MiB, the most that Telegram sends: read in part"
