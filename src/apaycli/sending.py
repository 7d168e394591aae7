"""Sending invoices: ledger first, then Telegram, then what came of it.

Knows the order of steps and which failures may be repeated. Never resends what may have arrived:
`sendInvoice` has no idempotency key, so an unknown outcome is recorded as unknown and left to the merchant.
A crash between the steps leaves the invoice in the ledger as `sending`, which means the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from apaycli.botapi.client import BotApi, NotSent, OutcomeUnknown, Refused
from apaycli.botapi.methods import Delivery, invoice_content, send_invoice
from apaycli.clock import Clock
from apaycli.core.invoice import LINK_CHAT
from apaycli.core.model import Invoice
from apaycli.crashpoints import reach
from apaycli.errors import ApayError, TokenError
from apaycli.store.protocol import Store

_WAITS_MAX = 3
_WAIT_SECONDS_MAX = 60


class Interrupted(OutcomeUnknown):
    """Ctrl-C between a request and its answer."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of one invoice; `failure` is None only for `sent`."""

    invoice: Invoice
    state: Literal["sent", "refused", "unknown"]
    message_id: int | None = None
    link: str | None = None
    failure: ApayError | None = None


def send_all(
    invoices: list[Invoice],
    api: BotApi,
    store: Store,
    provider_token: str,
    delivery: Delivery,
    clock: Clock,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> list[Sent]:
    """One after the other; a refusal in one chat does not stop the next, a wrong token does."""
    results = []
    for invoice in invoices:
        with store.transaction() as tx:
            tx.record_invoice(invoice)
        reach("invoice_recorded_before_it_is_sent")
        try:
            sent = _send(invoice, api, store, provider_token, delivery, say, sleep)
        except TokenError as error:
            sent = Sent(invoice, "refused", failure=error)
        except KeyboardInterrupt:
            sent = Sent(invoice, "unknown", failure=_unknown(invoice, Interrupted("interrupted while it was sent")))
        _record(store, sent, clock, sent.failure.message if sent.failure else None)
        results.append(sent)
        if isinstance(sent.failure, TokenError | Interrupted):
            break  # the next chat would be told the same, or is not wanted any more
    return results


def _record(store: Store, sent: Sent, clock: Clock, error: str | None) -> None:
    reach("invoice_sent_before_its_record")
    with store.transaction() as tx:
        tx.record_send_outcome(
            sent.invoice.invoice_id,
            sent.state,
            clock.now(),
            message_id=sent.message_id,
            link=sent.link,
            chat_id=sent.invoice.chat_id,
            error=error,
        )


def _send(
    invoice: Invoice,
    api: BotApi,
    store: Store,
    provider_token: str,
    delivery: Delivery,
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> Sent:
    waits = 0
    while True:
        try:
            if invoice.chat_id == LINK_CHAT:
                link = api.call("createInvoiceLink", invoice_content(invoice, provider_token))
                return Sent(invoice, "sent", link=shown_link(link))
            message = api.call("sendInvoice", send_invoice(invoice, provider_token, delivery))
            return Sent(invoice, "sent", _message_id(message))
        except OutcomeUnknown as failure:
            return Sent(invoice, "unknown", failure=_unknown(invoice, failure))
        except NotSent as failure:
            return Sent(invoice, "refused", failure=failure)
        except Refused as refusal:
            if refusal.migrate_to_chat_id is not None and waits < _WAITS_MAX:
                # The group became a supergroup; Telegram says under which id it lives on.
                waits += 1
                with store.transaction() as tx:
                    tx.migrate_chat(int(invoice.chat_id), refusal.migrate_to_chat_id)
                invoice = replace(invoice, chat_id=str(refusal.migrate_to_chat_id))
                say(f"apay: the group has a new id, {invoice.chat_id}: use it from now on")
            elif refusal.retry_after is not None and waits < _WAITS_MAX and refusal.retry_after <= _WAIT_SECONDS_MAX:
                waits += 1
                say(f"apay: Telegram asks to wait {refusal.retry_after} s")
                try:
                    sleep(refusal.retry_after)
                except KeyboardInterrupt:  # it is known: Telegram refused, for now
                    return Sent(invoice, "refused", failure=Interrupted(f"{refusal.message}; interrupted"))
            else:
                return Sent(invoice, "refused", failure=refusal)


def shown_link(link: Any) -> str | None:
    """`https://t.me/$...`: Telegram has also named a domain that its own apps do not open (python-telegram-bot
    issue 5296)."""
    if not isinstance(link, str) or "$" not in link:
        return link if isinstance(link, str) else None
    return "https://t.me/$" + link.rpartition("$")[2]


def _message_id(message: Any) -> int | None:
    value = message.get("message_id") if isinstance(message, dict) else None
    return value if type(value) is int else None


def _unknown(invoice: Invoice, failure: OutcomeUnknown) -> OutcomeUnknown:
    if invoice.chat_id == LINK_CHAT:
        hint = "run it again: a link that nobody has seen does no harm"
        return type(failure)(f"it is unknown whether Telegram made the link: {failure.message}", hint=hint)
    return type(failure)(
        f"it is unknown whether {invoice.chat_id} got the invoice {invoice.invoice_id}: {failure.message}",
        hint="look into the chat; apay does not send it again by itself. If it is there, it can be paid",
    )
