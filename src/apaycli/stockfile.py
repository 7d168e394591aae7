"""The merchant's stock file: TOML → products.

Knows one file: its keys, what each may hold, and when a change of it counts. Never knows what was sold. All
problems are reported at once, each with file, product, key and what is allowed. Amounts are decimals in
major units and are read exactly: a TOML real arrives here as the text that was written.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from apaycli.core.invoice import (
    Problem,
    check_currency,
    check_photo_url,
    check_prices,
    check_shipping,
    check_text,
    check_tips,
)
from apaycli.core.model import Product
from apaycli.errors import ConfigError
from apaycli.files import FileProblem, parse_toml
from apaycli.files_trust import read_own_text
from apaycli.money import currencies
from apaycli.stock_values import (
    Bad,
    parse_flag,
    parse_forwarding,
    parse_max_per_buyer,
    parse_need,
    parse_optional_text,
    parse_prices,
    parse_provider_data,
    parse_shipping,
    parse_stock,
    parse_text,
    parse_tips,
)
from apaycli.text import nearest, show

_LOOKS_MAX = 20
_SKU = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)
_TOP_KEYS = ("currency", "products")
_PRODUCT_KEYS = (
    "title", "description", "price", "prices", "currency", "stock", "max_per_buyer", "sold_out", "photo_url",
    "need", "tips", "shipping", "provider_data", "forwarding", "paused",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StockFile:
    """What the file says. `warnings` are whole sentences and do not stand in the way of selling; `text` is what was
    read."""

    products: Mapping[str, Product]
    warnings: tuple[str, ...] = ()
    text: str = field(default="", repr=False)


def read_stock_file(path: Path) -> StockFile:
    """Raises ConfigError with every problem found."""
    try:
        text = read_own_text(path)
    except FileProblem as problem:
        hint = "apay init writes a first one; docs/stock-file.md shows how" if not path.exists() else None
        raise ConfigError("the stock file cannot be read", problems=(str(problem),), hint=hint) from None
    return _parse_stock_file(text, path)


def _parse_stock_file(text: str, path: Path) -> StockFile:
    try:
        table = parse_toml(text, path)
    except FileProblem as problem:
        raise ConfigError("the stock file cannot be read", problems=(str(problem),)) from None
    reader = _Reader(path)
    products = reader.products(table)
    if reader.problems:
        raise ConfigError("the stock file has mistakes", problems=tuple(reader.problems))
    return StockFile(products, tuple(reader.warnings), text)


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
            price: lambda: parse_prices(values, currency),
            "title": lambda: parse_text(values, "title"),
            "description": lambda: parse_text(values, "description"),
            "stock": lambda: parse_stock(values),
            "max_per_buyer": lambda: parse_max_per_buyer(values.get("max_per_buyer")),
            "sold_out": lambda: parse_optional_text(values.get("sold_out")),
            "photo_url": lambda: parse_optional_text(values.get("photo_url")),
            "need": lambda: parse_need(values.get("need", [])),
            "tips": lambda: parse_tips(values.get("tips", {}), currency),
            "forwarding": lambda: parse_forwarding(values.get("forwarding")),
            "paused": lambda: parse_flag(values.get("paused", False)),
            "shipping": lambda: parse_shipping(values.get("shipping", []), currency),
            "provider_data": lambda: parse_provider_data(values.get("provider_data")),
        }
        if not currency:  # amounts cannot be read without one; everything else can
            del read[price], read["tips"], read["shipping"]
        fields: dict[str, Any] = {}
        for key, parse in read.items():
            try:
                fields[key] = parse()
            except Bad as bad:
                self.problems.append(f"{self.path}: {place}.{key} {bad}")
        limits = _limits(fields, price, currency)
        self._sort((replace(limit, field=price) if limit.field == "prices" else limit for limit in limits), place + ".")
        if not currency or len(fields) < len(read):
            return None
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
    if "shipping" in fields:
        yield from check_shipping(fields["shipping"], fields.get(price, ()), currency)
    yield from check_photo_url(fields.get("photo_url"))


class StockWatch:
    """Tells when the file has changed, and keeps what was last good.

    A change counts when two looks in a row see the same: an editor may be in the middle of writing, or the file may be
    gone for a moment. What is compared is the content: size and times of a file can be what they were before.
    """

    def __init__(self, path: Path, in_force: str | None = None) -> None:
        """`in_force` is the text that was read before: what has changed since then counts as well."""
        self._path = path
        self._taken = self._seen = None if in_force is None else _Look(in_force)
        self.problems: tuple[str, ...] = ()

    def changed(self) -> StockFile | None:
        """What the file says now, if that is new, seen twice, and good; `problems` holds what is wrong with it
        otherwise."""
        look, before = self._look(), self._seen
        self._seen = look
        if look != before or look == self._taken:
            return None
        self._taken = look
        try:
            if look.text is None:
                raise ConfigError("the stock file cannot be read", problems=(look.trouble,))
            read = _parse_stock_file(look.text, self._path)
        except ConfigError as error:
            self.problems = error.problems
            return None
        self.problems = ()
        return read

    def _look(self) -> "_Look":
        try:
            return _Look(read_own_text(self._path))
        except FileProblem as problem:
            return _Look(None, str(problem))


def settled_stock_file(path: Path, pause: Callable[[], None]) -> StockFile:
    """As `read_stock_file`, for a start: somebody may be writing the file at this very moment, and a service that ends
    with a mistake in it is not started again. So only mistakes are raised that two looks agree on, a pause apart."""
    try:
        return read_stock_file(path)
    except ConfigError as error:
        mistakes = error
    watch = StockWatch(path)
    for _ in range(_LOOKS_MAX):
        read = watch.changed()
        if read is not None:
            return read
        if watch.problems:
            break
        pause()
    raise ConfigError(mistakes.message, problems=watch.problems or mistakes.problems, hint=mistakes.hint)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at the file saw: its text, or why it has none."""

    text: str | None
    trouble: str = ""
