"""Asking A-Pay in process: the sandbox's desk, a real ledger, a clock that only moves when somebody waits."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from apaycli import reconciling
from apaycli.apayapi import APay, APayError
from apaycli.clock import ManualClock
from apaycli.core.reconcile import Claim, Finding
from apaycli.errors import TelegramError
from apaycli.reconciling import LEARNED_KEY, Inquiry, Span
from apaycli.sandbox.checkouts import Charge
from apaycli.sandbox.wire import Answer
from apaycli.sandbox.world import World
from apaycli.store.sqlite import SqliteStore, open_sqlite
from ledger_rows import finding_of, receipt

LIVE = Span("live", None, None, False)
BEFORE = 1_767_200_000_000


class Bench:
    """A world with charges, a ledger with their receipts, and an Inquiry between them."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.world = World(self.clock)
        self.store: SqliteStore = open_sqlite(folder / "apay.db")
        self.charges: list[Charge] = []
        self.asked: list[str] = []
        self.asked_at: list[float] = []
        self.said: list[str] = []
        self.before: Callable[[], None] = lambda: None

    def sell(self, count: int, **changes: Any) -> None:
        """Each charge is in A-Pay's books and in ours."""
        for _ in range(count):
            number = len(self.charges) + 1
            payload = self._invoice()
            checkout = self.world.buyers.press_pay(payload, 1001)
            charge = self.world.buyers.pay(checkout.checkout_id, force=True)
            self.charges.append(charge)
            with self.store.transaction() as tx:
                told = receipt(
                    number,
                    mode="live",
                    telegram_payment_charge_id=charge.telegram_payment_charge_id,
                    provider_payment_charge_id=charge.provider_payment_charge_id,
                    total_amount=charge.total_amount,
                    currency=charge.currency,
                    **changes,
                )
                tx.record_receipt(told, number, b"{}", 1)

    def _invoice(self) -> str:
        token = self.world.bot_token
        body = (
            b'{"chat_id": 1001, "title": "Tea", "description": "Hot", "payload": "tea", "currency": "INR",'
            b'"provider_token": "%b", "prices": [{"label": "Tea", "amount": 49900}]}'
        ) % self.world.live_provider_token.encode()
        answer = self.world.handle(f"/bot{token}/sendInvoice", "application/json", body)
        assert isinstance(answer, Answer)
        assert answer.status == 200, answer.body
        return "tea"

    def get(self, url: str, headers: Mapping[str, str], seconds: float) -> tuple[int, bytes, int | None]:
        self.before()
        path = url.removeprefix("https://pay.example")
        query = path.partition("&")[2]
        self.asked.append(query.partition("=")[0])
        self.asked_at.append(self.clock.monotonic())
        answer = self.world.apay.handle("GET", path, headers["apikey"])
        assert isinstance(answer, Answer)
        if answer.transport != "reply":
            raise TelegramError("A-Pay cannot be reached (ReadError)")
        retry_after = answer.headers.get("Retry-After")
        return answer.status, answer.body, int(retry_after) if retry_after else None

    def inquiry(self, seconds_between: float = 1.0) -> Inquiry:
        apay = APay("https://pay.example/apay", self.world.apay.api_key, self.world.apay.project_id, self.get)
        return Inquiry(apay, self.store, self.clock, seconds_between, self.said.append)

    def ask(self, span: Span = LIVE) -> list[tuple[int, str]]:
        self.asked.clear()
        self.asked_at.clear()
        return [(claim.receipt_id, finding.state) for claim, finding in self.inquiry().ask_about(span)]

    def fail(self, kind: str, **how: Any) -> None:
        self.world.faults.add(kind, self.clock.monotonic(), methods=["deposit-info"], **how)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    monkeypatch.setattr(reconciling.time, "sleep", bench.clock.advance)
    yield bench
    bench.store.close()


def test_known_by_order_id(bench: Bench) -> None:
    bench.sell(3)
    assert bench.ask() == [(1, "confirmed"), (2, "confirmed"), (3, "confirmed")]
    assert bench.asked == ["order_id"] * 3
    charge = bench.charges[0]
    assert finding_of(bench.store, 1) == Finding(
        1, "confirmed", "order_id", charge.provider_payment_charge_id, "INR", charge.total_amount
    )


def test_the_key_that_works_is_learned_and_then_asked_first(bench: Bench) -> None:
    bench.world.settings.apay_order_id = "custom"
    bench.sell(3)
    assert {state for _, state in bench.ask()} == {"confirmed"}
    assert bench.asked == ["order_id", "custom_transaction_id", "custom_transaction_id", "custom_transaction_id"]
    assert bench.store.remembered(LEARNED_KEY) == "custom_transaction_id"
    bench.sell(1)
    bench.ask()
    assert bench.asked == ["custom_transaction_id"]
    bench.world.settings.apay_order_id = "provider"
    bench.sell(2)
    bench.ask()
    assert bench.asked == ["custom_transaction_id", "order_id", "order_id"]


def test_what_a_pay_does_not_know_cannot_be_checked(bench: Bench) -> None:
    bench.world.settings.apay_order_id = "none"
    bench.sell(1)
    assert bench.ask() == [(1, "unknown")]
    assert bench.asked == ["order_id", "custom_transaction_id"]
    assert finding_of(bench.store, 1) == Finding(1, "unknown", detail="cannot check: A-Pay knows neither of our ids")
    assert bench.store.remembered(LEARNED_KEY) is None


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"status": "Pending"}, "pending"),
        ({"status": "Failed"}, "rejected"),
        ({"status": "Rejected"}, "rejected"),
        ({"amount": 49_901}, "differs"),
        ({"amount": 600_839}, "differs"),
    ],
)
def test_every_other_state(bench: Bench, changes: dict[str, Any], state: str) -> None:
    bench.sell(2)
    bench.world.apay.deposits.change(bench.charges[0].telegram_payment_charge_id, **changes)
    assert bench.ask() == [(1, state), (2, "confirmed")]
    recorded = finding_of(bench.store, 1)
    assert recorded is not None
    assert recorded.amount == changes.get("amount", 49_900)


def test_a_confirmed_receipt_is_not_asked_about_again_unless_that_is_said(bench: Bench) -> None:
    bench.sell(3)
    bench.world.apay.deposits.change(bench.charges[1].telegram_payment_charge_id, status="Pending")
    bench.ask()
    bench.clock.advance(1)
    assert bench.ask() == [(2, "pending")]
    bench.clock.advance(1)
    bench.world.apay.deposits.change(bench.charges[1].telegram_payment_charge_id, status="Success")
    assert bench.ask() == [(2, "confirmed")]
    assert bench.ask() == []
    assert bench.asked == []
    bench.clock.advance(1)
    assert [number for number, _ in bench.ask(LIVE._replace(again=True))] == [1, 2, 3]


def test_silence_takes_no_verdict_back(bench: Bench) -> None:
    bench.sell(1)
    bench.ask()
    before = finding_of(bench.store, 1)
    bench.world.settings.apay_order_id = "none"
    bench.clock.advance(1)
    assert bench.ask(LIVE._replace(again=True)) == [(1, "unknown")]
    assert finding_of(bench.store, 1) == before


def test_only_receipts_of_the_mode_and_the_days(bench: Bench) -> None:
    bench.sell(1, paid_at=BEFORE)
    bench.sell(1, paid_at=BEFORE + 10)
    bench.sell(1, paid_at=BEFORE + 20)
    assert bench.ask(Span("live", BEFORE + 10, BEFORE + 20, False)) == [(2, "confirmed")]
    assert bench.ask(Span("test", None, None, False)) == []
    assert bench.ask() == [(1, "confirmed"), (3, "confirmed")]


def test_what_is_found_is_written_at_once_and_the_next_run_goes_on(bench: Bench) -> None:
    bench.sell(4)
    found = bench.inquiry().ask_about(LIVE)
    assert next(found)[1].state == "confirmed"
    assert next(found)[0].receipt_id == 2
    found.close()  # as Ctrl-C would
    assert finding_of(bench.store, 2) is not None
    assert finding_of(bench.store, 3) is None
    assert [number for number, _ in bench.ask()] == [3, 4]


def test_the_never_asked_come_before_those_without_a_verdict(bench: Bench) -> None:
    bench.sell(2)
    bench.world.apay.deposits.change(bench.charges[0].telegram_payment_charge_id, status="Pending")
    bench.ask()
    bench.sell(1)
    bench.clock.advance(1)
    assert [number for number, _ in bench.ask()] == [3, 1]


def test_more_than_a_batch_is_asked_about_once_each(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "_CLAIMS_PER_BATCH", 2)
    bench.world.settings.apay_order_id = "none"
    bench.sell(5)
    assert [number for number, _ in bench.ask()] == [1, 2, 3, 4, 5]
    bench.clock.advance(1)
    assert [number for number, _ in bench.ask()] == [1, 2, 3, 4, 5]


def test_a_clock_that_goes_back_makes_no_endless_run(bench: Bench) -> None:
    bench.world.settings.apay_order_id = "none"
    bench.sell(3)
    inquiry = bench.inquiry()
    seen = []
    for claim, _ in inquiry.ask_about(LIVE):
        seen.append(claim.receipt_id)
        bench.clock.jump(-3600)
    assert seen == [1, 2, 3]


def test_at_most_one_question_a_second(bench: Bench) -> None:
    bench.world.settings.apay_order_id = "none"
    bench.sell(5)
    bench.ask()
    assert len(bench.asked_at) == 10
    gaps = [after - before for before, after in zip(bench.asked_at, bench.asked_at[1:], strict=False)]
    assert gaps == [1.0] * 9


@pytest.mark.parametrize("kind", ["500", "502-html", "reset", "empty", "truncated", "401"])
def test_an_outage_is_waited_out(bench: Bench, kind: str) -> None:
    bench.sell(2)
    bench.fail(kind, count=4)
    assert bench.ask() == [(1, "confirmed"), (2, "confirmed")]
    assert bench.asked == ["order_id"] * 6
    gaps = [after - before for before, after in zip(bench.asked_at, bench.asked_at[1:], strict=False)]
    assert gaps == [2, 5, 15, 60, 1]
    assert len(bench.said) == 4
    assert bench.said[0].endswith("; next try in 2 s")


def test_a_pause_that_a_pay_asks_for_is_kept(bench: Bench) -> None:
    bench.sell(2)
    bench.fail("429", count=4, retry_after=40)
    assert bench.ask() == [(1, "confirmed"), (2, "confirmed")]
    gaps = [after - before for before, after in zip(bench.asked_at, bench.asked_at[1:], strict=False)]
    assert gaps == [40, 40, 40, 60, 1]


def test_a_pause_that_nobody_would_watch_ends_it(bench: Bench) -> None:
    bench.sell(1)
    bench.fail("429", count=1, retry_after=601)
    with pytest.raises(APayError) as stopped:
        bench.ask()
    assert stopped.value.message.endswith("A-Pay wants not to be asked for 601 s")
    assert len(bench.asked) == 1
    assert bench.ask() == [(1, "confirmed")]


def test_five_failures_in_a_row_end_it_and_keep_what_was_found(bench: Bench) -> None:
    bench.sell(3)
    found = bench.inquiry().ask_about(LIVE)
    assert next(found)[1].state == "confirmed"
    bench.fail("500")
    with pytest.raises(APayError) as stopped:
        next(found)
    assert stopped.value.exit_code == 5
    assert "A-Pay failed 5 times in a row: A-Pay refused deposit-info" in stopped.value.message
    assert stopped.value.hint == "what was found is kept; apay reconcile goes on with the rest"
    assert len(bench.asked) == 6
    bench.world.faults.clear()
    assert bench.ask() == [(2, "confirmed"), (3, "confirmed")]


def test_failures_with_an_answer_between_them_are_not_in_a_row(bench: Bench) -> None:
    bench.sell(4)
    seen = 0
    for _ in bench.inquiry().ask_about(LIVE):
        seen += 1
        bench.fail("500", count=4)
    assert seen == 4


def test_an_answer_about_another_deposit_is_no_answer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.sell(2)
    other = bench.world.apay.deposits.find(bench.charges[1].provider_payment_charge_id)
    assert other is not None
    monkeypatch.setattr(bench.world.apay.deposits, "find", lambda *_: other)
    assert bench.ask() == [(1, "unknown"), (2, "confirmed")]
    recorded = finding_of(bench.store, 1)
    assert recorded is not None
    assert recorded.detail == "cannot check: A-Pay answered about another deposit"


def test_an_answer_that_nobody_can_read_is_no_answer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.sell(1)
    render = bench.world.apay.deposits.render
    monkeypatch.setattr(bench.world.apay.deposits, "render", lambda charge: render(charge) | {"amount": "499.00"})
    assert bench.ask() == [(1, "unknown")]
    recorded = finding_of(bench.store, 1)
    assert recorded is not None
    assert recorded.detail == "cannot check: A-Pay's answer has no readable amount"


def test_refusals_with_http_200_are_refusals(bench: Bench) -> None:
    bench.world.settings.apay_errors_as_200 = True
    bench.world.settings.apay_order_id = "none"
    bench.sell(1)
    assert bench.ask() == [(1, "unknown")]


def test_nothing_is_locked_while_a_pay_is_asked(bench: Bench, tmp_path: Path) -> None:
    """A listener writes meanwhile: an answer to a buyer never waits for A-Pay."""
    bench.sell(2)
    other = open_sqlite(tmp_path / "apay.db")

    def write() -> None:
        with other.transaction() as tx:
            tx.remember("a listener", "was here")

    bench.before = write
    assert len(bench.ask()) == 2
    other.close()


def test_claims_are_what_the_ledger_says(bench: Bench) -> None:
    bench.sell(1, paid_at=BEFORE)
    charge = bench.charges[0]
    ((claim, _),) = bench.inquiry().ask_about(LIVE)
    assert claim == Claim(
        1, charge.telegram_payment_charge_id, charge.provider_payment_charge_id, "INR", 49_900, BEFORE
    )
