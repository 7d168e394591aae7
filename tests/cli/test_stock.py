"""`apay stock`: available = offered - sold - held, and changing what is offered without touching anything else."""

import pytest

from apaycli.stockfile import read_stock_file
from shop import STOCK, Shop


def book(shop: Shop, *, sold: int, held: int, mode: str = "test") -> None:
    with shop.store() as store:
        store.db.execute("INSERT INTO stock VALUES (?, 'rubber-duck', ?, ?)", (mode, held, sold))


def offered(shop: Shop) -> int | None:
    return read_stock_file(shop.stock_file).products["rubber-duck"].stock


def test_without_a_ledger_nothing_is_sold(shop: Shop) -> None:
    done = shop.run("stock")
    assert done.out == ("rubber-duck\tRubber duck\t10\t0\t0\t10\nbear\tCast iron bear\tunlimited\t0\t0\tunlimited\n")
    assert (done.code, done.err) == (0, "")
    assert not shop.ledger.exists()


def test_levels_are_those_of_the_mode(shop: Shop) -> None:
    book(shop, sold=3, held=2)
    book(shop, sold=9, held=0, mode="live")
    assert shop.run("stock").out.splitlines()[0] == "rubber-duck\tRubber duck\t10\t3\t2\t5"
    assert shop.run("stock", "--live").out.splitlines()[0] == "rubber-duck\tRubber duck\t10\t9\t0\t1"


def test_json_has_every_level(shop: Shop) -> None:
    book(shop, sold=3, held=2)
    assert shop.run("stock", "--json").json == {
        "mode": "test",
        "products": [
            {"sku": "rubber-duck", "title": "Rubber duck", "stock": 10, "sold": 3, "held": 2, "available": 5,
             "overcommitted": 0},
            {"sku": "bear", "title": "Cast iron bear", "stock": None, "sold": 0, "held": 0, "available": None,
             "overcommitted": 0},
        ],
    }  # fmt: skip


def test_more_sold_than_offered_is_none_available_and_a_warning(shop: Shop) -> None:
    book(shop, sold=11, held=2)
    done = shop.run("stock")
    assert done.out.splitlines()[0] == "rubber-duck\tRubber duck\t10\t11\t2\t0"
    assert "rubber-duck: 3 units more are sold or held than offered" in done.err
    assert shop.run("stock", "--json").json["products"][0]["overcommitted"] == 3


def test_on_a_terminal_it_is_a_table(shop: Shop) -> None:
    done = shop.run("stock", "--color", "never", terminal=True)
    assert done.out.split()[:6] == ["SKU", "TITLE", "OFFERED", "SOLD", "HELD", "AVAILABLE"]
    assert "\t" not in done.out


@pytest.mark.parametrize(("options", "mode"), [((), "test"), (("--live",), "live")])
def test_whose_units_these_are_is_said_to_people_alone(shop: Shop, options: tuple[str, ...], mode: str) -> None:
    assert shop.run("stock", *options, terminal=True).err == f"apay: units in {mode} mode\n"
    assert shop.run("stock", *options).err == ""
    assert shop.run("stock", *options, "--json", terminal=True).err == ""


def test_check_counts_products_and_tells_warnings(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("price = 499", "price = 499.5"))
    done = shop.run("stock", "check")
    assert (done.code, done.out) == (0, f"{shop.stock_file}: 2 product(s), no mistakes\n")
    assert "whole INR only" in done.err
    document = shop.run("stock", "check", "--json").json
    assert (document["products"], len(document["warnings"])) == (2, 1)


def test_check_names_every_problem(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("stock = 10", "stok = 10").replace("price = 1500", "price = 1e3"))
    done = shop.run("stock", "check")
    assert (done.code, done.out) == (3, "")
    assert "products.rubber-duck.stok is not known (did you mean 'stock'?)" in done.err
    assert "products.bear.price is no amount" in done.err


def test_adding_adds_to_what_was_offered(shop: Shop) -> None:
    book(shop, sold=3, held=2)
    done = shop.run("stock", "add", "rubber-duck", "5")
    assert done.out == "rubber-duck: stock is 15 (was 10)\n"
    assert shop.stock_file.read_text() == STOCK.replace("stock = 10", "stock = 15")


@pytest.mark.parametrize(("sold", "held", "counted"), [(0, 0, 12), (3, 2, 12), (30, 1, 0)])
def test_counting_makes_available_what_lies_on_the_shelf(shop: Shop, sold: int, held: int, counted: int) -> None:
    book(shop, sold=sold, held=held)
    done = shop.run("stock", "count", "rubber-duck", str(counted), "--json")
    assert done.json == {"sku": "rubber-duck", "stock": counted + sold + held, "before": 10, "written": True}
    assert offered(shop) == counted + sold + held
    assert shop.run("stock", "--json").json["products"][0]["available"] == counted


def test_counting_says_its_arithmetic_and_the_mode(shop: Shop) -> None:
    book(shop, sold=3, held=2, mode="live")
    done = shop.run("stock", "count", "rubber-duck", "12", "--live")
    assert done.out == "rubber-duck: stock is 17 (was 10)\n"
    assert done.err.splitlines()[0] == "apay: 12 on the shelf + 3 sold + 2 held (live)"
    assert shop.run("stock", "count", "rubber-duck", "12", "--live", "--quiet").err == ""


@pytest.mark.parametrize(
    ("test", "live", "options", "warning"),
    [
        ((0, 0), (0, 0), (), ""),
        ((3, 2), (3, 2), (), ""),
        ((3, 2), (9, 0), (), ""),  # the other mode is told too little: nobody is oversold
        ((3, 2), (4, 0), (), "in live mode 13 can be sold now, and 12 are on the shelf; count with --live"),
        ((3, 2), (0, 0), (), "in live mode 17 can be sold now, and 12 are on the shelf; count with --live"),
        ((3, 1), (3, 2), ("--live",), "in test mode 13 can be sold now, and 12 are on the shelf"),
        ((9, 0), (3, 2), ("--live",), ""),
    ],
)
def test_counting_warns_where_the_other_mode_would_be_told_too_much(
    shop: Shop, test: tuple[int, int], live: tuple[int, int], options: tuple[str, ...], warning: str
) -> None:
    book(shop, sold=test[0], held=test[1])
    book(shop, sold=live[0], held=live[1], mode="live")
    done = shop.run("stock", "count", "rubber-duck", "12", *options)
    assert done.code == 0
    assert done.err.splitlines()[1:] == ([f"apay: warning: {warning}"] if warning else [])


def test_counting_limits_what_was_unlimited(shop: Shop) -> None:
    done = shop.run("stock", "count", "bear", "2")
    assert done.out == "bear: stock is 2 (was unlimited)\n"
    assert read_stock_file(shop.stock_file).products["bear"].stock == 2


@pytest.mark.parametrize("command", ["add", "count"])
@pytest.mark.parametrize("flag", ["--dry-run", "-n"])
def test_a_dry_run_says_and_writes_nothing(shop: Shop, command: str, flag: str) -> None:
    before = shop.stock_file.stat()
    done = shop.run("stock", command, "rubber-duck", "5", flag)
    assert "would be" in done.out
    assert shop.run("stock", command, "rubber-duck", "5", flag, "--json").json["written"] is False
    assert shop.stock_file.stat().st_mtime_ns == before.st_mtime_ns
    assert shop.stock_file.read_text() == STOCK


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "rubber-duk", "5"), "stock.toml (did you mean 'rubber-duck'?)"),
        (("count", "Bear", "5"), "there is no product 'Bear' in /"),
        (("add", "bear", "5"), "bear is unlimited: it has no stock to add to"),
        (("add", "rubber-duck", "0"), "must be 1 to 1000000000"),
        (("add", "rubber-duck", "1000000001"), "must be 1 to 1000000000"),
        (("add", "rubber-duck", "1000000000"), "the number offered would be 1000000010, at most 1000000000"),
        (("count", "rubber-duck", "1000000001"), "must be 0 to 1000000000"),
        (("add", "rubber-duck", "--", "-5"), "must be 1 to 1000000000"),
        (("count", "rubber-duck", "--", "-1"), "must be 0 to 1000000000"),
        (("add", "rubber-duck", "1.5"), "'1.5' is not a valid int"),
        (("add", "rubber-duck", "1e3"), "'1e3' is not a valid int"),
        (("add", "rubber-duck", str(2**63)), "must be 1 to 1000000000"),
        (("add", "rubber-duck", "9" * 5000), "invalid value for 'units'"),
    ],
)
def test_a_wrong_change_is_refused_and_writes_nothing(shop: Shop, arguments: tuple[str, ...], said: str) -> None:
    done = shop.run("stock", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "there is no product" not in done.err or f" in {shop.stock_file} (did you mean '" in done.err
    assert shop.stock_file.read_text() == STOCK


@pytest.mark.parametrize("command", ["add", "count"])
def test_a_change_never_touches_the_ledger(shop: Shop, command: str) -> None:
    book(shop, sold=3, held=2)
    before = shop.ledger.read_bytes()
    shop.run("stock", command, "rubber-duck", "5")
    assert shop.ledger.read_bytes() == before


def test_a_ledger_that_cannot_be_read_stops_the_count(shop: Shop) -> None:
    """Counted without what is sold, the stock would be too small, or too large after a repair."""
    shop.ledger.write_bytes(b"no database, " * 100)
    done = shop.run("stock", "count", "rubber-duck", "5")
    assert (done.code, done.out) == (9, "")
    assert shop.stock_file.read_text() == STOCK
