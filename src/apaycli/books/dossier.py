"""A receipt and all that hangs on it → documents: JSON's objects, the same for a screen and for a folder of evidence.

Knows the keys. Never knows where the values come from, or who wants them.
"""

import json
from collections.abc import Sequence
from typing import Any

from apaycli.books.columns import COLUMNS, PERSONAL_COLUMNS, columns_of, major
from apaycli.clock import render_instant
from apaycli.core.model import LabeledPrice, ReceiptRow
from apaycli.store.digests import digest_of
from apaycli.store.values import HookRow, InvoiceRow, SupportRequest
from apaycli.store.values_cases import Asked, Dispute, Dossier, DueRefund, Evidence, RefundCase, Reserved
from apaycli.text import show

Document = dict[str, Any]
_ADDRESS_KEYS = ("street_line1", "street_line2", "post_code", "city", "state", "country_code")
_LINE_CHARACTERS_MAX = 4000


def receipt_documents(receipts: Sequence[ReceiptRow], *, personal: bool = True) -> list[Document]:
    """The columns of `apay export`, and with `personal` what the buyer typed."""
    names = (*COLUMNS, *(PERSONAL_COLUMNS if personal else ()))
    return [
        dict(zip(names, row, strict=True)) for batch in columns_of(receipts, names) for row in zip(*batch, strict=True)
    ]


def dossier_document(dossier: Dossier) -> Document:
    return {
        **receipt_document(dossier),
        "refund": refund_document(dossier.refund),
        "invoice": None if dossier.invoice is None else invoice_document(dossier.invoice),
        "reservation": None if dossier.reservation is None else reservation_document(dossier.reservation),
        "decisions": [asked_document(asked) for asked in dossier.asked],
        "hooks": [hook_document(hook) for hook in dossier.hooks],
        "evidence": [evidence_document(evidence) for evidence in dossier.evidence],
        "disputes": [dispute_document(dispute) for dispute in dossier.disputes],
        "reconciliation": reconciliation_document(dossier),
        "acceptances": acceptance_documents(dossier),
    }


def receipt_document(dossier: Dossier) -> Document:
    (document,) = receipt_documents([dossier.receipt])
    return {**document, "update_id": str(dossier.update_id), "source": dossier.source, "digest": dossier.digest}


def due_document(due: DueRefund, why: str) -> Document:
    (document,) = receipt_documents([due.receipt])
    return {**document, "why": why, "reason": due.reason}


def refund_state_document(dossier: Dossier) -> Document:
    receipt = dossier.receipt
    return {
        "receipt_id": str(receipt.receipt_id),
        "mode": receipt.mode,
        "currency": receipt.currency,
        "total_amount": receipt.total_amount,
        "refund_state": receipt.refund_state,
        **refund_document(dossier.refund),
    }


def refund_document(refund: RefundCase) -> Document:
    return {"reason": refund.reason, "reference": refund.reference, "done_at": _instant(refund.done_at)}


def invoice_document(row: InvoiceRow) -> Document:
    invoice = row.invoice
    return {
        "invoice_id": invoice.invoice_id,
        "mode": invoice.mode,
        "chat_id": invoice.chat_id,
        "message_id": row.message_id,
        "link": row.link,
        "sku": invoice.sku,
        "title": invoice.title,
        "description": invoice.description,
        "quantity": invoice.quantity,
        "currency": invoice.currency,
        "total_amount": invoice.total_amount,
        "amount": major(invoice.total_amount, invoice.currency),
        "prices": _prices(invoice.prices),
        "max_tip_amount": invoice.tips.max_tip_amount,
        "need": list(invoice.need),
        "shipping": [
            {
                "shipping_option_id": option.option_id,
                "title": option.title,
                "prices": _prices(option.prices),
                "countries": list(option.countries),
            }
            for option in invoice.shipping
        ],
        "photo_url": invoice.photo_url,
        "invoice_payload": invoice.invoice_payload,
        "forwarding": invoice.forwarding,
        "buyer_id": None if invoice.buyer_id is None else str(invoice.buyer_id),
        "uses": "unlimited" if invoice.uses_max is None else invoice.uses_max,
        "uses_paid": row.uses_paid,
        "created_at": render_instant(invoice.created_at),
        "send_state": row.send_state,
        "sent_at": _instant(row.sent_at),
        "expires_at": _instant(invoice.expires_at),
        "cancelled_at": _instant(invoice.cancelled_at),
    }


def _prices(prices: Sequence[LabeledPrice]) -> list[Document]:
    return [{"label": price.label, "amount": price.amount} for price in prices]


def reservation_document(reserved: Reserved) -> Document:
    return {
        "reservation_id": str(reserved.reservation_id),
        "state": reserved.state,
        "quantity": reserved.quantity,
        "entries": reserved.entries,
        "created_at": render_instant(reserved.created_at),
        "expires_at": render_instant(reserved.expires_at),
        "ended_at": _instant(reserved.ended_at),
    }


def asked_document(asked: Asked) -> Document:
    return {
        "pre_checkout_query_id": asked.pre_checkout_query_id,
        "ok": asked.ok,
        "reason": asked.reason,
        "error_message": asked.error_message,
        "currency": asked.currency,
        "total_amount": asked.total_amount,
        "decided_at": render_instant(asked.decided_at),
        "answer_outcome": asked.answer_outcome,
        "answered_at": _instant(asked.answered_at),
        "answer_milliseconds": asked.answer_milliseconds,
    }


def hook_document(hook: HookRow) -> Document:
    return {
        "kind": hook.kind,
        "state": hook.state,
        "attempts": hook.attempts,
        "due_at": render_instant(hook.due_at),
        "last_attempt_at": _instant(hook.last_attempt_at),
        "failure": hook.failure,
    }


def evidence_document(evidence: Evidence) -> Document:
    return {
        "kind": evidence.kind,
        "digest": evidence.digest,
        "update_id": str(evidence.update_id),
        "received_at": render_instant(evidence.received_at),
        "size_bytes": len(evidence.raw),
        "state": evidence_state(evidence),
    }


def evidence_state(evidence: Evidence) -> str:
    """`intact`, `purged` (personal data was removed) or `changed`: then `apay verify` says so, too."""
    if not evidence.raw:
        return "purged"
    return "intact" if digest_of(evidence.raw) == evidence.digest else "changed"


def dispute_document(dispute: Dispute) -> Document:
    return {
        "dispute_id": str(dispute.dispute_id),
        "receipt_id": str(dispute.receipt_id),
        "state": dispute.state,
        "reason": dispute.reason,
        "opened_at": render_instant(dispute.opened_at),
        "closed_at": _instant(dispute.closed_at),
        "notes": [{"text": note.text, "written_at": render_instant(note.written_at)} for note in dispute.notes],
    }


def reconciliation_document(dossier: Dossier) -> Document | None:
    finding = dossier.finding
    if finding is None:
        return None
    return {
        "state": finding.state,
        "found_by": finding.found_by,
        "apay_order_id": finding.apay_order_id,
        "currency": finding.currency,
        "amount": finding.amount,
        "fee_amount": finding.fee_amount,
        "detail": finding.detail,
        "checked_at": _instant(dossier.finding_at),
    }


def acceptance_documents(dossier: Dossier) -> list[Document]:
    return [
        {
            "version": each.version,
            "accepted_at": render_instant(each.accepted_at),
            "terms_digest": digest_of(each.text.encode()),
        }
        for each in dossier.acceptances
    ]


def request_document(request: SupportRequest) -> Document:
    return {
        "request_id": str(request.request_id),
        "received_at": render_instant(request.received_at),
        "closed_at": _instant(request.closed_at),
        "text": request.text,
        "replies": [
            {"text": reply.text, "created_at": render_instant(reply.created_at), "send_state": reply.send_state}
            for reply in request.replies
        ],
    }


def address_lines(shipping_address: str | None) -> list[str]:
    """The Bot API's object as a person writes an address; the text as it is where it is none."""
    if shipping_address is None:
        return []
    try:
        address = json.loads(shipping_address)
        parts = [address.get(key) for key in _ADDRESS_KEYS]
    except (ValueError, AttributeError):
        return [shipping_address]
    return [part for part in parts if isinstance(part, str) and part]


def _instant(value: int | None) -> str | None:
    return None if value is None else render_instant(value)


def line(text: str) -> str:
    """A line of a text file: strangers' text in it is harmless."""
    return show(text, _LINE_CHARACTERS_MAX)
