"""How the running program is ended, and who may run beside it."""

import signal
import time
from pathlib import Path

import pytest
from merchant import Merchant, eventually

from terminal import Terminal

POLITE = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.mark.parametrize("number", POLITE)
def test_one_signal_ends_it_politely_under_load(merchant: Merchant, number: int) -> None:
    merchant.stock_file.write_text(merchant.stock_file.read_text().replace("stock = 10", "stock = 1000"))
    payload = merchant.sell()
    with merchant.listening() as listener:
        first = merchant.press(payload)
        merchant.outage("delay", methods=["answerPreCheckoutQuery"], delay_seconds=0.4)
        checkouts = merchant.call(merchant.world.buyers.press_pay_many, payload, 150, 5000)
        eventually(lambda: merchant.rows("SELECT count(*) FROM decisions")[0][0] > 50)
        merchant.pay(first)
        asked_at = time.monotonic()
        assert listener.end(number, 8) == 0
        assert time.monotonic() - asked_at < 8
    decided = merchant.rows("SELECT count(*) FROM decisions WHERE answer_outcome = 'sent'")[0][0]
    assert decided == merchant.rows("SELECT count(*) FROM decisions")[0][0]  # what was decided was said
    merchant.call(merchant.world.faults.clear)
    with merchant.listening():
        merchant.quiet()
        eventually(lambda: all(checkout.outcome for checkout in checkouts))
    assert {checkout.outcome for checkout in checkouts} == {"accepted"}
    merchant.check_books()


@pytest.mark.parametrize("number", POLITE)
def test_a_second_signal_ends_it_at_once_and_loses_nothing(merchant: Merchant, number: int) -> None:
    payload = merchant.sell()
    merchant.outage("hang", methods=["answerPreCheckoutQuery"])
    with merchant.listening() as listener:
        checkout = merchant.press(payload, wait=False)
        eventually(lambda: merchant.rows("SELECT count(*) FROM decisions") == [(1,)])
        listener.process.send_signal(number)
        listener.wait_for("a second signal stops at once")
        asked_at = time.monotonic()
        assert listener.end(number) == 128 + number
        assert time.monotonic() - asked_at < 3
    merchant.call(merchant.world.faults.clear)
    with merchant.listening():
        eventually(lambda: checkout.outcome)
    assert checkout.outcome == "accepted"
    merchant.check_books()


@pytest.mark.parametrize("number", POLITE)
def test_a_signal_while_telegram_is_out_of_reach_ends_it_at_once(merchant: Merchant, number: int) -> None:
    merchant.sell()
    merchant.outage("500")
    listener = merchant.start("listen")
    listener.wait_for("next try in")
    asked_at = time.monotonic()
    assert listener.end(number) == 0
    assert time.monotonic() - asked_at < 3


def test_an_idle_listener_ends_quickly_and_says_so(merchant: Merchant) -> None:
    merchant.sell()
    with merchant.listening() as listener:
        merchant.quiet()
        asked_at = time.monotonic()
        assert listener.end() == 0
        assert time.monotonic() - asked_at < 3
    assert any("stopped" in line for line in listener.err)
    assert listener.out == []


def test_a_second_listener_is_refused_within_a_second_and_named_the_first(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as first:
        begun_at = time.monotonic()
        second = merchant.apay("listen", code=7)
        assert time.monotonic() - begun_at < 3  # a start of Python on a busy machine included
        assert any(f"pid {first.pid}, user " in line for line in second.err)
        assert merchant.press(payload).outcome == "accepted"
    polls = merchant.call(lambda: [r for r in merchant.world.requests.records if r.method == "getupdates"])
    assert all(poll.status != 409 for poll in polls)


def test_a_lock_of_a_killed_listener_is_free(merchant: Merchant) -> None:
    merchant.sell()
    with merchant.listening() as listener:
        listener.kill()
    with merchant.listening() as listener:
        assert listener.end() == 0


def test_a_webhook_is_named_and_left_alone_until_it_is_taken_over(merchant: Merchant) -> None:
    merchant.sell()
    merchant.call(
        merchant.world.handle,
        f"/bot{merchant.world.bot_token}/setWebhook?url=https://shop.example/hook",
    )
    refused = merchant.apay("listen", code=7)
    assert any("https://shop.example/hook" in line for line in refused.err)
    assert merchant.world.polling.webhook.url
    with merchant.listening("--take-over"):
        assert merchant.world.polling.webhook.url == ""


def test_a_wrong_token_is_told_with_its_own_code(merchant: Merchant) -> None:
    merchant.environ["APAY_BOT_TOKEN"] = merchant.world.bot_token[:-4] + "XXXX"
    ended = merchant.apay("listen", code=4)
    assert any("does not accept the bot token" in line for line in ended.err)
    assert ended.out == []


@pytest.mark.parametrize("number", POLITE)
@pytest.mark.parametrize("streams", [("stdout",), ("stdout", "stderr")], ids=" and ".join)
def test_a_polite_stop_is_0_although_the_disk_behind_its_output_is_full(
    merchant: Merchant, number: int, streams: tuple[str, ...]
) -> None:
    payload = merchant.sell()
    with Path("/dev/full").open("wb") as full:
        listener = merchant.start("listen", "-v", **dict.fromkeys(streams, full))
        merchant.quiet()
        merchant.pay(merchant.press(payload))
        merchant.quiet()
        assert listener.end(number) == 0
    assert not any("bug" in line or "Traceback" in line for line in listener.err)
    merchant.check_books()


def test_a_listener_whose_terminal_is_closed_ends_politely(merchant: Merchant) -> None:
    """SIGHUP comes, and every stream answers with EIO."""
    payload = merchant.sell()
    with Terminal("listen", environ=merchant.environ, folder=merchant.folder, stdout_too=True) as terminal:
        terminal.wait_for("ready")
        merchant.pay(merchant.press(payload))
        terminal.wait_for("PAID")
        terminal.close()
        assert terminal.process.wait(20) == 0
    merchant.check_books()
