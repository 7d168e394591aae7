"""A dispute on one HTML page: what happened, in order, for a person who decides about it.

Knows how it is laid out and that every text on it may be a stranger's: all of it is shown harmlessly and escaped. The
page loads nothing and runs nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from apaycli.books.dossier import address_lines, evidence_state
from apaycli.clock import render_instant
from apaycli.money import render_money
from apaycli.store.values_cases import Asked, Dispute, Dossier
from apaycli.text import show

_TEXT_CHARACTERS_MAX = 4000
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .3rem .6rem .3rem 0; vertical-align: top; }
th { text-align: left; font-weight: 600; width: 13rem; } tr { border-bottom: 1px solid #ddd; }
td { overflow-wrap: anywhere; white-space: pre-wrap; } .talk { color: #555; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_Rows = Iterable[tuple[str, str | None]]


def render_page(dispute: Dispute, dossier: Dossier, missing: Sequence[str], made_at: int) -> str:
    receipt = dossier.receipt
    title = f"Dispute {dispute.dispute_id}: receipt {receipt.receipt_id}, {_money(dossier)}"
    sections = [
        _section("What happened, in order", _timeline(dispute, dossier)),
        _section("The payment", _payment(dossier)),
        _section("The buyer", _buyer(dossier)),
        _section("Dispute", _dispute(dispute, dossier)),
    ]
    gaps = "".join(f"<li>{_text(each)}</li>" for each in missing)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>\n"
        f'<h1>{_text(title)}</h1>\n<p class="talk">Written {render_instant(made_at)} from the shop\'s ledger.'
        " All times are UTC. The files beside this page hold every detail.</p>\n"
        + "\n".join(sections)
        + (f"\n<h2>Not on record</h2>\n<ul>{gaps}</ul>" if gaps else "")
        + "\n</body></html>\n"
    )


def _section(heading: str, rows: _Rows) -> str:
    cells = (f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows if value)
    return f"<h2>{escape(heading)}</h2>\n<table>{''.join(cells)}</table>"


def _text(value: str) -> str:
    """Line breaks stay; everything else that could hurt is shown, then escaped."""
    return escape("\n".join(show(line, _TEXT_CHARACTERS_MAX) for line in value.split("\n")))


def _money(dossier: Dossier) -> str:
    receipt = dossier.receipt
    if receipt.total_amount is None or receipt.currency is None:
        return "amount unreadable"
    return render_money(receipt.total_amount, receipt.currency)


def _timeline(dispute: Dispute, dossier: Dossier) -> _Rows:
    # Telegram gives whole seconds: within one, the order in which things must have happened.
    events = sorted(_events(dispute, dossier), key=lambda event: event[0] // 1000)
    return ((render_instant(at), what) for at, what in events)


def _events(dispute: Dispute, dossier: Dossier) -> Iterator[tuple[int, str]]:
    receipt, row = dossier.receipt, dossier.invoice
    for acceptance in dossier.acceptances:
        yield acceptance.accepted_at, f"The buyer agreed to the terms, version {acceptance.version}."
    if row is not None:
        total = render_money(row.invoice.total_amount, row.invoice.currency)
        yield row.invoice.created_at, f"Invoice {row.invoice.invoice_id}: {row.invoice.title}, {total}."
    for asked in dossier.asked:
        yield asked.decided_at, _answer(asked)
    yield receipt.paid_at, f"Paid: {_money(dossier)}, says Telegram."
    yield receipt.recorded_at, f"Recorded as receipt {receipt.receipt_id}."
    for hook in dossier.hooks:
        if hook.last_attempt_at is not None:
            ended = "done" if hook.state == "done" else f"{hook.state}: {hook.failure}"
            yield hook.last_attempt_at, f"Delivery ({hook.kind}), attempt {hook.attempts}: {ended}."
    for request in dossier.requests:
        yield request.received_at, f"The buyer wrote: {request.text}"
        for reply in request.replies:
            yield reply.created_at, f"We answered: {reply.text}"
    if dossier.finding is not None and dossier.finding_at is not None:
        detail = f" ({dossier.finding.detail})" if dossier.finding.detail else ""
        yield dossier.finding_at, f"A-Pay's books: {dossier.finding.state}{detail}."
    if dossier.refund.done_at is not None:
        yield dossier.refund.done_at, f"Money sent back: {dossier.refund.reference}."
    yield from _dispute_events(dispute)


def _dispute_events(dispute: Dispute) -> Iterator[tuple[int, str]]:
    yield dispute.opened_at, f"Dispute opened: {dispute.reason}"
    for note in dispute.notes:
        yield note.written_at, f"Note: {note.text}"
    if dispute.closed_at is not None:
        yield dispute.closed_at, f"Dispute closed: {dispute.state}."


def _answer(asked: Asked) -> str:
    said = "yes" if asked.ok else f"no, {asked.reason}: {asked.error_message}"
    took = "" if asked.answer_milliseconds is None else f", after {asked.answer_milliseconds} ms"
    sent = {
        "sent": "answered",
        "unconfirmed": "sent, but Telegram's reply was lost",
        "too_old": "answered too late",
        "failed": "the answer did not arrive",
    }
    how = "whether the answer arrived is not known" if asked.answer_outcome is None else sent[asked.answer_outcome]
    return f"Telegram asked whether the payment may go on. Our answer: {said} ({how}{took})."


def _payment(dossier: Dossier) -> _Rows:
    receipt, row = dossier.receipt, dossier.invoice
    yield "What", f"{receipt.quantity} x {receipt.title or receipt.sku or 'unknown'}"
    if row is not None:
        yield "Described as", row.invoice.description
    yield "Amount", _money(dossier)
    if receipt.tip_amount and receipt.currency:
        yield "of it, tip", render_money(receipt.tip_amount, receipt.currency)
    if receipt.shipping_amount and receipt.currency:
        yield "of it, delivery", render_money(receipt.shipping_amount, receipt.currency)
    yield "Kind of money", "real" if receipt.mode == "live" else "test"
    yield "Flag", receipt.flag
    yield "Telegram charge id", receipt.telegram_payment_charge_id
    yield "Provider charge id", receipt.provider_payment_charge_id
    for evidence in dossier.evidence:
        yield f"SHA-256 ({evidence.kind})", f"{evidence.digest}, {evidence_state(evidence)}"


def _buyer(dossier: Dossier) -> _Rows:
    receipt = dossier.receipt
    yield "Telegram id", None if receipt.buyer_id is None else str(receipt.buyer_id)
    yield "Name in Telegram", receipt.buyer_name
    yield "Username", f"@{receipt.buyer_username}" if receipt.buyer_username else None
    yield "Name given", receipt.order_name
    yield "Phone given", receipt.order_phone
    yield "E-mail given", receipt.order_email
    yield "Address given", "\n".join(address_lines(receipt.order_address))


def _dispute(dispute: Dispute, dossier: Dossier) -> _Rows:
    yield "State", dispute.state
    yield "Reason", dispute.reason
    yield "Refund", dossier.receipt.refund_state
    yield "Reason of the refund", dossier.refund.reason
    yield "Reference of the refund", dossier.refund.reference
    yield (
        "Other disputes",
        ", ".join(
            f"{each.dispute_id} ({each.state})" for each in dossier.disputes if each.dispute_id != dispute.dispute_id
        ),
    )
