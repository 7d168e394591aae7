"""available = stock - sold - held, never negative; both ways of counting lead to the same number; old prices."""

from typing import Any

import pytest
from core_samples import invoice, product
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apaycli.core.model import LabeledPrice
from apaycli.core.stock import changed_prices, has_old_price, prices_of, stock_after_count, stock_level


@pytest.mark.parametrize(
    ("stock", "sold", "held", "available", "overcommitted"),
    [
        (10, 0, 0, 10, 0),
        (10, 3, 2, 5, 0),
        (10, 6, 4, 0, 0),
        (8, 6, 4, 0, 2),
        (0, 0, 0, 0, 0),
        (0, 1, 0, 0, 1),
        (None, 10**6, 5, None, 0),
    ],
)
def test_what_is_left(stock: int | None, sold: int, held: int, available: int | None, overcommitted: int) -> None:
    level = stock_level(product(stock=stock), sold, held)
    assert (level.sku, level.title, level.stock, level.sold, level.held) == ("duck", "Rubber duck", stock, sold, held)
    assert (level.available, level.overcommitted) == (available, overcommitted)


@hypothesis_settings(derandomize=True, database=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_after_a_count_exactly_the_counted_units_are_available(counted: int, sold: int, held: int) -> None:
    level = stock_level(product(stock=stock_after_count(counted, sold, held)), sold, held)
    assert (level.available, level.overcommitted) == (counted, 0)


def test_only_another_price_or_currency_is_a_change() -> None:
    before = {sku: product(sku=sku) for sku in ("same", "dearer", "dollars", "reworded", "gone")}
    after = {
        "same": product(sku="same", stock=3),
        "dearer": product(sku="dearer", prices=(LabeledPrice("Duck", 50000),)),
        "dollars": product(sku="dollars", currency="USD"),
        "reworded": product(sku="reworded", prices=(LabeledPrice("Both", 49900),)),
        "new": product(sku="new"),
    }
    assert changed_prices(before, after) == {"dearer": ("INR", 50000), "dollars": ("USD", 49900)}


@pytest.mark.parametrize(
    ("changes", "old"),
    [
        ({}, False),
        ({"quantity": 2}, True),
        ({"quantity": 2, "prices": (LabeledPrice("Duck × 2", 99800),)}, False),
        ({"currency": "USD"}, True),
        ({"prices": (LabeledPrice("Duck", 49899),)}, True),
        ({"sku": None, "currency": "USD"}, False),
        ({"sku": "another", "currency": "USD"}, False),
    ],
)
def test_an_old_price_is_one_that_the_product_does_not_have_now(changes: dict[str, Any], old: bool) -> None:
    assert has_old_price(invoice(**changes), prices_of({"duck": product()})) is old
