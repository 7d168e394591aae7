"""A-Pay's own API: which payment methods are on, and what became of a deposit.

Knows A-Pay's addresses, its header and its habit of refusing with HTTP 200 (look at `success` first). Never knows an
HTTP library: `get` is handed in. Source: A-Pay's API pages. `GET /Remotes/payment-systems-info`: limits are decimal
texts in major units, and it wants to be asked at most every five minutes. `GET /Remotes/deposit-info`: the amount is a
JSON number in major units, read as a decimal. Unknown fields are ignored.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from apaycli.core.model import PaymentMethod
from apaycli.core.reconcile import STATUSES, Deposit
from apaycli.errors import TelegramError
from apaycli.money import AmountError, currencies, parse_amount
from apaycli.text import redact, show

# url, headers, seconds → status, body, seconds of Retry-After
Get = Callable[[str, Mapping[str, str], float], tuple[int, bytes, int | None]]

POLL_SECONDS_MIN = 300
_SECONDS_MAX = 5.0


class APayError(TelegramError):
    """A-Pay cannot be reached, or refuses. `retry_after`: for how many seconds it wants not to be asked, if it said."""

    slug = "apay"
    retry_after: int | None = None


class APayRefused(APayError):
    """It said no, in its own words. The text for an unknown deposit is not published, nor is that for a wrong key."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, hint="check [apay] base_url, api_key_file and project_id")
        self.code = code


class APayUnreadable(APayError):
    """It said yes, and what it said is not what its pages describe."""


# What "I do not know this deposit" may look like: 400 in the one example of its pages.
_UNKNOWN_DEPOSIT_CODES = {400, 404}
_AMOUNT_DIGITS_MAX = 20


class APay:
    """One merchant's project at A-Pay."""

    def __init__(self, base_url: str, api_key: str, project_id: str, get: Get) -> None:
        self._base, self._project_id, self._get = base_url.rstrip("/"), project_id, get
        self._headers = {"apikey": api_key, "Accept": "application/json"}

    def payment_methods(self) -> list[PaymentMethod]:
        """Those that take deposits now. Raises APayError."""
        systems = self._ask("payment-systems-info").get("payment_systems")
        if not isinstance(systems, list):
            raise APayError("A-Pay's answer has no payment_systems")
        on = [system for system in systems if isinstance(system, dict) and system.get("deposit") is not False]
        return [method for system in on if (method := _method(system)) is not None]

    def deposit(self, *, order_id: str | None = None, custom_transaction_id: str | None = None) -> Deposit | None:
        """What became of it, by one of its ids. None: A-Pay knows no such deposit, or says so.

        Raises APayUnreadable for an answer with other fields than described, APayError where there is none.
        """
        ids = {"order_id": order_id, "custom_transaction_id": custom_transaction_id}
        try:
            answer = self._ask("deposit-info", **{name: value for name, value in ids.items() if value})
        except APayRefused as refusal:
            if refusal.code in _UNKNOWN_DEPOSIT_CODES:
                return None
            raise
        return _deposit(answer)

    def _ask(self, name: str, **query: str) -> dict[str, Any]:
        url = f"{self._base}/Remotes/{name}?{urlencode({'project_id': self._project_id, **query})}"
        status, body, retry_after = self._get(url, self._headers, _SECONDS_MAX)
        try:
            return _answer(name, status, body)
        except APayError as error:
            error.retry_after = retry_after
            raise


def _answer(name: str, status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise APayError(f"A-Pay's answer to {name} is no JSON object (HTTP {status})")
    if answer.get("success") is not True:
        said = show(redact(str(answer.get("message", ""))), 200)
        raise APayRefused(f"A-Pay refused {name}: {said}", _code(answer, status))
    return answer


def _no_number(text: str) -> None:
    raise ValueError(text)


def _code(answer: Mapping[str, Any], status: int) -> int:
    """The body's, unless the HTTP status says that something else is wrong. 400 where neither says more."""
    code = answer.get("code")
    if status not in {200, *_UNKNOWN_DEPOSIT_CODES}:
        return status
    return code if type(code) is int else 400


def _deposit(answer: Mapping[str, Any]) -> Deposit:
    order_id, status, currency = (_word(answer, name) for name in ("order_id", "status", "currency"))
    if status not in STATUSES:
        raise APayUnreadable(f"A-Pay's answer has the status {show(status, 40)!r}")
    amount = answer.get("amount")
    if type(amount) is int:
        amount = Decimal(amount)
    if not isinstance(amount, Decimal) or amount < 0 or abs(amount.adjusted()) > _AMOUNT_DIGITS_MAX:
        raise APayUnreadable("A-Pay's answer has no readable amount")
    custom = answer.get("custom_transaction_id")
    return Deposit(order_id, status, amount, currency, custom if isinstance(custom, str) else None)


def _word(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise APayUnreadable(f"A-Pay's answer has no readable {name}")
    return value


def _method(system: Mapping[str, Any]) -> PaymentMethod | None:
    """None where its limits cannot be read: nothing is known then."""
    currency = system.get("currency")
    if not isinstance(currency, str) or currency not in currencies():
        return None
    try:
        least, most = (_amount(system.get(name), currency) for name in ("min_deposit", "max_deposit"))
    except AmountError:
        return None
    return PaymentMethod(str(system.get("name", ""))[:64], currency, least, most)


def _amount(value: object, currency: str) -> int:
    """`"10.00"`, also with more zeros than the currency has decimals. A JSON number is no text, and is not trusted."""
    if not isinstance(value, str):
        raise AmountError("no text")
    whole, point, decimals = value.partition(".")
    exponent = currencies()[currency].exponent
    kept = decimals[:exponent] + decimals[exponent:].rstrip("0")
    return parse_amount(whole + (point + kept if kept else ""), currency)
