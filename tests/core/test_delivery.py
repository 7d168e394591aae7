"""Answers about delivery under the rules of July 2026, and under those before."""

import pytest
from core_samples import ASHA, NOW, checkout_facts, invoice, shop

from apaycli.core.conversation import AnswerShippingQuery
from apaycli.core.decide import decide_pre_checkout
from apaycli.core.delivery import shipping_answer_after
from apaycli.core.incoming import PreCheckoutQuery
from apaycli.core.messages import ENGLISH
from apaycli.core.model import STAND_IN_ID, DeclineReason, LabeledPrice, ShippingOption
from apaycli.core.wording import utf16_units

POST = ShippingOption("post", "Post", (LabeledPrice("Post", 6000),), ("IN",))
PICKUP = ShippingOption("pickup", "Pick it up", (LabeledPrice("Pick it up", 0),))
NOT_POSITIVE = "Bad Request: Total price must be positive"
NO_OPTION = "Bad Request: there must be at least one shipping option"
DISCOUNT = ShippingOption("gift", "A gift", (LabeledPrice("Post", 6000), LabeledPrice("A gift", -6000)))


def test_options_that_cost_nothing_are_left_out_once_telegram_refuses_them() -> None:
    offered = AnswerShippingQuery("sq-1", (PICKUP, POST, DISCOUNT), "Sorry.")
    without = shipping_answer_after(offered, NOT_POSITIVE)
    assert without == AnswerShippingQuery("sq-1", (POST,), "Sorry.")
    assert shipping_answer_after(without, NOT_POSITIVE) is None
    assert shipping_answer_after(offered, "Bad Request: query is too old") is None
    assert shipping_answer_after(offered, NO_OPTION) is None


def test_where_all_of_them_cost_nothing_the_delivery_is_declined() -> None:
    declined = shipping_answer_after(AnswerShippingQuery("sq-1", (PICKUP, DISCOUNT), "Sorry."), NOT_POSITIVE)
    assert declined == AnswerShippingQuery("sq-1", (), "Sorry.")


@pytest.mark.parametrize("sentence", ["Sorry, not there.", "x" * 200])
def test_a_refusal_is_tried_in_three_forms_and_no_more(sentence: str) -> None:
    plain = AnswerShippingQuery("sq-1", error_message=sentence)
    assert shipping_answer_after(plain, "Forbidden: no") is None
    beside = shipping_answer_after(plain, NO_OPTION)
    assert beside is not None
    assert (beside.options, beside.error_message) == ((), sentence)
    stand_in = beside.stand_in
    assert stand_in is not None
    assert stand_in.total_amount > 0
    assert 0 < utf16_units(stand_in.title) <= 64
    alone = shipping_answer_after(beside, NO_OPTION)
    assert alone is not None
    assert alone.options == (stand_in,)
    assert [shipping_answer_after(alone, words) for words in (NO_OPTION, NOT_POSITIVE)] == [None, None]


@pytest.mark.parametrize("offered", [(), (POST, PICKUP)])
def test_whoever_takes_the_stand_in_is_declined_with_the_reason(offered: tuple[ShippingOption, ...]) -> None:
    """Its price is not in the invoice; so nobody can be charged, whatever total Telegram makes of it."""
    sold = invoice(shipping=offered)
    for total in (sold.total_amount, sold.total_amount + 1):
        asked = PreCheckoutQuery(1, "q", ASHA, "INR", total, "payload-1", STAND_IN_ID)
        decision = decide_pre_checkout(asked, checkout_facts(invoice=sold), shop(), NOW)
        assert (decision.ok, decision.reason) == (False, DeclineReason.AMOUNT_MISMATCH)
        assert decision.error_message == ENGLISH["no_delivery"]
