"""`apay invoices`: each state by its name, what is left of it, and one that is taken back is declined from then on."""

from typing import Any

import pytest

from apaycli.core.decide import Shop as Rules
from apaycli.core.invoice import Ids, product_invoice
from apaycli.core.model import DeclineReason, Invoice, ReceiptFilter
from apaycli.stockfile import read_stock_file
from shop import CHANNEL, NOBODY, RAHIM, Shop
from sold_ledger import Day, payment, query

# docs/json.md, in its order; keys are only ever added behind them.
KEYS = (
    "invoice_id", "mode", "state", "chat_id", "message_id", "link", "sku", "title", "quantity", "currency",
    "total_amount", "invoice_payload", "forwarding", "uses", "uses_paid", "uses_held", "uses_left", "buyer_id",
    "created_at", "sent_at", "expires_at", "cancelled_at", "send_error", "old_price",
)  # fmt: skip
HOSTILE = "\x1b[2J\u202eevil\n[red]x"


def send(shop: Shop, *options: str, to: str = CHANNEL) -> str:
    """Send a duck; the invoice's id."""
    shop.run("send-invoice", "rubber-duck", "--to", to, *options, "--yes")
    return str(shop.invoices()[-1]["invoice_id"])


def fail(shop: Shop, kind: str) -> None:
    shop.world.faults.add(kind, shop.clock.monotonic(), methods=("sendInvoice",), count=1)


def listed(shop: Shop, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.run("invoices", "list", "--json", *options).json
    return found


def shown(shop: Shop, invoice_id: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.run("invoices", "show", invoice_id, "--json").json
    return found


def cell(line: str, number: int) -> str:
    return line.split("\t")[number]


class Listening:
    """What the listener does with queries and payments, with the shop's own stock file."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.rules = Rules("test", read_stock_file(shop.stock_file).products, 1800)

    def ask(self, number: int, invoice_id: str, buyer: int = 0) -> DeclineReason | None:
        """A buyer presses Pay: None, or why not."""
        self._take(query(number, shown(self.shop, invoice_id)["invoice_payload"], buyer))
        with self.shop.store() as store, store.transaction() as tx:
            recorded = tx.recorded_decision(f"query-{number}")
        assert recorded is not None
        return recorded[0].reason

    def pay(self, number: int, invoice_id: str, buyer: int = 0) -> None:
        self._take(payment(number, shown(self.shop, invoice_id)["invoice_payload"], buyer))

    def _take(self, raw: bytes) -> None:
        with self.shop.store() as store:
            day = Day(store, self.rules)
            day.clock.jump((self.shop.clock.now() - day.clock.now()) / 1000)
            day.take(raw)


def record(shop: Shop, **changes: Any) -> Invoice:
    """An invoice that no option of `send-invoice` could have made."""
    product = read_stock_file(shop.stock_file).products["rubber-duck"]
    made = product_invoice(product, "test", Ids("inv_odd", "payload-odd"), shop.clock.now(), "@ducks")
    fields = {name: changes.get(name, getattr(made, name)) for name in made.__slots__}
    with shop.store() as store, store.transaction() as tx:
        tx.record_invoice(Invoice(**fields), "sent")
    return Invoice(**fields)


# -- states ------------------------------------------------------------------------------------------------------------


def test_json_has_the_keys_of_the_contract_in_order(shop: Shop) -> None:
    """One document each for `show` and `cancel`, an array for `list`."""
    invoice_id = send(shop, "--buyer", "1002", "--expires", "2h")
    (row,) = listed(shop)
    assert tuple(row)[: len(KEYS)] == KEYS
    assert row == shown(shop, invoice_id)
    assert tuple(shop.run("invoices", "cancel", invoice_id, "--json").json)[: len(KEYS)] == KEYS


def test_what_was_sent_is_said_in_full(shop: Shop) -> None:
    invoice_id = send(shop, "--buyer", "1002", "--expires", "2h", "--quantity", "2", "--uses", "3")
    (stored,) = shop.invoices()
    assert shown(shop, invoice_id) == {
        "invoice_id": invoice_id, "mode": "test", "state": "sent", "chat_id": CHANNEL,
        "message_id": stored["message_id"], "link": None, "sku": "rubber-duck", "title": "Rubber duck", "quantity": 2,
        "currency": "INR", "total_amount": 99800, "invoice_payload": stored["invoice_payload"],
        "forwarding": "pay-button", "uses": 3, "uses_paid": 0, "uses_held": 0, "uses_left": 3, "buyer_id": "1002",
        "created_at": "2026-01-01T10:00:00Z", "sent_at": "2026-01-01T10:00:00Z", "expires_at": "2026-01-01T12:00:00Z",
        "cancelled_at": None, "send_error": None, "old_price": False,
    }  # fmt: skip


def test_one_without_bounds_says_so(shop: Shop) -> None:
    row = shown(shop, send(shop))
    assert (row["uses"], row["uses_left"], row["buyer_id"], row["expires_at"]) == ("unlimited", "unlimited", None, None)


def test_a_link_is_shown_instead_of_a_message(shop: Shop) -> None:
    shop.run("send-invoice", "rubber-duck", "--link")
    (row,) = listed(shop)
    assert (row["chat_id"], row["message_id"]) == ("link", None)
    assert row["link"].startswith("https://t.me/$")
    assert cell(shop.run("invoices", "list").out.strip(), 7) == row["link"]


def test_a_refused_one_cannot_be_paid_and_says_why(shop: Shop) -> None:
    row = shown(shop, send(shop, to=NOBODY))
    assert (row["state"], row["uses_left"], row["sent_at"]) == ("refused", 0, None)
    assert "chat not found" in row["send_error"]


def test_one_whose_outcome_is_unknown_may_be_paid(shop: Shop) -> None:
    fail(shop, "reset")
    row = shown(shop, send(shop, to=RAHIM))
    assert (row["state"], row["uses_left"], row["message_id"]) == ("unknown", 1, None)
    assert "unknown whether" in row["send_error"]


def test_one_that_was_left_behind_by_a_crash_is_unknown(shop: Shop) -> None:
    """Recorded, and nobody knows whether its request left."""
    made = record(shop)
    with shop.store() as store:
        store.db.execute("UPDATE invoices SET send_state = 'sending'")
    assert shown(shop, made.invoice_id)["state"] == "unknown"


def test_an_expired_one_cannot_be_paid(shop: Shop) -> None:
    invoice_id = send(shop, "--expires", "2h", to=RAHIM)
    assert shown(shop, invoice_id)["state"] == "sent"
    shop.clock.advance(2 * 3600)
    row = shown(shop, invoice_id)
    assert (row["state"], row["uses_left"]) == ("expired", 0)
    assert Listening(shop).ask(1, invoice_id) is DeclineReason.EXPIRED


def test_what_is_held_and_paid_is_counted(shop: Shop) -> None:
    invoice_id, listening = send(shop, "--uses", "2"), Listening(shop)
    assert listening.ask(1, invoice_id, 0) is None
    row = shown(shop, invoice_id)
    assert (row["state"], row["uses_held"], row["uses_paid"], row["uses_left"]) == ("sent", 1, 0, 2)
    listening.pay(2, invoice_id, 0)
    row = shown(shop, invoice_id)
    assert (row["state"], row["uses_held"], row["uses_paid"], row["uses_left"]) == ("sent", 0, 1, 1)
    assert listening.ask(3, invoice_id, 1) is None
    listening.pay(4, invoice_id, 1)
    row = shown(shop, invoice_id)
    assert (row["state"], row["uses_held"], row["uses_paid"], row["uses_left"]) == ("paid", 0, 2, 0)


def test_one_that_can_be_paid_for_ever_is_never_called_paid(shop: Shop) -> None:
    invoice_id, listening = send(shop), Listening(shop)
    assert listening.ask(1, invoice_id) is None
    listening.pay(2, invoice_id)
    row = shown(shop, invoice_id)
    assert (row["state"], row["uses_paid"], row["uses_left"]) == ("sent", 1, "unlimited")


def test_one_that_was_paid_in_time_stays_paid_when_its_time_is_over(shop: Shop) -> None:
    """Else the list of last week's invoices would call the paid ones expired."""
    invoice_id, listening = send(shop, "--expires", "2h", to=RAHIM), Listening(shop)
    assert listening.ask(1, invoice_id) is None
    listening.pay(2, invoice_id)
    assert shown(shop, invoice_id)["state"] == "paid"
    shop.clock.advance(3 * 3600)
    assert shown(shop, invoice_id)["state"] == "paid"


def test_a_payment_of_one_that_nobody_knew_was_sent_makes_it_paid(shop: Shop) -> None:
    fail(shop, "reset")
    invoice_id, listening = send(shop, to=RAHIM), Listening(shop)
    assert listening.ask(1, invoice_id) is None
    listening.pay(2, invoice_id)
    assert shown(shop, invoice_id)["state"] == "paid"


# -- the list ----------------------------------------------------------------------------------------------------------


def test_the_newest_stand_first_and_so_many_as_asked_for(shop: Shop) -> None:
    ids = []
    for _ in range(3):
        ids.append(send(shop))
        shop.clock.advance(1)
    assert [row["invoice_id"] for row in listed(shop)] == ids[::-1]
    assert [row["invoice_id"] for row in listed(shop, "--limit", "2")] == ids[:0:-1]


@pytest.mark.parametrize("limit", ["0", "-1", "1000001", "many", "1.5"])
def test_an_odd_limit_is_refused(shop: Shop, limit: str) -> None:
    send(shop)
    assert shop.run("invoices", "list", "--limit", limit).code == 2


def test_test_and_live_are_listed_apart(shop: Shop) -> None:
    shop.environ["APAY_LIVE_PROVIDER_TOKEN"] = shop.world.live_provider_token
    test, live = send(shop), send(shop, "--live")
    assert [(row["invoice_id"], row["mode"]) for row in listed(shop)] == [(test, "test")]
    assert [(row["invoice_id"], row["mode"]) for row in listed(shop, "--live")] == [(live, "live")]
    assert shown(shop, live)["mode"] == "live"


def test_in_a_pipe_each_is_a_row(shop: Shop) -> None:
    invoice_id = send(shop, "--uses", "3", "--quantity", "2")
    message_id = shop.invoices()[0]["message_id"]
    done = shop.run("invoices", "list")
    assert done.err == ""
    assert done.out == f"{invoice_id}\tsent\t0\t3\t{CHANNEL}\t2 x rubber-duck\t₹998.00\t{message_id}\n"


def test_what_is_left_of_a_refused_one_is_nothing(shop: Shop) -> None:
    send(shop, to=NOBODY)
    assert shop.run("invoices", "list").out.split("\t")[1:4] == ["refused", "0", "0"]


def test_on_a_terminal_they_are_a_table(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    invoice_id = send(shop)
    heading, line = shop.run("invoices", "list", terminal=True, NO_COLOR="1").out.splitlines()
    assert heading.split() == ["INVOICE", "STATE", "PAID", "LEFT", "CHAT", "WHAT", "AMOUNT", "WHERE"]
    assert line.split()[:5] == [invoice_id, "sent", "0", "any", CHANNEL]


def test_on_a_phone_each_is_a_stack(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    invoice_id = send(shop)
    lines = shop.run("invoices", "list", terminal=True, NO_COLOR="1").out.splitlines()
    assert lines[:3] == [invoice_id, "    state: sent", "    paid: 0"]
    assert max(map(len, lines)) <= 40


def test_an_empty_ledger_has_an_empty_list(shop: Shop) -> None:
    with shop.store():
        pass
    done = shop.run("invoices", "list")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert listed(shop) == []


def test_without_a_ledger_there_are_no_invoices(shop: Shop) -> None:
    for words in (("list",), ("show", "inv_1"), ("cancel", "inv_1")):
        assert shop.run("invoices", *words).code == 9
    assert not shop.ledger.exists()


# -- one of them -------------------------------------------------------------------------------------------------------


def test_showing_one_is_a_line_for_each_key(shop: Shop) -> None:
    invoice_id = send(shop)
    lines = shop.run("invoices", "show", invoice_id).out.splitlines()
    assert [cell(line, 0) for line in lines] == list(KEYS)
    assert lines[0] == f"invoice_id\t{invoice_id}"
    assert "buyer_id\t" in lines
    assert "\t" not in shop.run("invoices", "show", invoice_id, terminal=True).out


@pytest.mark.parametrize("verb", ["show", "cancel"])
@pytest.mark.parametrize("name", ["inv_0123456789abcdef", "", "1", "inv_\x1b[2J", "INV_", "' OR 1=1 --", "x" * 100_000])
def test_an_unknown_one_is_refused_with_what_to_do(shop: Shop, verb: str, name: str) -> None:
    invoice_id = send(shop)
    done = shop.run("invoices", verb, name)
    assert (done.code, done.out) == (2, "")
    assert "there is no invoice" in done.err
    assert "apay: hint: apay invoices list" in done.err
    assert "\x1b" not in done.err
    assert len(done.err) < 300
    assert shown(shop, invoice_id)["cancelled_at"] is None


def test_strangers_text_does_no_harm(shop: Shop) -> None:
    record(shop, chat_id=HOSTILE, sku=None, title=HOSTILE)
    with shop.store() as store, store.transaction() as tx:
        tx.record_send_outcome("inv_odd", "refused", 5, error=HOSTILE)
    for words in (("list",), ("show", "inv_odd"), ("cancel", "inv_odd")):
        for options in ((), ("--json",)):
            for terminal in (False, True):
                done = shop.run("invoices", *words, *options, terminal=terminal, NO_COLOR="1")
                assert not set("\x1b\u202e") & set(done.out + done.err), words
    assert "\\x1b[2J\\u202eevil\\x0a[red]x" in shop.run("invoices", "list").out
    assert shown(shop, "inv_odd")["title"] == HOSTILE


# -- taking one back ---------------------------------------------------------------------------------------------------


def test_a_cancelled_one_is_declined(shop: Shop) -> None:
    invoice_id, listening = send(shop, to=RAHIM), Listening(shop)
    assert listening.ask(1, invoice_id) is None
    done = shop.run("invoices", "cancel", invoice_id)
    assert (done.code, done.out) == (0, f"{invoice_id}: cancelled; paid 0 times before\n")
    assert listening.ask(2, invoice_id) is DeclineReason.CANCELLED
    row = shown(shop, invoice_id)
    assert (row["state"], row["uses_left"], row["cancelled_at"]) == ("cancelled", 0, "2026-01-01T10:00:00Z")


def test_nothing_of_it_reaches_telegram(shop: Shop) -> None:
    invoice_id = send(shop)
    before = len(shop.requests())
    assert shop.run("invoices", "cancel", invoice_id).code == 0
    assert len(shop.requests()) == before


def test_whoever_is_paying_it_is_named_and_the_money_still_recorded(shop: Shop) -> None:
    invoice_id, listening = send(shop, to=RAHIM), Listening(shop)
    assert listening.ask(1, invoice_id) is None
    done = shop.run("invoices", "cancel", invoice_id)
    assert "apay: warning: 1 buyer is paying right now: what they pay is still recorded" in done.err
    listening.pay(2, invoice_id)
    with shop.store() as store:
        (receipt,) = store.receipts(ReceiptFilter())
    assert (receipt.invoice_id, receipt.flag) == (invoice_id, None)
    row = shown(shop, invoice_id)
    assert (row["state"], row["uses_paid"]) == ("cancelled", 1)


def test_cancelling_twice_is_said_and_the_first_time_stays(shop: Shop) -> None:
    invoice_id = send(shop)
    shop.run("invoices", "cancel", invoice_id)
    shop.clock.advance(60)
    done = shop.run("invoices", "cancel", invoice_id, "--json")
    assert (done.code, done.out) == (2, "")
    assert done.error["message"] == f"{invoice_id} was cancelled before"
    assert shown(shop, invoice_id)["cancelled_at"] == "2026-01-01T10:00:00Z"


def test_only_that_one_is_cancelled(shop: Shop) -> None:
    first, second = send(shop), send(shop)
    shop.run("invoices", "cancel", first)
    assert {row["invoice_id"]: row["state"] for row in listed(shop)} == {first: "cancelled", second: "sent"}


def test_a_cancelled_one_stays_so_after_its_time(shop: Shop) -> None:
    invoice_id = send(shop, "--expires", "1h")
    shop.run("invoices", "cancel", invoice_id)
    shop.clock.advance(7200)
    assert shown(shop, invoice_id)["state"] == "cancelled"


def test_a_ledger_of_another_bot_is_left_alone(shop: Shop) -> None:
    invoice_id = send(shop)
    other = "4711:" + "A" * 35
    assert shop.run("invoices", "cancel", invoice_id, APAY_BOT_TOKEN=other).code == 3
    assert shown(shop, invoice_id)["state"] == "sent"


# -- prices that have changed ------------------------------------------------------------------------------------------


def reprice(shop: Shop, before: str = "price = 499", after: str = "price = 599") -> None:
    text = shop.stock_file.read_text()
    assert before in text
    shop.write_stock(text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("before", "after", "old"),
    [
        ("price = 499", "price = 599", True),
        ("price = 499", 'prices = [{ label = "Duck", amount = 450 }, { label = "GST", amount = 49 }]', False),
        ('title = "Rubber duck"', 'title = "Bath duck"', False),
        ("stock = 10", "stock = 11", False),
        ('currency = "INR"', 'currency = "BDT"', True),
    ],
)
def test_an_open_invoice_with_another_price_than_its_product_says_so(
    shop: Shop, before: str, after: str, old: bool
) -> None:
    several, one = send(shop, "--quantity", "3"), send(shop)
    assert [row["old_price"] for row in listed(shop)] == [False, False]
    reprice(shop, before, after)
    assert {row["invoice_id"]: row["old_price"] for row in listed(shop)} == {several: old, one: old}
    assert shown(shop, one)["old_price"] is old
    assert shop.run("invoices", "list").out.count(" (old price)\t") == 2 * old


def test_what_cannot_be_paid_any_more_has_no_old_price(shop: Shop) -> None:
    cancelled, expired, paid, refused = (
        send(shop),
        send(shop, "--expires", "1h"),
        send(shop, to=RAHIM),
        send(shop, to=NOBODY),
    )
    shop.run("invoices", "cancel", cancelled)
    listening = Listening(shop)
    assert listening.ask(1, paid) is None
    listening.pay(2, paid)
    shop.clock.advance(3600)
    still = send(shop)
    reprice(shop)
    wanted = {cancelled: False, expired: False, paid: False, refused: False, still: True}
    assert {row["invoice_id"]: row["old_price"] for row in listed(shop)} == wanted
    assert shop.run("invoices", "cancel", "--old-price", "--yes").out == "Cancelled 1 open invoice with an old price.\n"
    assert shown(shop, expired)["state"] == "expired"


def test_without_a_product_there_is_nothing_to_compare_with(shop: Shop) -> None:
    words = ("--title", "Tea", "--description", "Black.", "--price", "Tea=450", "--currency", "INR")
    shop.run("send-invoice", *words, "--to", CHANNEL, "--yes")
    invoice_id = send(shop)
    assert sorted((row["sku"] or "", row["old_price"]) for row in listed(shop)) == [("", None), ("rubber-duck", False)]
    shop.write_stock("oops [")
    assert [row["old_price"] for row in listed(shop)] == [None, None]
    assert shop.run("invoices", "cancel", "--old-price", "--yes").code == 3
    assert shown(shop, invoice_id)["state"] == "sent"


def test_one_command_cancels_them_and_nothing_else(shop: Shop) -> None:
    first, second = send(shop), send(shop, "--quantity", "2")
    reprice(shop)
    fresh = send(shop)
    tried = shop.run("invoices", "cancel", "--old-price", "--dry-run")
    assert tried.code == 0
    assert {cell(line, 0) for line in tried.out.splitlines()} == {first, second}
    assert "apay: 2 open invoices with an old price would be cancelled.\n" in tried.err
    assert shop.run("invoices", "cancel", "--old-price").code == 8  # it asks for a confirmation
    assert {row["state"] for row in listed(shop)} == {"sent"}
    done = shop.run("invoices", "cancel", "--old-price", "--yes")
    assert (done.code, done.out, done.err) == (0, "Cancelled 2 open invoices with an old price.\n", "")
    assert {row["invoice_id"]: row["state"] for row in listed(shop)} == {
        first: "cancelled", second: "cancelled", fresh: "sent",
    }  # fmt: skip
    assert Listening(shop).ask(1, first) is DeclineReason.CANCELLED
    again = shop.run("invoices", "cancel", "--old-price", "--yes")
    assert (again.code, again.out, again.err) == (0, "", "apay: No open invoice has an old price.\n")


def test_only_the_named_products_are_cancelled(shop: Shop) -> None:
    duck = send(shop)
    shop.run("send-invoice", "bear", "--to", CHANNEL, "--yes")
    reprice(shop)
    reprice(shop, "price = 1500", "price = 1600")
    done = shop.run("invoices", "cancel", "--old-price", "--sku", "rubber-duck", "--yes", "--json")
    assert [(row["invoice_id"], row["state"]) for row in done.json] == [(duck, "cancelled")]
    assert [row["sku"] for row in listed(shop) if row["old_price"]] == ["bear"]


def test_who_is_paying_an_old_price_still_pays_it(shop: Shop) -> None:
    invoice_id, listening = send(shop), Listening(shop)
    assert listening.ask(1, invoice_id) is None
    reprice(shop)
    done = shop.run("invoices", "cancel", "--old-price", "--yes")
    assert "1 buyer is paying right now" in done.err
    listening.pay(2, invoice_id)
    with shop.store() as store:
        (receipt,) = store.receipts(ReceiptFilter())
    assert (receipt.flag, receipt.total_amount) == (None, 49900)


@pytest.mark.parametrize(
    "words", [(), ("inv_1", "--old-price"), ("inv_1", "--sku", "bear"), ("--old-price", "--sku", "x")]
)
def test_an_odd_way_to_name_them_is_refused(shop: Shop, words: tuple[str, ...]) -> None:
    invoice_id = send(shop)
    assert shop.run("invoices", "cancel", *words, "--yes").code == 2
    assert shown(shop, invoice_id)["state"] == "sent"


def test_a_dry_run_cancels_not_even_one(shop: Shop) -> None:
    invoice_id = send(shop)
    done = shop.run("invoices", "cancel", invoice_id, "--dry-run")
    assert (done.code, done.out) == (0, f"{invoice_id}: would be cancelled; paid 0 times before\n")
    assert shown(shop, invoice_id)["state"] == "sent"
