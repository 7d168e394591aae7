"""`apay send-invoice`: in the ledger before it leaves, never sent twice, and every outcome called by its name."""

import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from apaycli.sandbox.chats import Chat
from shop import CHANNEL, GROUP, NOBODY, RAHIM, SUPERGROUP, Shop

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
    assert "can be paid more often than the 10 unit(s) in stock allow" in warning


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((RAHIM,), ""),
        ((CHANNEL, "--uses", "10"), ""),
        ((CHANNEL, "--uses", "11"), "more often than the 10 unit(s) in stock allow"),
        ((CHANNEL, "--uses", "4", "--quantity", "3"), "more often than the 10 unit(s) in stock allow"),
        ((RAHIM, "--quantity", "11"), "rubber-duck is sold out"),
        ((RAHIM, "--to", "1002", "--uses", "6"), "more often than the 10 unit(s) in stock allow"),
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


def test_who_can_pay_is_said_for_each_kind_of_chat(shop: Shop) -> None:
    """A user's own invoice says nothing about a channel's, whose button travels."""
    done = shop.run(*DUCK, RAHIM, "--to", CHANNEL, "--to", "1002")
    assert f"apay: {RAHIM}, 1002: anybody who sees it can pay, 1 time(s) in all; forwarded" in done.err
    assert f"apay: {CHANNEL}: anybody who sees it can pay, as often as the stock lasts; forwarded" in done.err
    assert "more often than the 10 unit(s) in stock allow" in done.err


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


def test_a_dry_run_for_several_chats_is_one_document(shop: Shop) -> None:
    done = shop.run(*DUCK, CHANNEL, "--to", RAHIM, "--dry-run", "--json")
    assert [request["params"]["chat_id"] for request in done.json] == [CHANNEL, int(RAHIM)]


def test_a_dry_run_for_real_money_asks_nothing(shop: Shop) -> None:
    token = shop.world.live_provider_token
    done = shop.run(*DUCK, RAHIM, "--live", "--dry-run", APAY_LIVE_PROVIDER_TOKEN=token)
    assert done.code == 0
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
    assert "1 of 2 chats did not get the invoice: 555: " in done.error["message"]
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


# -- tokens and real money ---------------------------------------------------------------------------------------------


def test_real_money_is_never_asked_for_unconfirmed(shop: Shop) -> None:
    """Without --yes, and without a terminal to ask on: exit code 8, and nothing was sent."""
    token = shop.world.live_provider_token
    for more in ((), ("--json",), ("--no-input",)):
        done = shop.run(*DUCK, RAHIM, "--live", *more, APAY_LIVE_PROVIDER_TOKEN=token)
        assert (done.code, done.out) == (8, "")
        assert "--yes" in done.err
    assert shop.requests("sendInvoice") == []
    assert shop.invoices() == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 8), ("\n", 8), ("", 8), ("yy\n", 8)])
def test_on_a_terminal_real_money_is_asked_about(shop: Shop, answer: str, code: int) -> None:
    token = shop.world.live_provider_token
    done = shop.run(*DUCK, RAHIM, "--live", stdin=answer, terminal=True, APAY_LIVE_PROVIDER_TOKEN=token)
    assert done.code == code
    assert "Ask for real money in 1 chat(s)? [y/N] " in done.err
    assert len(shop.requests("sendInvoice")) == (code == 0)


@pytest.mark.parametrize("how", [("--live",), ()])
def test_yes_confirms_real_money_and_the_first_line_says_live(shop: Shop, how: tuple[str, ...]) -> None:
    environ = {"APAY_LIVE_PROVIDER_TOKEN": shop.world.live_provider_token} | ({} if how else {"APAY_LIVE": "1"})
    done = shop.run(*DUCK, RAHIM, "--yes", "--json", *how, **environ)
    assert (done.code, done.json["mode"]) == (0, "live")
    assert done.err.splitlines()[0] == f"apay: @sandbox_merchant_bot, LIVE mode, ledger {shop.ledger}"
    assert shop.invoices()[0]["mode"] == "live"


@pytest.mark.parametrize(
    ("options", "environ", "said"),
    [
        ((), {"APAY_TEST_PROVIDER_TOKEN": "53391:LIVE:canary"}, "says :LIVE:, but this runs in test mode"),
        (("--live",), {"APAY_LIVE_PROVIDER_TOKEN": "53391:TEST:canary"}, "says :TEST:, but this runs in live mode"),
        (("--live",), {}, "there is no live provider token"),
        ((), {"APAY_BOT_TOKEN": "canary"}, "the bot token is malformed"),
        ((), {"APAY_BOT_TOKEN": ""}, "there is no bot token"),
        ((), {"APAY_BOT_TOKEN": "1:" + "canary" * 6}, "Telegram does not accept the bot token"),
    ],
)
def test_a_wrong_token_is_exit_code_4(shop: Shop, options: tuple[str, ...], environ: dict[str, str], said: str) -> None:
    done = shop.run(*DUCK, RAHIM, "--yes", *options, **environ)
    assert (done.code, done.out) == (4, "")
    assert said in done.err
    assert "canary" not in done.err
    assert shop.requests("sendInvoice") == []
    assert shop.invoices() == []


def test_a_token_that_dies_on_the_way_is_told_and_recorded(shop: Shop) -> None:
    fail(shop, "401")
    done = shop.run(*DUCK, RAHIM, "--to", CHANNEL)
    assert done.code == 4
    assert send_states(shop) == ["refused"]
    assert len(shop.requests("sendInvoice")) == 1


def test_a_hostile_bot_name_and_a_hostile_refusal_are_shown_harmless(shop: Shop) -> None:
    shop.world.bot.username = "bot\x1b]52;c;x\u202e"
    done = shop.run(*DUCK, RAHIM)
    assert "\x1b" not in done.err + done.out
    assert "\u202e" not in done.err + done.out
    assert "@bot\\x1b]52;c;x\\u202e, test mode" in done.err


@pytest.mark.parametrize(
    "spoil",
    [lambda path: path.mkdir(), lambda path: path.write_bytes(b"no database, " * 100),
     lambda path: path.symlink_to(path), os.mkfifo],
    ids=["folder", "text", "loop", "fifo"],
)  # fmt: skip
def test_a_ledger_that_cannot_be_used_is_exit_code_9_and_nothing_is_sent(shop: Shop, spoil: object) -> None:
    spoil(shop.ledger)  # type: ignore[operator]
    done = shop.run(*DUCK, RAHIM)
    assert (done.code, done.out) == (9, "")
    assert str(shop.ledger) in done.err
    assert shop.requests("sendInvoice") == []


def test_a_ledger_of_another_bot_is_refused(shop: Shop) -> None:
    with shop.store() as store:
        store.bind_bot(4711)
    done = shop.run(*DUCK, RAHIM)
    assert done.code == 3
    assert "is the ledger of bot 4711" in done.err
    assert shop.requests("sendInvoice") == []
