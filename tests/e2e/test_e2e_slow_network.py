"""The installed program on a slow network: TLS, and round trips of seconds. The delays are real: this takes a while.

Telegram's view counts: its clock starts when it hands the query out, half a round trip before it is here, and it must
have the answer within ten seconds of that.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from merchant import Merchant, Running, eventually
from slow_tls import CERTIFICATE, SlowTls, slow_tls

from apaycli.sandbox.checkouts import Checkout

BUYERS = 20


@contextmanager
def far_away(merchant: Merchant) -> Iterator[SlowTls]:
    """Telegram at the other end of a slow wire."""
    with slow_tls(merchant.server.port) as proxy:
        merchant.environ |= {"APAY_API_URL": proxy.address, "SSL_CERT_FILE": str(CERTIFICATE)}
        yield proxy


def press_all(merchant: Merchant, payload: str, first_buyer: int) -> list[Checkout]:
    """Twenty buyers press Pay at the same moment; what comes of it."""
    pressed: list[Checkout] = merchant.call(merchant.world.buyers.press_pay_many, payload, BUYERS, first_buyer)
    eventually(lambda: all(checkout.outcome for checkout in pressed))
    return pressed


@pytest.mark.parametrize("round_trip_seconds", [1.5, 2.0])
def test_twenty_of_twenty_buyers_get_their_answer_on_fresh_connections(
    merchant: Merchant, round_trip_seconds: float
) -> None:
    with far_away(merchant) as proxy:
        payload = merchant.sell("--uses", "unlimited")
        merchant.stock_file.write_text(merchant.stock_file.read_text().replace("stock = 10", "stock = 100"))
        with merchant.listening() as listener:
            proxy.round_trip_seconds = round_trip_seconds
            opened = proxy.connections
            pressed = press_all(merchant, payload, 5000)
            assert [checkout.outcome for checkout in pressed] == ["accepted"] * BUYERS
            assert proxy.connections - opened >= BUYERS - 5  # a few stood open
            eventually(lambda: merchant.rows("SELECT count(*) FROM decisions WHERE answer_outcome = 'sent'") == [(20,)])
            assert merchant.stock() == (0, BUYERS)
            end(listener, proxy)


def test_at_three_seconds_the_listener_gets_ready_and_answers_on_warm_connections(merchant: Merchant) -> None:
    with far_away(merchant) as proxy:
        payload = merchant.sell("--uses", "unlimited")
        proxy.round_trip_seconds = 3.0
        with merchant.listening() as listener:
            for buyer in (5000, 5001, 5002):
                checkout = merchant.press(payload, buyer)
                assert checkout.outcome == "accepted"
                assert checkout.answer_milliseconds is not None
                assert checkout.answer_milliseconds < 8_000
            eventually(lambda: merchant.rows("SELECT count(*) FROM decisions WHERE answer_outcome = 'sent'") == [(3,)])
            end(listener, proxy)


def end(listener: Running, proxy: SlowTls) -> None:
    proxy.round_trip_seconds = 0.0
    assert listener.end() == 0
