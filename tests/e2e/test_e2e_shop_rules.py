"""What the merchant's files allow, kept by the installed program: stock files that are being written, one buyer who
wants everything, prices that change."""

import json
from typing import Any

from merchant import ASHA, RAHIM, Merchant


def alarms(merchant: Merchant) -> dict[str, dict[str, Any]]:
    """What `apay status` says needs the merchant, by name."""
    running = merchant.start("status", "--json")
    assert running.wait() in (0, 6), running.err
    return {alarm["name"]: alarm for alarm in json.loads("\n".join(running.out))["alarms"]}


# -- the stock file ----------------------------------------------------------------------------------------------------


def test_a_half_written_stock_file_sells_nothing_that_is_sold_out(merchant: Merchant) -> None:
    """The editor has written everything but the last line, `stock = 0`."""
    text = merchant.stock_file.read_text().replace("stock = 10", "stock = 0")
    merchant.stock_file.write_text(text)
    payload = merchant.sell()
    with merchant.listening() as listener:
        assert merchant.press(payload).outcome == "declined"
        merchant.stock_file.write_text(text.replace("stock = 0\n", ""))
        listener.wait_for("stock is missing; write stock = 10")
        assert merchant.press(payload, ASHA).outcome == "declined"
        assert listener.end() == 0
    assert merchant.stock() == (0, 0)
    checked = merchant.apay("stock", "check", code=3)
    assert 'products.rubber-duck.stock is missing; write stock = 10 (units ever offered) or stock = "unlimited"' in (
        "".join(checked.err)
    )


def test_more_sold_than_in_stock_is_an_alarm(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening():
        merchant.pay(merchant.press(payload))
        merchant.quiet()
        assert merchant.press(payload).outcome == "accepted"
        assert "overcommitted" not in alarms(merchant)
        merchant.stock_file.write_text(merchant.stock_file.read_text().replace("stock = 10", "stock = 1"))
        assert "rubber-duck: stock 1, sold 1, reserved 1" in alarms(merchant)["overcommitted"]["sentence"]


# -- one buyer ---------------------------------------------------------------------------------------------------------


def test_one_buyer_cannot_reserve_everything(merchant: Merchant) -> None:
    """Every post in a channel is an invoice of its own; nothing is ever paid."""
    payloads = [merchant.sell() for _ in range(6)]
    with merchant.listening():
        outcomes = [merchant.press(payload, ASHA) for payload in payloads]
        assert [checkout.outcome for checkout in outcomes] == ["accepted"] * 3 + ["declined"] * 3
        assert "You have reserved this already" in (outcomes[-1].error_message or "")
        assert merchant.press(payloads[0], ASHA).outcome == "accepted"  # their own again
        assert merchant.press(payloads[5], RAHIM).outcome == "accepted"
        merchant.pay(outcomes[0])
        merchant.quiet()
        assert merchant.press(payloads[5], ASHA).outcome == "accepted"  # one is paid for
    merchant.check_books()


def test_a_large_order_in_one_invoice_is_no_trouble(merchant: Merchant) -> None:
    merchant.stock_file.write_text(merchant.stock_file.read_text().replace("stock = 10", "stock = 60"))
    single, large = merchant.sell(), merchant.sell("--quantity", "50", to=str(RAHIM))
    with merchant.listening():
        assert merchant.press(single).outcome == "accepted"
        checkout = merchant.press(large)
        assert checkout.outcome == "accepted"
        assert "reserved" not in alarms(merchant)
        merchant.pay(checkout)
        merchant.quiet()
    assert merchant.stock() == (50, 1)


def test_a_buyer_who_has_most_of_a_product_reserved_is_an_alarm(merchant: Merchant) -> None:
    merchant.stock_file.write_text(merchant.stock_file.read_text().replace("stock = 10", "stock = 5"))
    payloads = [merchant.sell() for _ in range(3)]
    with merchant.listening():
        for payload in payloads[:2]:
            assert merchant.press(payload).outcome == "accepted"
        assert "reserved" not in alarms(merchant)
        assert merchant.press(payloads[2]).outcome == "accepted"
        assert f"buyer {RAHIM} has 3 of 5 units of rubber-duck reserved" in alarms(merchant)["reserved"]["sentence"]
