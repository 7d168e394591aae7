"""Two thousand buyers press Pay in the same moment; seven hundred units are there."""

import subprocess

from merchant import Merchant, eventually

BUYERS, STOCK = 2_000, 700


def test_two_thousand_at_once_are_all_answered_and_exactly_the_stock_is_accepted(merchant: Merchant) -> None:
    text = merchant.stock_file.read_text()
    merchant.stock_file.write_text(text.replace("stock = 10", f'stock = {STOCK}\nsold_out = "Gone!"'))
    payload = merchant.sell()
    with merchant.listening(stdout=subprocess.DEVNULL) as listener:
        checkouts = merchant.call(merchant.world.buyers.press_pay_many, payload, BUYERS, 10_000)
        eventually(lambda: all(checkout.outcome for checkout in checkouts), 30)
        summary = merchant.world.buyers.summarize(checkouts)
        assert (summary["accepted"], summary["declined"], summary["timeout"]) == (STOCK, BUYERS - STOCK, 0)
        assert summary["error_messages"] == {"Gone!": BUYERS - STOCK}
        assert merchant.stock() == (0, STOCK)
        charges = merchant.call(merchant.world.buyers.pay_many, checkouts)
        assert len(charges) == STOCK
        merchant.quiet()
        assert listener.end() == 0
    merchant.check_books()
    assert merchant.stock() == (STOCK, 0)
    assert {receipt.flag for receipt in merchant.receipts()} == {None}
    assert merchant.rows("SELECT count(*) FROM decisions WHERE answer_outcome IS NOT 'sent'") == [(0,)]
