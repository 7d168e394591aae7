"""`apay send-invoice`: in the ledger before it leaves, never sent twice, and every outcome called by its name."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from apaycli.sandbox.chats import Chat
from shop import CHANNEL, GROUP, NOBODY, RAHIM, STOCK, SUPERGROUP, Shop

# product.md section 5, in its order; keys are only ever added behind them.
PRODUCT_KEYS = (
    "invoice_id", "mode", "chat_id", "message_id", "sku", "quantity", "currency", "total_amount", "invoice_payload",
    "forwarding", "uses", "expires_at",
)  # fmt: skip
DUCK = ("send-invoice", "rubber-duck", "--to")


def fail(shop: Shop, kind: str, **how: object) -> None:
    """The next sendInvoice meets a fault."""
    shop.world.faults.add(kind, shop.world.clock.monotonic(), methods=("sendInvoice",), count=1, **how)


def send_states(shop: Shop) -> list[str]:
    return [row["send_state"] for row in shop.invoices()]


# -- it works ----------------------------------------------------------------------------------------------------------


def test_json_has_the_keys_of_the_contract_in_order(shop: Shop) -> None:
    done = shop.run(*DUCK, RAHIM, "--json", "--expires", "2h")
    assert tuple(done.json)[: len(PRODUCT_KEYS)] == PRODUCT_KEYS
    assert set(done.json) - set(PRODUCT_KEYS) == {"send_state"}
    (row,) = shop.invoices()
    assert done.json["invoice_id"] == row["invoice_id"]
    assert done.json["invoice_payload"] == row["invoice_payload"]
    assert done.json["message_id"] == row["message_id"] == 101
    assert type(done.json["total_amount"]) is int


def test_what_is_sent_is_said_in_words_and_the_result_is_one_row(shop: Shop) -> None:
    done = shop.run(*DUCK, CHANNEL)
    (row,) = shop.invoices()
    assert done.out == f"sent\t{CHANNEL}\t{row['invoice_id']}\t101\n"
    first, total, who, warning = done.err.splitlines()
    assert first == f"apay: @sandbox_merchant_bot, test mode, ledger {shop.ledger}"
    assert total == "apay: Rubber duck: ₹499.00 (49900 paise)"
    assert who == (
        "apay: anybody who sees it can pay, as often as the stock lasts; forwarded copies carry a Pay button"
    )
    assert "this Pay button can be forwarded to anyone; 10 in stock" in warning


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((RAHIM,), ""),
        ((CHANNEL, "--uses", "10"), ""),
        ((CHANNEL, "--uses", "11"), "this Pay button can be forwarded to anyone; 10 in stock"),
        ((CHANNEL, "--uses", "4", "--quantity", "3"), "can be forwarded to anyone; 10 in stock"),
        ((RAHIM, "--quantity", "11"), "only 10 of rubber-duck left: buyers who press Pay are declined"),
        ((RAHIM, "--to", "1002", "--uses", "6"), "this invoice can be paid more often; 10 in stock"),
    ],
)
def test_a_button_that_travels_further_than_the_stock_is_a_warning(
    shop: Shop, options: tuple[str, ...], said: str
) -> None:
    done = shop.run(*DUCK, *options)
    assert done.code == 0
    warnings = [line for line in done.err.splitlines() if "apay: warning: " in line]
    assert len(warnings) == bool(said)
    assert said in "".join(warnings)


def test_nothing_left_is_called_sold_out(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("stock = 10", "stock = 0"))
    assert "warning: rubber-duck is sold out: buyers who press Pay are declined" in shop.run(*DUCK, RAHIM).err


def test_what_is_unlimited_is_not_called_limited_by_its_stock(shop: Shop) -> None:
    done = shop.run("send-invoice", "bear", "--to", CHANNEL)
    assert "apay: anybody who sees it can pay, any number of times; forwarded" in done.err
    assert "warning" not in done.err


def test_who_can_pay_is_said_for_each_kind_of_chat(shop: Shop) -> None:
    """A user's own invoice says nothing about a channel's, whose button travels."""
    done = shop.run(*DUCK, RAHIM, "--to", CHANNEL, "--to", "1002")
    assert f"apay: {RAHIM}, 1002: anybody who sees it can pay, 1 time(s) in all; forwarded" in done.err
    assert f"apay: {CHANNEL}: anybody who sees it can pay, as often as the stock lasts; forwarded" in done.err
    assert "10 in stock: when they are gone, it is declined" in done.err


def test_several_chats_get_one_invoice_each(shop: Shop) -> None:
    done = shop.run(*DUCK, RAHIM, "--to", CHANNEL, "--to", SUPERGROUP, "--json")
    assert [sent["chat_id"] for sent in done.json] == [RAHIM, CHANNEL, SUPERGROUP]
    assert len({sent["invoice_payload"] for sent in done.json}) == 3
    assert len({sent["invoice_id"] for sent in done.json}) == 3
    assert send_states(shop) == ["sent"] * 3
    assert len(shop.requests("sendInvoice")) == 3


def test_the_invoice_is_in_the_ledger_before_its_request_leaves(shop: Shop) -> None:
    """Whoever pays at once must find it there: the row is read, by another connection, when the request passes."""
    seen: list[tuple[str, str]] = []

    def look(method: str, body: bytes) -> None:
        if method == "sendInvoice":
            payload = json.loads(body)["payload"]
            seen.extend((row["send_state"], payload) for row in shop.invoices() if row["invoice_payload"] == payload)

    shop.before = look
    shop.run(*DUCK, RAHIM, "--to", CHANNEL)
    assert [state for state, _ in seen] == ["sending", "sending"]
    assert send_states(shop) == ["sent", "sent"]


# -- dry run -----------------------------------------------------------------------------------------------------------


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_dry_run_prints_the_request_and_touches_nothing(shop: Shop, more: tuple[str, ...]) -> None:
    before = listing(shop.folder)
    done = shop.run(*DUCK, CHANNEL, "--silent", "--dry-run", *more)
    assert done.code == 0
    assert listing(shop.folder) == before
    assert shop.requests() == []
    request = done.json
    assert request["method"] == "sendInvoice"
    assert request["params"]["chat_id"] == CHANNEL
    assert request["params"]["prices"] == [{"label": "Rubber duck", "amount": 49900}]
    assert request["params"]["disable_notification"] is True
    assert shop.environ["APAY_TEST_PROVIDER_TOKEN"] not in done.out
    assert request["params"]["provider_token"].startswith("<")
    assert done.err.splitlines() == [
        "apay: test mode, nothing is sent (--dry-run)",
        "apay: Rubber duck: ₹499.00 (49900 paise)",
        "apay: anybody who sees it can pay, as often as the stock lasts; forwarded copies carry a Pay button",
    ]


def test_a_dry_run_for_several_chats_is_one_document(shop: Shop) -> None:
    done = shop.run(*DUCK, CHANNEL, "--to", RAHIM, "--dry-run", "--json")
    assert [request["params"]["chat_id"] for request in done.json] == [CHANNEL, int(RAHIM)]


def test_a_dry_run_for_real_money_asks_nothing(shop: Shop) -> None:
    token = shop.world.live_provider_token
    done = shop.run(*DUCK, RAHIM, "--live", "--dry-run", APAY_LIVE_PROVIDER_TOKEN=token)
    assert done.code == 0
    assert done.err.startswith("apay: live mode, nothing is sent (--dry-run)\n")
    assert token not in done.out + done.err


# -- it does not work --------------------------------------------------------------------------------------------------


def test_a_refusing_chat_is_told_with_a_cure_and_recorded(shop: Shop) -> None:
    done = shop.run(*DUCK, NOBODY, "--json")
    assert (done.code, done.out) == (5, "")
    assert done.error["code"] == "telegram"
    assert "chat not found" in done.error["message"]
    assert "press Start" in done.error["hint"]
    assert send_states(shop) == ["refused"]


def test_a_refusal_in_one_chat_does_not_stop_the_next(shop: Shop) -> None:
    done = shop.run(*DUCK, NOBODY, "--to", RAHIM, "--json")
    assert done.code == 5
    assert [(sent["chat_id"], sent["send_state"]) for sent in done.json] == [(NOBODY, "refused"), (RAHIM, "sent")]
    assert "1 of 2 chats did not get the invoice, or it is not known: 555: " in done.error["message"]
    assert send_states(shop) == ["refused", "sent"]


@pytest.mark.parametrize("kind", ["hang", "502-html", "504-html", "500", "truncated", "empty", "reset", "break"])
@pytest.mark.parametrize("after", [True, False])
def test_an_unknown_outcome_is_called_unknown_and_never_sent_again(shop: Shop, kind: str, after: bool) -> None:
    fail(shop, kind, after=after)
    done = shop.run(*DUCK, RAHIM, "--json")
    assert (done.code, done.out) == (5, "")
    (row,) = shop.invoices()
    assert done.error["code"] == "outcome_unknown"
    assert f"it is unknown whether {RAHIM} got the invoice {row['invoice_id']}" in done.error["message"]
    assert "does not send it again" in done.error["hint"]
    assert row["send_state"] == "unknown"
    assert len(shop.requests("sendInvoice")) == 1


@pytest.mark.parametrize("kind", ["hang", "502-html", "truncated", "reset", "break"])
def test_an_unknown_outcome_on_the_wire_is_unknown_too(shop: Shop, kind: str) -> None:
    """The same through httpx and a real socket."""
    with shop.served() as server:
        server.call(fail, shop, kind, after=True)
        done = shop.run(*DUCK, RAHIM, "--json")
        assert (done.code, done.error["code"]) == (5, "outcome_unknown")
        assert send_states(shop) == ["unknown"]
        assert len(shop.requests("sendInvoice")) == 1


def test_an_unknown_outcome_in_one_chat_is_said_beside_what_was_sent(shop: Shop) -> None:
    fail(shop, "reset", after=True)
    done = shop.run(*DUCK, RAHIM, "--to", CHANNEL, "--json")
    assert done.code == 5
    assert [sent["send_state"] for sent in done.json] == ["unknown", "sent"]
    assert "unknown whether 1001 got the invoice" in done.error["message"]


def test_a_refused_connection_is_not_sent_and_says_what_to_check(shop: Shop) -> None:
    with shop.served():
        pass
    done = shop.run(*DUCK, RAHIM, "--json")
    assert (done.code, done.out) == (5, "")
    assert done.error["code"] == "unreachable"
    assert "bot.api_url" in done.error["hint"]
    assert shop.invoices() == []


def test_a_server_that_goes_before_the_request_leaves_is_not_sent_either(shop: Shop) -> None:
    with ExitStack() as serving:
        serving.enter_context(shop.served())
        shop.before = lambda method, body: serving.close() if method == "sendInvoice" else None
        done = shop.run(*DUCK, RAHIM, "--json")
    assert (done.code, done.error["code"]) == (5, "unreachable")
    assert send_states(shop) == ["refused"]
    assert shop.requests("sendInvoice") == []


@pytest.mark.parametrize("stop_at", [0, 1])
def test_ctrl_c_while_it_is_sent_is_unknown_told_and_exit_code_130(shop: Shop, stop_at: int) -> None:
    """Who was served before is said; who comes after gets nothing."""
    to = (RAHIM, CHANNEL, SUPERGROUP)

    def interrupt(method: str, body: bytes) -> None:
        if method == "sendInvoice" and json.loads(body)["chat_id"] in (to[stop_at], int(RAHIM) if not stop_at else 0):
            raise KeyboardInterrupt

    shop.before = interrupt
    done = shop.run(*DUCK, to[0], "--to", to[1], "--to", to[2], "--json")
    assert done.code == 130
    assert [sent["send_state"] for sent in done.json] == [*["sent"] * stop_at, "unknown"]
    assert send_states(shop) == [*["sent"] * stop_at, "unknown"]
    assert f"it is unknown whether {to[stop_at]} got the invoice" in done.error["message"]
    assert f"; {2 - stop_at} more of 3 chats were not tried" in done.error["message"]
    assert "does not send it again" in done.error["hint"]
    assert len(shop.requests("sendInvoice")) == stop_at


def test_telegram_asking_for_patience_is_obeyed(shop: Shop) -> None:
    fail(shop, "429", retry_after=0)
    done = shop.run(*DUCK, RAHIM, "--json")
    assert (done.code, done.json["send_state"]) == (0, "sent")
    assert "Telegram asks to wait 0 s" in done.err
    assert [request["status"] for request in shop.requests("sendInvoice")] == [429, 200]
    assert send_states(shop) == ["sent"]


def test_patience_has_an_end(shop: Shop) -> None:
    shop.world.faults.add("429", 0, methods=("sendInvoice",), retry_after=0)
    done = shop.run(*DUCK, RAHIM, "--json")
    assert (done.code, done.out) == (5, "")
    assert "wait and run the command again" in done.error["hint"]
    assert len(shop.requests("sendInvoice")) == 4
    assert send_states(shop) == ["refused"]


def test_a_long_wait_is_left_to_the_merchant(shop: Shop) -> None:
    fail(shop, "429", retry_after=61)
    assert shop.run(*DUCK, RAHIM).code == 5
    assert len(shop.requests("sendInvoice")) == 1


def test_a_group_that_became_a_supergroup_gets_it_under_its_new_id(shop: Shop) -> None:
    new = -1005550000001
    shop.world.chats.add_chat(Chat(new, "supergroup", "Moved"))
    shop.world.chats.chat(int(GROUP)).migrate_to_chat_id = new
    done = shop.run(*DUCK, GROUP, "--json")
    assert (done.code, done.json["chat_id"]) == (0, str(new))
    assert f"the group has a new id, {new}" in done.err
    (row,) = shop.invoices()
    assert (row["chat_id"], row["send_state"]) == (str(new), "sent")
