"""Amounts are exact integers: what is read, what is refused, how it is written."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apaycli.money import (
    AMOUNT_MAX,
    APAY_CURRENCIES,
    AmountError,
    apay_step,
    currencies,
    format_amount,
    parse_amount,
    render_money,
    render_money_in_words,
)

NO_DECIMALS = set("CLP ISK JPY KRW PYG UGX VND".split())
THREE_DECIMALS = set("BHD IQD JOD".split())


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("0", "INR", 0),
        ("499", "INR", 49900),
        ("19.99", "INR", 1999),
        ("19.9", "INR", 1990),
        ("0.01", "USD", 1),
        ("0.1", "USD", 10),
        ("0.29", "USD", 29),  # 0.29 * 100 is 28.999... in floats
        ("1.5", "BHD", 1500),
        ("1.005", "BHD", 1005),
        ("5000", "KRW", 5000),
        ("9999999999.99", "INR", AMOUNT_MAX),
        ("999999999999", "KRW", AMOUNT_MAX),
    ],
)
def test_amount_is_read_exactly(text: str, currency: str, amount: int) -> None:
    assert parse_amount(text, currency) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " 5",
        "5 ",
        "5\n",
        "+5",
        "-5",
        "05",
        "00",
        ".5",
        "5.",
        "5.5.5",
        "5,50",
        "1,000",
        "1 000",
        "1_000",
        "1e3",
        "1E3",
        "0x10",
        "NaN",
        "nan",
        "inf",
        "Infinity",
        "∞",
        "٣",
        "١٢٣",
        "৩",
        "५",
        "１９",
        "1９",
        "²",
        "½",
        "₹5",
        "5INR",
        "5\x00",
        "true",
    ],
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(AmountError, match=r"such as 499\.00"):
        parse_amount(text, "INR")


@pytest.mark.parametrize(
    ("text", "currency", "said"),
    [
        ("19.999", "INR", "INR has 2 decimals, this has 3"),
        ("19.990", "INR", "INR has 2 decimals, this has 3"),
        ("1.0", "KRW", "KRW has 0 decimals, this has 1"),
        ("1.0001", "BHD", "BHD has 3 decimals, this has 4"),
        ("10000000000", "INR", "the largest amount is 9999999999.99 INR"),
        ("1000000000000", "KRW", "the largest amount is 999999999999 KRW"),
        ("1000000000.000", "BHD", "the largest amount is 999999999.999 BHD"),
        ("9" * 5000, "INR", "the largest amount is 9999999999.99 INR"),
    ],
)
def test_refusal_says_what_is_allowed(text: str, currency: str, said: str) -> None:
    with pytest.raises(AmountError) as caught:
        parse_amount(text, currency)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (49900, "INR", "499.00"),
        (5, "INR", "0.05"),
        (0, "INR", "0.00"),
        (-5, "INR", "-0.05"),
        (-49900, "INR", "-499.00"),
        (5000, "KRW", "5000"),
        (0, "KRW", "0"),
        (1500, "BHD", "1.500"),
        (1, "BHD", "0.001"),
        (AMOUNT_MAX, "INR", "9999999999.99"),
        (1234567, "XXX", "1234567"),
    ],
)
def test_amount_is_written_with_the_digits_of_its_currency(amount: int, currency: str, text: str) -> None:
    assert format_amount(amount, currency) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (49900, "INR", "₹499.00"),
        (12161, "BDT", "৳ 121.61"),
        (5, "USD", "$0.05"),
        (5000, "KRW", "₩5,000"),
        (123456789, "BRL", "R$ 1.234.567,89"),
        (123456789, "EUR", "1\xa0234\xa0567,89 €"),
        (1500, "BHD", "BHD 1.500"),  # the Arabic symbol would turn the line around
        (1234, "XXX", "1234 XXX (smallest units)"),
    ],
)
def test_money_is_shown_as_telegram_writes_it(amount: int, currency: str, text: str) -> None:
    assert render_money(amount, currency) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (49900, "INR", "₹499.00 (49900 paise)"),
        (1500, "BHD", "BHD 1.500 (1500 fils)"),
        (1234567, "CHF", "12'345.67 CHF (1234567 smallest units)"),
        (5000, "KRW", "₩5,000"),
        (1234, "XXX", "1234 XXX (smallest units)"),
    ],
)
def test_a_slipped_point_is_seen_in_the_words(amount: int, currency: str, text: str) -> None:
    assert render_money_in_words(amount, currency) == text


@pytest.mark.parametrize("code", sorted(currencies()))
def test_currency_table_is_whole_and_safe_to_show(code: str) -> None:
    row = currencies()[code]
    assert row.code == code
    assert row.exponent == (0 if code in NO_DECIMALS else 3 if code in THREE_DECIMALS else 2)
    assert 0 < row.min_amount < row.max_amount <= AMOUNT_MAX
    shown = render_money(123456, code)
    assert not any(unicodedata.bidirectional(c) in {"R", "AL"} or unicodedata.category(c) == "Cf" for c in shown)


def test_telegram_knows_fewer_currencies_than_apay() -> None:
    assert sorted(APAY_CURRENCIES - set(currencies())) == ["GNF", "KHR", "TND", "XOF"]
    assert "XTR" not in currencies()


@pytest.mark.parametrize(
    ("currency", "step"),
    [("INR", 100), ("BDT", 100), ("USD", 1), ("BHD", 1), ("PYG", 1), ("EUR", 100), ("KHR", 1), ("XXX", 1)],
)
def test_whole_units_where_apay_takes_no_others(currency: str, step: int) -> None:
    assert apay_step(currency) == step


@settings(derandomize=True, database=None, deadline=None)
@given(st.integers(0, AMOUNT_MAX), st.sampled_from(sorted(currencies())))
def test_what_is_written_is_read_back(amount: int, currency: str) -> None:
    assert parse_amount(format_amount(amount, currency), currency) == amount


@settings(derandomize=True, database=None, deadline=None)
@given(st.text(alphabet="0123456789.,-+eE_ ٣９\n", max_size=16), st.sampled_from(["KRW", "INR", "BHD"]))
def test_text_is_refused_or_is_exactly_that_amount(text: str, currency: str) -> None:
    try:
        amount = parse_amount(text, currency)
    except AmountError:
        return
    whole, _, decimals = text.partition(".")
    written_whole, _, written_decimals = format_amount(amount, currency).partition(".")
    assert (written_whole, written_decimals.rstrip("0")) == (whole, decimals.rstrip("0"))
