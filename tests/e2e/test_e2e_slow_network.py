"""The installed program on a slow network: TLS, and round trips of seconds. The delays are real: this takes a while.

Telegram's view counts: its clock starts when it hands the query out, half a round trip before it is here, and it must
have the answer within ten seconds of that.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from merchant import STOCK, Merchant, Running, eventually
from slow_tls import CERTIFICATE, SlowTls, slow_tls

from apaycli.sandbox.checkouts import Checkout

BUYERS = 20


@contextmanager
def far_away(merchant: Merchant) -> Iterator[SlowTls]:
    """Telegram at the other end of a slow wire."""
    with slow_tls(merchant.server.port) as proxy:
        merchant.environ |= {"APAY_API_URL": proxy.address, "SSL_CERT_FILE": str(CERTIFICATE)}
        yield proxy


def press_all(merchant: Merchant, payload: str, first_buyer: int, count: int) -> list[Checkout]:
    """So many buyers press Pay at the same moment; what comes of it."""
    pressed: list[Checkout] = merchant.call(merchant.world.buyers.press_pay_many, payload, count, first_buyer)
    eventually(lambda: all(checkout.outcome for checkout in pressed))
    return pressed


def answered_in_time(merchant: Merchant, count: int) -> None:
    """So many answers in all, each known to have been taken."""
    eventually(lambda: merchant.rows("SELECT answer_outcome, count(*) FROM decisions GROUP BY 1") == [("sent", count)])


@pytest.mark.parametrize(("round_trip_seconds", "then_seconds"), [(1.5, None), (2.0, 3.0)])
def test_twenty_of_twenty_buyers_get_their_answer(
    merchant: Merchant, round_trip_seconds: float, then_seconds: float | None
) -> None:
    """On fresh connections; then, on those that are warm now, at a longer round trip."""
    merchant.stock_file.write_text(STOCK.format(stock=100), "utf-8")
    with far_away(merchant) as proxy:
        payload = merchant.sell("--uses", "unlimited")
        with merchant.listening() as listener:
            opened = proxy.connections
            proxy.round_trip_seconds = round_trip_seconds
            pressed = press_all(merchant, payload, 5000, BUYERS + 5)
            assert [checkout.outcome for checkout in pressed] == ["accepted"] * (BUYERS + 5)
            assert proxy.connections - opened >= BUYERS  # a few stood open
            answered_in_time(merchant, BUYERS + 5)
            if then_seconds is not None:
                proxy.round_trip_seconds = then_seconds
                pressed = press_all(merchant, payload, 6000, BUYERS)
                assert [checkout.outcome for checkout in pressed] == ["accepted"] * BUYERS
                assert max(checkout.answer_milliseconds or 0 for checkout in pressed) < 2 * then_seconds * 1000
                answered_in_time(merchant, 2 * BUYERS + 5)
            end(listener, proxy)


def test_at_three_seconds_the_listener_gets_ready(merchant: Merchant) -> None:
    with far_away(merchant) as proxy:
        proxy.round_trip_seconds = 3.0
        with merchant.listening() as listener:
            assert not any("next try" in line for line in listener.err)
            end(listener, proxy)


def end(listener: Running, proxy: SlowTls) -> None:
    proxy.round_trip_seconds = 0.0
    assert listener.end() == 0
