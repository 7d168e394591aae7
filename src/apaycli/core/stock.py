"""Availability arithmetic.

Knows one formula, available = stock - sold - held, how the merchant's two ways of counting turn into
a new `stock`, and what a product costs now. Never knows where the numbers are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from apaycli.core.model import Invoice, Product

Prices = Mapping[str, tuple[str, int]]  # by SKU: currency, and what one unit costs without delivery and tip


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


def prices_of(products: Mapping[str, Product]) -> Prices:
    return {sku: (product.currency, product.total_amount) for sku, product in products.items()}


def changed_prices(before: Mapping[str, Product], after: Mapping[str, Product]) -> Prices:
    """The prices in force of those products that had another one, or another currency, before."""
    old = prices_of(before)
    return {sku: price for sku, price in prices_of(after).items() if sku in old and old[sku] != price}


def has_old_price(invoice: Invoice, prices: Prices) -> bool:
    """Whether it was sent with another price or currency than its product has now. It is paid as it was sent."""
    price = prices.get(invoice.sku) if invoice.sku is not None else None
    return price is not None and (invoice.currency, invoice.total_amount) != (price[0], price[1] * invoice.quantity)
