"""A-Pay's own API: which payment methods are on, and their limits.

Knows A-Pay's addresses, its header and its habit of refusing with HTTP 200 (look at `success` first). Never knows an
HTTP library: `get` is handed in. Source: A-Pay's API pages, `GET /Remotes/payment-systems-info`; limits are decimal
texts in major units, unknown fields are ignored, and it wants to be asked at most every five minutes.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from apaycli.core.model import PaymentMethod
from apaycli.errors import TelegramError
from apaycli.money import AmountError, currencies, parse_amount
from apaycli.text import redact, show

Get = Callable[[str, Mapping[str, str], float], tuple[int, bytes]]  # url, headers, seconds → status, body

POLL_SECONDS_MIN = 300
_SECONDS_MAX = 5.0


class APayError(TelegramError):
    """A-Pay cannot be reached, or refuses."""

    slug = "apay"


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

    def _ask(self, name: str, **query: str) -> dict[str, Any]:
        url = f"{self._base}/Remotes/{name}?{urlencode({'project_id': self._project_id, **query})}"
        status, body = self._get(url, self._headers, _SECONDS_MAX)
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise APayError(f"A-Pay's answer to {name} is no JSON object (HTTP {status})")
        if answer.get("success") is not True:
            said = show(redact(str(answer.get("message", ""))), 200)
            raise APayError(f"A-Pay refused {name}: {said}", hint="check [apay] base_url, api_key_file and project_id")
        return answer


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
