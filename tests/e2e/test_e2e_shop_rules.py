"""What the merchant's files allow, kept by the installed program: stock files that are being written, one buyer who
wants everything, prices that change."""

import json
from typing import Any

import pytest
from merchant import ASHA, RAHIM, Merchant, eventually


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


# -- prices ------------------------------------------------------------------------------------------------------------


def test_a_new_price_says_how_many_open_invoices_have_the_old_one(merchant: Merchant) -> None:
    payload = merchant.sell()
    merchant.sell("--quantity", "2")
    with merchant.listening() as listener:
        merchant.stock_file.write_text(merchant.stock_file.read_text().replace("price = 499", "price = 599"))
        listener.wait_for("rubber-duck has another price or currency now; 2 open invoices still have the old one")
        assert merchant.press(payload).outcome == "accepted"  # paid as it was sent
        merchant.apay("invoices", "cancel", "--old-price", "--sku", "rubber-duck", "--yes")
        assert merchant.press(payload).outcome == "declined"
        merchant.stock_file.write_text(merchant.stock_file.read_text().replace("price = 599", "price = 699"))
        listener.wait_for("the stock file has changed", count=2)
        assert listener.end() == 0
    assert sum("has another price" in line for line in listener.err) == 1  # nothing open has one
    found = json.loads("\n".join(merchant.apay("invoices", "list", "--json").out))
    assert [(row["state"], row["old_price"]) for row in found] == [("cancelled", False)] * 2


# -- delivery ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [True, False])
def test_a_free_delivery_option_stops_no_sale_and_is_told(merchant: Merchant, strict: bool) -> None:
    """Since July 2026 Telegram's library refuses such an option, and with it the whole answer."""
    ways = """shipping = [
        { id = "pickup", title = "Pick it up", price = 0 },
        { id = "post", title = "Post", price = 60 },
        { id = "air", title = "Air", price = 600, countries = ["NP"] },
    ]
    """
    merchant.stock_file.write_text(merchant.stock_file.read_text() + ways)
    merchant.call(lambda: setattr(merchant.world.settings, "strict_shipping", strict))
    checked = merchant.apay("stock", "check")
    assert "products.rubber-duck.shipping 'pickup' costs nothing: Telegram may refuse it" in "".join(checked.err)
    payload = merchant.sell()
    with merchant.listening() as listener:
        checkout = merchant.press(payload)
        assert (checkout.outcome, checkout.shipping_option_id) == ("accepted", "post" if strict else "pickup")
        merchant.pay(checkout)
        merchant.quiet()
        if strict:
            listener.wait_for("Telegram refuses delivery options that cost nothing")
            eventually(lambda: "shipping" in alarms(merchant))
            merchant.apay("status", "--acknowledge")
        assert "shipping" not in alarms(merchant)
    merchant.check_books()


@pytest.mark.parametrize("strict", [True, False])
def test_a_declined_delivery_is_read_by_the_buyer_under_both_rules(merchant: Merchant, strict: bool) -> None:
    way = 'shipping = [{ id = "air", title = "Air", price = 600, countries = ["NP"] }]\n'
    merchant.stock_file.write_text(merchant.stock_file.read_text() + way)
    merchant.call(lambda: setattr(merchant.world.settings, "strict_shipping", strict))
    payload = merchant.sell()
    with merchant.listening():
        checkout = merchant.press(payload, ASHA)
        assert (checkout.outcome, checkout.buyer_sees) == ("shipping_declined", "SHIPPING_NOT_AVAILABLE")
        assert checkout.error_message == "Sorry, the shop does not deliver to this country. You were not charged."
        assert "shipping" not in alarms(merchant)
