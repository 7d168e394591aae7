"""available = stock - sold - held, never negative; both ways of counting lead to the same number."""

import pytest
from core_samples import product
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apaycli.core.stock import stock_after_count, stock_level


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
