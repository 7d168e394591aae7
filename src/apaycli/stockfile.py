"""The merchant's stock file: TOML → products.

Knows one file: its keys, what each may hold, and when it has changed. Never knows what was sold. All
problems are reported at once, each with file, product, key and what is allowed. Amounts are decimals in
major units and are read exactly: a TOML real arrives here as the text that was written.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from apaycli.core.invoice import (
    NEEDS,
    Problem,
    check_currency,
    check_photo_url,
    check_prices,
    check_text,
    check_tips,
)
from apaycli.core.model import Forwarding, LabeledPrice, Product, Tips
from apaycli.errors import ConfigError
from apaycli.files import FileProblem, Real, parse_toml, read_text
from apaycli.money import AMOUNT_MAX, AmountError, currencies, parse_amount
from apaycli.text import nearest, show

_SKU = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)
_UNITS_MAX = 1_000_000_000
_TOP_KEYS = ("currency", "products")
_PRODUCT_KEYS = (
    "title", "description", "price", "prices", "currency", "stock", "max_per_buyer", "sold_out", "photo_url",
    "need", "tips", "shipping", "forwarding", "paused",
)  # fmt: skip


class _Bad(ValueError):
    """What is allowed, as the end of a sentence that began with file, product and key."""


@dataclass(frozen=True, slots=True)
class StockFile:
    """What the file says. `warnings` are whole sentences and do not stand in the way of selling."""

    products: Mapping[str, Product]
    warnings: tuple[str, ...] = ()


def read_stock_file(path: Path) -> StockFile:
    """Raises ConfigError with every problem found."""
    try:
        table = parse_toml(read_text(path), path)
    except FileProblem as problem:
        hint = "write one: docs/stock-file.md shows how" if not path.exists() else None
        raise ConfigError("the stock file cannot be read", problems=(str(problem),), hint=hint) from None
    reader = _Reader(path)
    products = reader.products(table)
    if reader.problems:
        raise ConfigError("the stock file has mistakes", problems=tuple(reader.problems))
    return StockFile(products, tuple(reader.warnings))


class _Reader:
    """Collects products and problems; one bad value never hides the next."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def products(self, table: dict[str, Any]) -> dict[str, Product]:
        for key in table:
            if key not in _TOP_KEYS:
                self.problems.append(f"{self.path}: {show(key)} is not known{nearest(key, _TOP_KEYS)}")
        default = table.get("currency")
        if default is not None:
            self._check_currency("currency", default)
        content = table.get("products", {})
        if not isinstance(content, dict) or not content:
            self.problems.append(f"{self.path}: has no products; write [products.SKU] tables")
            return {}
        products = (self._product(sku, values, default) for sku, values in content.items())
        return {product.sku: product for product in products if product is not None}

    def _check_currency(self, place: str, value: object) -> None:
        if not isinstance(value, str):
            self.problems.append(f'{self.path}: {place} must be a code in quotes, such as "INR"')
            return
        self._sort((Problem(place, problem.message, problem.severity) for problem in check_currency(value)), "")

    def _product(self, sku: str, values: object, default_currency: object) -> Product | None:
        place = f"products.{show(sku, 40)}"
        before = len(self.problems)
        if not _SKU.fullmatch(sku):
            self.problems.append(f"{self.path}: {place} the SKU takes 1 to 32 of a-z 0-9 _ -")
        if not isinstance(values, dict):
            self.problems.append(f"{self.path}: {place} must be a table: [{place}]")
            return None
        for key in values:
            if key not in _PRODUCT_KEYS:
                self.problems.append(f"{self.path}: {place}.{show(key, 40)} is not known{nearest(key, _PRODUCT_KEYS)}")
        product = self._read(sku, values, self._currency(values, default_currency, place), place)
        return product if len(self.problems) == before else None

    def _currency(self, values: dict[str, Any], default: object, place: str) -> str:
        """The product's currency, or "" where Telegram knows none such; that has been said then."""
        currency = values.get("currency", default)
        if isinstance(currency, str) and currency in currencies():
            return currency
        if "currency" in values:
            self._check_currency(f"{place}.currency", currency)
        elif default is None:
            self.problems.append(f'{self.path}: {place} has no currency; write currency = "INR" on top')
        return ""

    def _read(self, sku: str, values: dict[str, Any], currency: str, place: str) -> Product | None:
        price = "prices" if "prices" in values else "price"  # what the merchant wrote is what is named
        read: dict[str, Callable[[], Any]] = {
            price: lambda: _prices(values, currency),
            "title": lambda: _text(values, "title"),
            "description": lambda: _text(values, "description"),
            "stock": lambda: _units(values.get("stock"), least=0),
            "max_per_buyer": lambda: _units(values.get("max_per_buyer"), least=1),
            "sold_out": lambda: _optional_text(values.get("sold_out")),
            "photo_url": lambda: _optional_text(values.get("photo_url")),
            "need": lambda: _need(values.get("need", [])),
            "tips": lambda: _tips(values.get("tips", {}), currency),
            "forwarding": lambda: _forwarding(values.get("forwarding")),
            "paused": lambda: _flag(values.get("paused", False)),
            "shipping": lambda: _no_shipping(values.get("shipping")),
        }
        if not currency:  # amounts cannot be read without one; everything else can
            del read[price], read["tips"]
        fields: dict[str, Any] = {}
        for key, parse in read.items():
            try:
                fields[key] = parse()
            except _Bad as bad:
                self.problems.append(f"{self.path}: {place}.{key} {bad}")
        limits = _limits(fields, price, currency)
        self._sort((replace(limit, field=price) if limit.field == "prices" else limit for limit in limits), place + ".")
        if not currency or len(fields) < len(read):
            return None
        del fields["shipping"]
        return Product(sku=sku, currency=currency, prices=fields.pop(price), **fields)

    def _sort(self, problems: Iterator[Problem], prefix: str) -> None:
        for problem in problems:
            target = self.problems if problem.severity == "refuse" else self.warnings
            target.append(f"{self.path}: {prefix}{problem.field} {problem.message}")


def _limits(fields: Mapping[str, Any], price: str, currency: str) -> Iterator[Problem]:
    """Telegram's limits for whatever could be read: one bad value does not hide the next."""
    for name in ("title", "description"):
        if name in fields:
            yield from check_text(name, fields[name])
    if price in fields:
        yield from check_prices(fields[price], currency)
    if "tips" in fields:
        yield from check_tips(fields["tips"], currency)
    yield from check_photo_url(fields.get("photo_url"))


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if not _is_text(value):
        raise _Bad("must be a text in quotes" if key in values else "is missing")
    return value


def _is_text(value: object) -> TypeGuard[str]:
    """A TOML real arrives as text, too, but nobody put it into quotes."""
    return isinstance(value, str) and not isinstance(value, Real)


def _optional_text(value: object) -> str | None:
    if value is None:
        return None
    if not _is_text(value) or not value.strip():
        raise _Bad("must be a text in quotes, and not empty")
    return value


def _prices(values: dict[str, Any], currency: str) -> tuple[LabeledPrice, ...]:
    """`price`, or `prices = [{ label = "..", amount = .. }]`: one of the two."""
    if ("price" in values) == ("prices" in values):
        raise _Bad("needs either price or prices")
    if "price" in values:
        title = values.get("title")
        label = title if isinstance(title, str) and title.strip() else "?"  # a bad title has its own problem
        return (LabeledPrice(label, amount_of(values["price"], currency)),)
    lines = values["prices"]
    if not isinstance(lines, list) or not lines:
        raise _Bad('must be a list such as [{ label = "Duck", amount = 450 }]')
    return tuple(_price_line(line, currency) for line in lines)


def _price_line(line: object, currency: str) -> LabeledPrice:
    if not isinstance(line, dict) or set(line) != {"label", "amount"} or not _is_text(line["label"]):
        raise _Bad('has a line that is not { label = "..", amount = .. }')
    return LabeledPrice(line["label"], amount_of(line["amount"], currency, signed=True))


def amount_of(value: object, currency: str, *, signed: bool = False) -> int:
    """A TOML number or text in major units → smallest units, exactly. `signed`: a discount may be negative."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _Bad("must be an amount such as 499 or 19.99")
    if isinstance(value, int) and abs(value) > AMOUNT_MAX:  # in hexadecimal it may be too long even to be shown
        raise _Bad("is no amount: it is too large")
    text = str(value)
    negative = signed and text.startswith("-")
    try:
        amount = parse_amount(text[1:] if negative else text, currency)
    except AmountError as error:
        shown = f", this is {show(text, 40)}" if not isinstance(value, Real) or len(text) < 40 else ""
        raise _Bad(f"is no amount: {error}{shown}") from None
    return -amount if negative else amount


def _units(value: object, least: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _UNITS_MAX:
        raise _Bad(f"must be a whole number of units, {least} to {_UNITS_MAX}")
    return value


def _need(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or any(item not in NEEDS for item in value):
        raise _Bad(f"takes a list of {', '.join(NEEDS)}")
    return tuple(value)


def _tips(value: object, currency: str) -> Tips:
    if not isinstance(value, dict) or set(value) - {"max", "suggested"}:
        raise _Bad("must be { max = 50, suggested = [10, 20] }")
    if not value:
        return Tips()
    suggested = value.get("suggested", [])
    if not isinstance(suggested, list) or "max" not in value:
        raise _Bad("must be { max = 50, suggested = [10, 20] }")
    return Tips(amount_of(value["max"], currency), tuple(amount_of(item, currency) for item in suggested))


def _forwarding(value: object) -> Forwarding | None:
    if value not in (None, "pay-button", "deep-link"):
        raise _Bad('must be "pay-button" or "deep-link"')
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Bad("must be true or false")
    return value


def _no_shipping(value: object) -> None:
    if value is not None:
        raise _Bad("is not possible with this version of apay: it would sell without the cost of delivery")


class StockWatch:
    """Tells when the file has changed, and keeps what was last good."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self.problems: tuple[str, ...] = ()

    def changed(self) -> StockFile | None:
        """What the file says now, if that is new and good; `problems` holds what is wrong with it otherwise."""
        seen = self._fingerprint()
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            read = read_stock_file(self._path)
        except ConfigError as error:
            self.problems = error.problems or (error.message,)
            return None
        self.problems = ()
        return read

    def _fingerprint(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)
