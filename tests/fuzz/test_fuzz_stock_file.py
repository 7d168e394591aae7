"""Whatever lies where the stock file should be: products within Telegram's limits, or a ConfigError that says why.

And what `apay stock` changes in a file that was accepted is one number, whatever else stands in it.
"""

import itertools
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toml_pieces import BLOCKS, COMMENTS, LARGE, LINE_ENDS, VALUES, files, lines, put

from apaycli.core.model import Product
from apaycli.errors import ConfigError
from apaycli.money import currencies
from apaycli.stockedit import set_stock
from apaycli.stockfile import StockFile, read_stock_file

fixed = settings(derandomize=True, database=None, deadline=None)
AMOUNT_MAX = 999_999_999_999
KEYS = (
    "title description price prices currency stock max_per_buyer sold_out photo_url need tips shipping forwarding "
    "paused titel tips.max 'x y' \"\\u001b\""
).split(" ")
DUCK = {"title": "'Duck'", "description": "'Y.'", "price": "499", "stock": "7"}
# What fits, behind each key; the price comes in two ways.
FITTING = {
    "title": ("'Duck'", "'Duck ৳ 🦆'", '"A \\"real\\" one"'),
    "description": ("'Yellow.'", '"""Yellow, \\\n    8 cm."""'),
    "currency": ("'BDT'", "'INR'"),
    "stock": ("3", "0", "  3", "1_000", "'unlimited'"),
    "max_per_buyer": ("2",),
    "sold_out": ("'Next week.'",),
    "photo_url": ("'https://shop.example/d.jpg'",),
    "paused": ("true", "false"),
    "need": ("[]", "['name', 'email']", "[\n    'name', # why\n]"),
    "tips": ("{}", "{ max = 50, suggested = [10, 20] }"),
    "forwarding": ("'deep-link'",),
}
PRICES = (
    "price = 499", "price = 499.00 # net", "price = '499'", "price = 4_99",
    "prices = [\n    { label = 'Duck', amount = 450 }, # net\n    { label = 'GST', amount = 49.00 },\n]",
)  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stock") / "stock.toml"


def read(path: Path) -> StockFile | None:
    """What the file says, or None where it was refused as it should be."""
    try:
        stock = read_stock_file(path)
    except ConfigError as error:
        assert error.problems
        assert all(isinstance(problem, str) and problem for problem in error.problems)
        return None
    return stock


def check_accepted(stock: StockFile) -> None:
    """The limits of sendInvoice and of LabeledPrice, said once more."""
    assert stock.products
    for sku, product in stock.products.items():
        assert re.fullmatch(r"[a-z0-9_-]{1,32}", product.sku, re.ASCII)
        assert sku == product.sku
        for words, units_max in ((product.title, 32), (product.description, 255)):
            assert 1 <= len(words.encode("utf-16-le")) // 2 <= units_max
            assert words.strip()
            assert not re.search(r"[\x00-\x1f\x7f-\x9f]", words)
        assert product.currency in currencies()
        check_amounts(product)
        assert product.stock is None or 0 <= product.stock <= 10**9
        assert product.max_per_buyer is None or product.max_per_buyer >= 1
        assert product.sold_out is None or product.sold_out.strip()
        assert product.photo_url is None or product.photo_url.startswith("https://")
        assert set(product.need) <= {"name", "phone", "email", "address"}
        assert product.forwarding in (None, "pay-button", "deep-link")
        assert type(product.paused) is bool


def check_amounts(product: Product) -> None:
    amounts = [price.amount for price in product.prices]
    assert amounts
    assert all(type(amount) is int and abs(amount) <= AMOUNT_MAX for amount in amounts)
    assert 1 <= sum(amounts) <= AMOUNT_MAX
    assert all(price.label.strip() for price in product.prices)
    suggested = product.tips.suggested_tip_amounts
    assert 0 <= product.tips.max_tip_amount <= AMOUNT_MAX
    assert len(suggested) <= 4
    assert list(suggested) == sorted(set(suggested))
    assert all(0 < amount <= product.tips.max_tip_amount for amount in suggested)


def check_edit(path: Path, stock: StockFile) -> None:
    """One number changes, or nothing at all; comments, order and the other lines stay as they are."""
    sku, product = list(stock.products.items())[-1]
    before = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        set_stock(path, sku, 41)
    except ConfigError:
        assert path.read_bytes().removeprefix(b"\xef\xbb\xbf") == before
        return
    after = path.read_bytes()
    edited = read_stock_file(path)
    assert edited.products == {**stock.products, sku: replace(product, stock=41)}
    assert list(edited.products) == list(stock.products)
    old, new = before.split(b"\n"), after.split(b"\n")
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    assert len(old) <= 1, f"{before!r} became {after!r}"
    assert len(new) <= 2, f"{before!r} became {after!r}"
    assert [word in b"".join(new) for word in COMMENT_BYTES] >= [word in b"".join(old) for word in COMMENT_BYTES]


COMMENT_BYTES = [comment.encode() for comment in COMMENTS if comment]


@pytest.mark.parametrize("key", KEYS)
def test_no_value_behind_any_key_is_more_than_a_mistake(key: str, path: Path) -> None:
    """Every key with every value, in a product that is good without it."""
    failures = []
    for value in VALUES:
        product = {**DUCK, key: value}
        if key == "prices":
            del product["price"]
        table = "".join(f"{name} = {its_value}\n" for name, its_value in product.items())
        put(path, f"currency = 'INR'\n[products.duck]\n{table}".encode("utf-8", "surrogatepass"))
        try:
            stock = read(path)
            if stock:
                check_accepted(stock)
                check_edit(path, stock)
        except Exception as error:
            failures.append(f"{key} = {value[:80]}: {error!r}"[:500])
    assert not failures, "\n".join(failures)


def written(*keys: str) -> list[str]:
    """Every way of writing these keys well."""
    ways = itertools.product(("", "  "), keys, COMMENTS)
    return [f"{indent}{key} = {value}{comment}" for indent, key, comment in ways for value in FITTING[key]]


def key_of(line: str) -> str:
    return line.partition("=")[0].strip()


REST = st.lists(
    st.sampled_from(written(*(key for key in list(FITTING)[2:] if key != "stock"))), max_size=5, unique_by=key_of
)
NEEDED = [st.sampled_from(ways) for ways in (PRICES, written("title"), written("description"), written("stock"))]
MORE: st.SearchStrategy[list[str]] = st.just([]) | st.lists(
    lines(st.sampled_from(KEYS)) | st.sampled_from(BLOCKS), max_size=1
)
SKUS = ("duck", "bear", "zebra-2", "'goat'", "d" * 32, "5", "cat", "dog", "a.b", '"x y"', "Duck", "d" * 33, "duck.tips")
# A table that should do, and sometimes one line more that should not.
PRODUCTS = st.builds(
    lambda sku, comment, rest, price, title, description, stock, more: (
        [f"[products.{sku}]{comment}", price, *rest, title, description, stock, *more, ""]
    ),
    *(st.sampled_from(SKUS), st.sampled_from(COMMENTS), REST, *NEEDED, MORE),
)
STOCK_FILES = st.builds(
    lambda top, end, products: end.join([*top, *itertools.chain.from_iterable(products)]),
    st.sampled_from(
        (["# My shop", "", "currency = 'INR' # rupees"], ["currency = 'BDT'", ""], ["currency = 'USD'"], [])
    ),
    st.sampled_from(LINE_ENDS),
    st.lists(PRODUCTS, min_size=1, max_size=3, unique_by=lambda table: table[0].partition("]")[0]),
)


@settings(fixed, max_examples=1000)
@given(content=files(STOCK_FILES))
def test_any_file_is_a_stock_file_or_a_mistake(content: bytes, path: Path) -> None:
    put(path, content)
    stock = read(path)
    if stock is not None:
        assert read(path) == stock
        check_accepted(stock)
        check_edit(path, stock)


@settings(fixed, max_examples=300)
@given(amount=st.integers(1, 99_999_999), currency=st.sampled_from(("INR", "BHD", "JPY", "USD")))
def test_a_price_is_read_to_the_last_digit(amount: int, currency: str, path: Path) -> None:
    """Written as a number and as a text."""
    price = f"{Decimal(amount).scaleb(-currencies()[currency].exponent):f}"
    prices = f"[{{ label = 'a', amount = {price} }}, {{ label = 'b', amount = '{price}' }}]"
    head = f"currency = '{currency}'\n[products.duck]\ntitle = 'D'\ndescription = 'Y'\nstock = 1\n"
    put(path, f"{head}prices = {prices}\n".encode())
    try:
        stock = read_stock_file(path)
    except ConfigError as error:
        assert all("outside Telegram's limits" in problem for problem in error.problems)
    else:
        assert [line.amount for line in stock.products["duck"].prices] == [amount, amount]


@pytest.mark.parametrize("head", ("", "[products]\n", "[products.duck]\n", "products.duck.price."))
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_file_is_read_or_refused(kind: str, head: str, path: Path) -> None:
    put(path, (head + LARGE[kind]).encode())
    read(path)
