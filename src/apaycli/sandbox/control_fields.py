"""The fields of a control request, read strictly: a typing mistake in a test must not pass in silence.

Knows JSON types and the five ways to name an invoice. Must never know what is done with them.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from apaycli.sandbox.buyers import ScriptError
from apaycli.sandbox.checkouts import Reference
from apaycli.sandbox.wire import JsonObject

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

Handler: TypeAlias = Callable[["World", "Fields"], Any]


class Fields:
    """The fields of a request, taken one by one; what is left at the end was a typing mistake."""

    def __init__(self, values: JsonObject) -> None:
        self.values = dict(values)

    def take(self, name: str, kind: type | tuple[type, ...], default: Any = ...) -> Any:
        value = self.values.pop(name, None)
        if value is None:
            if default is ...:
                raise ScriptError(f"the field {name!r} is missing")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ScriptError(f"the field {name!r} has the wrong type: {value!r}")
        return value

    def take_list(self, name: str, kind: type, default: Any = ...) -> Any:
        """A list whose items are all of `kind`."""
        items = self.take(name, list, default)
        if items is not default and not all(isinstance(item, kind) for item in items):
            raise ScriptError(f"the field {name!r} has an item of the wrong type")
        return items

    def take_record(self, record: type, skip: tuple[str, ...] = ()) -> JsonObject:
        """Those fields of a dataclass that were given, each of the type the dataclass says."""
        given: JsonObject = {}
        for field in dataclasses.fields(record):
            if field.name in self.values and field.name not in skip:
                kind = field.type if isinstance(field.type, type) else dict
                given[field.name] = self.take(field.name, (int, float) if kind is float else kind)
        return given

    def take_known(self, names: tuple[str, ...]) -> JsonObject:
        """Those of `names` that were given."""
        return {name: self.values.pop(name) for name in names if self.values.get(name) is not None}

    def check_empty(self) -> None:
        if self.values:
            raise ScriptError(f"unknown fields: {', '.join(sorted(self.values))}")


def take_invoice(fields: Fields) -> Reference:
    """An invoice named by `invoice_id`, `chat_id` and `message_id`, `link`, `inline_message_id` or `payload`."""
    if "invoice_id" in fields.values:
        return int(fields.take("invoice_id", int))
    if "message_id" in fields.values:
        return int(fields.take("chat_id", int)), int(fields.take("message_id", int))
    for name in ("link", "inline_message_id", "payload"):
        if name in fields.values:
            return str(fields.take(name, str))
    raise ScriptError("name the invoice by invoice_id, chat_id and message_id, link, inline_message_id or payload")
