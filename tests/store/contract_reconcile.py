"""The contract about the books' sums, money that went back, and what A-Pay says about receipts."""

from typing import Any

import pytest
from contract_ledger import LedgerContract
from ledger_samples import NOW, receipt

from apaycli.core.model import Flag, ReceiptFilter
from apaycli.core.reconcile import Claim, Finding
from apaycli.store.protocol import Store
from apaycli.store.sqlite_books import ReceiptSum
from ledger_rows import finding_of

ALL = (None, None)
CONFIRMED = Finding(1, "confirmed", "order_id", "apay-1", "INR", 49_900)


def take(store: Store, *each: dict[str, Any]) -> list[int]:
    with store.transaction() as tx:
        return [
            tx.record_receipt(receipt(number, **changes), number, b"%d" % number, NOW)
            for number, changes in enumerate(each, 1)
        ]


class ReconcileContract(LedgerContract):
    def find(self, store: Store, *findings: Finding, now: int = NOW) -> None:
        with store.transaction() as tx:
            for finding in findings:
                tx.record_finding(finding, now)

    def open_ids(self, store: Store, before: int = NOW + 1, *, again: bool = False, limit: int = 100) -> list[int]:
        found = store.unreconciled("test", ALL, before, again=again, limit=limit)
        assert again or limit < 100 or store.unreconciled_count("test", ALL, before, again=again) == len(found)
        return [claim.receipt_id for claim in found]

    def test_sums_by_currency_count_what_is_readable(self, store: Store) -> None:
        take(
            store,
            {"total_amount": 5},
            {"total_amount": None, "flag": Flag.AMOUNT_MISMATCH},
            {"currency": "BDT", "total_amount": 7},
            {"currency": None, "total_amount": None, "flag": Flag.AMOUNT_MISMATCH},
            {"mode": "live", "total_amount": 100},
        )
        assert store.receipt_sums(ReceiptFilter("test")) == [
            ReceiptSum(None, 1, 0, 0),
            ReceiptSum("BDT", 1, 1, 7),
            ReceiptSum("INR", 2, 1, 5),
        ]
        assert store.receipt_sums(ReceiptFilter("live")) == [ReceiptSum("INR", 1, 1, 100)]
        assert store.receipt_sums(ReceiptFilter("test", currency="KES")) == []

    def test_what_was_never_asked_about_comes_first_and_the_confirmed_never(self, store: Store) -> None:
        take(store, {"paid_at": NOW + 3}, {"paid_at": NOW + 2}, {"paid_at": NOW + 1}, {"paid_at": NOW})
        assert self.open_ids(store) == [4, 3, 2, 1]
        self.find(store, CONFIRMED, Finding(4, "pending", "order_id"), now=NOW)
        assert self.open_ids(store) == [3, 2, 4]
        assert self.open_ids(store, limit=2) == [3, 2]
        assert self.open_ids(store, again=True) == [3, 2, 4, 1]
        assert store.unreconciled_count("test", ALL, NOW + 1, again=True) == 4

    def test_what_was_asked_about_since_is_not_asked_again(self, store: Store) -> None:
        take(store, {}, {})
        self.find(store, Finding(1, "unknown"), now=NOW)
        assert self.open_ids(store, NOW) == [2]
        assert self.open_ids(store, NOW + 1) == [2, 1]

    @pytest.mark.parametrize(
        ("span", "ids"),
        [((None, None), [1, 2, 3]), ((NOW + 1, None), [2, 3]), ((None, NOW + 2), [1, 2]), ((NOW + 1, NOW + 2), [2])],
    )
    def test_only_those_that_were_paid_then(
        self, store: Store, span: tuple[int | None, int | None], ids: list[int]
    ) -> None:
        take(store, {"paid_at": NOW}, {"paid_at": NOW + 1}, {"paid_at": NOW + 2}, {"mode": "live"})
        found = store.unreconciled("test", span, NOW, again=False, limit=100)
        assert [claim.receipt_id for claim in found] == ids
        assert store.unreconciled_count("test", span, NOW, again=False) == len(ids)
        which = ReceiptFilter("test", paid_from=span[0], paid_before=span[1])
        assert [claim.receipt_id for claim in store.claims(which)] == ids

    def test_a_claim_is_what_the_receipt_says(self, store: Store) -> None:
        take(store, {"total_amount": None, "currency": None, "flag": Flag.AMOUNT_MISMATCH})
        told = receipt(1)
        claim = Claim(1, told.telegram_payment_charge_id, told.provider_payment_charge_id, None, None, told.paid_at)
        assert list(store.claims(ReceiptFilter())) == [claim]
        assert store.unreconciled("test", ALL, NOW, again=False, limit=1) == [claim]

    @pytest.mark.parametrize(
        "finding",
        [
            CONFIRMED,
            Finding(1, "differs", "custom_transaction_id", "x", "KHR", None, None, "receipt 1, A-Pay 2"),
            Finding(1, "rejected", "report", "apay-1", "INR", 1, -5),
            Finding(1, "unknown", detail="cannot check"),
        ],
    )
    def test_a_finding_comes_back_as_it_was_and_the_last_word_stands(self, store: Store, finding: Finding) -> None:
        take(store, {})
        assert finding_of(store, 1) is None
        self.find(store, Finding(1, "unknown", detail="before"))
        self.find(store, finding)
        assert finding_of(store, 1) == finding

    def test_a_fee_stays_where_nothing_is_said_about_it(self, store: Store) -> None:
        take(store, {})
        self.find(store, Finding(1, "confirmed", "report", "apay-1", "INR", 49_900, 1497), CONFIRMED)
        assert finding_of(store, 1) == Finding(1, "confirmed", "order_id", "apay-1", "INR", 49_900, 1497)

    def test_silence_takes_no_verdict_back_but_it_was_asked(self, store: Store) -> None:
        take(store, {})
        pending = Finding(1, "pending", "order_id", "apay-1", "INR", 5)
        self.find(store, pending, now=NOW)
        self.find(store, Finding(1, "unknown", detail="cannot check"), now=NOW + 10)
        assert finding_of(store, 1) == pending
        assert self.open_ids(store, NOW + 10) == []
        self.find(store, CONFIRMED, now=NOW + 20)
        assert finding_of(store, 1) == CONFIRMED

    @pytest.mark.parametrize(
        ("which", "ids"),
        [
            ({"mode": "test"}, [5, 2, 1, 5]),
            ({"mode": "live"}, [3]),
            ({"paid_from": NOW + 50}, [1, 3, 5]),  # when the money went, not when it came
            ({"paid_before": NOW + 50}, [5, 2]),
            ({"paid_from": NOW + 40, "paid_before": NOW + 41}, [2]),
            ({"sku": "bear"}, [1]),
        ],
    )
    def test_money_that_went_back_in_its_own_time(self, store: Store, which: dict[str, Any], ids: list[int]) -> None:
        take(store, {"sku": "bear"}, {}, {"mode": "live"}, {}, {})
        with store.transaction() as tx:
            for number, at in ((1, NOW + 50), (2, NOW + 40), (3, NOW + 60), (5, NOW)):
                assert tx.refund_done(number, f"tr-{number}", at)
            tx.refund_due(4, "owed", NOW + 900)
            tx.refund_due(5, "it came back", NOW + 900)
        found = list(store.returned(ReceiptFilter(**which)))
        assert [refund.receipt.receipt_id for refund in found] == ids
        assert [refund.reference for refund in found] == [f"tr-{number}" for number in ids]
        assert found == sorted(found, key=lambda refund: refund.moved_at)
        for refund in found:
            assert refund.came_back == (refund.moved_at == NOW + 900)
