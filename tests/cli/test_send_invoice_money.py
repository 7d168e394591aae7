"""`apay send-invoice`: no real money unconfirmed, no wrong token, and no ledger that is not the shop's own."""

import os

import pytest

from shop import CHANNEL, RAHIM, Done, Shop

DUCK = ("send-invoice", "rubber-duck", "--to")


def send_states(shop: Shop) -> list[str]:
    return [row["send_state"] for row in shop.invoices()]


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
    with shop.store() as store, store.transaction() as tx:
        tx.attest("physical-goods", 1)
    done = shop.run(*DUCK, RAHIM, "--live", stdin=answer, terminal=True, APAY_LIVE_PROVIDER_TOKEN=token)
    assert done.code == code
    assert "Ask for real money in 1 chat(s)? [y/N] " in done.err
    assert len(shop.requests("sendInvoice")) == (code == 0)


def test_what_is_sold_is_asked_once_before_the_first_real_money(shop: Shop) -> None:
    def send(answers: str) -> Done:
        token = shop.world.live_provider_token
        return shop.run(*DUCK, RAHIM, "--live", stdin=answers, terminal=True, APAY_LIVE_PROVIDER_TOKEN=token)

    question = "Do you sell physical goods or services? [y/N] "
    refused = send("n\n")
    assert refused.code == 8
    assert "digital goods and services belong to Telegram Stars" in refused.err
    assert "Ask for real money" not in refused.err
    assert (send("y\ny\n").code, shop.requests("sendInvoice")) != (0, [])
    again = send("y\n")
    assert again.code == 0
    assert question not in again.err
    with shop.store() as store:
        assert set(store.attestations()) == {"physical-goods"}


@pytest.mark.parametrize("how", [("--live",), ()])
def test_yes_confirms_real_money_and_the_first_line_says_live(shop: Shop, how: tuple[str, ...]) -> None:
    environ = {"APAY_LIVE_PROVIDER_TOKEN": shop.world.live_provider_token} | ({} if how else {"APAY_LIVE": "1"})
    done = shop.run(*DUCK, RAHIM, "--yes", "--json", *how, **environ)
    assert (done.code, done.json["mode"]) == (0, "live")
    assert done.err.splitlines()[0] == f"apay: @sandbox_merchant_bot, LIVE mode, ledger {shop.ledger}"
    assert "apay check-live --attest physical-goods" in done.err
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
    shop.world.faults.add("401", shop.world.clock.monotonic(), methods=("sendInvoice",), count=1)
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
