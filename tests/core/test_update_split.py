"""A reply is cut into its updates whatever one of them looks like, and no bytes make either reader raise."""

import json
import random
from collections.abc import Callable

import pytest
from core_update_samples import SAMPLES, short
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apaycli.core.incoming import Command, Ignored, SuccessfulPayment, Unreadable
from apaycli.core.update import parse_update, split_updates

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=300)

# What a damaged or hostile update may have in the wrong place.
BITS = [
    b"NaN", b"-Infinity", b"null", b"true", b"1e999", b"9" * 5000, b"[" * 100, b"{" * 100, b'"\\ud800"', b"\\u0000",
    b'"', b"\\", b"\xff", b"\xed\xa0\x80", b',"update_id":1', b',"message":{}', b"}", b"]}",
]  # fmt: skip
KEYS = (
    "successful_payment refunded_payment telegram_payment_charge_id total_amount currency from id chat text entities "
    "type offset migrate_to_chat_id message_id order_info shipping_address name date invoice_payload query"
).split()

Writer = Callable[[int, str], bytes]


def payment_of(update_id: int) -> str:
    update = json.loads(SAMPLES["message.successful_payment.private"])["message"]
    update["successful_payment"]["telegram_payment_charge_id"] = f"charge-{update_id}"
    return json.dumps(update)


def as_server(update_id: int, message: str) -> bytes:
    """How the Bot API server writes an update: a raw line feed behind its id."""
    return b'{"update_id":%d,\n"message":%b}' % (update_id, message.encode())


def as_others(update_id: int, message: str) -> bytes:
    """How another server may write it: no line feed to go by."""
    return b'{"update_id": %d, "message": %b}' % (update_id, message.encode())


def reply(updates: list[bytes], separator: bytes = b",\n") -> bytes:
    return b'{"ok":true,"result":[' + separator.join(updates) + b"]}"


@pytest.mark.parametrize("write", [as_server, as_others])
@pytest.mark.parametrize("separator", [b",", b",\n", b" , "])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_a_sound_reply_is_cut_into_its_updates(write: Writer, separator: bytes, count: int) -> None:
    updates = [write(number, payment_of(number)) for number in range(count)]
    assert split_updates(reply(updates, separator)) == updates


def test_brackets_quotes_and_heads_inside_strings_are_text() -> None:
    hostile = '},{"update_id":7,\n"message":{} ]} \\" \\\\ ['
    update = as_server(5, json.dumps({"text": hostile}))
    assert split_updates(reply([update, update])) == [update, update]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b'{"ok":true,"result":true}',
        b'{"ok":true,"result":{}}',
        b'{"ok":true,"result":[',
        b'{"ok":true,"result":[{"update_id":1}',
        b'{"ok":true,"result":[{"update_id":1}]',
        b'{"ok":true,"result":[{"update_id":1}]} trailing',
        b'{"ok":true,"result":[{"update_id":1}],"more":[]}',
        b'{"ok":true,"result":[{"update_id":1,"message":{"text":"abc}}]}',
    ],
    ids=short,
)
def test_what_cannot_be_told_apart_is_none(body: bytes) -> None:
    assert split_updates(body) is None


def test_a_reply_that_was_cut_off_is_not_taken_for_a_broken_update() -> None:
    body = reply([as_server(number, payment_of(number)) for number in range(3)])
    for end in range(len(body)):
        assert split_updates(body[:end]) is None


# Each is one element of a batch that must not take its neighbours with it. `%d` is its id.
POISON = [
    b'{"update_id":%d,\n"message":{"text":"abc}}',
    b'{"update_id":%d,\n"message":{"text":abc"}}',
    b'{"update_id":%d,\n"message":{"text":"abc\\"}}',
    b'{"update_id":%d,\n"message":{"text":"abc"}',
    b'{"update_id":%d,\n"message":{"text":"abc"}}}',
    b'{"update_id":%d,\n"message":{"text":"abc"}]}',
    b'{"update_id":%d,\n"message":{"text":"abc"}]',
    b'{"update_id":%d,\n"message":[[[[}',
    b'{"update_id":%d,\n"message":{"a":{"b":{"text":"abc}}}}',
    b'{"update_id":%d,\n"message":',
    b'{"update_id":%d,\n"mess',
    b'{"update_id":%d,\n"message":{"text":"\xff\xfe"}}',
    b'{"update_id":%d,\n"message":{"text":NaN}}',
    b'{"update_id":%d,\n"message":{"text":"a","text":"b"}}',
    b'{"update_id":%d,\n"message":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    b'{"update_id":%d,\n"message":' + b"[" * 100_000,
    b'{"update_id":%d,\n"message":{"text":"' + b'\\"' * 10_000 + b"}}",
    b'{"update_id":%d,\n"pre_checkout_query":null}',
    b"\x00\x00 %d",
    b"null",
]

POISON_WITH_HEAD = [poison for poison in POISON if poison.startswith(b"{") and len(poison) < 1000]


@pytest.mark.parametrize("poison", POISON, ids=short)
def test_one_poisoned_update_of_a_hundred_stands_alone(poison: bytes) -> None:
    """At random places, the first and the last among them."""
    for place in [0, 99, *random.Random(5).sample(range(1, 99), 4)]:
        updates = [as_server(number, payment_of(number)) for number in range(100)]
        updates[place] = poison % place if b"%d" in poison else poison
        pieces = split_updates(reply(updates))
        assert pieces == updates
        read = [parse_update(piece) for piece in pieces]
        assert [type(update) for update in read].count(SuccessfulPayment) == 99
        assert isinstance(read[place], Unreadable)


@fixed
@given(st.lists(st.sampled_from(POISON_WITH_HEAD), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_several_poisoned_updates_cannot_hide_their_neighbours(poisons: list[bytes], chance: random.Random) -> None:
    """Two lost quotes make sound JSON of what lies between them; the heads say that updates are missing."""
    updates = [as_server(number, payment_of(number)) for number in range(12)]
    places = chance.sample(range(12), len(poisons))
    for place, poison in zip(places, poisons, strict=True):
        updates[place] = poison % place
    pieces = split_updates(reply(updates))
    assert pieces is not None
    read = [parse_update(piece) for piece in pieces]
    assert {update.update_id for update in read if isinstance(update, SuccessfulPayment)} == set(range(12)) - set(
        places
    )


def test_a_broken_head_costs_at_most_the_update_before_it() -> None:
    updates = [as_server(number, payment_of(number)) for number in range(3)]
    pieces = split_updates(reply([updates[0], b'{"updaXX', updates[1], updates[2]]))
    assert pieces is not None
    assert b"".join(pieces).count(b"charge-") == 3
    assert [type(parse_update(piece)) for piece in pieces] == [Unreadable, SuccessfulPayment, SuccessfulPayment]


@fixed
@given(st.binary(max_size=400))
@example(b'{"ok":true,"result":[')
@example(b'"result":[{"update_id":1,\n' * 3)
@example(b'{"update_id":1,"message":{"chat":{"id":1},"migrate_to_chat_id":2}}')
def test_no_bytes_make_the_readers_raise(raw: bytes) -> None:
    assert parse_update(raw) is not None
    assert split_updates(raw) is None or isinstance(split_updates(b'"result":[' + raw), list | None)


@fixed
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_no_damage_to_a_sample_makes_the_readers_raise(name: str, data: st.DataObject) -> None:
    raw = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(begin, min(len(raw), begin + 8)))
        raw[begin:end] = data.draw(st.one_of(st.binary(max_size=4), st.sampled_from(BITS)))
    read = parse_update(bytes(raw), "demo_merchant_bot")
    if isinstance(read, Unreadable):
        assert read.mentions_payment is (b"successful_payment" in raw)
    pieces = split_updates(reply([bytes(raw), SAMPLES["message.start.plain"]]))
    assert pieces is None or all(parse_update(piece) for piece in pieces)


@fixed
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
        lambda values: st.lists(values, max_size=4) | st.dictionaries(st.sampled_from(KEYS), values, max_size=6),
        max_leaves=30,
    ),
    st.sampled_from(["message", "pre_checkout_query", "shipping_query", "inline_query", "poll"]),
)
def test_no_json_makes_the_reader_raise(body: object, kind: str) -> None:
    update = parse_update(json.dumps({"update_id": 5, kind: body}).encode(), "demo_merchant_bot")
    assert update.update_id == 5
    if kind == "poll" and not isinstance(update, Unreadable):
        assert update == Ignored(5, "poll")
    if isinstance(update, Command):
        assert len(update.command) <= 32
