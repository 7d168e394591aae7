"""The answers of `apay init`: whatever is taken is taken by the config and the stock file, too."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apaycli.cli.init_answers import (
    QUESTIONS,
    BadAnswer,
    invoiceable,
    not_invoiceable,
    price_warning,
    read_price,
    read_stock,
    read_support,
    read_title,
    sku_of,
    suggested_price,
)
from apaycli.cli.init_files import config_text, stock_text, terms_text
from apaycli.config import load_config
from apaycli.messagefile import read_terms
from apaycli.money import APAY_CURRENCIES
from apaycli.stockfile import read_stock_file


def answers(**changes: object) -> dict[str, object]:
    return {"api_url": None, "terms_version": "2026-01", "support": "Write to @me", "currency": "INR", "sku": "tea",
            "title": "Tea", "description": "Tea", "price": 50000, "stock": 10, **changes}  # fmt: skip


@pytest.mark.parametrize("currency", invoiceable())
def test_the_suggested_price_is_payable_in_each_currency(currency: str, tmp_path: Path) -> None:
    price = read_price(suggested_price(currency), {"currency": currency})
    assert price_warning(price, currency) is None
    file = tmp_path / "stock.toml"
    file.write_text(stock_text(answers(currency=currency, price=price)))
    stock = read_stock_file(file)
    assert stock.warnings == ()
    assert stock.products["tea"].prices[0].amount == price


def test_the_currencies_are_apays_all_of_them() -> None:
    assert set(invoiceable()) | set(not_invoiceable()) == APAY_CURRENCIES
    assert {"KHR", "TND"} <= set(not_invoiceable())
    assert invoiceable()[:3] == ["INR", "BDT", "PKR"]
    for question in QUESTIONS:
        assert question.ask({"currency": "INR"})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=34), st.text(max_size=60))
def test_whatever_is_taken_is_read_back_equal(tmp_path: Path, title: str, support: str) -> None:
    try:
        taken, contact = read_title(title, {}), read_support(support, {})
    except BadAnswer:
        return
    given_answers = answers(title=taken, description=taken, support=contact, sku=sku_of(taken))
    (tmp_path / "stock.toml").write_text(stock_text(given_answers), "utf-8")
    [product] = read_stock_file(tmp_path / "stock.toml").products.values()
    assert (product.title, product.description) == (taken, taken)
    (tmp_path / "config.toml").write_text(config_text(given_answers), "utf-8")
    if "${" not in contact:
        assert load_config(tmp_path / "config.toml", {}).values["support.text"] == contact
    (tmp_path / "terms.txt").write_text(terms_text(given_answers), "utf-8")
    assert contact in (read_terms(tmp_path / "terms.txt") or "")


@pytest.mark.parametrize(
    ("title", "sku"),
    [("Rubber duck", "rubber-duck"), ("  Käse!! (1 kg) ", "kase-1-kg"), ("রাবারের হাঁস", "product-1"), ("---", "product-1"),
     ("A" * 40, "a" * 32), ("A" * 31 + " b", "a" * 31)],
)  # fmt: skip
def test_the_sku_is_made_from_the_title(title: str, sku: str) -> None:
    assert sku_of(title) == sku


@pytest.mark.parametrize("text", ["", "-1", "1.5", "٣", "ten", "9" * 11, "1000000001", "1 000"])
def test_a_number_of_units_that_is_none(text: str) -> None:
    with pytest.raises(BadAnswer, match="whole number"):
        read_stock(text, {})


@pytest.mark.parametrize(("text", "read"), [("0", 0), (" 12 ", 12), ("Unlimited", None), ("1000000000", 10**9)])
def test_a_number_of_units(text: str, read: int | None) -> None:
    assert read_stock(text, {}) == read


@pytest.mark.parametrize(("text", "read"), [("@me", "Write to @me"), ("Call us: 123", "Call us: 123")])
def test_a_contact_becomes_a_sentence(text: str, read: str) -> None:
    assert read_support(text, {}) == read
