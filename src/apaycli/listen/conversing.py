"""The path of a command, a button, an inline or a shipping query: read from the ledger, recorded there, answered.

Knows the order of steps inside the transaction; never what is said (`core/conversation.py`) or whether an invoice may
be paid (`core/decide.py`). An invoice, an acceptance and a request are in the ledger before anything of them leaves.
"""

from apaycli.core import conversation
from apaycli.core.conversation import AnswerCallbackQuery, Effect, Message
from apaycli.core.decide import Shop
from apaycli.core.incoming import CallbackQuery, Command, InlineQuery, ShippingQuery
from apaycli.core.invoice import NewIds, inline_invoice, private_invoice, product_sku
from apaycli.core.model import Invoice, User
from apaycli.core.notices import support_notice
from apaycli.store.protocol import Transaction


class Conversing:
    """One transaction's conversation."""

    def __init__(self, tx: Transaction, shop: Shop, now: int, new_ids: NewIds, bot_username: str) -> None:
        self._tx, self._shop, self._now = tx, shop, now
        self._new_ids, self._bot_username = new_ids, bot_username

    def command(self, command: Command) -> list[Message]:
        if command.command == "start" and command.text and command.is_private and command.user:
            found = self._show(command.user, command.text)
            return [self._link_unknown(command)] if found is None else found
        if command.command in {"support", "paysupport"} and command.text and command.is_private:
            return [self._request(command)]
        counts = self._tx.stock_counts(self._shop.mode)
        return conversation.reply_to_command(command, self._shop, counts, self._bot_username)

    def _link_unknown(self, command: Command) -> Message:
        counts = self._tx.stock_counts(self._shop.mode)
        return conversation.link_unknown(command, self._shop, counts, self._bot_username)

    def _show(self, user: User, start_parameter: str) -> list[Message] | None:
        """What a deep link or a button stands for, in the user's private chat; None where nothing is known of it."""
        sku = product_sku(start_parameter)
        invoice = (
            self._tx.invoice_by_start_parameter(start_parameter) if sku is None else self._private_invoice(sku, user)
        )
        if invoice is None:
            return None
        facts = self._tx.prospect_facts(invoice, user.user_id)
        if conversation.must_agree_first(self._shop, facts.accepted_versions):
            return conversation.terms_first(user.user_id, self._shop, user, start_parameter)
        message = conversation.offer(user.user_id, invoice, facts, user, self._shop, self._now)
        if sku is not None and isinstance(message, conversation.SendInvoice):
            self._record_once(invoice)
        return [message]

    def _private_invoice(self, sku: str, user: User) -> Invoice | None:
        """The buyer's standing, unpaid invoice for this product, or a new one, not yet recorded."""
        product = self._shop.products.get(sku)
        if product is None or product.paused:
            return None
        draft = private_invoice(product, self._shop.mode, self._new_ids(), self._now, user.user_id)
        return self._tx.standing_invoice(draft) or draft

    def _record_once(self, invoice: Invoice) -> None:
        if self._tx.invoice_by_payload(invoice.invoice_payload) is None:
            self._tx.record_invoice(invoice, "sent")

    def _request(self, command: Command) -> Message:
        """A message that comes again is the same request."""
        user = command.user
        if user is None:
            raise ValueError("a private command without a user")
        number = self._tx.support_request_of(user.user_id, command.message_id)
        if number is None and self._tx.open_support_requests(user.user_id) < conversation.OPEN_REQUESTS_MAX:
            number = self._tx.record_support_request(command, self._now)
            if self._shop.support_chat is not None:
                self._tx.queue_notice(self._shop.support_chat, "merchant", support_notice(number, command), self._now)
        return conversation.request_received(command, self._shop, number)

    def press(self, query: CallbackQuery) -> list[Effect]:
        """A press is always answered: until then the button shows that it waits."""
        press = conversation.parse_press(query.data)
        done = AnswerCallbackQuery(query.callback_query_id)
        if press is None:
            return [done]
        if press.mark is not None:
            version, text = self._shop.terms_version, self._shop.terms_text
            if version is None or not text or press.mark != conversation.terms_mark(version, text):
                return [
                    done,
                    *conversation.terms_again(query.user.user_id, self._shop, query.user, press.start_parameter),
                ]
            self._tx.record_acceptance(query.user.user_id, version, text, self._now)
            done = AnswerCallbackQuery(query.callback_query_id, conversation.agreed(self._shop, query.user))
            if not press.start_parameter:
                return [done]
        shown = self._show(query.user, press.start_parameter)
        if shown is None:
            hello = Command(query.update_id, query.user.user_id, 0, "start", "", query.user)
            shown = [self._link_unknown(hello)]
        return [done, *shown]

    def inline(self, query: InlineQuery) -> Effect:
        """Each product's standing inline invoice; a new one is in the ledger before its answer leaves."""
        invoices = []
        offered = conversation.products_to_offer(self._shop, self._tx.stock_counts(self._shop.mode), query.query)
        for product in offered:
            draft = inline_invoice(product, self._shop.mode, self._new_ids(), self._now)
            standing = self._tx.standing_invoice(draft)
            if standing is None:
                self._tx.record_invoice(draft, "sent")
            invoices.append(standing or draft)
        return conversation.reply_to_inline_query(query, invoices)

    def shipping(self, query: ShippingQuery) -> Effect:
        invoice = self._tx.invoice_by_payload(query.invoice_payload)
        return conversation.reply_to_shipping_query(query, invoice, self._shop)
