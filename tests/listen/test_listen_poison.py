"""Updates that cannot be read: kept raw and confirmed, alone; their neighbours are recorded and the queue moves on."""

import asyncio
import random

import pytest
from rig import Rig

from apaycli.checks.verify import verify
from apaycli.listen import events
from apaycli.listen.listener import Listener

GROUP = "-1001234567890"
HEAD = b'{"update_id":@UPDATE_ID@,\n'
PAYMENT = b'"message":{"message_id":1,"date":1767261600,"chat":{"id":1001},"from":{"id":1001,"first_name":"R"},'

# Updates with a readable id: each becomes one dead letter.
POISON: dict[str, bytes] = {
    "no UTF-8": HEAD + b'"message":{"message_id":1,"text":"\xff\xfe"}}',
    "half an escape": HEAD + b'"message":{"text":"\\u12"}}',
    "a raw control character": HEAD + b'"message":{"text":"a\x00b"}}',
    "cut off in a text": HEAD + b'"message":{"text":"abc',
    "cut off in an object": HEAD + b'"message":{"chat":{"id":1',
    "too many brackets": HEAD + b'"message":{}}}}}',
    "too few brackets": HEAD + b'"message":{"a":[[[[',
    "a lost quote": HEAD + b'"message":{"text":abc"}}',
    "nested without end": HEAD + b'"message":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "nested a little too deep": HEAD + b'"message":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}",
    "two kinds": HEAD + b'"message":{"message_id":1},"pre_checkout_query":{"id":"1"}}',
    "a key twice": HEAD + b'"message":{"message_id":1,"message_id":2}}',
    "not a number": HEAD + b'"pre_checkout_query":{"id":"5","from":{"id":1},"total_amount":NaN}}',
    "a query without an id": HEAD + b'"pre_checkout_query":{"from":{"id":1001},"currency":"BDT"}}',
    "a query from nobody": HEAD + b'"pre_checkout_query":{"id":"77","currency":"BDT"}}',
    "a kind that is no object": HEAD + b'"message":[1,2]}',
    "a payment without a charge": HEAD + PAYMENT + b'"successful_payment":{"currency":"BDT","total_amount":50000}}}',
    "a payment that is a text": HEAD + PAYMENT + b'"successful_payment":"yes"}}',
    "an id of its own twice": HEAD + b'"update_id":5,"message":{}}',
}
# Without an id that can be read: kept, and passed over by the confirmation of the next one.
WITHOUT_ID: dict[str, bytes] = {
    "an empty object": b"{}",
    "null": b"null",
    "a text": b'"hello"',
    "a list": b"[1,[2]]",
    "no id": b'{"message":{"message_id":1}}',
    "a negative id": b'{"update_id":-5,"message":{}}',
    "an id that is a text": b'{"update_id":"@UPDATE_ID@","message":{}}',
    "an id that is a fraction": b'{"update_id":1.5,"message":{}}',
}


async def sale_around(rig: Rig, poison: list[bytes], seed: int = 0) -> None:
    """Five payments, and poison between them, in one reply."""
    checkouts = rig.world.buyers.press_pay_many("order-1001", 5, 5000)
    await rig.until(lambda: all(checkout.outcome for checkout in checkouts))
    acts = [lambda c=c: rig.world.buyers.pay(c.checkout_id) for c in checkouts]
    acts += [lambda raw=raw: rig.world.buyers.inject(raw) for raw in poison]
    random.Random(seed).shuffle(acts)
    with rig.world.polling.held():
        for act in acts:
            act()
    await rig.quiet(30)
    assert (await rig.press("order-1001", 6000)).outcome == "accepted"


@pytest.fixture
def shop(rig: Rig) -> Rig:
    rig.offer(stock=100)
    rig.invoice(chat_id=GROUP)
    return rig


@pytest.mark.parametrize("raw", POISON.values(), ids=POISON.keys())
@pytest.mark.parametrize("seed", range(6))
def test_one_poisoned_update_is_kept_and_its_neighbours_are_recorded(shop: Rig, raw: bytes, seed: int) -> None:
    shop.listen(lambda _listener: sale_around(shop, [raw], seed))
    shop.truth_kept()
    [letter] = shop.happened(events.DeadLetter)
    [(kept, update_id)] = shop.rows("SELECT raw, update_id FROM dead_letters")
    assert update_id == letter.update_id
    assert kept == raw.replace(b"@UPDATE_ID@", str(update_id).encode())
    assert letter.mentions_payment == (b"successful_payment" in raw)


@pytest.mark.parametrize("raw", WITHOUT_ID.values(), ids=WITHOUT_ID.keys())
def test_an_update_without_an_id_is_kept_and_the_queue_moves_on(shop: Rig, raw: bytes) -> None:
    shop.listen(lambda _listener: sale_around(shop, [raw]))
    shop.truth_kept()
    assert shop.rows("SELECT count(*) FROM dead_letters") == [(1,)]


@pytest.mark.parametrize("raw", WITHOUT_ID.values(), ids=WITHOUT_ID.keys())
def test_an_update_that_cannot_be_confirmed_makes_no_storm_and_stops_nobody(shop: Rig, raw: bytes) -> None:
    async def story(_listener: Listener) -> None:
        await shop.quiet()
        shop.world.buyers.inject(raw)
        before = len(shop.http.asked("getUpdates"))
        ends = shop.clock.monotonic() + 60
        await shop.until(lambda: shop.clock.monotonic() >= ends, 100)
        assert len(shop.http.asked("getUpdates")) - before <= 65  # a pause of 2 s, and at most two requests
        checkout = await shop.press("order-1001", 5000)
        assert checkout.outcome == "accepted"
        shop.world.buyers.pay(checkout.checkout_id)
        await shop.quiet()

    shop.listen(story)
    shop.truth_kept()
    assert shop.rows("SELECT count(*) FROM dead_letters") == [(1,)]


@pytest.mark.parametrize("seed", range(5))
def test_all_of_it_at_once(shop: Rig, seed: int) -> None:
    poison = [raw for raw in POISON.values() if len(raw) < 1000]
    shop.listen(lambda _listener: sale_around(shop, poison, seed))
    shop.truth_kept()
    assert shop.rows("SELECT count(*) FROM dead_letters") == [(len(poison),)]


def test_the_same_bytes_are_kept_once_however_often_they_come(shop: Rig) -> None:
    async def story(_listener: Listener) -> None:
        shop.world.buyers.inject(HEAD + b'"message":"x"}')
        await shop.quiet()
        for _ in range(3):
            shop.world.buyers.redeliver(last=1)
            await shop.quiet()

    shop.listen(story)
    assert shop.rows("SELECT count(*) FROM dead_letters") == [(1,)]
    assert len(shop.happened(events.DeadLetter)) == 1


AMOUNTS: dict[str, bytes] = {
    "true": b"true", "a text": b'"50000"', "a fraction": b"50000.0", "an exponent": b"5e4", "negative": b"-1",
    "too large": b"9223372036854775808", "null": b"null", "missing": b"",
}  # fmt: skip


@pytest.mark.parametrize("amount", AMOUNTS.values(), ids=AMOUNTS.keys())
def test_a_payment_with_an_odd_amount_is_recorded_and_flagged(shop: Rig, amount: bytes) -> None:
    field = b'"total_amount":' + amount + b"," if amount else b""
    raw = (
        HEAD + PAYMENT + b'"successful_payment":{"currency":"BDT",' + field
        + b'"invoice_payload":"order-1001","telegram_payment_charge_id":"odd","provider_payment_charge_id":"p"}}}'
    )  # fmt: skip

    async def story(_listener: Listener) -> None:
        shop.world.buyers.inject(raw)
        await shop.quiet()

    shop.listen(story)
    [receipt] = shop.receipts()
    assert (receipt.telegram_payment_charge_id, receipt.total_amount, receipt.flag) == (
        "odd", None, "amount_mismatch",
    )  # fmt: skip
    assert shop.rows("SELECT raw FROM evidence")[0][0].startswith(b'{"update_id":')


def payment(charge: bytes, update_id: bytes = b"@UPDATE_ID@", more: bytes = b"", name: bytes = b"R") -> bytes:
    return (
        b'{"update_id":' + update_id + b',\n"message":{' + more
        + b'"message_id":1,"date":1767261600,"chat":{"id":1001},"from":{"id":1001,"first_name":"' + name + b'"},'
        b'"successful_payment":{"currency":"BDT","total_amount":50000,"invoice_payload":"order-1001",'
        b'"telegram_payment_charge_id":"' + charge + b'","provider_payment_charge_id":"p"}}}'
    )  # fmt: skip


def test_a_payment_with_a_broken_name_fits_its_reservation_and_verifies(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        assert (await rig.press()).outcome == "accepted"
        rig.world.buyers.inject(payment(b"odd", name=b"R\xff"))
        await rig.quiet()

    rig.listen(story)
    (receipt,) = rig.receipts()
    assert (receipt.flag, receipt.total_amount, receipt.buyer_name) == (None, 50_000, "R\ufffd")
    assert b"R\xff" in rig.rows("SELECT raw FROM evidence")[0][0]
    assert rig.stock() == (1, 0)
    assert rig.happened(events.DeadLetter) == []
    assert verify(rig.store).problems == []


def test_charge_ids_that_differ_only_in_what_no_database_takes_are_two_receipts(shop: Rig) -> None:
    ids = [b"c", b"c\xff", b"c\xfe", b"c\\ud800", b"c\\ud801", b"c\\\\ud800"]

    async def story(_listener: Listener) -> None:
        for charge in ids:
            shop.world.buyers.inject(payment(charge))
        await shop.quiet()

    shop.listen(story)
    assert len(shop.receipts()) == len(ids)
    assert verify(shop.store).problems == []


@pytest.mark.parametrize("claimed", [b"2147483648", b"4294967296", b"9223372036854775807", b"1999999999", b"0"])
@pytest.mark.parametrize("place", [0, 2, 50, 99, 119])
@pytest.mark.parametrize("literal", [False, True], ids=["as Telegram", "a server that takes any offset"])
def test_an_absurd_update_id_costs_none_of_120_receipts(
    shop: Rig, claimed: bytes, place: int, literal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if literal:
        monkeypatch.setattr("apaycli.sandbox.queue.FUTURE_OFFSET_MAX", 2**64)

    async def story(_listener: Listener) -> None:
        for group in (range(3), range(3, 120)):
            with shop.world.polling.held():
                for number in group:
                    odd = number == place
                    shop.world.buyers.inject(payment(b"c%d" % number, claimed if odd else b"@UPDATE_ID@"))
            await asyncio.sleep(0.001)
        await shop.until(lambda: len(shop.receipts()) == 120)
        with shop.world.polling.held():
            shop.world.buyers.inject(payment(b"later"))
        await shop.quiet()  # a neighbour behind it confirms it

    shop.listen(story)
    assert len(shop.receipts()) == 121


@pytest.mark.parametrize("first", [2**31, 2**40])
def test_ids_that_go_on_above_32_bits_are_ids(shop: Rig, first: int) -> None:
    """Nothing rests on an id but its confirmation: sales go on."""

    async def story(_listener: Listener) -> None:
        shop.world.buyers.inject({"poll": {"id": "1"}}, first)
        checkouts = shop.world.buyers.press_pay_many("order-1001", 90, 5000)
        await shop.until(lambda: all(checkout.outcome == "accepted" for checkout in checkouts))
        shop.world.buyers.pay_many(checkouts)
        await shop.quiet()

    shop.listen(story)
    shop.truth_kept()
    assert len(shop.receipts()) == 90


@pytest.mark.parametrize("ahead", [1, 30, 200])
def test_a_damaged_id_at_the_end_of_a_full_reply_confirms_nobody_who_was_not_seen(shop: Rig, ahead: int) -> None:
    async def story(_listener: Listener) -> None:
        first = shop.world.queue.next_update_id
        with shop.world.polling.held():
            for number in range(300):
                claimed = b"%d" % (first + number + ahead) if number == 99 else b"@UPDATE_ID@"
                shop.world.buyers.inject(payment(b"c%d" % number, claimed))
        await shop.quiet()

    shop.listen(story)
    assert len(shop.receipts()) == 300


def test_a_payment_that_telegram_did_not_send_books_nothing_and_is_loud(shop: Rig) -> None:
    async def story(_listener: Listener) -> None:
        shop.world.buyers.inject(payment(b"copy", more=b'"forward_origin":{"type":"user"},'))
        shop.world.buyers.inject(payment(b"copy", more=b'"edit_date":5,'))
        await shop.quiet()
        assert [letter.mentions_payment for letter in shop.happened(events.DeadLetter)] == [True, True]
        assert shop.receipts() == []
        shop.world.buyers.inject(payment(b"copy"))  # Telegram's own word, afterwards
        await shop.quiet()

    shop.listen(story)
    assert [receipt.telegram_payment_charge_id for receipt in shop.receipts()] == ["copy"]
    assert shop.store.counts("test").dead_letters_with_payment == 2


def test_a_query_with_a_repeated_key_is_declined_and_once_however_often_it_comes(shop: Rig) -> None:
    async def story(_listener: Listener) -> None:
        query = (
            b'{"update_id":7000000000,"pre_checkout_query":{"id":"77","from":{"id":1},"currency":"A","currency":"B"}}'
        )
        shop.world.buyers.inject(query)  # with an id that confirms nothing: it comes again and again
        await asyncio.sleep(30)

    shop.listen(story)
    (asked,) = shop.http.asked("answerPreCheckoutQuery")
    assert (asked.params["pre_checkout_query_id"], asked.params["ok"]) == ("77", False)
    assert len(shop.http.asked("getUpdates")) < 35  # two each two seconds
    assert len(shop.happened(events.DeadLetter)) == 1


def test_a_query_whose_buyer_cannot_be_read_is_kept_raw_and_declined(rig: Rig) -> None:
    """Somebody waits at the other end, whoever it is."""
    rig.invoice()

    async def story(_listener: Listener) -> None:
        rig.world.buyers.inject(b'{"update_id":@UPDATE_ID@,\n"pre_checkout_query":{"id":"77","from":{}}}')
        await rig.quiet()

    rig.listen(story)
    (asked,) = rig.http.asked("answerPreCheckoutQuery")
    assert (asked.params["pre_checkout_query_id"], asked.params["ok"]) == ("77", False)
    assert [event.reason for event in rig.happened(events.DeadLetter)] == ["from has no usable id"]
    assert rig.rows("SELECT * FROM decisions") == []


def test_a_payment_whose_invoice_row_is_damaged_is_a_receipt_all_the_same(rig: Rig) -> None:
    rig.invoice()

    async def story(_listener: Listener) -> None:
        checkout = await rig.press()
        await rig.quiet()
        rig.store.db.execute("UPDATE invoices SET prices = '[['")
        rig.world.buyers.pay(checkout.checkout_id)
        await rig.quiet()

    rig.listen(story)
    (receipt,) = rig.receipts()
    assert (receipt.flag, receipt.total_amount) == ("unmatched", 50_000)
    assert rig.happened(events.DeadLetter) == []


def test_an_unreadable_copy_of_a_query_that_was_accepted_changes_nothing(rig: Rig) -> None:
    rig.offer(stock=1)
    rig.invoice()

    async def story(_listener: Listener) -> None:
        checkout = await rig.press()
        copy = b'{"update_id":@UPDATE_ID@,\n"pre_checkout_query":{"id":"%s","from":{}}}'
        rig.world.buyers.inject(copy % checkout.pre_checkout_query_id.encode())
        await rig.quiet()

    rig.listen(story)
    assert [request.params["ok"] for request in rig.http.asked("answerPreCheckoutQuery")] == [True]
    assert rig.stock() == (0, 1)
