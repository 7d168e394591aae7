"""A dispute → the files that A-Pay or a bank asks for: everything on record about one payment, with its digests.

Knows what lies in the folder, under which name, and how it is told to a person. Pure: values in, bytes out; never where
the folder is, and nothing that is not on record: what is missing is said, not made up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apaycli.books import dossier as documents
from apaycli.books.dispute_page import render_page
from apaycli.clock import render_instant
from apaycli.store.digests import digest_of
from apaycli.store.values_cases import Acceptance, Dispute, Dossier
from apaycli.text import json_text

SUMS = "SHA256SUMS"
_EVIDENCE = "The file evidence-1-receipt.json holds the bytes as they came; their SHA-256 is `digest` in receipt.json."
Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the config says today; the words that a buyer agreed to are in the ledger."""

    text: str | None
    version: str | None


def render_folder(dispute: Dispute, dossier: Dossier, terms: Terms, made_at: int) -> Files:
    """Every file by its name; SHA256SUMS, as `sha256sum -c` reads it, last."""
    files: Files = {}
    about: dict[str, str] = {}
    for name, what, content in _parts(dispute, dossier, terms):
        files[name], about[name] = content, what
    missing = list(_missing(dossier, terms))
    page = render_page(dispute, dossier, missing, made_at)
    files["summary.html"] = page.encode()
    about = {"summary.html": "all of it on one page, to read or print", **about}
    files["README.txt"] = _readme(dispute, dossier, about, missing, made_at).encode()
    files[SUMS] = "".join(f"{digest_of(files[name])}  {name}\n" for name in sorted(files)).encode()
    return files


def _parts(dispute: Dispute, dossier: Dossier, terms: Terms) -> Iterator[tuple[str, str, bytes]]:
    """Name, what it is, content."""
    yield "dispute.json", "the dispute, our notes, and what was given back", _json(_dispute_document(dispute, dossier))
    yield "receipt.json", "our record of the payment", _json(documents.receipt_document(dossier))
    if dossier.invoice is not None:
        yield "invoice.json", "the invoice that was paid", _json(documents.invoice_document(dossier.invoice))
    if dossier.asked or dossier.reservation is not None:
        yield (
            "decisions.json",
            "what Telegram asked before the payment, our answers, and when",
            _json(
                {
                    "reservation": documents.reservation_document(dossier.reservation) if dossier.reservation else None,
                    "decisions": [documents.asked_document(asked) for asked in dossier.asked],
                }
            ),
        )
    agreed = _agreed(dossier)
    if agreed is not None:
        heading = f"the terms that the buyer agreed to, version {agreed.version}; {_today(agreed, terms)}"
        yield "terms.txt", heading, agreed.text.encode()
    elif terms.text is not None:
        heading = "the terms as they are today" + (f", version {terms.version}" if terms.version else "")
        yield "terms.txt", heading, terms.text.encode()
    yield (
        "acceptance.json",
        "which versions of the terms the buyer agreed to, and when",
        _json({"version_in_force": terms.version, "accepted": documents.acceptance_documents(dossier)}),
    )
    yield from _evidence_files(dossier)
    if dossier.hooks:
        hooks = [documents.hook_document(hook) for hook in dossier.hooks]
        yield "hooks.json", "how our delivery was started", _json(hooks)
    reconciliation = documents.reconciliation_document(dossier)
    if reconciliation is not None:
        yield "apay.json", "what A-Pay's own books say", _json(reconciliation)
    if dossier.requests:
        requests = [documents.request_document(request) for request in dossier.requests]
        yield "support.json", "what the buyer asked us, and our answers", _json(requests)


def _dispute_document(dispute: Dispute, dossier: Dossier) -> Mapping[str, Any]:
    others = [documents.dispute_document(each) for each in dossier.disputes if each.dispute_id != dispute.dispute_id]
    return {
        **documents.dispute_document(dispute),
        "refund_state": dossier.receipt.refund_state,
        "refund": documents.refund_document(dossier.refund),
        "other_disputes": others,
    }


def _evidence_files(dossier: Dossier) -> Iterator[tuple[str, str, bytes]]:
    for number, evidence in enumerate(dossier.evidence, 1):
        if evidence.raw:
            name = f"evidence-{number}-{evidence.kind}.json"
            what = {
                "receipt": "the bytes that Telegram sent us about the payment, as they came",
                "conflict": "another message of Telegram's about the same charge, which said something else",
                "refund": "Telegram's message about money that went back",
            }[evidence.kind]
            yield name, what, evidence.raw


def _agreed(dossier: Dossier) -> Acceptance | None:
    """The last version that the buyer agreed to before the payment."""
    earlier = [each for each in dossier.acceptances if each.accepted_at <= dossier.receipt.paid_at]
    return earlier[-1] if earlier else None


def _today(agreed: Acceptance, terms: Terms) -> str:
    return "they are the same today" if agreed.text == terms.text else "today's are others"


def _missing(dossier: Dossier, terms: Terms) -> Iterator[str]:
    if dossier.invoice is None:
        yield "an invoice: this payment belongs to none in our ledger"
    if not dossier.asked:
        yield "a decision: no question about this payment is on record"
    if _agreed(dossier) is None:
        yield "the buyer's consent to the terms before the payment"
        if terms.text is None:
            yield "the text of the terms: [terms] text_file is not set"
    for evidence in dossier.evidence:
        state = documents.evidence_state(evidence)
        if state == "purged":
            yield f"the received bytes ({evidence.kind}): removed with the personal data; their digest stays"
        elif state == "changed":
            yield f"trust in the received bytes ({evidence.kind}): they do not have their digest any more"
    if dossier.finding is None:
        yield "A-Pay's own word: it was not asked about this payment (apay reconcile does)"


def _readme(dispute: Dispute, dossier: Dossier, about: Mapping[str, str], missing: list[str], made_at: int) -> str:
    receipt = dossier.receipt
    lines = [
        f"Dispute {dispute.dispute_id} about receipt {receipt.receipt_id}: {dispute.state}",
        f"Written {render_instant(made_at)} from the shop's ledger. All times are UTC.",
        "",
        f"Telegram charge id: {receipt.telegram_payment_charge_id}",
        f"Provider charge id: {receipt.provider_payment_charge_id}",
        "",
        "In this folder:",
        *(f"  {name.ljust(max(map(len, about)))}  {what}" for name, what in about.items()),
        f"  {SUMS.ljust(max(map(len, about)))}  digests of all these files; check them with: sha256sum -c {SUMS}",
        "",
        *(["Not in this folder:", *(f"  - {each}" for each in missing), ""] if missing else []),
        *([_EVIDENCE] if "evidence-1-receipt.json" in about else []),
        "Amounts in the JSON files are integers in the smallest unit of their currency; `amount` is the usual way to",
        "write it. The folder holds personal data of the buyer: give it to nobody who need not decide about this.",
    ]
    return "\n".join(documents.line(text) for text in lines) + "\n"


def _json(value: Any) -> bytes:
    return (json_text(value, indent=2) + "\n").encode()
