"""Payments: facts in, receipt out. Money is never refused; what is wrong with it becomes its flag."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from core_samples import ASHA, NOW, RAHIM, invoice, payment, payment_facts, product, reservation, shop
from hypothesis import given, settings
from hypothesis import strategies as st

from apaycli.core.decide import decide_payment
from apaycli.core.incoming import SuccessfulPayment
from apaycli.core.model import (
    Booking,
    Flag,
    Invoice,
    LabeledPrice,
    OrderInfo,
    PaymentFacts,
    Receipt,
    Reservation,
    ShippingOption,
    Tips,
    User,
)


def decide(paid: SuccessfulPayment, facts: PaymentFacts, **in_force: Any) -> tuple[Booking, Flag | None]:
    receipt = decide_payment(paid, facts, shop(product(**in_force)), NOW)
    return receipt.booking, receipt.flag


OWN = reservation()
SINGLE = invoice(uses_max=1)


@pytest.mark.parametrize(
    ("facts", "booking", "flag"),
    [
        (payment_facts(own_reservation=OWN, uses_held=1, stock_held=1), Booking.POST, None),
        (payment_facts(own_reservation=OWN, uses_held=1, stock_held=1, stock_sold=9), Booking.POST, None),
        (PaymentFacts(SINGLE, uses_held=1, own_reservation=OWN, stock_held=1), Booking.POST, None),
        # The reservation has expired or never was.
        (payment_facts(), Booking.DIRECT, Flag.LATE),
        (payment_facts(stock_sold=9), Booking.DIRECT, Flag.LATE),
        (payment_facts(stock_sold=10), Booking.NONE, Flag.OVERSOLD),
        (payment_facts(stock_held=10), Booking.NONE, Flag.OVERSOLD),  # what is held was promised to others
        (payment_facts(stock_sold=50), Booking.NONE, Flag.OVERSOLD),
        (PaymentFacts(SINGLE), Booking.DIRECT, Flag.LATE),
        (PaymentFacts(SINGLE, uses_paid=1), Booking.NONE, Flag.DUPLICATE),
        (PaymentFacts(SINGLE, uses_held=1), Booking.NONE, Flag.DUPLICATE),  # somebody else's use
        (PaymentFacts(SINGLE, uses_paid=1, stock_sold=10), Booking.NONE, Flag.DUPLICATE),
        (PaymentFacts(invoice(uses_max=2), uses_paid=1), Booking.DIRECT, Flag.LATE),
        (PaymentFacts(invoice(quantity=3), stock_sold=7), Booking.DIRECT, Flag.LATE),
        (PaymentFacts(invoice(quantity=3), stock_sold=8), Booking.NONE, Flag.OVERSOLD),
        (PaymentFacts(invoice(sku=None), uses_paid=99), Booking.DIRECT, Flag.LATE),
        (PaymentFacts(invoice(sku="gone")), Booking.NONE, Flag.OVERSOLD),  # no longer in the stock file
        (PaymentFacts(None), Booking.NONE, Flag.UNMATCHED),
        # An invoice that is over does not matter any more: the money is here.
        (PaymentFacts(invoice(cancelled_at=NOW - 1, expires_at=NOW - 1)), Booking.DIRECT, Flag.LATE),
        (PaymentFacts(invoice(buyer_id=RAHIM.user_id)), Booking.DIRECT, Flag.LATE),
    ],
)
def test_a_payment_meets_reservation_uses_and_units(facts: PaymentFacts, booking: Booking, flag: Flag | None) -> None:
    assert decide(payment(), facts) == (booking, flag)


def test_unlimited_stock_is_never_oversold() -> None:
    assert decide(payment(), payment_facts(stock_sold=10**6), stock=None) == (Booking.DIRECT, Flag.LATE)


@pytest.mark.parametrize(
    "wrong",
    [{"total_amount": 49899}, {"total_amount": 49901}, {"total_amount": None}, {"currency": "XTR"}, {"currency": None}],
)
@pytest.mark.parametrize(
    ("facts", "booking", "flag"),
    [
        (payment_facts(own_reservation=OWN, uses_held=1), Booking.POST, Flag.AMOUNT_MISMATCH),
        (payment_facts(), Booking.DIRECT, Flag.AMOUNT_MISMATCH),
        # Money to give back says so before anything else.
        (payment_facts(stock_sold=10), Booking.NONE, Flag.OVERSOLD),
        (PaymentFacts(SINGLE, uses_paid=1), Booking.NONE, Flag.DUPLICATE),
        (PaymentFacts(None), Booking.NONE, Flag.UNMATCHED),
    ],
)
def test_a_wrong_amount_is_recorded_and_flagged(
    wrong: dict[str, Any], facts: PaymentFacts, booking: Booking, flag: Flag
) -> None:
    receipt = decide_payment(payment(**wrong), facts, shop(), NOW)
    assert (receipt.booking, receipt.flag, receipt.tip_amount) == (booking, flag, 0)
    assert receipt.total_amount == wrong.get("total_amount", 49900)
    assert receipt.currency == wrong.get("currency", "INR")


@pytest.mark.parametrize(
    ("tip", "flag", "tip_amount"),
    [(0, None, 0), (1, None, 1), (5000, None, 5000), (5001, Flag.AMOUNT_MISMATCH, 0)],
)
def test_a_tip_is_told_apart_from_the_price(tip: int, flag: Flag | None, tip_amount: int) -> None:
    facts = PaymentFacts(invoice(tips=Tips(5000)), uses_held=1, own_reservation=OWN)
    receipt = decide_payment(payment(total_amount=49900 + tip), facts, shop(), NOW)
    assert (receipt.flag, receipt.tip_amount, receipt.total_amount) == (flag, tip_amount, 49900 + tip)


@pytest.mark.parametrize("flag", [None, *Flag])
def test_only_what_cannot_be_delivered_is_to_be_given_back(flag: Flag | None) -> None:
    receipt = Receipt("c", "p", "test", flag, Booking.NONE, None, None, "x", None, None, 1, "INR", 1, 0, None, NOW)
    assert receipt.refund_due is (flag in {Flag.OVERSOLD, Flag.DUPLICATE})


def test_a_receipt_says_everything_that_is_known() -> None:
    paid = payment(order_info=OrderInfo(name="Asha", phone_number="1"), shipping_option_id="post")
    facts = PaymentFacts(invoice(quantity=2), uses_held=1, own_reservation=reservation(quantity=2), stock_held=2)
    assert decide_payment(paid, facts, shop(), NOW) == Receipt(
        telegram_payment_charge_id="charge-1",
        provider_payment_charge_id="apay-1",
        mode="test",
        flag=None,
        booking=Booking.POST,
        invoice_id="inv-1",
        reservation_id=31,
        invoice_payload="payload-1",
        sku="duck",
        title="Rubber duck",
        quantity=2,
        currency="INR",
        total_amount=49900,
        tip_amount=0,
        buyer=ASHA,
        paid_at=NOW - 5000,
        capacity=10,
        shipping_option_id="post",
        order_info=OrderInfo(name="Asha", phone_number="1"),
    )


@pytest.mark.parametrize(
    ("option_id", "total_amount", "flag", "tip_amount", "shipping_amount"),
    [
        ("post", 55900, None, 0, 6000),
        ("post", 56000, None, 100, 6000),
        ("post", 56001, Flag.AMOUNT_MISMATCH, 0, 0),
        ("post", 49900, Flag.AMOUNT_MISMATCH, 0, 0),
        ("boat", 55900, Flag.AMOUNT_MISMATCH, 0, 0),
        (None, 49900, Flag.AMOUNT_MISMATCH, 0, 0),
    ],
)
def test_price_delivery_and_tip_are_told_apart(
    option_id: str | None, total_amount: int, flag: Flag | None, tip_amount: int, shipping_amount: int
) -> None:
    post = ShippingOption("post", "Post", (LabeledPrice("Post", 6000),))
    facts = payment_facts(invoice=invoice(shipping=(post,), tips=Tips(100)), own_reservation=reservation())
    receipt = decide_payment(payment(shipping_option_id=option_id, total_amount=total_amount), facts, shop(), NOW)
    assert (receipt.flag, receipt.tip_amount, receipt.shipping_amount) == (flag, tip_amount, shipping_amount)


def test_an_unmatched_receipt_keeps_what_came() -> None:
    paid = payment(invoice_payload="another ledger's", order_info=OrderInfo(email="a@b"), shipping_option_id="post")
    assert decide_payment(paid, PaymentFacts(None), shop(mode="live"), NOW) == Receipt(
        telegram_payment_charge_id="charge-1",
        provider_payment_charge_id="apay-1",
        mode="live",
        flag=Flag.UNMATCHED,
        booking=Booking.NONE,
        invoice_id=None,
        reservation_id=None,
        invoice_payload="another ledger's",
        sku=None,
        title=None,
        quantity=1,
        currency="INR",
        total_amount=49900,
        tip_amount=0,
        buyer=ASHA,
        paid_at=NOW - 5000,
        shipping_option_id="post",
        order_info=OrderInfo(email="a@b"),
    )


@pytest.mark.parametrize("facts", [payment_facts(), PaymentFacts(None)])
def test_without_a_date_the_time_of_recording_is_taken(facts: PaymentFacts) -> None:
    assert decide_payment(payment(paid_at=None), facts, shop(), NOW).paid_at == NOW


def test_a_receipt_bears_the_mode_of_its_invoice_whatever_the_listener_runs_in() -> None:
    assert decide_payment(payment(), payment_facts(), shop(mode="live"), NOW).mode == "test"


# Order independence (invariants, B6), on small worlds that a model ledger keeps the sums of.


@dataclass
class Books:
    """The arithmetic of the ledger, for one SKU: what is held and paid, of the stock and of each invoice."""

    capacity: int | None
    invoices: dict[str, Invoice]
    reservations: dict[tuple[str, int], Reservation] = field(default_factory=dict)
    held: int = 0
    sold: int = 0
    uses_held: Counter[str] = field(default_factory=Counter)
    uses_paid: Counter[str] = field(default_factory=Counter)

    def reserve(self, invoice_id: str, buyer: User) -> None:
        quantity = self.invoices[invoice_id].quantity
        number = len(self.reservations) + 1
        key = (invoice_id, buyer.user_id)
        self.reservations[key] = Reservation(number, invoice_id, buyer.user_id, "duck", quantity, NOW, NOW)
        self.held += quantity
        self.uses_held[invoice_id] += 1

    def record(self, paid: SuccessfulPayment) -> Receipt:
        its_invoice = self.invoices[paid.invoice_payload]
        buyer_id = paid.buyer.user_id if paid.buyer else 0
        key = (its_invoice.invoice_id, buyer_id)
        facts = PaymentFacts(
            its_invoice,
            self.uses_held[its_invoice.invoice_id],
            self.uses_paid[its_invoice.invoice_id],
            self.reservations.get(key),
            self.held,
            self.sold,
        )
        receipt = decide_payment(paid, facts, shop(product(stock=self.capacity)), NOW)
        if receipt.booking is Booking.POST:
            self.held -= self.reservations.pop(key).quantity
            self.uses_held[its_invoice.invoice_id] -= 1
        if receipt.booking is not Booking.NONE:
            self.sold += receipt.quantity
            self.uses_paid[its_invoice.invoice_id] += 1
        return receipt


BUYERS = [User(number) for number in range(1, 6)]


@dataclass(frozen=True)
class World:
    capacity: int | None
    invoices: dict[str, Invoice]
    reserved: Sequence[tuple[str, User]]
    payments: Sequence[SuccessfulPayment]

    def receipts(self, order: Iterable[SuccessfulPayment]) -> list[Receipt]:
        books = Books(self.capacity, self.invoices)
        for invoice_id, buyer in self.reserved:
            books.reserve(invoice_id, buyer)
        recorded = [books.record(paid) for paid in order]
        assert self.capacity is None or books.sold + books.held <= self.capacity
        return recorded


@st.composite
def worlds(draw: st.DrawFn, limits: str) -> World:
    """Two invoices of one SKU; some buyers hold, some are too late. `limits`: what can run out."""
    uses = st.integers(1, 3) if "uses" in limits else st.none()
    ids = ["a", "b"]
    invoices = {i: invoice(invoice_id=i, invoice_payload=i, uses_max=draw(uses)) for i in ids}
    pairs = draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(BUYERS)), unique=True, max_size=8))
    free_units = draw(st.integers(0, 4))
    reserved: list[tuple[str, User]] = []
    for invoice_id, buyer in pairs:
        uses_max = invoices[invoice_id].uses_max
        free = uses_max is None or sum(held == invoice_id for held, _ in reserved) < uses_max
        if free and draw(st.booleans()):
            reserved.append((invoice_id, buyer))
    capacity = len(reserved) + free_units if "units" in limits else None
    payments = [
        payment(invoice_payload=invoice_id, buyer=buyer, telegram_payment_charge_id=f"charge-{number}")
        for number, (invoice_id, buyer) in enumerate(pairs)
    ]
    return World(capacity, invoices, reserved, payments)


fixed = settings(derandomize=True, database=None, deadline=None)


def shuffled(world: World, data: st.DataObject) -> list[SuccessfulPayment]:
    return data.draw(st.permutations(world.payments))


@fixed
@given(worlds("uses units"), st.data())
def test_whoever_holds_a_reservation_gets_the_same_receipt_in_any_order(world: World, data: st.DataObject) -> None:
    holders = {(invoice_id, buyer.user_id) for invoice_id, buyer in world.reserved}
    for receipt in world.receipts(shuffled(world, data)):
        assert receipt.buyer is not None
        holds = (receipt.invoice_payload, receipt.buyer.user_id) in holders
        assert ((receipt.booking, receipt.flag) == (Booking.POST, None)) is holds


@fixed
@given(st.one_of(worlds("uses"), worlds("units")), st.data())
def test_the_flags_are_the_same_in_any_order(world: World, data: st.DataObject) -> None:
    """One kind of limit, one quantity. Where both limits bind at once, see the next test."""
    first = Counter(receipt.flag for receipt in world.receipts(world.payments))
    assert Counter(receipt.flag for receipt in world.receipts(shuffled(world, data))) == first


@fixed
@given(worlds("uses units"), st.data())
def test_as_much_is_booked_and_as_much_is_due_in_any_order(world: World, data: st.DataObject) -> None:
    """Which of `oversold` and `duplicate` a refused unit bears may differ; that money is due back may not."""

    def summary(receipts: list[Receipt]) -> Counter[str]:
        return Counter("refund due" if receipt.refund_due else str(receipt.flag) for receipt in receipts)

    assert summary(world.receipts(shuffled(world, data))) == summary(world.receipts(world.payments))
