"""Pre-checkout queries: facts in, decision out. Which rule declines, in which order, and what an accept holds."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from core_samples import ASHA, NOW, RAHIM, TTL_SECONDS, checkout_facts, invoice, product, query, reservation, shop

from apaycli.core.decide import DECLINE_RULES, decide_pre_checkout, decline, refusal_releases
from apaycli.core.incoming import PreCheckoutQuery
from apaycli.core.messages import ENGLISH, EVERY_LANGUAGE, Messages
from apaycli.core.model import (
    CheckoutFacts,
    Decision,
    DeclineReason,
    Invoice,
    LabeledPrice,
    Product,
    Reenter,
    Reserve,
    ShippingOption,
    Tips,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that one decision looks at. As it stands, the query is accepted."""

    query: PreCheckoutQuery
    invoice: Invoice | None
    facts: CheckoutFacts
    product: Product | None
    terms_version: str | None = None  # must be agreed to
    reserved_units_max: int | None = None
    reservation_life_seconds: int | None = None

    def decide(self) -> Decision:
        products = (self.product,) if self.product else (product(sku="bear"),)
        must = {"terms_version": self.terms_version, "require_acceptance": self.terms_version is not None}
        bounds = {
            "reserved_units_max": self.reserved_units_max,
            "reservation_life_seconds": self.reservation_life_seconds,
        }
        facts = replace(self.facts, invoice=self.invoice)
        return decide_pre_checkout(self.query, facts, shop(*products, **must, **bounds), NOW)

    def having(self, *troubles: "Trouble") -> "Scene":
        scene = self
        for trouble in troubles:
            scene = trouble(scene)
        return scene


Trouble = Callable[[Scene], Scene]
GOOD = Scene(query(), invoice(), checkout_facts(), product())


def _query(**changes: Any) -> Trouble:
    return lambda scene: replace(scene, query=replace(scene.query, **changes))


def _invoice(**changes: Any) -> Trouble:
    return lambda scene: replace(scene, invoice=replace(scene.invoice, **changes) if scene.invoice else None)


def _facts(**changes: Any) -> Trouble:
    return lambda scene: replace(scene, facts=replace(scene.facts, **changes))


def _product(**changes: Any) -> Trouble:
    return lambda scene: replace(scene, product=replace(scene.product, **changes) if scene.product else None)


def _both(*troubles: Trouble) -> Trouble:
    return lambda scene: scene.having(*troubles)


# One way for each reason to apply, alone; in the order of product.md, section 6.
TROUBLES: dict[DeclineReason, Trouble] = {
    DeclineReason.UNKNOWN_INVOICE: lambda scene: replace(scene, invoice=None),
    DeclineReason.CANCELLED: _invoice(cancelled_at=NOW - 1),
    DeclineReason.EXPIRED: _invoice(expires_at=NOW),
    DeclineReason.CURRENCY_MISMATCH: _query(currency="BDT"),
    DeclineReason.AMOUNT_MISMATCH: _query(total_amount=49899),
    DeclineReason.OTHER_BUYER: _invoice(buyer_id=RAHIM.user_id),
    DeclineReason.TERMS_NOT_ACCEPTED: lambda scene: replace(scene, terms_version="2"),
    DeclineReason.NOT_FOR_SALE: _product(paused=True),
    DeclineReason.ALREADY_PAID: _both(_invoice(uses_max=1), _facts(uses_paid=1)),
    DeclineReason.BEING_PAID: _both(_invoice(uses_max=1), _facts(uses_held=1)),
    DeclineReason.BUYER_LIMIT: _both(_product(max_per_buyer=2), _facts(buyer_units=2)),
    DeclineReason.SOLD_OUT: _facts(stock_sold=6, stock_held=4),
    DeclineReason.UNAVAILABLE: _invoice(mode="live"),
}


def test_the_order_of_reasons_is_the_contract() -> None:
    assert [str(reason) for reason in DeclineReason] == (
        "unknown_invoice cancelled expired currency_mismatch amount_mismatch other_buyer terms_not_accepted "
        "not_for_sale already_paid being_paid buyer_limit sold_out unavailable"
    ).split()


def test_rules_stand_in_the_order_of_the_reasons() -> None:
    rules = dict.fromkeys(reason for reason, _ in DECLINE_RULES)  # one reason may have several, side by side
    assert list(rules) == list(DeclineReason)[1:]  # the first has no invoice to look at
    assert [reason for reason, _ in DECLINE_RULES] == sorted(
        (r for r, _ in DECLINE_RULES), key=list(DeclineReason).index
    )
    assert list(TROUBLES) == list(DeclineReason)


def test_the_scene_without_trouble_is_accepted() -> None:
    assert GOOD.decide().ok


@pytest.mark.parametrize("reason", TROUBLES)
def test_each_reason_declines_alone(reason: DeclineReason) -> None:
    decision = GOOD.having(TROUBLES[reason]).decide()
    assert (decision.ok, decision.reason, decision.effect) == (False, reason, None)
    assert decision.pre_checkout_query_id == "query-1"
    assert decision.error_message


@pytest.mark.parametrize(("earlier", "later"), list(itertools.combinations(TROUBLES, 2)))
def test_of_two_reasons_the_earlier_is_given(earlier: DeclineReason, later: DeclineReason) -> None:
    assert GOOD.having(TROUBLES[earlier], TROUBLES[later]).decide().reason == earlier
    assert GOOD.having(TROUBLES[later], TROUBLES[earlier]).decide().reason == earlier


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (_invoice(expires_at=NOW + 1), None),
        (_invoice(expires_at=NOW - 1), DeclineReason.EXPIRED),
        (_invoice(cancelled_at=NOW + 1), DeclineReason.CANCELLED),
        (_query(currency=None), DeclineReason.CURRENCY_MISMATCH),
        (_query(currency="inr"), DeclineReason.CURRENCY_MISMATCH),
        (_query(currency="XTR"), DeclineReason.CURRENCY_MISMATCH),
        (_query(total_amount=None), DeclineReason.AMOUNT_MISMATCH),
        (_query(total_amount=0), DeclineReason.AMOUNT_MISMATCH),
        (_query(total_amount=49901), DeclineReason.AMOUNT_MISMATCH),
        (_query(shipping_option_id="post"), DeclineReason.AMOUNT_MISMATCH),
        (_query(shipping_option_id=""), DeclineReason.AMOUNT_MISMATCH),
        (_invoice(buyer_id=ASHA.user_id), None),
        (lambda scene: replace(scene, product=None), DeclineReason.NOT_FOR_SALE),
    ],
)
def test_edges_of_the_rules_about_one_query(trouble: Trouble, reason: DeclineReason | None) -> None:
    assert GOOD.having(trouble).decide().reason == reason


@pytest.mark.parametrize(
    ("tip", "accepted"), [(-1, False), (0, True), (1, True), (5000, True), (5001, False), (10**9, False)]
)
def test_a_tip_of_at_most_the_largest_is_accepted(tip: int, accepted: bool) -> None:
    scene = GOOD.having(_invoice(tips=Tips(5000, (1000, 2000))), _query(total_amount=49900 + tip))
    assert scene.decide().ok is accepted


def test_a_discount_line_counts_against_the_sum() -> None:
    discounted = _invoice(prices=(LabeledPrice("Duck", 50000), LabeledPrice("Autumn", -10000)))
    assert GOOD.having(discounted, _query(total_amount=40000)).decide().ok
    assert GOOD.having(discounted, _query(total_amount=50000)).decide().reason == DeclineReason.AMOUNT_MISMATCH


@pytest.mark.parametrize(
    ("uses_max", "uses_paid", "uses_held", "reason"),
    [
        (1, 0, 0, None),
        (1, 0, 1, DeclineReason.BEING_PAID),
        (1, 1, 0, DeclineReason.ALREADY_PAID),
        (3, 1, 1, None),
        (3, 1, 2, DeclineReason.BEING_PAID),
        (3, 3, 0, DeclineReason.ALREADY_PAID),
        (3, 4, 0, DeclineReason.ALREADY_PAID),
        (None, 1000, 1000, None),
    ],
)
def test_uses_run_out(uses_max: int | None, uses_paid: int, uses_held: int, reason: DeclineReason | None) -> None:
    scene = GOOD.having(_invoice(uses_max=uses_max), _facts(uses_paid=uses_paid, uses_held=uses_held))
    assert scene.decide().reason == reason


@pytest.mark.parametrize(
    ("stock", "sold", "held", "quantity", "accepted"),
    [
        (10, 9, 0, 1, True),
        (10, 0, 9, 1, True),
        (10, 5, 5, 1, False),
        (10, 8, 0, 3, False),
        (10, 7, 0, 3, True),
        (0, 0, 0, 1, False),
        (3, 6, 4, 1, False),  # the stock file was lowered below held + sold
        (None, 10**6, 10**6, 1000, True),
    ],
)
def test_units_run_out(stock: int | None, sold: int, held: int, quantity: int, accepted: bool) -> None:
    scene = GOOD.having(_product(stock=stock), _facts(stock_sold=sold, stock_held=held), _invoice(quantity=quantity))
    assert scene.decide().reason == (None if accepted else DeclineReason.SOLD_OUT)


@pytest.mark.parametrize(
    ("limit", "units", "quantity", "accepted"),
    [(2, 0, 2, True), (2, 1, 1, True), (2, 1, 2, False), (2, 2, 1, False), (2, 5, 1, False), (None, 99, 9, True)],
)
def test_the_limit_per_buyer_counts_units(limit: int | None, units: int, quantity: int, accepted: bool) -> None:
    scene = GOOD.having(_product(max_per_buyer=limit), _facts(buyer_units=units), _invoice(quantity=quantity))
    assert scene.decide().reason == (None if accepted else DeclineReason.BUYER_LIMIT)


def test_an_invoice_without_a_product_has_no_stock_to_run_out_of() -> None:
    scene = replace(GOOD, product=None).having(_invoice(sku=None, quantity=5), _facts(stock_sold=10**6))
    effect = scene.decide().effect
    assert isinstance(effect, Reserve)
    assert (effect.sku, effect.capacity, effect.quantity) == (None, None, 5)


def test_an_accept_reserves_one_use_and_the_units_until_the_deadline() -> None:
    decision = GOOD.having(_invoice(quantity=2), _query(buyer=RAHIM)).decide()
    assert decision == Decision(
        "query-1",
        ok=True,
        effect=Reserve("inv-1", "test", RAHIM.user_id, "duck", 2, 10, NOW + TTL_SECONDS * 1000),
    )


OWN = _facts(own_reservation=reservation(), uses_held=1, stock_held=1, buyer_units=1)


@pytest.mark.parametrize(
    "trouble",
    [
        _both(),
        _invoice(uses_max=1),
        _facts(stock_sold=9),
        _product(stock=1),
        _product(stock=0),
        _product(max_per_buyer=1),
        _both(_invoice(uses_max=2), _facts(uses_paid=1)),
    ],
    ids=["plain", "single use", "sold out", "last unit", "lowered stock", "at the limit", "last use"],
)
def test_the_same_buyer_reenters_whatever_has_run_out(trouble: Trouble) -> None:
    decision = GOOD.having(OWN, trouble).decide()
    assert (decision.ok, decision.effect) == (True, Reenter(31, NOW + TTL_SECONDS * 1000))


# -- what one buyer may have reserved ----------------------------------------------------------------------------------

LIFE_SECONDS = 7200
MINUTE = 60_000


@pytest.mark.parametrize(
    ("trouble", "reserved", "accepted"),
    [
        (_both(), 2, True),
        (_both(), 3, False),
        (_both(), 50, False),
        (_invoice(quantity=10), 2, True),  # a large order counts when it is the other one
        (_invoice(quantity=10), 3, False),
        (_invoice(buyer_id=ASHA.user_id), 3, True),  # the merchant named this buyer
        (_product(stock=None), 3, True),  # what cannot run out
        (OWN, 3, True),  # it is among them
    ],
)
def test_units_reserved_in_other_invoices_are_bounded(trouble: Trouble, reserved: int, accepted: bool) -> None:
    scene = replace(GOOD.having(trouble, _facts(buyer_reserved=reserved)), reserved_units_max=3)
    decision = scene.decide()
    assert decision.ok is accepted
    if not accepted:
        assert decision.reason == DeclineReason.BUYER_LIMIT
        assert decision.error_message == ENGLISH["declined_buyer_reserved"]
    assert replace(scene, reserved_units_max=None).decide().ok


def test_the_bound_goes_with_the_reservation_into_the_ledger() -> None:
    scene = replace(GOOD, reserved_units_max=3)
    bounded, unlimited = scene.decide().effect, scene.having(_product(stock=None)).decide().effect
    assert isinstance(bounded, Reserve)
    assert isinstance(unlimited, Reserve)
    assert (bounded.reserved_max, unlimited.reserved_max) == (3, None)


@pytest.mark.parametrize(
    ("age", "minutes"),
    [(0, 30), (60, 30), (90, 30), (91, 29), (115, 5), (116, None), (120, None), (500, None)],
)
def test_renewals_end_and_every_accept_is_worth_five_minutes(age: int, minutes: int | None) -> None:
    """A reservation lives at most two hours; near its end the query is declined, and what was promised stands."""
    own = reservation(created_at=NOW - age * MINUTE, expires_at=NOW + MINUTE)
    scene = replace(GOOD.having(OWN, _facts(own_reservation=own)), reservation_life_seconds=LIFE_SECONDS)
    decision = scene.decide()
    if minutes is None:
        assert (decision.ok, decision.reason, decision.effect) == (False, DeclineReason.BUYER_LIMIT, None)
        assert decision.error_message == ENGLISH["declined_buyer_reserved"]
    else:
        assert decision.effect == Reenter(31, NOW + minutes * MINUTE)


def test_a_deadline_that_was_promised_before_is_never_taken_back() -> None:
    """Somebody lowered `reservation_life` meanwhile."""
    own = reservation(created_at=NOW - 900 * MINUTE, expires_at=NOW + 20 * MINUTE)
    scene = replace(GOOD.having(OWN, _facts(own_reservation=own)), reservation_life_seconds=LIFE_SECONDS)
    assert scene.decide().effect == Reenter(31, NOW + 20 * MINUTE)


@pytest.mark.parametrize(
    ("expired", "minutes"),
    [
        ([(-60, -30)], 30),
        ([(-60, -30), (-120, -60)], 30),
        ([(-120, -10)], 10),
        ([(-120, 0)], None),
        ([(-30, 0)] * 4, None),
        ([(-240, -119), (-30, 0)], None),  # its end is what counts
        ([(-240, -120), (-30, 0)], 30),  # two hours later nothing of it does
        ([(-10, 9000)], 30),  # the clock was wrong
    ],
)
def test_expired_reservations_of_a_product_count_for_as_long_again(
    expired: list[tuple[int, int]], minutes: int | None
) -> None:
    """So a unit cannot be kept by taking it again in the moment in which it expires."""
    times = tuple((NOW + begun * MINUTE, NOW + ended * MINUTE) for begun, ended in expired)
    scene = replace(GOOD.having(_facts(buyer_expired=times)), reservation_life_seconds=LIFE_SECONDS)
    decision = scene.decide()
    if minutes is None:
        assert decision.reason == DeclineReason.BUYER_LIMIT
    else:
        assert isinstance(decision.effect, Reserve)
        assert decision.effect.expires_at == NOW + minutes * MINUTE
    for free in (
        _invoice(buyer_id=ASHA.user_id),
        _product(stock=None),
        _both(_product(stock=None), _invoice(uses_max=2)),
    ):
        assert scene.having(free).decide().ok


def test_the_last_use_of_an_unlimited_product_is_bounded_in_time_as_well() -> None:
    own = reservation(created_at=NOW - 119 * MINUTE)
    trouble = _both(OWN, _facts(own_reservation=own), _product(stock=None))
    scene = replace(GOOD.having(trouble), reservation_life_seconds=LIFE_SECONDS)
    assert scene.decide().ok
    assert scene.having(_invoice(uses_max=1)).decide().reason == DeclineReason.BUYER_LIMIT


def test_reentry_never_shortens_the_deadline() -> None:
    later = NOW + TTL_SECONDS * 1000 + 1
    decision = GOOD.having(OWN, _facts(own_reservation=reservation(expires_at=later))).decide()
    assert decision.effect == Reenter(31, later)


@pytest.mark.parametrize(
    "reason",
    [
        DeclineReason.CANCELLED,
        DeclineReason.EXPIRED,
        DeclineReason.CURRENCY_MISMATCH,
        DeclineReason.AMOUNT_MISMATCH,
        DeclineReason.NOT_FOR_SALE,
        DeclineReason.UNAVAILABLE,
    ],
)
def test_reentry_does_not_get_around_the_other_rules(reason: DeclineReason) -> None:
    assert GOOD.having(OWN, TROUBLES[reason]).decide().reason == reason


@pytest.mark.parametrize(
    ("accepted", "ok"), [((), False), (("1",), False), (("2",), True), (("1", "2", "3"), True)], ids=str
)
def test_who_agreed_to_the_terms_in_force_may_pay(accepted: tuple[str, ...], ok: bool) -> None:
    asked = replace(GOOD, terms_version="2").having(_facts(accepted_versions=frozenset(accepted)))
    assert asked.decide().ok is ok


def test_a_shop_that_does_not_ask_sells_without_consent() -> None:
    shop_with_terms = shop(terms_version="2", require_acceptance=False)
    assert decide_pre_checkout(query(), checkout_facts(), shop_with_terms, NOW).ok


POST = ShippingOption("post", "Post", (LabeledPrice("Post", 6000), LabeledPrice("Stamps", 500)), ("IN",))
PICKUP = ShippingOption("pickup", "Pick it up", (LabeledPrice("Pick it up", 0),))


@pytest.mark.parametrize(
    ("option_id", "total_amount", "max_tip_amount", "ok"),
    [
        ("post", 56400, 0, True),
        ("post", 56399, 0, False),
        ("post", 56401, 0, False),
        ("post", 49900, 0, False),
        ("post", 57400, 1000, True),
        ("post", 57401, 1000, False),
        ("pickup", 49900, 0, True),
        ("pickup", 56400, 0, False),
        (None, 49900, 0, False),
        (None, 56400, 0, False),
        ("", 49900, 0, False),
        ("courier", 49900, 0, False),
    ],
)
def test_the_total_is_price_and_delivery_and_tip_exactly(
    option_id: str | None, total_amount: int, max_tip_amount: int, ok: bool
) -> None:
    with_delivery = _invoice(shipping=(POST, PICKUP), tips=Tips(max_tip_amount))
    scene = GOOD.having(with_delivery, _query(total_amount=total_amount, shipping_option_id=option_id))
    decision = scene.decide()
    assert decision.ok is ok
    assert decision.reason == (None if ok else DeclineReason.AMOUNT_MISMATCH)


def test_an_invoice_without_delivery_takes_no_option() -> None:
    assert GOOD.having(_query(shipping_option_id="post")).decide().reason == DeclineReason.AMOUNT_MISMATCH


def test_a_live_shop_declines_a_test_invoice() -> None:
    decision = decide_pre_checkout(query(), checkout_facts(), shop(mode="live"), NOW)
    assert decision.reason == DeclineReason.UNAVAILABLE


def test_the_sentence_is_the_buyers_language_and_the_products_own() -> None:
    generic = {"declined_sold_out": "all gone", "declined_expired": "too late"}
    messages = Messages({EVERY_LANGUAGE: generic, "bn": {"declined_sold_out": "শেষ"}})
    sold_out = checkout_facts(stock_sold=10)
    with_wordings = shop(messages=messages)
    assert decide_pre_checkout(query(), sold_out, with_wordings, NOW).error_message == "all gone"
    assert decide_pre_checkout(query(buyer=RAHIM), sold_out, with_wordings, NOW).error_message == "শেষ"
    own = shop(product(sold_out="No ducks. A bear?"), messages=messages)
    assert decide_pre_checkout(query(), sold_out, own, NOW).error_message == "No ducks. A bear?"
    assert decline(query(), DeclineReason.EXPIRED, own).error_message == "too late"


@pytest.mark.parametrize(
    ("description", "first_attempt", "releases"),
    [
        ("Bad Request: query is too old and response timeout expired or query ID is invalid", True, True),
        ("BAD REQUEST: QUERY IS TOO OLD", True, True),
        ("Bad Request: query is too old and response timeout expired or query ID is invalid", False, False),
        ("Bad Request: something else", True, False),
        ("Forbidden: bot was blocked by the user", True, False),
        ("Internal Server Error", True, False),
        ("", True, False),
    ],
)
def test_only_a_definite_first_refusal_gives_the_units_back(
    description: str, first_attempt: bool, releases: bool
) -> None:
    assert refusal_releases(description, first_attempt=first_attempt) is releases
