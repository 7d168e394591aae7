"""The options of `apay send-invoice` that add to a product: photo, form, tips, delivery, data for the provider.

Knows how each is written and what is said when it is not; what an invoice may contain is `core/invoice.py`'s to know.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.core.model import Product, ShippingOption, Tips

_DATA_BYTES_MAX = 64 * 1024


class Extras(Protocol):
    """The part of the options that is read here."""

    @property
    def photo(self) -> str | None: ...
    @property
    def need(self) -> tuple[str, ...]: ...
    @property
    def tip_max(self) -> str | None: ...
    @property
    def tips(self) -> tuple[str, ...]: ...
    @property
    def shipping(self) -> tuple[str, ...]: ...
    @property
    def provider_data(self) -> Path | None: ...


def with_extras(product: "Product", options: Extras) -> "Product":
    """The product as these options want it; what is not given stays as the stock file has it."""
    changes: dict[str, object] = {}
    if options.photo is not None:
        changes["photo_url"] = options.photo
    if options.need:
        changes["need"] = _need(options.need)
    if options.tip_max is not None or options.tips:
        changes["tips"] = _tips(options, product.currency)
    if options.shipping:
        changes["shipping"] = tuple(
            _shipping(text, number, product.currency) for number, text in enumerate(options.shipping, 1)
        )
    if options.provider_data is not None:
        changes["provider_data"] = _provider_data(options.provider_data)
    return replace(product, **changes)  # type: ignore[arg-type]


def split_label(text: str, option: str) -> tuple[str, str]:
    """`Label=450` in two. Raises UsageError."""
    from apaycli.text import show

    label, equals, amount = text.rpartition("=")
    if not equals or not label.strip():
        raise UsageError(f'{option} takes "Label=450", this is {show(text, 60)!r}')
    return label.strip(), amount


def amount_option(text: str, currency: str, place: str) -> int:
    """Major units to smallest ones. Raises UsageError that begins with `place`."""
    from apaycli.money import AmountError, parse_amount

    try:
        return parse_amount(text, currency)
    except AmountError as error:
        raise UsageError(f"{place}: {error}") from None


def _need(words: Sequence[str]) -> tuple[str, ...]:
    from apaycli.core.invoice import NEEDS
    from apaycli.text import nearest, show

    for word in words:
        if word not in NEEDS:
            raise UsageError(f"--need takes {', '.join(NEEDS)}, this is {show(word, 40)!r}{nearest(word, NEEDS)}")
    return tuple(dict.fromkeys(words))


def _tips(options: Extras, currency: str) -> "Tips":
    from apaycli.core.model import Tips

    if options.tip_max is None:
        raise UsageError("--tip needs --tip-max: the largest tip that is taken")
    suggested = tuple(amount_option(text, currency, "--tip") for text in options.tips)
    return Tips(amount_option(options.tip_max, currency, "--tip-max"), suggested)


def _shipping(text: str, number: int, currency: str) -> "ShippingOption":
    """`Post=60`, or `Post=60@IN,NP` for some countries."""
    from apaycli.core.model import LabeledPrice, ShippingOption

    offer, at, countries = text.partition("@")
    title, amount = split_label(offer, "--shipping")
    price = LabeledPrice(title, amount_option(amount, currency, f"--shipping {title}"))
    codes = tuple(code.strip().upper() for code in countries.split(",") if code.strip())
    if at and not codes:
        raise UsageError(f"--shipping {title}: names no country behind @; without @ it is for all")
    return ShippingOption(f"option-{number}", title, (price,), codes)


def _provider_data(file: Path) -> str:
    from apaycli.files import FileProblem, read_text
    from apaycli.stock_values import Bad, checked_json

    try:
        return checked_json(read_text(file, bytes_max=_DATA_BYTES_MAX))
    except FileProblem as problem:
        raise UsageError(f"--provider-data: {problem}") from None
    except Bad:
        raise UsageError(f"--provider-data {file}: is no JSON") from None
