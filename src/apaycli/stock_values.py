"""How single values of the stock file are read.

Knows what each kind of value may look like: amounts, price lines, units, tips, delivery. Raises `Bad`, whose message
continues "<file>: products.<SKU>.<key> ..."; never knows which product it is reading.
"""

import json
from typing import Any, TypeGuard

from apaycli.core.invoice import NEEDS
from apaycli.core.model import Forwarding, LabeledPrice, ShippingOption, Tips
from apaycli.files import Real
from apaycli.money import AMOUNT_MAX, AmountError, parse_amount
from apaycli.text import show

UNLIMITED = "unlimited"
_UNITS_MAX = 1_000_000_000
_SHIPPING_EXAMPLE = '[{ id = "post", title = "Post", prices = [{ label = "Post", amount = 60 }], countries = ["IN"] }]'


class Bad(ValueError):
    """What is allowed, as the end of a sentence that began with file, product and key."""


def parse_text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if not _is_text(value):
        raise Bad("must be a text in quotes" if key in values else "is missing")
    return value


def _is_text(value: object) -> TypeGuard[str]:
    """A TOML real arrives as text, too, but nobody put it into quotes."""
    return isinstance(value, str) and not isinstance(value, Real)


def parse_optional_text(value: object) -> str | None:
    if value is None:
        return None
    if not _is_text(value) or not value.strip():
        raise Bad("must be a text in quotes, and not empty")
    return value


def parse_prices(values: dict[str, Any], currency: str) -> tuple[LabeledPrice, ...]:
    """`price`, or `prices = [{ label = "..", amount = .. }]`: one of the two."""
    if ("price" in values) == ("prices" in values):
        raise Bad("needs either price or prices")
    if "price" in values:
        title = values.get("title")
        label = title if isinstance(title, str) and title.strip() else "?"  # a bad title has its own problem
        return (LabeledPrice(label, amount_of(values["price"], currency)),)
    lines = values["prices"]
    if not isinstance(lines, list) or not lines:
        raise Bad('must be a list such as [{ label = "Duck", amount = 450 }]')
    return tuple(_price_line(line, currency) for line in lines)


def _price_line(line: object, currency: str) -> LabeledPrice:
    if not isinstance(line, dict) or set(line) != {"label", "amount"} or not _is_text(line["label"]):
        raise Bad('has a line that is not { label = "..", amount = .. }')
    return LabeledPrice(line["label"], amount_of(line["amount"], currency, signed=True))


def amount_of(value: object, currency: str, *, signed: bool = False) -> int:
    """A TOML number or text in major units → smallest units, exactly. `signed`: a discount may be negative."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Bad("must be an amount such as 499 or 19.99")
    if isinstance(value, int) and abs(value) > AMOUNT_MAX:  # in hexadecimal it may be too long even to be shown
        raise Bad("is no amount: it is too large")
    text = str(value)
    negative = signed and text.startswith("-")
    try:
        amount = parse_amount(text[1:] if negative else text, currency)
    except AmountError as error:
        shown = f", this is {show(text, 40)}" if not isinstance(value, Real) or len(text) < 40 else ""
        raise Bad(f"is no amount: {error}{shown}") from None
    return -amount if negative else amount


def parse_stock(values: dict[str, Any]) -> int | None:
    """Units ever offered; None where the merchant wrote "unlimited". Without the line nothing is: it may be on its
    way to the disk."""
    if "stock" not in values:
        raise Bad(f'is missing; write stock = 10 (units ever offered) or stock = "{UNLIMITED}"')
    value = values["stock"]
    if value == UNLIMITED and _is_text(value):
        return None
    return _units(value, 0, f', or "{UNLIMITED}"')


def parse_max_per_buyer(value: object) -> int | None:
    return None if value is None else _units(value, 1)


def _units(value: object, least: int, other: str = "") -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _UNITS_MAX:
        raise Bad(f"must be a whole number of units, {least} to {_UNITS_MAX}{other}")
    return value


def parse_need(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or any(item not in NEEDS for item in value):
        raise Bad(f"takes a list of {', '.join(NEEDS)}")
    return tuple(value)


def parse_tips(value: object, currency: str) -> Tips:
    if not isinstance(value, dict) or set(value) - {"max", "suggested"}:
        raise Bad("must be { max = 50, suggested = [10, 20] }")
    if not value:
        return Tips()
    suggested = value.get("suggested", [])
    if not isinstance(suggested, list) or "max" not in value:
        raise Bad("must be { max = 50, suggested = [10, 20] }")
    return Tips(amount_of(value["max"], currency), tuple(amount_of(item, currency) for item in suggested))


def parse_forwarding(value: object) -> Forwarding | None:
    if value not in (None, "pay-button", "deep-link"):
        raise Bad('must be "pay-button" or "deep-link"')
    return value


def parse_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Bad("must be true or false")
    return value


def parse_shipping(value: object, currency: str) -> tuple[ShippingOption, ...]:
    """`[{ id = "post", title = "Post", prices = [..], countries = ["IN"] }]`; `price = 60` for one line."""
    if not isinstance(value, list):
        raise Bad(f"must be a list such as {_SHIPPING_EXAMPLE}")
    return tuple(_shipping_option(option, currency) for option in value)


def _shipping_option(value: object, currency: str) -> ShippingOption:
    if not isinstance(value, dict) or set(value) - {"id", "title", "price", "prices", "countries"}:
        raise Bad(f"has an option that is not like {_SHIPPING_EXAMPLE}")
    option_id, title, countries = value.get("id"), value.get("title"), value.get("countries", [])
    if not _is_text(option_id) or not _is_text(title):
        raise Bad("has an option without id and title, both texts in quotes")
    if not isinstance(countries, list) or not all(_is_text(country) for country in countries):
        raise Bad(f'{show(option_id, 40)}: countries takes a list of two-letter codes such as ["IN", "BD"]')
    prices = parse_prices(value, currency)
    return ShippingOption(option_id, title, prices, tuple(country.upper() for country in countries))


def parse_provider_data(value: object) -> str | None:
    """A table, or JSON text, for the provider (Bot API `provider_data`)."""
    if value is None:
        return None
    try:
        return checked_json(_json_of(value) if isinstance(value, dict) else parse_optional_text(value) or "")
    except (Bad, RecursionError):
        raise Bad("must be a table, or JSON in quotes") from None


def _json_of(value: object) -> str:
    """A TOML value as JSON; a real keeps the digits that were written."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {_json_of(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_json_of(each) for each in value) + "]"
    if isinstance(value, Real):
        return value.replace("_", "").removeprefix("+")
    return json.dumps(value if isinstance(value, bool | int | str) else str(value), ensure_ascii=False)


def checked_json(text: str) -> str:
    """The text itself, if it is JSON as RFC 8259 has it. Raises Bad."""
    try:
        json.loads(text, parse_constant=_no_constant, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise Bad("is no JSON") from None
    return text.strip()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
