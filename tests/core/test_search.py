"""What a word of `apay find` may mean."""

import pytest

from apaycli.core.search import Sought, parse_word, words_of
from apaycli.errors import UsageError


def span(day: str) -> tuple[int, int]:
    if day == "2026-02-30":
        raise UsageError("no such day")
    return 10, 20


def parsed(word: str) -> Sought:
    return parse_word(word, span)


def amounts(word: str) -> dict[str, int]:
    found = dict(parsed(word).amounts)
    return {code: found[code] for code in ("INR", "JPY", "BHD") if code in found}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("499", {"INR": 49900, "JPY": 499, "BHD": 499000}),
        ("499.00", {"INR": 49900, "BHD": 499000}),
        ("499.5", {"INR": 49950, "BHD": 499500}),
        ("0.125", {"BHD": 125}),
        ("1,499.00", {"INR": 149900, "BHD": 1499000}),
        ("1,00,000", {"INR": 10_000_000, "JPY": 100_000, "BHD": 100_000_000}),
        ("₹499", {"INR": 49900, "JPY": 499, "BHD": 499000}),
        ("499,00", {}),
        ("0499", {}),
        ("-499", {}),
        ("4e2", {}),
        ("٤٩٩", {}),
        ("1" * 40, {}),
        ("rahim", {}),
    ],
)
def test_an_amount_is_read_in_the_digits_of_each_currency(word: str, expected: dict[str, int]) -> None:
    assert amounts(word) == expected


@pytest.mark.parametrize(
    ("word", "digits"),
    [
        ("01712345678", ("1712345678",)),
        ("+8801712345678", ("8801712345678",)),
        ("0171-234(5678)", ("1712345678",)),
        ("5678", ("5678",)),
        ("567", ()),
        ("00567", ()),
        ("+88", ()),
    ],
)
def test_a_phone_number_is_its_digits_without_what_only_dialling_needs(word: str, digits: tuple[str, ...]) -> None:
    assert parsed(word).anywhere == digits


@pytest.mark.parametrize(
    ("word", "charge_end"),
    [("8647", "8647"), ("a64f", "a64f"), ("864", None), ("rahim", None), ("cafebabe", "cafebabe"),
     ("1_2-3", "1_2-3"), ("86.47", None), ("৮৬৪৭", None)],
)  # fmt: skip
def test_a_charge_id_is_known_by_its_end(word: str, charge_end: str | None) -> None:
    assert parsed(word).charge_end == charge_end


@pytest.mark.parametrize(
    ("word", "sought"),
    [
        ("2026-11-24", Sought(paid=(10, 20))),
        ("#17", Sought(receipt_id=17)),
        ("@rahim", Sought(username="rahim")),
        ("rahim", Sought(anywhere=("rahim",))),
        ("#", Sought(anywhere=("#",))),
        ("inr", Sought(anywhere=("inr",), currency="INR")),
    ],
)
def test_what_can_mean_one_thing_means_that(word: str, sought: Sought) -> None:
    assert parsed(word) == sought


def test_a_day_that_is_none_is_said() -> None:
    with pytest.raises(UsageError):
        parsed("2026-02-30")


def test_a_number_may_be_a_receipts_a_buyers_or_an_amount() -> None:
    sought = parsed("1001")
    assert (sought.number, sought.anywhere, sought.charge_end) == (1001, ("1001",), "1001")
    assert dict(sought.amounts)["INR"] == 100100
    assert parsed("9" * 19).number is None  # beyond what the ledger can hold


def test_letters_of_other_alphabets_are_sought_in_each_spelling() -> None:
    assert set(parsed("жасур").anywhere) >= {"жасур", "Жасур", "ЖАСУР"}
    assert len(parsed("রহিম").anywhere) == 1
    composed, apart = "\u00e9", "e\u0301"
    assert {composed, apart} <= set(parsed(composed).anywhere)
    assert {composed, apart} <= set(parsed(apart).anywhere)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rahim 499", ["rahim", "499"]),
        ("+880 1712", ["+8801712"]),
        ("+880 1712 345678", ["+8801712345678"]),
        ("(0171) 2345678", ["(0171)2345678"]),
        ("+8801712345678 499", ["+8801712345678", "499"]),
        ("+880 rahim", ["+880", "rahim"]),
        ("01712 345678", ["01712", "345678"]),
        ("+ ( x", ["+", "(", "x"]),
        ("  ", []),
    ],
)
def test_a_number_as_it_is_dialled_is_one_word(text: str, words: list[str]) -> None:
    assert words_of(text) == words
