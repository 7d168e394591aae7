"""Buyers: everything people do in this world, as plain calls.

Knows who may press which button, and turns presses, payments and typed texts into updates. Must never know
HTTP (`control` translates) or how the bot answers (`dialogue`). Mistakes of the script raise `ScriptError`:
they are faults of the test, never of the bot.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from apaycli.sandbox import callbacks
from apaycli.sandbox.chats import RAHIM, Chat, User
from apaycli.sandbox.checkouts import Charge, Checkout, Invoice, Reference, summarize
from apaycli.sandbox.invoices import utf16_units
from apaycli.sandbox.markup import callback_data_of, keyboard_of
from apaycli.sandbox.queue import OTHER_LIFE_SECONDS, PLACEHOLDER, template_for
from apaycli.sandbox.wire import JsonObject

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

COMMAND = re.compile(r"(?<![\w/@])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])")
ADDRESS = {
    "country_code": "BD",
    "state": "Dhaka",
    "city": "Dhaka",
    "street_line1": "House 12, Road 5",
    "street_line2": "",
    "post_code": "1205",
}


class ScriptError(Exception):
    """Somebody was told to do what nobody could do in Telegram."""


class Buyers:
    """The people of a world. All calls act at once, at the clock's present moment."""

    def __init__(self, world: "World") -> None:
        self.world = world

    # Paying

    def press_pay(
        self,
        invoice: Reference,
        buyer: int,
        *,
        forwarded: bool = False,
        tip: int = 0,
        order_info: JsonObject | None = None,
        shipping_option_id: str | None = None,
        **overrides: Any,
    ) -> Checkout:
        """Press Pay and confirm. The checkout's `outcome` comes once the bot answered, or its time is over.

        `overrides` (total_amount, currency, invoice_payload) make a query that does not fit the invoice.
        Raises ScriptError when this buyer could not press that button, LookupError for an unknown invoice.
        """
        found = self.world.books.find_invoice(invoice)
        self.world.chats.user(buyer)
        self._check_press(found, buyer, forwarded, tip)
        checkout = self.world.books.new_checkout(found, buyer, self.world.clock.now())
        checkout.tip = tip
        checkout.shipping_option_id = shipping_option_id or ""
        checkout.order_info = self._order_info(found, buyer, order_info)
        checkout.total_override = overrides.get("total_amount")
        checkout.currency = overrides.get("currency", checkout.currency)
        checkout.invoice_payload = overrides.get("invoice_payload", checkout.invoice_payload)
        self._press(checkout, forwarded or found.original is not None)
        return checkout

    def _check_press(self, invoice: Invoice, buyer: int, forwarded: bool, tip: int) -> None:
        if invoice.deleted and not forwarded:
            raise ScriptError("the message with this invoice was deleted")
        if not invoice.has_pay_button and not forwarded:
            raise ScriptError("the keyboard of this invoice was removed: there is no Pay button any more")
        if invoice.chat_id > 0 and buyer != invoice.chat_id and not forwarded:
            raise ScriptError(f"only user {invoice.chat_id} sees this private chat; press a forwarded copy instead")
        if forwarded and invoice.is_protected:
            raise ScriptError("this invoice has protected content: nobody can forward it")
        if forwarded and invoice.link:
            raise ScriptError("a link has no copies: press the link itself")
        if not 0 <= tip <= invoice.form.max_tip_amount:
            raise ScriptError(f"the tip must be between 0 and max_tip_amount, {invoice.form.max_tip_amount}")

    def _press(self, checkout: Checkout, is_copy: bool) -> None:
        """What the button does; see "Who can pay" in the theory of `world`."""
        invoice = checkout.invoice
        if invoice.is_single_chat and is_copy:
            checkout.settle("url_button")
            self.start(checkout.buyer_id, invoice.form.start_parameter)
        elif invoice.is_single_chat and invoice.chat_id > 0 and invoice.paid:
            checkout.settle("invoice_already_paid", "INVOICE_ALREADY_PAID")
        else:
            self.world.dialogue.begin(checkout)

    def _order_info(self, invoice: Invoice, buyer: int, given: JsonObject | None) -> JsonObject | None:
        """What the invoice asks for, made up where the script gave nothing."""
        form, user = invoice.form, self.world.chats.user(buyer)
        wanted: JsonObject = {}
        if form.need_name:
            wanted["name"] = f"{user.first_name} {user.last_name}".strip()
        if form.need_phone_number:
            wanted["phone_number"] = f"8801{buyer % 10**9:09d}"
        if form.need_email:
            wanted["email"] = f"buyer{buyer}@example.com"
        if form.need_shipping_address:
            wanted["shipping_address"] = dict(ADDRESS)
        return {**wanted, **(given or {})} or None

    def press_pay_many(self, invoice: Reference, count: int, first_buyer_id: int) -> list[Checkout]:
        """`count` different buyers press Pay at the same moment; see `summarize` for the result."""
        found = self.world.books.find_invoice(invoice)
        with self.world.polling.held():
            return [
                self.press_pay(found, buyer, forwarded=found.chat_id > 0 and buyer != found.chat_id)
                for buyer in range(first_buyer_id, first_buyer_id + count)
            ]

    def summarize(self, checkouts: Iterable[Checkout]) -> JsonObject:
        return summarize(list(checkouts))

    def pay(self, checkout_id: int, *, force: bool = False, **overrides: Any) -> Charge:
        """The buyer pays on the provider's page; every call charges once more.

        Only an accepted checkout gets that far; `force` charges nevertheless. `overrides` (total_amount,
        currency, invoice_payload) make a payment that does not fit. Raises ScriptError, LookupError.
        """
        checkout = self.world.books.find_checkout(checkout_id)
        if checkout.outcome != "accepted" and not force:
            raise ScriptError(f"the buyer never saw the payment page: the outcome is {checkout.outcome}")
        return self.world.dialogue.pay(checkout, **overrides)

    def pay_many(self, checkouts: Iterable[Checkout]) -> list[Charge]:
        """Everybody whose checkout was accepted pays at the same moment."""
        with self.world.polling.held():
            return [self.pay(c.checkout_id) for c in checkouts if c.outcome == "accepted"]

    def fail(self, checkout_id: int) -> Checkout:
        """The payment page says no. The bot hears nothing. Raises LookupError."""
        checkout = self.world.books.find_checkout(checkout_id)
        self.world.dialogue.fail(checkout)
        return checkout

    # Talking

    def press_button(self, user_id: int, chat_id: int, message_id: int, data: str) -> str:
        """Press the callback button with that data, and let the bot know.

        Returns the callback query's id; `world.callbacks[id].answer` is what the bot answered. Raises ScriptError
        for a message that is not there, a button it does not have, or a private chat of somebody else.
        """
        user = self.world.chats.user(user_id)
        message = self.world.messages.get((chat_id, message_id))
        if message is None:
            raise ScriptError(f"there is no message {message_id} in chat {chat_id}")
        if chat_id > 0 and user_id != chat_id:
            raise ScriptError(f"only user {chat_id} sees this private chat")
        if data not in callback_data_of(keyboard_of(message)):
            raise ScriptError(f"message {message_id} has no button with the callback data {data!r}")
        return callbacks.ask(self.world, user, message, data).query_id

    def start(self, user_id: int, parameter: str = "") -> int | None:
        """Press Start, or a `?start=` link. Returns the update's id, None if it was not queued."""
        return self.send_text(user_id, f"/start {parameter}".rstrip())

    def send_text(self, user_id: int, text: str, chat_id: int | None = None) -> int | None:
        """Type a message, privately unless a chat is given. Writing to the bot makes it reachable.

        In a group the bot's privacy mode decides whether it sees the message at all.
        """
        user = self.world.chats.user(user_id)
        chat = self.world.chats.private_chat(user_id) if chat_id is None else self._group(chat_id)
        if chat.user is not None:
            self._allow_writing(user)
        content: JsonObject = {"text": text}
        if entities := command_entities(text):
            content["entities"] = entities
        if chat.type == "channel":
            return self.world.emit("channel_post", self.world.new_message(chat, None, **content))
        message = self.world.new_message(chat, user, **content)
        if chat.user is None and not self._is_visible(text):
            return None
        return self.world.emit("message", message)

    def _group(self, chat_id: int) -> Chat:
        chat = self.world.chats.chat(chat_id)
        if chat is None:
            raise LookupError(f"no such chat: {chat_id}")
        return chat

    def _is_visible(self, text: str) -> bool:
        """Privacy mode: of a group's texts the bot sees commands that are, or may be, meant for it."""
        if self.world.settings.can_read_all_group_messages:
            return True
        command = COMMAND.match(text)
        name = command.group().partition("@")[2] if command else ""
        return command is not None and name.lower() in ("", self.world.bot.username.lower())

    def _allow_writing(self, user: User) -> None:
        if user.blocked:
            self._change_membership(user, "kicked", "member")
        user.blocked, user.started = False, True

    def block(self, user_id: int) -> int | None:
        """Stop the bot: it gets my_chat_member, and a 403 from now on."""
        user = self.world.chats.user(user_id)
        user.blocked = True
        return self._change_membership(user, "member", "kicked")

    def _change_membership(self, user: User, old: str, new: str) -> int | None:
        def member(status: str) -> JsonObject:
            shown: JsonObject = {"user": self.world.bot.render(), "status": status}
            return {**shown, "until_date": 0} if status == "kicked" else shown

        change = {
            "chat": self.world.chats.private_chat(user.id).render(),
            "from": user.render(),
            "date": self.world.clock.now() // 1000,
            "old_chat_member": member(old),
            "new_chat_member": member(new),
        }
        return self.world.emit("my_chat_member", change)

    def upgrade_group(self, chat_id: int, supergroup_id: int) -> None:
        """A basic group becomes a supergroup: service messages on both sides, and the old id is refused."""
        old = self._group(chat_id)
        new = self.world.chats.add_chat(Chat(supergroup_id, "supergroup", old.title, bot_status=old.bot_status))
        old.migrate_to_chat_id = supergroup_id
        owner = self.world.chats.user(RAHIM)
        self.world.emit("message", self.world.new_message(old, owner, migrate_to_chat_id=supergroup_id))
        self.world.emit("message", self.world.new_message(new, owner, migrate_from_chat_id=chat_id))

    # Updates by hand

    def inject(self, raw: bytes | JsonObject, update_id: int | None = None) -> int | None:
        """Put an element into the queue, whatever is allowed. Returns the id it is confirmed by.

        Bytes stand in the reply exactly as they are, valid or not, save that `@UPDATE_ID@` becomes the id. An
        object such as `{"message": {...}}` is written as the server writes updates. None: the queue is full.
        """
        kind = "raw"
        if isinstance(raw, dict):
            [(kind, content)] = [(key, raw[key]) for key in raw if key != "update_id"] or [("", None)]
            update_id = raw.get("update_id", update_id)
            raw = template_for(kind, content) if kind else b'{"update_id":' + PLACEHOLDER + b"}"
        expires_at = self.world.clock.now() + OTHER_LIFE_SECONDS * 1000
        update_id = self.world.queue.push_template(kind, raw, expires_at, update_id)
        self.world.polling.wake()
        return update_id

    def redeliver(self, update_ids: Iterable[int] | None = None, *, last: int = 0, new_ids: bool = False) -> list[int]:
        """Send confirmed updates again: the given ones, or the `last` ones confirmed.

        They keep their ids and come once more whatever the offset says, as after a listener that died before
        confirming; with `new_ids` the same content comes under fresh ids. Returns the ids they come under.
        """
        queue = self.world.queue
        wanted = None if update_ids is None else set(update_ids)
        history = list(queue.history)
        chosen = history[len(history) - last :] if wanted is None else [e for e in history if e.update_id in wanted]
        expires_at = self.world.clock.now() + OTHER_LIFE_SECONDS * 1000
        ids: list[int] = []
        for entry in chosen:
            if new_ids:
                fresh = queue.push_template(entry.kind, entry.template, expires_at)
                ids += [] if fresh is None else [fresh]
            else:
                queue.put_back(entry, expires_at)
                ids.append(entry.update_id)
        self.world.polling.wake()
        return ids

    def restart_update_ids(self, next_update_id: int) -> None:
        """Let ids go on elsewhere, as after a week of silence [D]. Raises ScriptError unless the queue is empty."""
        if len(self.world.queue):
            raise ScriptError("update ids restart only after a week without updates: the queue must be empty")
        self.world.queue.next_update_id = next_update_id


def command_entities(text: str) -> list[JsonObject]:
    """`bot_command` entities; offsets count UTF-16 units."""
    return [
        {
            "type": "bot_command",
            "offset": utf16_units(text[: match.start()]),
            "length": utf16_units(match.group()),
        }
        for match in COMMAND.finditer(text)
    ]
