"""The contract about dead letters, and about what `apay verify` reads."""

import hashlib
from collections.abc import Iterator

import pytest
from contract_ledger import LedgerContract, fill, post, record, reserve
from ledger_samples import HOSTILE, NOW, full_invoice, invoice, payment, receipt

from apaycli.core.model import OrderInfo
from apaycli.store.protocol import Store
from apaycli.store.values import DeadLetter, KeptBytes


class AuditContract(LedgerContract):
    @pytest.fixture
    def letters(self, store: Store) -> Iterator[Store]:
        """Four letters; the second and the fourth mention a payment."""
        with store.transaction() as tx:
            for number in range(1, 5):
                update_id = None if number == 3 else number
                assert tx.record_dead_letter(update_id, HOSTILE, number % 2 == 0, b"raw %d" % number, NOW + number)
        yield store

    def test_open_letters_come_payments_first_then_the_newest(self, letters: Store) -> None:
        listed = letters.dead_letters()
        assert [letter.dead_letter_id for letter in listed] == [4, 2, 3, 1]
        digest = hashlib.sha256(b"raw 3").hexdigest()
        assert listed[2] == DeadLetter(3, None, HOSTILE, False, "open", NOW + 3, None, 5, digest)
        assert listed[0].mentions_payment is True
        assert letters.open_dead_letters() == [1, 2, 3, 4]

    def test_a_letter_comes_with_its_bytes(self, letters: Store) -> None:
        for found in (letters.dead_letter(2), self.inside(letters, 2)):
            assert found is not None
            letter, raw = found
            assert (letter.dead_letter_id, raw) == (2, b"raw 2")
        assert letters.dead_letter(9) is None
        assert self.inside(letters, 9) is None

    def inside(self, store: Store, number: int) -> tuple[DeadLetter, bytes] | None:
        with store.transaction() as tx:
            return tx.dead_letter(number)

    def test_a_letter_ends_once_and_its_bytes_stay(self, letters: Store) -> None:
        with letters.transaction() as tx:
            assert tx.end_dead_letter(2, "replayed", NOW + 50)
            assert not tx.end_dead_letter(2, "discarded", NOW + 60)
            assert tx.end_dead_letter(3, "discarded", NOW + 70)
            assert not tx.end_dead_letter(9, "discarded", NOW + 80)
        assert [letter.dead_letter_id for letter in letters.dead_letters()] == [4, 1]
        assert letters.open_dead_letters() == [1, 4]
        everything = letters.dead_letters(ended=True)
        assert [(letter.dead_letter_id, letter.state, letter.ended_at) for letter in everything] == [
            (4, "open", None), (2, "replayed", NOW + 50), (3, "discarded", NOW + 70), (1, "open", None),
        ]  # fmt: skip
        found = letters.dead_letter(3)
        assert found is not None
        assert found[1] == b"raw 3"

    def test_only_open_letters_are_counted(self, letters: Store) -> None:
        with letters.transaction() as tx:
            tx.end_dead_letter(2, "replayed", NOW)
            tx.end_dead_letter(1, "discarded", NOW)
        counts = letters.counts("test")
        assert (counts.dead_letters, counts.dead_letters_with_payment) == (2, 1)

    def test_bytes_that_were_ended_are_not_opened_again(self, letters: Store) -> None:
        with letters.transaction() as tx:
            tx.end_dead_letter(1, "discarded", NOW)
            assert not tx.record_dead_letter(1, "again", False, b"raw 1", NOW + 9)
        assert letters.open_dead_letters() == [2, 3, 4]

    def test_a_list_of_letters_has_an_end(self, store: Store) -> None:
        with store.transaction() as tx:
            for number in range(1005):
                tx.record_dead_letter(number, "x", False, b"%d" % number, NOW)
        assert len(store.dead_letters()) == 1000
        assert len(store.open_dead_letters()) == 1005

    def test_a_sound_ledger_has_no_problems(self, store: Store) -> None:
        fill(store, 5)
        record(store, full_invoice(9))
        with store.snapshot():
            assert list(store.file_problems()) == []
            assert list(store.sum_problems()) == []

    def test_receipts_come_in_their_order_with_digests_and_evidence(self, store: Store) -> None:
        duck = invoice()
        record(store, duck)
        form = OrderInfo("Rahim", None, None, "{}")
        with store.transaction() as tx:
            hostile = receipt(5, order_info=form, provider_payment_charge_id=HOSTILE)
            tx.record_receipt(hostile, 7, b"5", NOW)
            post(tx, duck, reserve(tx, duck), 6)
        with store.snapshot():
            first, second = store.evidenced_receipts()
        assert first.receipt.telegram_payment_charge_id == "charge-5"
        assert (first.receipt.order_name, first.receipt.order_address) == ("Rahim", "{}")
        assert (first.update_id, first.raw, first.digest) == (7, b"5", hashlib.sha256(b"5").hexdigest())
        assert (second.update_id, second.raw) == (6, b"raw 6")
        for row in (first, second):
            assert row.row_digest == row.row_digest_counted
        assert first.row_digest != second.row_digest

    def test_digests_stay_when_a_receipt_goes_its_way(self, store: Store) -> None:
        """Hooks run and are done: that changes states, and none of the columns that have a digest."""
        with store.transaction() as tx:
            receipt_id = tx.record_receipt(receipt(), 1, b"1", NOW)
            tx.queue_hooks(receipt_id, {"program": "pending"}, NOW)
            (hook,) = tx.claim_hooks(NOW, NOW + 1, ("program",), 1)
            tx.record_hook(hook.hook_id, failure=None, again_at=None)
        with store.snapshot():
            (row,) = store.evidenced_receipts()
        assert row.receipt.hook_state == "done"
        assert row.row_digest == row.row_digest_counted

    def test_other_kept_bytes_come_with_their_digests(self, store: Store) -> None:
        with store.transaction() as tx:
            tx.record_receipt(receipt(), 1, b"1", NOW)
            tx.record_conflict(payment(total_amount=1), b"2", NOW)
            tx.record_refund("charge-9", 3, b"3", NOW)
            tx.record_dead_letter(4, "x", True, b"4", NOW)
        with store.snapshot():
            kept = sorted(store.kept_bytes())
        digests = {number: hashlib.sha256(b"%d" % number).hexdigest() for number in (2, 3, 4)}
        assert kept == [
            KeptBytes("dead letter", 1, digests[4], b"4", 1),
            KeptBytes("evidence", "conflict charge-1", digests[2], b"2", None),
            KeptBytes("evidence", "refund charge-9", digests[3], b"3", None),
        ]
