"""The folder of a dispute: everything on record, nothing that is not, and harmless whatever strangers wrote."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from apaycli.books.dispute_folder import Files, Terms, render_folder
from apaycli.core.reconcile import Finding
from apaycli.store.sqlite import open_in_memory
from apaycli.store.values_cases import Acceptance, Dispute, DisputeNote, Dossier
from sold_ledger import BUYERS, sell_a_day

NOW = 1_796_150_400_000
TERMS = Terms("Our terms.\nMoney back within 7 days.", "2026-11")
TERMS_DIGEST = hashlib.sha256(b"Our terms.\nMoney back within 7 days.").hexdigest()
HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e & \"'"


@pytest.fixture(scope="module")
def day() -> Iterator[dict[int, Dossier]]:
    """Every receipt of a busy day."""
    store = open_in_memory()
    sell_a_day(store)
    with store.transaction() as tx:
        for buyer in BUYERS:
            tx.record_acceptance(buyer["id"], "2026-11", TERMS.text or "", 1_767_000_000_000)
        tx.open_dispute(1, "never came", NOW)
    found = {number: dossier for number in range(1, 27) if (dossier := store.dossier(number)) is not None}
    store.close()
    yield found


@pytest.fixture
def dossier(day: dict[int, Dossier]) -> Dossier:
    return day[1]


DISPUTE = Dispute(3, 1, "bank asks: never came", NOW, None, None, (DisputeNote("parcel 4711", NOW + 1),))


def folder(dossier: Dossier, dispute: Dispute = DISPUTE, terms: Terms = TERMS) -> Files:
    return render_folder(dispute, dossier, terms, NOW + 9)


def document(files: Files, name: str) -> Any:
    return json.loads(files[name])


def test_it_holds_what_is_asked_for(dossier: Dossier) -> None:
    files = folder(replace(dossier, finding=Finding(1, "confirmed", "order_id", "7f", "INR", 49900), finding_at=NOW))
    assert sorted(files) == [
        "README.txt", "SHA256SUMS", "acceptance.json", "apay.json", "decisions.json", "dispute.json",
        "evidence-1-receipt.json", "hooks.json", "invoice.json", "receipt.json", "summary.html", "terms.txt",
    ]  # fmt: skip
    assert document(files, "invoice.json")["prices"] == [
        {"label": "Duck", "amount": 50000}, {"label": "Less", "amount": -100},
    ]  # fmt: skip
    (decision,) = document(files, "decisions.json")["decisions"]
    assert (decision["ok"], decision["answer_milliseconds"]) == (True, 5)
    assert document(files, "receipt.json")["telegram_payment_charge_id"] == "tg-charge-3"
    assert document(files, "dispute.json")["notes"][0]["text"] == "parcel 4711"
    assert document(files, "acceptance.json") == {
        "version_in_force": "2026-11",
        "accepted": [{"version": "2026-11", "accepted_at": "2025-12-29T09:20:00Z", "terms_digest": TERMS_DIGEST}],
    }
    assert document(files, "apay.json")["state"] == "confirmed"
    assert [hook["kind"] for hook in document(files, "hooks.json")] == ["program", "url"]
    assert files["terms.txt"] == b"Our terms.\nMoney back within 7 days."


def test_the_received_bytes_are_in_it_as_they_came_under_their_digest(dossier: Dossier) -> None:
    files = folder(dossier)
    raw = files["evidence-1-receipt.json"]
    assert raw == dossier.evidence[0].raw
    assert hashlib.sha256(raw).hexdigest() == document(files, "receipt.json")["digest"]


def test_the_sums_are_those_of_every_other_file(dossier: Dossier) -> None:
    files = folder(dossier)
    pairs = [line.split("  ", 1) for line in files["SHA256SUMS"].decode().splitlines()]
    assert {name: digest for digest, name in pairs} == {
        name: hashlib.sha256(files[name]).hexdigest() for name in files if name != "SHA256SUMS"
    }


def test_the_readme_names_each_file(day: dict[int, Dossier]) -> None:
    for dossier in day.values():
        files = folder(dossier)
        readme = files["README.txt"].decode()
        listed = {line.split()[0] for line in readme.splitlines() if line.startswith("  ") and line[2] != "-"}
        assert listed == set(files) - {"README.txt"}


def test_every_receipt_of_a_day_makes_a_folder(day: dict[int, Dossier]) -> None:
    kinds = {name for dossier in day.values() for name in folder(dossier)}
    assert {"evidence-2-conflict.json", "invoice.json"} <= kinds
    assert len(day) == 26


@pytest.mark.parametrize(
    ("changes", "terms", "said", "absent"),
    [
        ({"invoice": None}, TERMS, "an invoice: this payment belongs to none", "invoice.json"),
        ({"asked": (), "reservation": None}, TERMS, "a decision: no question", "decisions.json"),
        ({"acceptances": ()}, TERMS, "the buyer's consent to the terms before the payment", None),
        (
            {"acceptances": (Acceptance("2", NOW, "x"),)},
            TERMS,
            "the buyer's consent to the terms before the payment",
            None,
        ),
        ({"acceptances": ()}, Terms(None, None), "the text of the terms: [terms] text_file is not set", "terms.txt"),
        ({}, TERMS, "A-Pay's own word: it was not asked", "apay.json"),
        ({"hooks": ()}, TERMS, "", "hooks.json"),
    ],
)
def test_what_is_missing_is_said_and_not_made_up(
    dossier: Dossier, changes: dict[str, Any], terms: Terms, said: str, absent: str | None
) -> None:
    files = folder(replace(dossier, **changes), terms=terms)
    assert said in files["README.txt"].decode()
    page = text_of(files["summary.html"].decode())
    assert said in page
    assert absent not in files


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (TERMS, "the terms that the buyer agreed to, version 2026-11; they are the same today"),
        (Terms("Other words", "2026-12"), "the terms that the buyer agreed to, version 2026-11; today's are others"),
        (Terms(None, None), "the terms that the buyer agreed to, version 2026-11; today's are others"),
    ],
)
def test_the_terms_are_those_that_the_buyer_agreed_to(dossier: Dossier, terms: Terms, said: str) -> None:
    files = folder(dossier, terms=terms)
    readme = files["README.txt"].decode()
    assert said in readme
    assert "consent" not in readme
    assert hashlib.sha256(files["terms.txt"]).hexdigest() == TERMS_DIGEST


def test_of_several_versions_it_is_the_last_before_the_payment(dossier: Dossier) -> None:
    paid = dossier.receipt.paid_at
    agreed = tuple(Acceptance(str(n), paid + n, f"Terms {n}.") for n in (-2, -1, 1))
    assert folder(replace(dossier, acceptances=agreed))["terms.txt"] == b"Terms -1."


def test_without_consent_todays_terms_are_in_it_and_called_so(dossier: Dossier) -> None:
    files = folder(replace(dossier, acceptances=()))
    assert "the terms as they are today, version 2026-11" in files["README.txt"].decode()
    assert files["terms.txt"].decode() == TERMS.text


@pytest.mark.parametrize(("raw", "said"), [(b"", "removed with the personal data"), (b"x", "do not have their digest")])
def test_bytes_that_are_gone_or_changed_are_said(dossier: Dossier, raw: bytes, said: str) -> None:
    evidence = tuple(replace(each, raw=raw) for each in dossier.evidence)
    files = folder(replace(dossier, evidence=evidence))
    assert said in files["README.txt"].decode()
    assert ("evidence-1-receipt.json" in files) == bool(raw)
    assert ("The file evidence-1-receipt.json holds" in files["README.txt"].decode()) == bool(raw)


class Page(HTMLParser):
    """The page's elements and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Page:
    parser = Page()
    parser.feed(page)
    return parser


def text_of(page: str) -> str:
    return read(page).text


def test_strangers_text_is_harmless_on_the_page_and_in_the_readme(dossier: Dossier) -> None:
    receipt = dossier.receipt._replace(
        buyer_name=HOSTILE, buyer_username=HOSTILE, order_name=HOSTILE, order_address=HOSTILE, title=HOSTILE,
        telegram_payment_charge_id=HOSTILE, provider_payment_charge_id=HOSTILE,
    )  # fmt: skip
    dispute = replace(DISPUTE, reason=HOSTILE, notes=(DisputeNote(f"{HOSTILE}\n{HOSTILE}", NOW),))
    files = folder(replace(dossier, receipt=receipt, acceptances=(Acceptance(HOSTILE, 1, HOSTILE),)), dispute)
    page = read(files["summary.html"].decode())
    assert page.tags == {
        "html", "head", "meta", "title", "style", "body", "h1", "p", "h2", "table", "tr", "th", "td", "ul", "li",
    }  # fmt: skip
    assert page.attributes == {"lang", "charset", "http-equiv", "content", "name", "class"}
    assert "<script>alert(1)</script>" in page.text
    for name in ("summary.html", "README.txt"):
        assert not {"\x1b", "\u202e", "\0"} & set(files[name].decode())


def test_the_page_tells_the_sale_in_order(dossier: Dossier) -> None:
    """Telegram's instants are whole seconds: our answer of 10:00:00.5 came before its payment of 10:00:00."""
    paid = dossier.receipt._replace(paid_at=1_767_261_600_000)
    asked = tuple(replace(each, decided_at=1_767_261_600_500) for each in dossier.asked)
    page = text_of(folder(replace(dossier, receipt=paid, asked=asked))["summary.html"].decode())
    told = [
        "agreed to the terms",
        "Telegram asked",
        "Paid: ₹499.00",
        "Recorded as receipt 1",
        "Dispute opened",
        "Note: ",
    ]
    places = [page.index(words) for words in told]
    assert places == sorted(places)
    assert "Our answer: yes (answered, after 5 ms)" in page


def test_an_amount_that_nobody_can_read_is_called_so(day: dict[int, Dossier]) -> None:
    unreadable = next(each for each in day.values() if each.receipt.total_amount is None)
    assert "amount unreadable" in folder(unreadable)["summary.html"].decode()
