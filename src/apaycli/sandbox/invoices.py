"""Invoices: reading and refusing the parameters of sendInvoice and createInvoiceLink.

Knows the three instances that look at an invoice, in their sequence, and their words: the Bot API server
(`parse_invoice`), TDLib (`check_tdlib`), and Telegram's data centre (`check_data_centre`). The first comes
before the chat is looked up, the others after. Must never know who pays, or what was sent before.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from apaycli.sandbox.wire import NUMBER, JsonObject, Params, Refusal, byte_length, is_utf8

AMOUNT_MAX = 999_999_999_999  # TDLib's limit for a line and for the sum [T]
TITLE_UNITS_MAX = 32
DESCRIPTION_UNITS_MAX = 255
PAYLOAD_BYTES_MAX = 128
TIP_COUNT_MAX = 4
PHOTO_BYTES_MAX = 1_000_000_000
PHOTO_SIDE_MAX = 10_000

# "Control characters become spaces, \r and U+2028-202E are removed from texts" [T].
CLEANED: dict[int, str | None] = {code: " " for code in range(32) if code != 10}
CLEANED.update(dict.fromkeys((13, *range(0x2028, 0x202F))))


@dataclass(frozen=True)
class InvoiceForm:
    """What the bot asked for. Amounts are in the smallest units of `currency`."""

    title: str
    description: str
    payload: str
    provider_token: str
    currency: str
    prices: tuple[tuple[str, int], ...]
    max_tip_amount: int
    suggested_tip_amounts: tuple[int, ...]
    start_parameter: str
    photo_url: str
    photo_size: int
    photo_width: int
    photo_height: int
    need_name: bool
    need_phone_number: bool
    need_email: bool
    need_shipping_address: bool
    send_phone_number_to_provider: bool
    send_email_to_provider: bool
    is_flexible: bool
    # JSON text for the provider; "" when there is none.
    provider_data: str

    @property
    def total_amount(self) -> int:
        return sum(amount for _, amount in self.prices)

    def render(self) -> JsonObject:
        """The type Invoice. The payload is not part of it."""
        return {
            "title": self.title,
            "description": self.description,
            "start_parameter": self.start_parameter,
            "currency": self.currency,
            "total_amount": self.total_amount,
        }


def parse_invoice(params: Params) -> InvoiceForm:
    """The Bot API server's look. Complaints come in its sequence: title ... tips [S]."""
    title = params.required("title")
    description = params.required("description")
    payload = params.required("payload")
    if not is_utf8(payload):
        raise Refusal(400, "The payload must be encoded in UTF-8")
    currency = params.required("currency")
    prices = parse_prices(params, "prices")
    max_tip_amount = parse_max_tip(params)
    suggested = parse_suggested_tips(params)
    is_flexible = params.flag("is_flexible")
    return InvoiceForm(
        title=clean(title),
        description=clean(description),
        payload=payload,
        provider_token=params.text("provider_token"),
        currency=currency,
        prices=prices,
        max_tip_amount=max_tip_amount,
        suggested_tip_amounts=suggested,
        start_parameter=params.text("start_parameter"),
        photo_url=params.text("photo_url"),
        # Clamped, not refused [S].
        photo_size=params.integer("photo_size", 0, 0, PHOTO_BYTES_MAX),
        photo_width=params.integer("photo_width", 0, 0, PHOTO_SIDE_MAX),
        photo_height=params.integer("photo_height", 0, 0, PHOTO_SIDE_MAX),
        need_name=params.flag("need_name"),
        # "each switches on the matching need_" [T], and is_flexible needs an address.
        need_phone_number=params.flag("need_phone_number") or params.flag("send_phone_number_to_provider"),
        need_email=params.flag("need_email") or params.flag("send_email_to_provider"),
        need_shipping_address=params.flag("need_shipping_address") or is_flexible,
        send_phone_number_to_provider=params.flag("send_phone_number_to_provider"),
        send_email_to_provider=params.flag("send_email_to_provider"),
        is_flexible=is_flexible,
        provider_data=params.text("provider_data"),
    )


def clean(text: str) -> str:
    return text.translate(CLEANED).strip()


def parse_prices(params: Params, name: str) -> tuple[tuple[str, int], ...]:
    params.required(name)
    try:
        value = params.decoded(name)
    except ValueError:
        raise Refusal(400, f"Can't parse {name} JSON object") from None
    return read_prices(value)


def read_prices(value: Any) -> tuple[tuple[str, int], ...]:
    """An Array of LabeledPrice, at least one."""
    if not isinstance(value, list):
        raise Refusal(400, "Expected an Array of labeled prices")
    if not value:
        raise Refusal(400, "There must be at least one price")
    return tuple(read_price(line) for line in value)


def read_price(line: Any) -> tuple[str, int]:
    if not isinstance(line, dict):
        raise Refusal(400, "Can't parse labeled price: LabeledPrice must be an Object")
    label = line.get("label", "")
    if not isinstance(label, str):
        raise Refusal(400, 'Can\'t parse labeled price: Field "label" must be of type String')
    if not label:
        raise Refusal(400, "Can't parse labeled price: LabeledPrice label must be non-empty")
    if "amount" not in line:
        raise Refusal(400, "Can't parse labeled price: Can't find field \"amount\"")
    amount = read_amount(line["amount"])
    if amount is None:
        raise Refusal(400, 'Can\'t parse labeled price: Field "amount" must be of type Number')
    return label, amount


def read_amount(value: Any) -> int | None:
    """An integer, or a string of digits [S]; never a float, never a Boolean."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return int(value)
    return None


def parse_max_tip(params: Params) -> int:
    text = params.text("max_tip_amount")
    if not text:
        return 0
    amount = read_amount(text)
    if amount is None:
        raise Refusal(400, 'Can\'t parse "max_tip_amount" as Number')
    return amount


def parse_suggested_tips(params: Params) -> tuple[int, ...]:
    if not params.text("suggested_tip_amounts"):
        return ()
    try:
        value = params.decoded("suggested_tip_amounts")
    except ValueError:
        raise Refusal(400, "Can't parse suggested_tip_amounts JSON object") from None
    if not isinstance(value, list):
        raise Refusal(400, "Expected an Array of suggested tip amounts")
    amounts = [read_amount(item) for item in value]
    if None in amounts:
        raise Refusal(400, "Can't parse suggested tip amount as Number")
    return tuple(amount for amount in amounts if amount is not None)


def check_tdlib(form: InvoiceForm) -> None:
    """TDLib's look: texts that are no text, then the amounts.

    It does not insist on suggested tips that rise: `[5,5]` passes (reference, section 12).
    """
    texts = (form.title, form.description, form.start_parameter, form.photo_url, form.provider_token)
    if not is_utf8("".join(texts) + form.provider_data):
        raise Refusal(400, "Strings must be encoded in UTF-8")
    if any(abs(amount) > AMOUNT_MAX for _, amount in form.prices):
        raise Refusal(400, "Too big amount of the currency specified")
    if form.total_amount <= 0:
        raise Refusal(400, "Total price must be positive")
    if form.total_amount > AMOUNT_MAX:
        raise Refusal(400, "Total price is too big")
    if not 0 <= form.max_tip_amount <= AMOUNT_MAX:
        raise Refusal(400, "Invalid max_tip_amount of the currency specified")
    for amount in form.suggested_tip_amounts:
        if amount <= 0:
            raise Refusal(400, "Suggested tip amount must be positive")
        if amount > form.max_tip_amount:
            raise Refusal(400, "Suggested tip amount can't be bigger than max_tip_amount")
    if len(form.suggested_tip_amounts) > TIP_COUNT_MAX:
        raise Refusal(400, "There can be at most 4 suggested tip amounts")


def check_data_centre(form: InvoiceForm, provider_tokens: frozenset[str], wrong_as_a_whole: str) -> None:
    """Telegram's own look, last of all. Its sequence is not documented; this one is a choice.

    `wrong_as_a_whole` is the text for titles and descriptions out of bounds, which differs by method
    (errors.md rows 42 and 47).
    """
    if not 1 <= utf16_units(form.title) <= TITLE_UNITS_MAX:
        raise Refusal(400, wrong_as_a_whole)
    if not 1 <= utf16_units(form.description) <= DESCRIPTION_UNITS_MAX:
        raise Refusal(400, wrong_as_a_whole)
    if byte_length(form.payload) > PAYLOAD_BYTES_MAX:
        raise Refusal(400, "INVOICE_PAYLOAD_INVALID")
    check_start_parameter(form.start_parameter)
    if form.photo_url and not re.match(r"https?://[^/\s]+\.[^/\s]+", form.photo_url):
        raise Refusal(400, "WEBDOCUMENT_URL_INVALID")
    check_provider_data(form.provider_data)
    check_provider(form, provider_tokens)


def check_start_parameter(text: str) -> None:
    if len(text) > 64:
        raise Refusal(400, "START_PARAM_TOO_LONG")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise Refusal(400, "START_PARAM_INVALID")


def check_provider_data(text: str) -> None:
    """`provider_data` is "JSON-serialized data" [D]: whatever is valid JSON passes.

    What the real server says to anything else was not observed; this is the data centre's general code for JSON
    it cannot read.
    """
    if not text:
        return
    try:
        json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise Refusal(400, "DATA_JSON_INVALID") from None


def refuse_constant(name: str) -> None:
    """NaN and Infinity, which Python reads, are no JSON."""
    raise ValueError(name)


def check_provider(form: InvoiceForm, provider_tokens: frozenset[str]) -> None:
    """The provider token, then the currency's floating limits.

    A made-up currency code was answered with PAYMENT_PROVIDER_INVALID, and so was XTR with a token
    (errors.md row 17). Stars invoices (XTR without a token) are not modelled and refused.
    """
    if form.currency == "XTR" and not form.provider_token:
        raise Refusal(400, "STARS_INVOICE_INVALID")
    limits = currency_limits().get(form.currency)
    if form.provider_token not in provider_tokens or limits is None:
        raise Refusal(400, "PAYMENT_PROVIDER_INVALID")
    low, high = limits
    if not low <= form.total_amount <= high:
        raise Refusal(400, "CURRENCY_TOTAL_AMOUNT_INVALID")


def utf16_units(text: str) -> int:
    """How characters are counted is not documented; UTF-16 units are the stricter way."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@cache
def currency_table() -> dict[str, JsonObject]:
    """Telegram's currencies.json, as shipped with the package."""
    text = (files("apaycli") / "data" / "currencies.json").read_text("utf-8")
    table: dict[str, JsonObject] = json.loads(text)
    return table


@cache
def currency_limits() -> dict[str, tuple[int, int]]:
    return {code: (int(entry["min_amount"]), int(entry["max_amount"])) for code, entry in currency_table().items()}


def render_amount(amount: int, currency: str) -> str:
    """`BDT 500.00`: for the text of the pay button."""
    entry = currency_table()[currency]
    exponent = int(entry["exp"])
    whole, fraction = divmod(amount, 10**exponent)
    digits = f"{whole:,}".replace(",", str(entry["thousands_sep"]))
    return f"{currency} {digits}" + (f"{entry['decimal_sep']}{fraction:0{exponent}d}" if exponent else "")


def pay_keyboard(form: InvoiceForm) -> list[list[JsonObject]]:
    """Without a keyboard Telegram adds one button, "Pay <total>" [D]."""
    return [[{"text": f"Pay {render_amount(form.total_amount, form.currency)}", "pay": True}]]
