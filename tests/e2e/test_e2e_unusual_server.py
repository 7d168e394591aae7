"""The program where the other end, or this machine, is not as it should be: what it says, and its exit code."""

import resource
from typing import Any

import pytest
from merchant import Merchant
from slow_tls import slow_tls

from apaycli.sandbox.world import World

HUGE = 8 * 2**20


@pytest.mark.parametrize("files", [5, 6, 7, 8, 10, 12, 16, 24])
def test_a_process_that_may_open_too_few_files_says_so(merchant: Merchant, files: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    listener = merchant.start("listen", preexec_fn=limit)
    assert listener.wait() == 5
    said = "\n".join(listener.err)
    assert "Traceback" not in said
    assert [line for line in listener.err if "files" in line], said
    assert "ulimit -n" in said
    assert listener.out == []


def test_with_a_small_limit_the_listener_waits_for_descriptors_and_loses_nothing(merchant: Merchant) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))

    payload = merchant.sell("--uses", "unlimited")
    merchant.stock_file.write_text(merchant.stock_file.read_text().replace("stock = 10", "stock = 100"))
    with merchant.listening(preexec_fn=limit) as listener:
        pressed = merchant.call(merchant.world.buyers.press_pay_many, payload, 60, 5000)
        listener.wait_for("yes", "out", 60)
        assert all(checkout.outcome == "accepted" for checkout in pressed)
        assert not any("Traceback" in line for line in listener.err)
        assert listener.end() == 0
    assert merchant.stock() == (0, 60)


@pytest.mark.parametrize("command", ["listen", "send-invoice"])
def test_a_certificate_that_is_not_trusted_is_told_apart_from_an_outage(merchant: Merchant, command: str) -> None:
    with slow_tls(merchant.server.port) as proxy:
        merchant.environ["APAY_API_URL"] = proxy.address
        if command == "listen":
            listener = merchant.start("listen")
            listener.wait_for("certificate of localhost is not trusted")
            listener.end()
        else:
            listener = merchant.apay("send-invoice", "rubber-duck", "--to", "1001", code=5)
    said = "\n".join(listener.err)
    assert "the certificate of localhost is not trusted (self" in said
    assert "clock" in said
    assert "cannot be reached" not in said
    assert merchant.call(lambda: list(merchant.world.requests.records)) == []


def test_an_update_that_is_too_large_holds_up_nobody_and_is_an_alarm(merchant: Merchant) -> None:
    payload = merchant.sell("--uses", "unlimited")
    with merchant.listening() as listener:
        checkout = merchant.press(payload)

        def queue_up(world: World) -> None:
            with world.polling.held():
                text = b"x" * HUGE
                world.buyers.inject(b'{"update_id":@UPDATE_ID@,\n"message":{"message_id":1,"text":"%s"}}' % text)
                world.buyers.pay(checkout.checkout_id)

        merchant.call(queue_up, merchant.world)
        merchant.quiet()
        assert len(merchant.receipts()) == 1
        listener.wait_for("larger than 4 MiB", "out")
        listener.wait_for("MAY HOLD A PAYMENT", "out")
        second = merchant.press(payload, 1002)
        assert second.outcome == "accepted"
        assert second.answer_milliseconds is not None
        assert second.answer_milliseconds < 2_000
        assert listener.end() == 0
    status = merchant.apay("status", code=6)
    assert any("1 update that may hold a payment could not be read" in line for line in status.out)
    merchant.apay("verify")
    merchant.apay("deadletters", "list")


def test_a_reply_that_is_too_large_is_asked_for_in_parts(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apaycli.sandbox.queue.BATCH_BYTES_MAX", 64 * 2**20)

    def queue_up(world: World) -> None:
        with world.polling.held():
            for number in range(6):
                text: Any = b"%d" % number * (2 * 2**20)
                world.buyers.inject(b'{"update_id":@UPDATE_ID@,\n"poll":{"id":"%s"}}' % text)

    payload = merchant.sell()
    with merchant.listening() as listener:
        merchant.call(queue_up, merchant.world)
        merchant.quiet()
        assert merchant.press(payload).outcome == "accepted"
        assert listener.end() == 0
    assert merchant.rows("SELECT count(*) FROM dead_letters") == [(0,)]
