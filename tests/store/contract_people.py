"""The contract about invoices on their way, what buyers agreed to, and what they asked."""

from dataclasses import replace

import pytest
from contract_ledger import LedgerContract, post, record, reserve
from ledger_samples import ASHA, NOW, RAHIM, invoice, query

from apaycli.core.incoming import Command
from apaycli.core.model import LabeledPrice, ShippingOption, User
from apaycli.store.protocol import Store, Unrecordable


def request(message_id: int, text: str = "Where is it?", user: User = ASHA) -> Command:
    return Command(message_id, user.user_id, message_id, "support", text, user)


class PeopleContract(LedgerContract):
    def test_delivery_and_data_for_the_provider_come_back_as_they_were(self, store: Store) -> None:
        post_in_india = ShippingOption("post", "Post ☃", (LabeledPrice("Post", 6000),), ("IN", "BD"))
        sent = invoice(1, shipping=(post_in_india, ShippingOption("x", "Free", ())), provider_data='{"a": 1}')
        record(store, sent)
        with store.transaction() as tx:
            assert tx.invoice_by_payload(sent.invoice_payload) == sent
            assert tx.invoice_by_payload("another") is None

    def test_facts_for_an_invoice_that_is_not_recorded_yet(self, store: Store) -> None:
        record(store, invoice(1))
        with store.transaction() as tx:
            reserve(tx, invoice(1), RAHIM)
            prospect = tx.prospect_facts(invoice(2), RAHIM.user_id)
            assert (prospect.invoice, prospect.uses_held, prospect.uses_paid) == (invoice(2), 0, 0)
            assert (prospect.buyer_units, prospect.stock_held) == (1, 1)
            seen = tx.checkout_facts(query(1, buyer=RAHIM))
            assert tx.prospect_facts(invoice(1), RAHIM.user_id) == seen

    def test_open_invoices_with_another_price_are_found(self, store: Store) -> None:
        now = NOW + 1000
        record(
            store,
            invoice(1),
            invoice(2, quantity=2, prices=(LabeledPrice("Duck × 2", 99800),)),
            invoice(3, currency="USD", created_at=NOW + 1),
            invoice(4, prices=(LabeledPrice("Duck", 50000),)),
            invoice(5, currency="USD", mode="live"),
            invoice(6, currency="USD", sku="bear"),
            invoice(7, currency="USD", sku=None),
            invoice(8, currency="USD", expires_at=now),
            invoice(9, currency="USD"),
            invoice(10, currency="USD"),
            invoice(11, currency="USD", uses_max=1),
        )
        with store.transaction() as tx:
            tx.cancel_invoice("inv-9", NOW)
            tx.record_send_outcome("inv-10", "refused", NOW)
            post(tx, invoice(11, uses_max=1), reserve(tx, invoice(11, uses_max=1)))
        prices = {"duck": ("INR", 49900)}
        found = store.old_price_invoices("test", prices, now)
        assert [row.invoice.invoice_id for row in found] == ["inv-3", "inv-4"]
        assert store.old_price_counts("test", prices, now) == {"duck": 2}
        assert store.old_price_counts("test", prices | {"bear": ("INR", 1), "goat": ("INR", 1)}, now) == {
            "bear": 1, "duck": 2,
        }  # fmt: skip
        assert store.old_price_counts("live", prices, now) == {"duck": 1}
        assert store.old_price_invoices("test", {}, now) == []

    def test_links_of_products_may_repeat_and_those_of_invoices_not(self, store: Store) -> None:
        record(
            store, *(invoice(number, start_parameter="p_duck") for number in (1, 2)), invoice(3, start_parameter="x")
        )
        with store.transaction() as tx:
            assert tx.invoice_by_start_parameter("p_duck") is None
            assert tx.invoice_by_start_parameter("x") == invoice(3, start_parameter="x")
            with pytest.raises(Unrecordable), tx.savepoint():
                tx.record_invoice(invoice(4, start_parameter="x"))

    def test_a_paid_invoice_stands_no_more(self, store: Store) -> None:
        once = invoice(1, uses_max=1)
        record(store, once)
        with store.transaction() as tx:
            assert tx.standing_invoice(replace(once, invoice_id="new")) == once
            post(tx, once, reserve(tx, once), 1)
            assert tx.standing_invoice(replace(once, invoice_id="new")) is None

    def test_the_last_use_leads_to_its_message(self, store: Store) -> None:
        once, twice = invoice(1, uses_max=1), invoice(2, uses_max=2)
        record(store, once, twice)
        with store.transaction() as tx:
            for each in (once, twice):
                tx.record_send_outcome(each.invoice_id, "sent", NOW, message_id=77, chat_id="-5")
                assert tx.used_up(each.invoice_id) is None
                post(tx, each, reserve(tx, each, number=int(each.invoice_id[-1])), int(each.invoice_id[-1]))
            assert tx.used_up(once.invoice_id) == ("-5", 77)
            assert tx.used_up(twice.invoice_id) is None

    def test_a_campaign_has_one_invoice_a_chat(self, store: Store) -> None:
        with store.transaction() as tx:
            for number in (1, 2):
                tx.record_invoice(invoice(number, chat_id=str(number)), campaign="spring")
            tx.record_send_outcome("inv-2", "refused", NOW, error="blocked")
            tx.record_invoice(invoice(3, chat_id="1"), campaign="summer")
            with pytest.raises(Unrecordable), tx.savepoint():
                tx.record_invoice(invoice(4, chat_id="1"), campaign="spring")
            assert tx.campaign_invoices("spring") == {
                "1": (invoice(1, chat_id="1"), "sending"),
                "2": (invoice(2, chat_id="2"), "refused"),
            }
            tx.send_again("inv-2", NOW + 9)
            assert tx.campaign_invoices("spring")["2"][1] == "sending"
        row = store.invoice("inv-2")
        assert row is not None
        assert (row.send_error, row.invoice.expires_at) == (None, NOW + 9)

    def test_invoices_come_newest_first_with_what_became_of_them(self, store: Store) -> None:
        first, second = invoice(1, created_at=1), invoice(2, created_at=2)
        record(store, first, second)
        with store.transaction() as tx:
            tx.record_send_outcome(first.invoice_id, "sent", NOW + 5, link="https://t.me/$abc")
            reserve(tx, first)
        two, one = store.invoices("test", 9)
        assert (one.invoice, one.send_state, one.link, one.message_id, one.sent_at) == (
            first, "sent", "https://t.me/$abc", None, NOW + 5,
        )  # fmt: skip
        assert (one.uses_held, one.uses_paid, two.invoice, two.send_state) == (1, 0, second, "sent")
        assert store.invoices("test", 1) == [two]
        assert store.invoice(first.invoice_id) == one
        assert store.invoice("another") is None

    def test_an_invoice_is_cancelled_once(self, store: Store) -> None:
        record(store, invoice(1))
        with store.transaction() as tx:
            assert tx.cancel_invoice("inv-1", NOW)
            assert not tx.cancel_invoice("inv-1", NOW + 1)
            assert not tx.cancel_invoice("another", NOW)
            found = tx.checkout_facts(query(1)).invoice
            assert found is not None
            assert found.cancelled_at == NOW

    def test_a_group_that_moved_is_found_under_its_new_id(self, store: Store) -> None:
        record(store, invoice(1, chat_id="-5"))
        with store.transaction() as tx:
            assert tx.migrate_chat(-5, -1005) == 1
            assert tx.migrate_chat(-5, -1006) == 0
        assert store.moved_chat("-5") == "-1006"
        assert store.moved_chat("-7") == "-7"

    def test_consent_is_kept_by_version_and_its_first_time_stays(self, store: Store) -> None:
        record(store, invoice(1))
        with store.transaction() as tx:
            assert tx.accepted_versions(ASHA.user_id) == frozenset()
            tx.record_acceptance(ASHA.user_id, "1", "Be kind.", NOW)
            tx.record_acceptance(ASHA.user_id, "1", "Be very kind.", NOW + 1)
            tx.record_acceptance(ASHA.user_id, "2", "Be kind.", NOW + 2)
            assert tx.accepted_versions(ASHA.user_id) == {"1", "2"}
            assert tx.checkout_facts(query(1)).accepted_versions == {"1", "2"}
            assert tx.accepted_versions(RAHIM.user_id) == frozenset()
        found = self.rows(
            store,
            "SELECT accepted_at, text FROM acceptances JOIN terms_texts ON digest = terms_digest ORDER BY version",
        )
        assert found == [(NOW, "Be kind."), (NOW + 2, "Be kind.")]

    def test_a_request_is_one_message_and_has_its_replies(self, store: Store) -> None:
        with store.transaction() as tx:
            first = tx.record_support_request(request(5), NOW)
            second = tx.record_support_request(request(6, "Hello?\nAnybody?", RAHIM), NOW + 1)
            assert tx.support_request_of(ASHA.user_id, 5) == first
            assert tx.support_request_of(ASHA.user_id, 6) is None
            assert tx.open_support_requests(ASHA.user_id) == 1
            with pytest.raises(Unrecordable), tx.savepoint():
                tx.record_support_request(request(5), NOW)
            reply = tx.record_support_reply(second, "It is on its way.", NOW + 2)
            tx.record_reply_outcome(reply, "refused", "blocked")
        asked = store.support_request(second)
        assert asked is not None
        assert (asked.buyer_id, asked.buyer_username, asked.text) == (RAHIM.user_id, RAHIM.username, "Hello?\nAnybody?")
        assert [(each.text, each.send_state, each.send_error) for each in asked.replies] == [
            ("It is on its way.", "refused", "blocked")
        ]
        assert store.support_request(99) is None
        assert [each.request_id for each in store.support_requests()] == [first, second]
        counts = store.counts("test")
        assert (counts.support_requests, counts.support_oldest_at) == (2, NOW)

    def test_a_request_is_closed_once(self, store: Store) -> None:
        with store.transaction() as tx:
            number = tx.record_support_request(request(5), NOW)
            assert tx.close_support_request(number, NOW + 1)
            assert not tx.close_support_request(number, NOW + 2)
            assert not tx.close_support_request(99, NOW)
            assert tx.open_support_requests(ASHA.user_id) == 0
        assert store.support_requests() == []
        assert [each.closed_at for each in store.support_requests(closed=True)] == [NOW + 1]

    def test_nobody_cannot_ask(self, store: Store) -> None:
        with store.transaction() as tx, pytest.raises(Unrecordable), tx.savepoint():
            tx.record_support_request(Command(1, 2, 3, "support", "x", None), NOW)

    def test_something_is_remembered_until_it_changes(self, store: Store) -> None:
        assert store.remembered("apay_methods") is None
        with store.transaction() as tx:
            tx.remember("apay_methods", "[1]")
            tx.remember("apay_methods", "[2]")
        assert store.remembered("apay_methods") == "[2]"
