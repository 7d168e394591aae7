"""The documentation of the Bot API (`tests/data/bot-api.json`) as a judge of requests.

Knows every method's fields and types, and what apay has promised beyond them: no destructive call. Used for
requests as they were built (`request_complaints`) and as the sandbox noted them (`record_complaints`).
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from apaycli.core.wording import SENTENCE_UNITS_MAX, utf16_units

DATA = Path(__file__).parents[1] / "data"
_SPEC = json.loads((DATA / "bot-api.json").read_text("utf-8"))
# The stored documentation leaves this method out. Its fields, as the Bot API has them.
_SPEC["methods"]["answerCallbackQuery"] = {
    "name": "answerCallbackQuery",
    "fields": [
        {"name": "callback_query_id", "types": ["String"], "required": True},
        {"name": "text", "types": ["String"], "required": False},
        {"name": "show_alert", "types": ["Boolean"], "required": False},
        {"name": "url", "types": ["String"], "required": False},
        {"name": "cache_time", "types": ["Integer"], "required": False},
    ],
}
_METHODS = {name.lower(): method for name, method in _SPEC["methods"].items()}
_PLAIN = {"Integer": int, "String": str, "Boolean": bool}
_WANTED = {"message", "pre_checkout_query", "shipping_query", "callback_query", "inline_query"}


def request_complaints(method: str, params: Mapping[str, Any]) -> list[str]:
    """What the documentation, or a promise of apay, has against this request; empty is good."""
    known = _SPEC["methods"].get(method)
    if known is None:
        return [f"{method} is no method of the Bot API"]
    return [*_fields(method, params, known.get("fields", [])), *_broken_promises(method, params)]


def record_complaints(method: str, texts: Mapping[str, str]) -> list[str]:
    """The same for a request that a sandbox has logged: method in lower case, every value as text."""
    known = _METHODS.get(method)
    if known is None:
        return [f"{method} is no method of the Bot API"]
    types = {field["name"]: field["types"] for field in known.get("fields", [])}
    return request_complaints(known["name"], {name: _read(text, types.get(name, [])) for name, text in texts.items()})


def log_complaints(records: Iterable[Any]) -> list[str]:
    """Every request in a sandbox's log (`world.requests.records`), save those whose token it refused to read."""
    return [text for record in records if record.method for text in record_complaints(record.method, record.params)]


def _read(text: str, types: list[str]) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if "String" in types and not ("Integer" in types and type(value) is int) else value


def _fields(where: str, value: Mapping[str, Any], fields: list[dict[str, Any]]) -> list[str]:
    known = {field["name"]: field for field in fields}
    complaints = [f"{where}.{name} is not documented" for name in value if name not in known]
    for name, field in known.items():
        if name in value:
            complaints += _typed(f"{where}.{name}", value[name], field["types"])
            if value[name] == "" and (field["required"] or name == "error_message"):
                complaints.append(f"{where}.{name} is empty, which counts as not given")
        elif field["required"]:
            complaints.append(f"{where}.{name} is required")
    return complaints


def _typed(where: str, value: Any, types: list[str]) -> list[str]:
    """The complaints of the alternative that fits best."""
    return min((_one_type(where, value, name) for name in types), key=len)


def _one_type(where: str, value: Any, name: str) -> list[str]:
    if name in _PLAIN:
        return [] if type(value) is _PLAIN[name] else [f"{where} must be {name}, not {type(value).__name__}"]
    if name.startswith("Array of "):
        if not isinstance(value, list):
            return [f"{where} must be an array"]
        inner = name.removeprefix("Array of ")
        return [c for i, item in enumerate(value) for c in _one_type(f"{where}[{i}]", item, inner)]
    if not isinstance(value, dict):
        return [f"{where} must be a {name}"]
    described = _SPEC["types"][name]
    if described.get("subtypes"):
        return _typed(where, value, described["subtypes"])
    return _fields(where, value, described.get("fields", []))


def _broken_promises(method: str, params: Mapping[str, Any]) -> list[str]:
    """`invariants.md` A9, B4, B5: what the documentation would allow and apay never does."""
    complaints = []
    if method == "getUpdates":
        if params.get("offset", 0) < 0:
            complaints.append("getUpdates.offset is negative: it forgets updates unseen")
        if not set(params.get("allowed_updates", [])) >= _WANTED:
            complaints.append("getUpdates.allowed_updates lacks a kind that apay needs")
        if not (0 <= params.get("timeout", 0) <= 50 and 1 <= params.get("limit", 100) <= 100):
            complaints.append("getUpdates has a number that the server would change")
    if method == "deleteWebhook" and params:
        complaints.append("deleteWebhook takes away more than the webhook")
    if method in {"answerPreCheckoutQuery", "answerShippingQuery"}:
        text = params.get("error_message", "")
        if params.get("ok") is not True and not 1 <= utf16_units(text) <= SENTENCE_UNITS_MAX:
            complaints.append(f"{method}.error_message is not one short sentence")
    if method == "sendInvoice" and not params.get("provider_token"):
        complaints.append("sendInvoice without a provider token sells for Stars")
    return complaints
