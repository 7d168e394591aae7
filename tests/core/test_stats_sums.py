"""Sums: what counts as takings, what as lost, and that two currencies never meet."""

import random

import pytest

from apaycli.core.stats import (
    AnswerTimes,
    Declined,
    Figures,
    Refusals,
    Sales,
    answer_times,
    by_currency,
    by_flag,
    by_product,
    lost_demand,
    series,
    summed_up,
    unreadable,
)


def sales(bucket: int = 0, receipts: int = 1, total: int = 100, **changes: object) -> Sales:
    return Sales(bucket, "INR", "duck", None, None, receipts, receipts, total, 0, 0)._replace(**changes)  # type: ignore[arg-type]


def refused(at: int = 0, buyer: int = 1, **changes: object) -> Declined:
    made = Declined(at, "sold_out", "inv_1", buyer, "duck", 2, "INR", 100, False)
    return made._replace(**changes)  # type: ignore[arg-type]


def test_money_that_must_go_back_is_in_no_sum() -> None:
    kept = sales(total=100, tip_amount=10, shipping_amount=5)
    due, done = sales(total=40, tip_amount=3, refund_state="due"), sales(total=2, refund_state="done")
    assert by_currency([kept, due, done]) == {"INR": Figures(1, 1, 100, 10, 5, 2, 42)}


def test_two_currencies_never_meet() -> None:
    rows = [sales(total=1), sales(total=2, currency="BDT"), sales(total=4)]
    assert {code: each.total_amount for code, each in by_currency(rows).items()} == {"INR": 5, "BDT": 2}
    assert {key: each.total_amount for key, each in by_product(rows).items()} == {
        ("duck", "BDT"): 2,
        ("duck", "INR"): 5,
    }


def test_the_currency_with_most_receipts_comes_first() -> None:
    assert list(by_currency([sales(currency="BDT"), sales(receipts=2)])) == ["INR", "BDT"]


def test_products_stand_by_takings_and_those_without_one_are_kept() -> None:
    rows = [sales(sku="bear", total=5), sales(total=7), sales(sku=None, total=6)]
    assert [sku for sku, _ in by_product(rows)] == ["duck", None, "bear"]


def test_receipts_that_cannot_be_read_count_nowhere_else() -> None:
    rows = [sales(), sales(receipts=3, total=0, currency=None, flag="unmatched")]
    assert unreadable(rows) == 3
    assert by_currency(rows)["INR"].receipts == 1
    assert list(by_product(rows)) == [("duck", "INR")]


def test_flags_count_receipts_whatever_became_of_their_money() -> None:
    rows = [sales(flag="late"), sales(receipts=2, flag="oversold", refund_state="due"), sales(receipts=9)]
    assert by_flag(rows) == {"oversold": 2, "late": 1}


def test_a_series_has_no_holes() -> None:
    rows = [sales(0, total=5), sales(2, total=7), sales(2, total=1, currency="BDT")]
    got = series(rows, 4, ("INR", "BDT"))
    assert [each.total_amount for each in got["INR"]] == [5, 0, 7, 0]
    assert [each.total_amount for each in got["BDT"]] == [0, 0, 1, 0]


@pytest.mark.parametrize("seed", range(20))
def test_every_way_to_add_up_comes_to_the_same(seed: int) -> None:
    chance = random.Random(seed)
    rows = [
        Sales(
            chance.randrange(5), chance.choice(("INR", "BDT")), chance.choice(("duck", "bear", None)),
            chance.choice((None, "late")), chance.choice((None, None, "due", "done")),
            *(chance.randrange(1, 1000) for _ in range(5)),
        )
        for _ in range(200)
    ]  # fmt: skip
    totals = by_currency(rows)
    for code, total in totals.items():
        days = series(rows, 5, (code,))[code]
        products = [each for (_, same), each in by_product(rows).items() if same == code]
        for group in (days, products):
            assert tuple(map(sum, zip(*group, strict=True))) == total
        assert total.total_amount + total.refund_amount == sum(r.total_amount for r in rows if r.currency == code)


# -- lost demand -------------------------------------------------------------------------------------------------------


def test_who_asks_again_and_again_is_lost_once_a_day() -> None:
    rows = [refused(at) for at in (0, 1, 2, 10, 11)]
    assert lost_demand(rows, (0, 10, 20)) == {("sold_out", "INR"): Refusals(5, 1, 4, 200)}


def test_another_invoice_and_another_buyer_are_another_loss() -> None:
    rows = [refused(), refused(buyer=2), refused(invoice_id="inv_2")]
    assert lost_demand(rows, (0, 10)) == {("sold_out", "INR"): Refusals(3, 2, 6, 300)}


def test_who_paid_afterwards_was_no_loss() -> None:
    rows = [refused(paid_later=True), refused(buyer=2)]
    assert lost_demand(rows, (0, 10)) == {("sold_out", "INR"): Refusals(2, 2, 2, 100)}


def test_a_refusal_after_the_last_payment_is_a_loss_though_an_earlier_one_was_none() -> None:
    """In the morning declined, then paid; in the evening declined again, and gone."""
    rows = [refused(1, paid_later=True), refused(9, paid_later=False)]
    assert lost_demand(rows, (0, 10)) == {("sold_out", "INR"): Refusals(2, 1, 2, 100)}


def test_reasons_stand_in_the_order_of_precedence_and_unknown_ones_last() -> None:
    rows = [refused(reason=reason) for reason in ("zzz", "sold_out", "expired", "unknown_invoice")]
    assert [reason for reason, _ in lost_demand(rows, (0,))] == ["unknown_invoice", "expired", "sold_out", "zzz"]


def test_a_query_without_invoice_currency_or_amount_is_counted() -> None:
    rows = [
        refused(reason="unknown_invoice", invoice_id=None, sku=None, quantity=None, currency=None, total_amount=None)
    ]
    assert lost_demand(rows, (0,)) == {("unknown_invoice", ""): Refusals(1, 1, 0, 0)}


# -- answers -----------------------------------------------------------------------------------------------------------


def test_no_answers_have_no_times() -> None:
    assert answer_times({}, 3, 2) == AnswerTimes(0, None, None, None, 3, 2)


@pytest.mark.parametrize(
    ("histogram", "times"),
    [
        ({5: 1}, (5, 5, 5)),
        ({5: 1, 9: 1}, (5, 9, 9)),
        ({1: 94, 50: 6}, (1, 50, 50)),
        ({1: 95, 50: 5}, (1, 1, 50)),
        ({900: 1, 3: 49, 4: 50}, (4, 4, 900)),
        ({0: 3, 10_000: 1}, (0, 10_000, 10_000)),
    ],
)
def test_typical_slow_and_slowest(histogram: dict[int, int], times: tuple[int, int, int]) -> None:
    got = answer_times(histogram, 0)
    assert (got.typical_milliseconds, got.slow_milliseconds, got.slowest_milliseconds) == times


@pytest.mark.parametrize("seed", range(20))
def test_half_of_the_answers_are_as_fast_as_the_typical_one(seed: int) -> None:
    chance = random.Random(seed)
    answers = sorted(chance.randrange(30) for _ in range(chance.randrange(1, 200)))
    histogram = {value: answers.count(value) for value in answers}
    got = answer_times(histogram, 0)
    assert got.answers == len(answers)
    assert got.typical_milliseconds == answers[(len(answers) + 1) // 2 - 1]


def test_everything_together() -> None:
    whole = summed_up(("a", "b"), (0, 10, 20), [sales(1, flag="late")], [refused(5)], answer_times({7: 1}, 0))
    assert whole.names == ("a", "b")
    assert [each.total_amount for each in whole.series["INR"]] == [0, 100]
    assert whole.refusals == {("sold_out", "INR"): Refusals(1, 1, 2, 100)}
    assert (whole.flags, whole.unreadable, whole.answers.answers) == ({"late": 1}, 0, 1)
