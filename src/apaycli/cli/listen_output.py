"""How the listener's events look: a line for people, an object for programs, a status line on a terminal.

Knows every event and nothing of how it came about. Results (what happened to buyers and money) go to stdout,
talk (ready, trouble) to stderr. With `--json` every event is one object on stdout.
"""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from apaycli.cli.output import Output, Style
from apaycli.cli.status_line import StatusLine, render_span
from apaycli.clock import render_instant
from apaycli.core.model import DeclineReason, Mode, User
from apaycli.core.notices import FLAG_MEANINGS, gap_sentence
from apaycli.listen import events
from apaycli.money import render_money
from apaycli.text import json_text, redact, show

_TROUBLE_AGAIN_MILLISECONDS = 30_000
_OUTCOMES = {
    "sent": "",
    "unconfirmed": "  NOT CONFIRMED: sent, but Telegram's reply was lost",
    "too_old": "  TOO LATE for Telegram",
    "failed": "  NOT DELIVERED",
}


class Renderer:
    """Shows events as they come. `__call__` is what the listener emits to."""

    def __init__(self, output: Output, status: StatusLine, here: Callable[[str], str] = str) -> None:
        """`here` makes a command one about this very shop."""
        self._output, self._here = output, here
        self._status = status
        self._mode: Mode | None = None
        self._trouble: events.Trouble | None = None  # the last one that was told

    def __call__(self, event: events.Event) -> None:
        if self._output.as_json:
            self._output.out(json_text(document(event)))
            self._output.flush()
            return
        if isinstance(event, events.Started):
            self._mode = event.mode
        self._status.clear()
        self._status.note(event)
        match event:
            case events.Standing():
                pass
            case events.Answered() | events.Paid() | events.Expired() | events.PaymentRepeated():
                self._line(event)
            case events.DeadLetter() | events.StarsRefunded() | events.QueryConflict():
                self._line(event)
            case _:
                self._talk(event)
        self._status.draw()

    def _line(self, event: Any) -> None:
        text, style = _sentence(event, self._mode)
        stamp = datetime.fromtimestamp(event.at // 1000, UTC).strftime("%H:%M:%SZ")
        line = self._output.fitted(f"{stamp}  {text}", self._output.stdout, indent=" " * 11)
        self._output.out(self._output.paint(line, style, self._output.stdout) if style else line)
        self._output.flush()

    def _talk(self, event: events.Event) -> None:
        say = self._output.say
        match event:
            case events.Started():
                self._say_started(event)
            case events.Ready(_, bot_username):
                say(f"apay: ready, @{show(bot_username, 64)} is being heard; Ctrl-C stops it")
            case events.Trouble():
                self._say_trouble(event)
            case events.TokenTaken():
                say("apay: there is a new bot token, and Telegram is asked with it from now on")
            case events.StockTaken() | events.OldPrices() | events.StockRefused() | events.ShippingFailed():
                self._talk_of_the_shop(event)
            case events.LedgerStopped(_, message):
                self._output.warn(
                    f"{message}: until it is back, pre-checkouts are declined and receipts wait at Telegram"
                )
            case events.LedgerBack(_, milliseconds):
                say(f"apay: the ledger can be written again, after {render_span(milliseconds)}")
            case events.GapFound(_, from_at, until_at):
                self._output.warn(f"{gap_sentence(from_at, until_at)}, then: apay status --acknowledge")
            case events.Backlog(_, count):
                most = "; it drops what is beyond 100,000" if count > 50_000 else ""
                say(f"apay: {count} updates wait at Telegram{most}")
            case events.ClockJumped(_, seconds):
                self._output.warn(f"the clock was set {abs(seconds)} s {'forward' if seconds > 0 else 'back'}")
            case events.DiskLow(_, free_bytes):
                self._output.warn(f"{free_bytes // 2**20} MiB are free where the ledger lies; make room")
            case events.HooksWait():
                self._output.warn("a hook of an earlier apay listen still runs; hooks wait until it has ended")
            case events.BackedUp(_, path, receipts, None):
                self._output.detail(f"apay: backup {path}, {receipts} receipt(s)")
            case events.BackedUp(_, path, _, failure):
                self._output.warn(f"the backup {path} is made, but [backup] after failed: {failure}")
            case events.BackupFailed(_, message):
                self._output.warn(f"no backup could be made: {message}")
            case events.NoticesRefused(_, waiting, message):
                self._output.warn(f"{waiting} message(s) to you wait: {message}")
            case events.RepliesDropped(_, count):
                self._output.warn(f"{count} command(s) got no reply: too many at once; payments are not affected")
            case events.HookRan(_, receipt_id, kind, attempt, failure, again_at) if failure is not None:
                then = "tries again" if again_at else f"gives up: apay hooks retry {receipt_id}"
                say(f"apay: hook ({kind}) for receipt {receipt_id} failed, try {attempt}: {failure}; {then}")
            case events.HookRan(_, receipt_id, kind, attempt, _, _):
                self._output.detail(f"apay: hook ({kind}) for receipt {receipt_id} done, try {attempt}")
            case events.Replied(_, method, error) if error:
                say(f"apay: {method} failed: {error}")
            case events.Replied(_, method, _):
                self._output.detail(f"apay: {method} sent")
            case events.Passed(_, update_id, kind):
                self._output.detail(f"apay: update {update_id} passed over ({show(kind, 40)})")
            case events.Stopped():
                say("apay: stopped; everything that was confirmed is on disk")

    def _talk_of_the_shop(self, event: events.Event) -> None:
        say = self._output.say
        match event:
            case events.StockTaken(_, products, warnings):
                say(f"apay: the stock file has changed: {products} product(s) in force")
                for warning in warnings:
                    self._output.warn(warning)
            case events.OldPrices(_, sku, invoices):
                still = "1 open invoice still has" if invoices == 1 else f"{invoices} open invoices still have"
                self._output.warn(
                    f"{show(sku)} has another price or currency now; {still} the old one and can be paid as sent."
                    " To cancel:"
                )
                self._output.advise(self._here(f"apay invoices cancel --old-price --sku {show(sku)}"))
            case events.StockRefused(_, problems):
                say("apay: the stock file has mistakes; the last good one stays in force")
                for problem in problems:
                    say(f"  {show(problem, 1000)}")
            case events.ShippingFailed(_, _, "free_left_out", _):
                self._output.warn(
                    "Telegram refuses delivery options that cost nothing: a buyer was offered the others only."
                    " Give each a price; apay stock check names them"
                )
            case events.ShippingFailed(_, _, _, error):
                self._output.warn(f"a buyer got no answer about delivery and could not pay: {show(error, 300)}")

    def _say_trouble(self, event: events.Trouble) -> None:
        """Each once, and again every half minute while it lasts: it is tried again every two seconds."""
        told, hint = self._trouble, f" ({event.hint})" if event.hint else ""
        if told and told.message == event.message and event.at - told.at < _TROUBLE_AGAIN_MILLISECONDS:
            self._output.detail(f"apay: {event.message}; next try in {event.next_try_seconds:g} s")
            return
        self._trouble = event
        self._output.say(f"apay: {event.message}{hint}; next try in {event.next_try_seconds:g} s")

    def _say_started(self, event: events.Started) -> None:
        say = self._output.say
        if event.away_milliseconds is not None:
            say(f"apay: nobody listened for {render_span(event.away_milliseconds)}; Telegram keeps receipts 24 h")
        if event.answers_to_resend or event.reservations_expired:
            say(
                f"apay: taken up again: {event.answers_to_resend} answer(s) to send,"
                f" {event.reservations_expired} expired reservation(s) to end"
            )


def _sentence(event: Any, mode: Mode | None) -> tuple[str, Style | None]:
    match event:
        case events.Answered():
            return _answered(event, mode)
        case events.Paid():
            return _paid(event)
        case events.Expired(_, reservation):
            what = show(reservation.sku or reservation.invoice_id)
            return f"expired     user {reservation.buyer_id}  {reservation.quantity} x {what} back in stock", "dim"
        case events.PaymentRepeated(_, charge_id, True):
            return f"CONFLICT    {show(charge_id)}: known payment with other content; the first record stands", "red"
        case events.PaymentRepeated(_, charge_id, _):
            return f"repeated    {show(charge_id)}: is recorded already", "dim"
        case events.QueryConflict(_, query_id, differs):
            what = f"a decided query came again with another {', '.join(differs)}; the first decision stands"
            return f"CONFLICT    {show(query_id)}: {what}", "red"
        case events.StarsRefunded(_, charge_id):
            return f"stars       refund of {show(charge_id)}: Telegram Stars, kept apart", "dim"
        case events.DeadLetter(_, update_id, reason, mentions_payment):
            loud = "  IT MAY HOLD A PAYMENT: look at it" if mentions_payment else ""
            return f"unreadable  update {update_id}: {show(reason)}; kept as it came{loud}", "red"
    raise TypeError(type(event).__name__)


def _answered(event: events.Answered, mode: Mode | None) -> tuple[str, Style | None]:
    decision, query = event.decision, event.query
    said = "yes" if decision.ok else f"no: {decision.reason}"
    if event.invoice is not None and mode not in (None, event.invoice.mode) and not decision.ok:
        said += f" (a {event.invoice.mode} invoice, and this listener runs in {mode} mode)"
    how = _OUTCOMES[event.outcome]
    again = "  again" if event.repeated else ""
    text = f"pre-checkout  {_who(query.buyer)}  {_what(event)}  {said}  {event.milliseconds} ms{again}{how}"
    return text, "red" if how else (None if decision.ok else "yellow")


def _paid(event: events.Paid) -> tuple[str, Style | None]:
    receipt = event.receipt
    amount = "amount unreadable"
    if receipt.total_amount is not None and receipt.currency is not None:
        amount = render_money(receipt.total_amount, show(receipt.currency, 12))
    test = " (test)" if receipt.mode == "test" else ""
    flag = f"  {receipt.flag}: {FLAG_MEANINGS[receipt.flag]}" if receipt.flag else ""
    what = f"{receipt.quantity} x {show(receipt.title)}" if receipt.title else "?"
    who = _who(receipt.buyer) if receipt.buyer else "somebody"
    return f"PAID{test}  {who}  {what}  {amount}  receipt {event.receipt_id}{flag}", "red" if flag else "green"


def _who(user: User) -> str:
    name = show(user.name, 40) or "user"
    return f"{name} (@{show(user.username, 40)})" if user.username else f"{name} ({user.user_id})"


def _what(event: events.Answered) -> str:
    """The goods, and what the buyer was asked for: with a tip, or by mistake, that is not the invoice's total."""
    invoice, query = event.invoice, event.query
    asked = "?"
    if query.total_amount is not None and query.currency is not None:
        asked = render_money(query.total_amount, show(query.currency, 12))
    if invoice is None:
        return asked if query.total_amount is not None else "-"
    goods = f"{invoice.quantity} x {show(invoice.title)}"
    invoiced = render_money(invoice.total_amount, invoice.currency)
    if event.decision.reason in {DeclineReason.AMOUNT_MISMATCH, DeclineReason.CURRENCY_MISMATCH}:
        return f"{goods} asked {asked}, invoice {invoiced}"
    return f"{goods} {asked if query.total_amount is not None else invoiced}"


_EVENT_NAMES = {
    events.Started: "started",
    events.Ready: "ready",
    events.Answered: "pre_checkout",
    events.Paid: "paid",
    events.PaymentRepeated: "payment_repeated",
    events.QueryConflict: "query_conflict",
    events.StarsRefunded: "stars_refunded",
    events.Expired: "expired",
    events.DeadLetter: "dead_letter",
    events.Passed: "passed_over",
    events.Replied: "replied",
    events.ShippingFailed: "shipping_failed",
    events.RepliesDropped: "replies_dropped",
    events.StockTaken: "stock_taken",
    events.OldPrices: "old_prices",
    events.StockRefused: "stock_refused",
    events.Trouble: "trouble",
    events.TokenTaken: "token_taken",
    events.HookRan: "hook_ran",
    events.Standing: "standing",
    events.LedgerStopped: "ledger_stopped",
    events.LedgerBack: "ledger_back",
    events.GapFound: "gap",
    events.Backlog: "backlog",
    events.ClockJumped: "clock_jumped",
    events.DiskLow: "disk_low",
    events.HooksWait: "hooks_wait",
    events.BackedUp: "backed_up",
    events.BackupFailed: "backup_failed",
    events.NoticesRefused: "notices_refused",
    events.Stopped: "stopped",
}


def document(event: events.Event) -> dict[str, Any]:
    """One event as a flat JSON object; keys are only ever added (`docs/json.md`)."""
    head = {"at": render_instant(event.at), "event": _EVENT_NAMES[type(event)]}
    match event:
        case events.Answered(_, query, decision, invoice, outcome, milliseconds, repeated):
            return head | {
                "pre_checkout_query_id": query.pre_checkout_query_id,
                "buyer_id": str(query.buyer.user_id),
                "buyer_name": query.buyer.name,
                "invoice_id": invoice.invoice_id if invoice else None,
                "sku": invoice.sku if invoice else None,
                "currency": query.currency,
                "total_amount": query.total_amount,
                "ok": decision.ok,
                "reason": decision.reason,
                "error_message": decision.error_message,
                "outcome": outcome,
                "milliseconds": milliseconds,
                "repeated": repeated,
            }
        case events.Paid(_, receipt_id, receipt):
            return head | {
                "receipt_id": str(receipt_id),
                "mode": receipt.mode,
                "flag": receipt.flag,
                "sku": receipt.sku,
                "title": receipt.title,
                "quantity": receipt.quantity,
                "currency": receipt.currency,
                "total_amount": receipt.total_amount,
                "buyer_id": str(receipt.buyer.user_id) if receipt.buyer else None,
                "buyer_name": receipt.buyer.name if receipt.buyer else None,
                "telegram_payment_charge_id": receipt.telegram_payment_charge_id,
                "provider_payment_charge_id": receipt.provider_payment_charge_id,
                "invoice_id": receipt.invoice_id,
            }
        case events.Expired(_, reservation):
            return head | {
                "invoice_id": reservation.invoice_id,
                "buyer_id": str(reservation.buyer_id),
                "sku": reservation.sku,
                "quantity": reservation.quantity,
            }
        case events.Trouble(_, message, hint, seconds):
            return head | {"message": redact(message), "hint": hint, "next_try_seconds": seconds}
        case events.GapFound(_, from_at, until_at):
            return head | {"from_at": render_instant(from_at), "until_at": render_instant(until_at)}
        case events.ShippingFailed(_, shipping_query_id, kind, error):
            return head | {"shipping_query_id": shipping_query_id, "kind": kind, "error": redact(error)}
        case events.Replied(_, method, error):
            return head | {"method": method, "error": error and redact(error)}
    fields = {name: getattr(event, name) for name in (f.name for f in dataclasses.fields(event)) if name != "at"}
    return head | fields
