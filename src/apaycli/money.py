"""Money: integers in the smallest unit, always beside their currency.

Knows Telegram's currency list (package data `currencies.json`, rates of April 2025: the limits float),
A-Pay's currencies and decimals (A-Pay's documentation, March 2025 and later), and how to read and write
an amount exactly. Never uses a float.
"""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

AMOUNT_MAX = 999_999_999_999  # of a price line and of a sum: Telegram's own bound

# A-Pay's later API documentation: whole units everywhere but here.
_APAY_DECIMALS = {"BHD": 3, "USD": 2}
APAY_CURRENCIES = frozenset(
    "BDT BRL INR KES KHR MMK MXN NPR PKR TND UZS ARS BHD BOB EGP ETB GNF JMD LKR PEN PYG USD UYU XOF".split()
)

_SMALLEST_UNIT_NAMES = {
    "INR": "paise", "PKR": "paise", "NPR": "paisa", "BDT": "poisha", "LKR": "cents", "KES": "cents",
    "BRL": "centavos", "MXN": "centavos", "ARS": "centavos", "BOB": "centavos", "MMK": "pya", "UZS": "tiyin",
    "BHD": "fils", "EGP": "piastres", "ETB": "santim", "JMD": "cents", "PEN": "céntimos", "UYU": "centésimos",
    "USD": "cents", "EUR": "cents", "GBP": "pence",
}  # fmt: skip

_DECIMAL = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Currency:
    """One row of Telegram's currency list. `min_amount`/`max_amount` bound a total, in the smallest unit."""

    code: str
    title: str
    exponent: int
    native: str
    thousands_sep: str
    decimal_sep: str
    symbol_left: bool
    space_between: bool
    min_amount: int
    max_amount: int


class AmountError(ValueError):
    """A text that is no amount in its currency; the message says what is allowed."""


@functools.cache
def currencies() -> dict[str, Currency]:
    """Telegram's currencies by code. KHR, TND, GNF and XOF, which A-Pay names, are not among them."""
    rows = json.loads((Path(__file__).parent / "data" / "currencies.json").read_text("utf-8"))
    return {code: _currency(row) for code, row in rows.items()}


def _currency(row: dict[str, object]) -> Currency:
    return Currency(
        code=str(row["code"]),
        title=str(row["title"]),
        exponent=int(str(row["exp"])),
        native=str(row["native"]),
        thousands_sep=str(row["thousands_sep"]),
        decimal_sep=str(row["decimal_sep"]),
        symbol_left=bool(row["symbol_left"]),
        space_between=bool(row["space_between"]),
        min_amount=int(str(row["min_amount"])),
        max_amount=int(str(row["max_amount"])),
    )


def parse_amount(text: str, currency: str) -> int:
    """`"19.99"` in major units of `currency` to an integer of its smallest unit, exactly.

    Only `0-9` and one point. Raises AmountError for anything else, for more decimals than the
    currency has, and for an amount beyond Telegram's bound.
    """
    exponent = currencies()[currency].exponent
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise AmountError(f"write digits (0-9) and at most one point, such as {format_amount(49900, currency)}")
    whole, decimals = match.group(1), match.group(2) or ""
    if len(decimals) > exponent:
        raise AmountError(f"{currency} has {exponent} decimals, this has {len(decimals)}")
    if len(whole) > 12:
        raise AmountError(f"the largest amount is {format_amount(AMOUNT_MAX, currency)} {currency}")
    amount = int(whole + decimals.ljust(exponent, "0"))
    if amount > AMOUNT_MAX:
        raise AmountError(f"the largest amount is {format_amount(AMOUNT_MAX, currency)} {currency}")
    return amount


def format_amount(amount: int, currency: str) -> str:
    """`49900` INR to `"499.00"`: the currency's digits, a point, nothing else. Unknown currency: unscaled."""
    known = currencies().get(currency)
    return _scaled(amount, known.exponent if known else 0, "", ".")


def _scaled(amount: int, exponent: int, thousands_sep: str, decimal_sep: str) -> str:
    sign, digits = ("-" if amount < 0 else ""), str(abs(amount)).rjust(exponent + 1, "0")
    whole, decimals = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
    whole = f"{int(whole):,}".replace(",", thousands_sep)
    return sign + whole + (decimal_sep + decimals if decimals else "")


def render_money(amount: int, currency: str) -> str:
    """`49900` INR to `"₹499.00"`, as Telegram writes it; right-to-left symbols give way to the code."""
    known = currencies().get(currency)
    if known is None:
        return f"{amount} {currency} (smallest units)"
    number = _scaled(amount, known.exponent, known.thousands_sep, known.decimal_sep)
    plain = known.native.isascii() or not any("\u0590" <= c <= "\u08ff" or c == "\u200f" for c in known.native)
    symbol = known.native if plain else known.code
    space = " " if known.space_between or symbol == known.code else ""
    return f"{symbol}{space}{number}" if known.symbol_left else f"{number}{space}{symbol}"


def render_money_in_words(amount: int, currency: str) -> str:
    """`"₹499.00 (49900 paise)"`: said before anything is sent, so that a slipped point is seen."""
    known = currencies().get(currency)
    if known is None or known.exponent == 0:
        return render_money(amount, currency)
    return f"{render_money(amount, currency)} ({amount} {_SMALLEST_UNIT_NAMES.get(currency, 'smallest units')})"


def apay_step(currency: str) -> int:
    """A-Pay may refuse or round an amount that is not a multiple of this (100 for INR: whole rupees)."""
    known = currencies().get(currency)
    if known is None:
        return 1
    return int(10 ** max(0, known.exponent - _APAY_DECIMALS.get(currency, 0)))
