"""Availability arithmetic.

Knows one formula, available = stock - sold - held, and how the merchant's two ways of counting turn into
a new `stock`. Never knows where the numbers are kept.
"""

from dataclasses import dataclass

from apaycli.core.model import Product


@dataclass(frozen=True, slots=True)
class StockLevel:
    """One SKU in one mode. `stock` and `available` are None where the product is unlimited."""

    sku: str
    title: str
    stock: int | None
    sold: int
    held: int

    @property
    def available(self) -> int | None:
        """Never negative: a stock file below sold + held stops new sales and is `overcommitted`."""
        return None if self.stock is None else max(0, self.stock - self.sold - self.held)

    @property
    def overcommitted(self) -> int:
        """Units sold or held beyond what the stock file offers."""
        return 0 if self.stock is None else max(0, self.sold + self.held - self.stock)


def stock_level(product: Product, sold: int, held: int) -> StockLevel:
    return StockLevel(product.sku, product.title, product.stock, sold, held)


def stock_after_count(counted: int, sold: int, held: int) -> int:
    """`counted` units lie on the shelf now: the number of units ever offered that says the same."""
    return counted + sold + held
