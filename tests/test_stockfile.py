"""The stock file: exact amounts, every mistake named with file, product and key, and never a wait."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from apaycli.core.model import LabeledPrice, Product, Tips
from apaycli.errors import ConfigError
from apaycli.stockfile import read_stock_file

GOOD = {"title": '"Duck"', "description": '"Yellow."', "price": "499", "stock": "10"}


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "stock.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def toml(on_top: str = '"INR"', sku: str = "duck", **changes: str | None) -> str:
    """A good file with one product; a change replaces a key, None takes it out."""
    values = {**GOOD, **changes}
    lines = [f"{key} = {value}" for key, value in values.items() if value is not None]
    return "\n".join((f"currency = {on_top}", f"[products.{sku}]", *lines)) + "\n"


def product_of(folder: Path, text: str) -> Product:
    (product,) = read_stock_file(write(folder, text)).products.values()
    return product


def problems_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refusal:
        read_stock_file(path)
    assert refusal.value.exit_code == 3
    assert all(problem.startswith(f"{path}: ") for problem in refusal.value.problems)
    return tuple(problem.removeprefix(f"{path}: ") for problem in refusal.value.problems)


def test_every_key_is_read(tmp_path: Path) -> None:
    text = """\
currency = "INR"
[products.rubber-duck_1]
currency = "USD"
title = "Rubber duck"
description = "Yellow, 8 cm."
prices = [{ label = "Duck", amount = 450 }, { label = "Discount", amount = -0.5 }]
stock = 0
max_per_buyer = 2
sold_out = "Gone."
photo_url = "https://shop.example/duck.jpg"
need = ["name", "phone", "email", "address"]
tips = { max = 50, suggested = [10, 20.50] }
forwarding = "pay-button"
paused = true
"""
    assert product_of(tmp_path, text) == Product(
        sku="rubber-duck_1",
        title="Rubber duck",
        description="Yellow, 8 cm.",
        currency="USD",
        prices=(LabeledPrice("Duck", 45000), LabeledPrice("Discount", -50)),
        stock=0,
        max_per_buyer=2,
        sold_out="Gone.",
        photo_url="https://shop.example/duck.jpg",
        need=("name", "phone", "email", "address"),
        tips=Tips(5000, (1000, 2050)),
        forwarding="pay-button",
        paused=True,
    )


def test_products_keep_their_order(tmp_path: Path) -> None:
    text = toml(sku="zebra") + toml(sku="apple").partition("\n")[2]
    assert list(read_stock_file(write(tmp_path, text)).products) == ["zebra", "apple"]


def test_unlimited_is_a_word_that_somebody_wrote(tmp_path: Path) -> None:
    assert product_of(tmp_path, toml(stock='"unlimited"')).stock is None


def test_a_product_without_stock_is_refused_with_the_place_and_the_cure(tmp_path: Path) -> None:
    """A file that is half written must never mean that everything may be sold."""
    (problem,) = problems_of(write(tmp_path, toml(stock=None)))
    assert problem == 'products.duck.stock is missing; write stock = 10 (units ever offered) or stock = "unlimited"'


def test_no_beginning_of_a_file_offers_more_than_the_whole(tmp_path: Path) -> None:
    """Whatever of it has reached the disk: refused, or no more units than were meant."""
    text = toml() + toml(sku="bear", stock="3").partition("\n")[2]
    whole = {"duck": 10, "bear": 3}
    for length in range(len(text)):
        try:
            products = read_stock_file(write(tmp_path, text[:length])).products
        except ConfigError:
            continue
        assert all(p.stock is not None and p.stock <= whole[p.sku] for p in products.values()), text[:length]


@pytest.mark.parametrize(
    ("currency", "price", "amount"),
    [
        ("INR", "499", 49900),
        ("INR", "499.0", 49900),
        ("INR", "499.5", 49950),
        ("INR", '"499.50"', 49950),
        ("USD", "19.99", 1999),
        ("USD", "1.10", 110),
        ("USD", "4.35", 435),
        ("USD", "1.15", 115),
        ("USD", "2.675e0", None),
        ("USD", "1.005", None),
        ("BHD", "1.005", 1005),
        ("BHD", "0.300", 300),
        ("UZS", "100000", 10_000_000),
        ("JPY", "5000", 5000),
        ("JPY", "5000.0", None),
    ],
)
def test_an_amount_is_what_was_written(tmp_path: Path, currency: str, price: str, amount: int | None) -> None:
    text = toml(f'"{currency}"', price=price)
    if amount is None:
        assert "products.duck.price is no amount" in problems_of(write(tmp_path, text))[0]
    else:
        assert product_of(tmp_path, text).total_amount == amount


def test_lines_that_floats_would_add_wrongly_are_added_exactly(tmp_path: Path) -> None:
    lines = ", ".join(f'{{ label = "a", amount = {amount} }}' for amount in ("0.1", "0.2", "1.1", "2.2"))
    assert product_of(tmp_path, toml('"USD"', price=None, prices=f"[{lines}]")).total_amount == 360


@pytest.mark.parametrize(
    "price",
    ["-5", "+5.0", "-0.0", "0", "0.0", "1e3", "4.99e2", "inf", "-inf", "nan", "true", '""', '" "', '"1e3"', '"∞"',
     '"١٢٣"', '"４９９"', '"1 000"', '"1,000"', '"499 INR"', "1_000.5", "499.001",
     "1000000000000", "9223372036854775808", "99999999999999999999999999", "[499]", "{ amount = 499 }", "2026-01-01"],
)  # fmt: skip
def test_no_other_price_is_taken(tmp_path: Path, price: str) -> None:
    (problem,) = problems_of(write(tmp_path, toml(price=price)))
    assert problem.startswith("products.duck.price ")


@pytest.mark.parametrize(
    "stock",
    ["-1", "-9223372036854775809", "1.5", "10.0", "1e3", "inf", "nan", "true", "false", '""', '"10"', '"∞"', "[10]",
     "{}", "1000000001", "9223372036854775808", "12:00:00"],
)  # fmt: skip
@pytest.mark.parametrize(("key", "least"), [("stock", 0), ("max_per_buyer", 1)])
def test_units_are_whole_numbers(tmp_path: Path, key: str, least: int, stock: str) -> None:
    (problem,) = problems_of(write(tmp_path, toml(**{key: stock})))
    assert problem.startswith(f"products.duck.{key} must be a whole number of units, {least} to 1000000000")
    assert (', or "unlimited"' in problem) is (key == "stock")


def test_nobody_may_buy_none(tmp_path: Path) -> None:
    assert "products.duck.max_per_buyer" in problems_of(write(tmp_path, toml(max_per_buyer="0")))[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stok": "10"}, "products.duck.stok is not known (did you mean 'stock'?)"),
        ({"Stock": "10"}, "products.duck.Stock is not known (did you mean 'stock'?)"),
        ({"zzzz": "1"}, "products.duck.zzzz is not known"),
        ({"title": None}, "products.duck.title is missing"),
        ({"description": None}, "products.duck.description is missing"),
        ({"price": None}, "products.duck.price needs either price or prices"),
        ({"prices": '[{ label = "a", amount = 499 }]'}, "products.duck.prices needs either price or prices"),
        ({"price": None, "prices": "[]"}, "products.duck.prices must be a list such as"),
        ({"price": None, "prices": '[{ label = "a" }]'}, "products.duck.prices has a line that is not"),
        ({"price": None, "prices": '[{ label = "a", amount = 1, x = 1 }]'}, "products.duck.prices has a line that"),
        ({"price": None, "prices": "[{ label = 1.5, amount = 499 }]"}, "products.duck.prices has a line that is not"),
        ({"price": None, "prices": '[{ label = " ", amount = 499 }]'}, "products.duck.prices each line needs a label"),
        ({"title": "1.5"}, "products.duck.title must be a text in quotes"),
        ({"title": "5"}, "products.duck.title must be a text in quotes"),
        (
            {"title": '" "', "price": None, "prices": '[{ label = "a", amount = 499 }]'},
            "products.duck.title must not be empty",
        ),
        ({"title": '"' + "x" * 33 + '"'}, "products.duck.title has 33 characters, at most 32 are allowed"),
        ({"title": '"' + "🦆" * 17 + '"'}, "products.duck.title has 34 characters, at most 32 are allowed"),
        ({"title": '"a\\u001b[2J"'}, "products.duck.title contains control characters"),
        ({"description": '"' + "x" * 256 + '"'}, "products.duck.description has 256 characters"),
        ({"sold_out": '""'}, "products.duck.sold_out must be a text in quotes, and not empty"),
        ({"photo_url": '"http://shop.example/a.jpg"'}, "products.duck.photo_url must be the https:// address"),
        ({"need": '"name"'}, "products.duck.need takes a list of name, phone, email, address"),
        ({"need": '["name", "iban"]'}, "products.duck.need takes a list of"),
        ({"tips": "5"}, "products.duck.tips must be { max = 50"),
        ({"tips": "{ suggested = [1] }"}, "products.duck.tips must be { max = 50"),
        ({"tips": "{ max = 50, sugested = [1] }"}, "products.duck.tips must be { max = 50"),
        ({"tips": "{ max = 50, suggested = [60] }"}, "products.duck.tips.suggested no amount may be above tips.max"),
        ({"tips": "{ max = 50, suggested = [20, 10] }"}, "products.duck.tips.suggested amounts must be more than"),
        ({"tips": "{ max = 50, suggested = [1, 2, 3, 4, 5] }"}, "products.duck.tips.suggested takes at most 4"),
        ({"tips": "{ max = -1 }"}, "products.duck.tips is no amount"),
        ({"forwarding": '"button"'}, 'products.duck.forwarding must be "pay-button" or "deep-link"'),
        ({"paused": '"yes"'}, "products.duck.paused must be true or false"),
        ({"shipping": "5"}, "products.duck.shipping must be a list such as"),
        ({"shipping": "[5]"}, "products.duck.shipping has an option that is not like"),
        (
            {"shipping": '[{ id = "a", title = "A", cost = 5 }]'},
            "products.duck.shipping has an option that is not like",
        ),
        ({"shipping": '[{ id = "a", price = 5 }]'}, "products.duck.shipping has an option without id and title"),
        ({"shipping": '[{ id = "a", title = "A" }]'}, "products.duck.shipping needs either price or prices"),
        (
            {"shipping": '[{ id = "a", title = "A", price = 5, countries = "IN" }]'},
            "products.duck.shipping a: countries takes a list",
        ),
        (
            {"shipping": '[{ id = "a", title = "A", price = 5, countries = ["IND"] }]'},
            "products.duck.shipping 'a': 'IND' is no two-letter code",
        ),
        ({"shipping": '[{ id = "a", title = "A", price = -5 }]'}, "products.duck.shipping is no amount"),
        ({"shipping": '[{ id = "", title = "A", price = 5 }]'}, "products.duck.shipping '': an option needs a title"),
        (
            {"shipping": '[{ id = "a", title = "A", price = 5 }, { id = "a", title = "B", price = 6 }]'},
            "products.duck.shipping has two options with the same id",
        ),
        ({"provider_data": "5"}, "products.duck.provider_data must be a table, or JSON in quotes"),
        ({"provider_data": '"{"'}, "products.duck.provider_data must be a table, or JSON in quotes"),
        ({"currency": '"inr"'}, "products.duck.currency 'inr' is not in Telegram's list of currencies (did you"),
        ({"currency": '"TND"'}, "products.duck.currency 'TND' is not in Telegram's list of currencies (A-Pay takes"),
        ({"currency": '"XTR"'}, "products.duck.currency XTR is Telegram Stars"),
        ({"currency": "5"}, 'products.duck.currency must be a code in quotes, such as "INR"'),
        ({"price": "1"}, "products.duck.price the total ₹1.00 (100 paise) is outside Telegram's limits"),
    ],
)
def test_a_bad_product_is_refused_with_product_key_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, str | None], said: str
) -> None:
    (problem,) = problems_of(write(tmp_path, toml(**changes)))
    assert problem.startswith(said)


@pytest.mark.parametrize(
    "sku", ["Duck", '"duck "', '" duck"', '""', '"du ck"', '"dück"', '"du\\u0308ck"', '"d.uck"', '"d/../uck"', "d" * 33]
)
def test_a_sku_has_one_way_to_be_written(tmp_path: Path, sku: str) -> None:
    """So no two SKUs can look alike: neither by case, blanks nor Unicode form."""
    (problem,) = problems_of(write(tmp_path, toml(sku=sku)))
    assert problem.endswith("the SKU takes 1 to 32 of a-z 0-9 _ -")


def test_the_longest_sku_is_taken(tmp_path: Path) -> None:
    assert product_of(tmp_path, toml(sku="d" * 32)).sku == "d" * 32


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no products; write [products.SKU] tables"),
        ("# nothing yet\n", "has no products"),
        ('currency = "INR"\nproducts = []', "has no products"),
        ("products = 5", "has no products"),
        ("[products]", "has no products"),
        ("products.duck = 5", "products.duck must be a table: [products.duck]"),
        (toml() + "[product.bear]\n", "product is not known (did you mean 'products'?)"),
        (toml().partition("\n")[2], 'products.duck has no currency; write currency = "INR" on top'),
        (toml('"inr"'), "currency 'inr' is not in Telegram's list"),
        (toml("5"), 'currency must be a code in quotes, such as "INR"'),
        (toml() + toml().partition("\n")[2], "line 7"),
        (toml() + "price = 500\n", "line 7"),
        ("currency = \n", "line 1"),
        (f"currency = {'1' * 5000}\n", "Exceeds the limit"),
        ("[products.duck", "Expected ']' at the end of a table declaration"),
    ],
)
def test_a_file_without_a_good_product_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = problems_of(write(tmp_path, text))
    assert said in problem


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-32"])
def test_only_utf_8_is_taken(tmp_path: Path, encoding: str) -> None:
    text = toml(title='"Entchen für Gäste"')
    (problem,) = problems_of(write(tmp_path, text.encode(encoding)))
    assert problem == "is not UTF-8 text; save it as UTF-8"
    assert product_of(tmp_path, "\ufeff" + text).title == "Entchen für Gäste"


def test_several_problems_are_told_at_once(tmp_path: Path) -> None:
    text = """\
curency = "INR"
[products.Duck]
title = "Duck"
stok = 5
price = 1e3
currency = "INR"
[products.bear]
currency = "inr"
description = "Heavy."
stock = -1
need = "name"
"""
    problems = problems_of(write(tmp_path, text))
    for key in ("curency", "products.Duck the SKU", "products.Duck.stok", "products.Duck.price",
                "products.Duck.description", "products.bear.currency", "products.bear.title", "products.bear.stock",
                "products.bear.need", "products.Duck.stock"):  # fmt: skip
        assert sum(problem.startswith(key + " ") for problem in problems) == 1, (key, problems)
    assert len(problems) == 10


def test_a_bad_key_hides_no_limit(tmp_path: Path) -> None:
    text = toml(
        title=None, titel='"Duck"', description='""', photo_url='"ftp://x"', tips="{ max = 5, suggested = [9] }"
    )
    assert [problem.split(" ")[0] for problem in problems_of(write(tmp_path, text))] == [
        f"products.duck.{key}" for key in ("titel", "title", "description", "tips.suggested", "photo_url")
    ]


def test_hostile_names_are_shown_harmless(tmp_path: Path) -> None:
    (problem,) = problems_of(write(tmp_path, toml(sku='"\\u001b[2Jduck\\nx"')))
    assert problem.startswith("products.\\x1b[2Jduck\\x0ax ")


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"price": "499.50"}, "products.duck.price A-Pay takes whole INR only; it may refuse or round other amounts"),
        ({"currency": '"EUR"'}, "products.duck.currency EUR is not in A-Pay's list of currencies"),
        (
            {"shipping": '[{ id = "shop", title = "Pick it up", price = 0 }]'},
            "products.duck.shipping 'shop' costs nothing: Telegram may refuse it; give it a price",
        ),
        ({"price": "83"}, "products.duck.price the total ₹83.00 (8300 paise) is outside Telegram's limits"),
    ],
)
def test_what_only_may_go_wrong_is_a_warning(tmp_path: Path, changes: dict[str, str | None], warning: str) -> None:
    file = read_stock_file(write(tmp_path, toml(**changes)))
    assert len(file.products) == 1
    (said,) = file.warnings
    assert said.startswith(f"{tmp_path / 'stock.toml'}: {warning}")


# -- files that are none -----------------------------------------------------------------------------------------------


def missing(path: Path) -> None:
    path.unlink(missing_ok=True)


NO_FILES: tuple[tuple[Callable[[Path], None], str], ...] = (
    (missing, "No such file"),
    (os.mkfifo, "is not a regular file"),
    (Path.mkdir, "is not a regular file"),
    (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
    (lambda path: path.symlink_to("nowhere"), "No such file"),
    (lambda path: path.symlink_to(path), "symbolic links"),
    (lambda path: path.write_bytes(b"# " + b"x" * 1024 * 1024), "is larger than 1048576 bytes"),
)


@pytest.mark.parametrize(("make", "said"), NO_FILES)
def test_what_is_no_small_file_is_refused_without_blocking(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "stock.toml"
    make(path)
    (problem,) = problems_of(path)
    assert said in problem


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_stock_file(tmp_path / "stock.toml")
    assert "docs/stock-file.md" in (refusal.value.hint or "")
