"""A whole sale over the four commands, as a merchant would run them."""

import csv
import json

from merchant import ASHA, RAHIM, Merchant


def test_send_listen_check_export(merchant: Merchant) -> None:
    payload = merchant.sell("--uses", "5")
    with merchant.listening() as listener:
        checkout = merchant.press(payload)
        assert checkout.outcome == "accepted"
        merchant.pay(checkout)
        merchant.quiet()
        assert listener.end() == 0
    merchant.check_books()
    assert merchant.stock() == (1, 0)
    check = merchant.apay("check-live", "--only", "ledger", "--json")
    assert json.loads("\n".join(check.out))
    [row] = csv.DictReader(merchant.apay("export", "--csv").out)
    charge = merchant.world.books.charges[0]
    assert row["telegram_payment_charge_id"] == charge.telegram_payment_charge_id
    assert (row["amount"], row["currency"], row["sku"], row["flag"]) == ("499.00", "INR", "rubber-duck", "")


def test_the_last_unit_is_sold_once_and_the_next_buyer_reads_why(merchant: Merchant) -> None:
    merchant.stock_file.write_text(
        merchant.stock_file.read_text().replace("stock = 10", 'stock = 1\nsold_out = "Gone!"')
    )
    payload = merchant.sell()
    with merchant.listening():
        first = merchant.press(payload, RAHIM)
        second = merchant.press(payload, ASHA)
        merchant.pay(first)
        merchant.quiet()
    assert (first.outcome, second.outcome, second.error_message) == ("accepted", "declined", "Gone!")
    merchant.check_books()
    assert merchant.stock() == (1, 0)


def test_a_stock_file_that_is_saved_while_listening_is_in_force_within_two_seconds(merchant: Merchant) -> None:
    text = merchant.stock_file.read_text()
    merchant.stock_file.write_text(text.replace("stock = 10", "stock = 0"))
    payload = merchant.sell()
    with merchant.listening() as listener:
        assert merchant.press(payload).outcome == "declined"
        merchant.stock_file.write_text("oops [")
        listener.wait_for("the last good one stays in force")
        merchant.stock_file.write_text(text)
        listener.wait_for("the stock file has changed")
        assert merchant.press(payload).outcome == "accepted"
        assert listener.end() == 0


def test_once_works_off_what_waits(merchant: Merchant) -> None:
    payload = merchant.sell()
    merchant.apay("listen", "--once")
    checkout = merchant.press(payload, wait=False)
    merchant.apay("listen", "--once")
    assert checkout.outcome == "accepted"
    merchant.pay(checkout)
    merchant.apay("listen", "--once")
    merchant.check_books()
