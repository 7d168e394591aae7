"""The part of the control API that plays A-Pay: one deposit's fate, and the methods that are on.

Knows how to translate a document into calls of `world.apay`. Must never know the API's own replies.
"""

from typing import TYPE_CHECKING, Any

from apaycli.sandbox.apay_systems import PaymentSystem
from apaycli.sandbox.buyers import ScriptError
from apaycli.sandbox.control_fields import Fields
from apaycli.sandbox.wire import JsonObject

if TYPE_CHECKING:
    from apaycli.sandbox.world import World


def apay_deposit(world: "World", fields: Fields) -> Any:
    """Change what is given; with the charge alone it only tells. `amount` is in the smallest unit."""
    charge_id = fields.take("telegram_payment_charge_id", str)
    status, amount = fields.take("status", str, None), fields.take("amount", int, None)
    order_id = fields.take("order_id", str, None)
    fields.check_empty()
    return world.apay.deposits.change(charge_id, status=status, amount=amount, order_id=order_id)


def apay_methods(world: "World", fields: Fields) -> Any:
    """The whole list at once; an empty one switches everything off."""
    items = fields.take_list("methods", dict)
    fields.check_empty()
    world.apay.methods = [take_system(item) for item in items]
    return {"methods": [method.render() for method in world.apay.methods]}


def take_system(item: JsonObject) -> PaymentSystem:
    fields = Fields(item)
    given = fields.take_record(PaymentSystem)
    fields.check_empty()
    if "name" not in given or "currency" not in given:
        raise ScriptError("a method needs a name and a currency")
    return PaymentSystem(**given)
