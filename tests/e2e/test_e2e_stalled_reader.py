"""A terminal that is scrolled back, a pager, a full pipe: whoever reads our output may stop. The shop does not."""

import os

from merchant import Merchant, eventually


def test_a_reader_that_stalls_holds_up_no_answer_and_no_end(merchant: Merchant) -> None:
    payload = merchant.sell()
    reading, writing = os.pipe()  # nobody reads it
    try:
        with merchant.listening(stdout=writing) as listener:
            checkouts = merchant.call(merchant.world.buyers.press_pay_many, payload, 1_500, 10_000)
            eventually(lambda: all(checkout.outcome for checkout in checkouts), 30)
            assert merchant.world.buyers.summarize(checkouts)["timeout"] == 0
            assert listener.end(seconds=8) == 0
    finally:
        os.close(reading)
        os.close(writing)
    merchant.check_books()
