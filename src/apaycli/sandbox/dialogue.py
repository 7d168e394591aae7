"""The checkout dialogue: what Telegram does between a buyer's press and the money.

Knows the sequence shipping_query, pre_checkout_query, payment, and the ten seconds a bot has for each answer.
Must never know how a buyer was chosen or how an answer came in.
"""

from typing import TYPE_CHECKING, Any

from apaycli.sandbox.checkouts import MILLISECONDS, Charge, Checkout
from apaycli.sandbox.wire import JsonObject, Refusal

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

ANSWER_SECONDS = 10.0  # "must be answered within 10 s of being sent" [D]; for shipping it is assumed
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


class Dialogue:
    """One object for all checkouts; the state is in each `Checkout`."""

    def __init__(self, world: "World") -> None:
        self.world = world

    def begin(self, checkout: Checkout) -> None:
        """The buyer confirmed what they were asked for; from here on the bot is asked."""
        if checkout.invoice.form.is_flexible:
            self._ask_shipping(checkout)
        else:
            self._ask_pre_checkout(checkout)

    def _ask(self, checkout: Checkout, outcome: str, buyer_sees: str) -> None:
        """Start the ten seconds of a question; silence ends the checkout with `outcome`."""
        if checkout.deadline is not None:
            checkout.deadline.cancel()
        checkout.asked_monotonic = self.world.clock.monotonic()
        checkout.deadline = self.world.timers.at(
            checkout.asked_monotonic + ANSWER_SECONDS, lambda: checkout.settle(outcome, buyer_sees)
        )

    def _ask_shipping(self, checkout: Checkout) -> None:
        checkout.shipping_query_id = self.world.new_query_id()
        self.world.books.by_shipping_query_id[checkout.shipping_query_id] = checkout
        self._ask(checkout, "shipping_timeout", "SHIPPING_BOT_TIMEOUT")
        query = {
            "id": checkout.shipping_query_id,
            "from": self.world.chats.user(checkout.buyer_id).render(),
            "invoice_payload": checkout.invoice_payload,
            "shipping_address": (checkout.order_info or {})["shipping_address"],
        }
        self.world.emit("shipping_query", query)

    def answer_shipping(self, query_id: str, options: list[JsonObject] | None, error_message: str) -> None:
        """`options` is None for a refusal. The buyer then takes the wanted option, or the first.

        Raises Refusal for a query that is unknown, late or already answered.
        """
        checkout = self.world.books.by_shipping_query_id.get(query_id)
        if checkout is None or checkout.outcome is not None or checkout.pre_checkout_query_id:
            raise Refusal(400, TOO_OLD)
        if options is None:
            checkout.error_message = error_message
            checkout.settle("shipping_declined", "SHIPPING_NOT_AVAILABLE")
            return
        wanted = [option for option in options if option["id"] == checkout.shipping_option_id]
        option = (wanted or options)[0]
        checkout.shipping_option_id = option["id"]
        checkout.shipping_amount = sum(price for _, price in option["prices"])
        self._ask_pre_checkout(checkout)

    def _ask_pre_checkout(self, checkout: Checkout) -> None:
        checkout.pre_checkout_query_id = self.world.new_query_id()
        self.world.books.by_pre_checkout_query_id[checkout.pre_checkout_query_id] = checkout
        self._ask(checkout, "timeout", "BOT_PRECHECKOUT_TIMEOUT")
        query = {
            "id": checkout.pre_checkout_query_id,
            "from": self.world.chats.user(checkout.buyer_id).render(),
            **payment_fields(checkout),
        }
        self.world.emit("pre_checkout_query", query)

    def answer_pre_checkout(self, query_id: str, ok: bool, error_message: str) -> None:
        """Record the bot's decision. Raises Refusal for a query that is unknown, late or already answered."""
        checkout = self.world.books.by_pre_checkout_query_id.get(query_id)
        if checkout is None or checkout.outcome is not None:
            raise Refusal(400, TOO_OLD)
        taken = self.world.clock.monotonic() - checkout.asked_monotonic
        checkout.answer_milliseconds = round(taken * MILLISECONDS)
        checkout.error_message = error_message or None
        if ok:
            checkout.settle("accepted")
        else:
            checkout.settle("declined", "BOT_PRECHECKOUT_FAILED")

    def pay(self, checkout: Checkout, **overrides: Any) -> Charge:
        """The provider took money: now, late, or once more. Every call is a new charge.

        `overrides` replace total_amount, currency or invoice_payload, to play a payment that fits nothing.
        """
        world = self.world
        charge = Charge(
            telegram_payment_charge_id=world.new_charge_id(checkout.buyer_id),
            provider_payment_charge_id=f"{world.rng.getrandbits(64):016x}",
            checkout_id=checkout.checkout_id,
            invoice_payload=overrides.get("invoice_payload", checkout.invoice_payload),
            total_amount=overrides.get("total_amount", checkout.total_amount),
            currency=overrides.get("currency", checkout.currency),
            buyer_id=checkout.buyer_id,
            paid_at=world.clock.now(),
        )
        checkout.payment = "paid"
        checkout.buyer_sees = None
        checkout.charges.append(charge)
        checkout.invoice.paid = True
        world.books.charges.append(charge)
        charge.update_id = self._tell_payment(checkout, charge)
        return charge

    def _tell_payment(self, checkout: Checkout, charge: Charge) -> int | None:
        """successful_payment, in the payer's private chat wherever the invoice stood (reference 5.3, inferred)."""
        chat = self.world.chats.private_chat(checkout.buyer_id)
        payment = {
            **payment_fields(checkout),
            "currency": charge.currency,
            "total_amount": charge.total_amount,
            "invoice_payload": charge.invoice_payload,
            "telegram_payment_charge_id": charge.telegram_payment_charge_id,
            "provider_payment_charge_id": charge.provider_payment_charge_id,
        }
        return self.world.emit("message", self.world.new_message(chat, chat.user, successful_payment=payment))

    def fail(self, checkout: Checkout) -> None:
        """The provider refused or the buyer gave up on its page. The bot is told nothing."""
        checkout.payment = "failed"
        checkout.buyer_sees = "PAYMENT_FAILED"


def payment_fields(checkout: Checkout) -> JsonObject:
    """What PreCheckoutQuery and SuccessfulPayment share; empty optionals are left out."""
    fields: JsonObject = {
        "currency": checkout.currency,
        "total_amount": checkout.total_amount,
        "invoice_payload": checkout.invoice_payload,
    }
    if checkout.shipping_option_id:
        fields["shipping_option_id"] = checkout.shipping_option_id
    if checkout.order_info:
        fields["order_info"] = checkout.order_info
    return fields
