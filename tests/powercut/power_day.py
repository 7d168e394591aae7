"""A shop's day on one ledger file, by the real store and processor; what was promised, and when.

Knows how to sell, and where in the recorder's log each transaction was said to be durable. Never looks at the log's
bytes. Everything is drawn from one seed.

Theory. After each commit a `Moment` is noted: the log's length, every row of the ledger as one digest, and the
receipts and decisions that the processor has reported, which are Telegram's and the buyers' from now on. A power
cut between two moments may show the one or the other, and nothing else.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from recording_vfs import Recorder

from apaycli.clock import ManualClock
from apaycli.core.decide import Shop
from apaycli.core.incoming import Command
from apaycli.core.model import Invoice, LabeledPrice, Product, User
from apaycli.errors import LedgerError, LedgerUnavailable
from apaycli.listen.events import Paid
from apaycli.listen.processor import Processor
from apaycli.store.sqlite import SqliteStore, open_sqlite
from apaycli.store.values import AnswerResult, Gap, ShippingTrouble

TTL_SECONDS = 600
PRICE = 49_900
_CHECKPOINT_PAGES = 24  # the product leaves it at 1000; here the log shall turn over many times in a day
_TRIES_MAX = 200


@dataclass(frozen=True)
class Moment:
    """From `position` in the log on, this is durable: `state` is every row, as a digest."""

    position: int
    state: str
    receipts: Mapping[str, int]
    decisions: Mapping[str, bool]


@dataclass(frozen=True)
class Promise:
    """What must be found after a cut: one of the states, and in it at least these."""

    states: tuple[str, ...]
    receipts: Mapping[str, int]
    decisions: Mapping[str, bool]


def state_of(store: SqliteStore) -> str:
    """Every row of every table."""
    tables = store.db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    digest = hashlib.sha256()
    for (table,) in tables:
        others = "WHERE key <> 'ledger_id'" if table == "meta" else ""  # by chance, and two ledgers are compared
        digest.update(repr(store.db.execute(f"SELECT * FROM {table} {others}").fetchall()).encode())
    return digest.hexdigest()


def _no_ids() -> Any:
    raise AssertionError("nobody asks inline for an invoice here")


class Day:
    """One ledger from its first byte to a polite end. `synchronous` overrules the product."""

    def __init__(self, path: Path, recorder: Recorder, seed: int, synchronous: str | None = None) -> None:
        self.path, self.recorder, self.synchronous = path, recorder, synchronous
        self.chance = Random(seed)
        self.clock = ManualClock()
        duck = Product("duck", "Duck", "Yellow", "INR", (LabeledPrice("Duck", PRICE),), stock=40)
        self.shop = Shop("test", {"duck": duck}, TTL_SECONDS, hooks=("program", "url"), notify_chat="77")
        self.moments: list[Moment] = []
        self.receipts: dict[str, int] = {}
        self.decisions: dict[str, bool] = {}
        self.store: SqliteStore
        self.failures = 0
        self.opens_anew_when_full = False
        self.has_readers = True
        self._number = 0
        self._invoices = 0
        self._reader: SqliteStore | None = None
        self._queries: list[dict[str, Any]] = []
        self._payments: list[dict[str, Any]] = []

    # -- what is promised ---------------------------------------------------------------------------------------------

    def promise_at(self, position: int) -> Promise:
        """What a cut after the first `position` steps of the log must leave."""
        confirmed = bisect_right([moment.position for moment in self.moments], position)
        if confirmed == 0:
            return Promise((self.moments[0].state,), {}, {})  # a new ledger, made again by whoever opens it
        last = self.moments[confirmed - 1]
        states = tuple(moment.state for moment in self.moments[confirmed - 1 : confirmed + 1])
        return Promise(states, last.receipts, last.decisions)

    def _confirm(self) -> None:
        position = len(self.recorder.log)
        self.moments.append(Moment(position, state_of(self.store), dict(self.receipts), dict(self.decisions)))

    def _do(self, work: Callable[[], None]) -> None:
        """One transaction. On a full disk it is tried again, and after worse the ledger is opened anew, until it is
        durable: Telegram sends again what was not confirmed."""
        before = self.moments[-1].state
        for _ in range(_TRIES_MAX):
            try:
                work()
            except LedgerUnavailable:
                self.failures += 1
                if self.opens_anew_when_full:
                    self._reopen()
                assert state_of(self.store) == before, "nothing of it may be there"
            except LedgerError:
                self.failures += 1
                self._reopen()
                if state_of(self.store) != before:
                    self._confirm()
            else:
                self._confirm()
                return
        raise AssertionError("the trouble never ends")

    # -- the day ------------------------------------------------------------------------------------------------------

    def play(self, moves: int = 50) -> None:
        self.start()
        self.go_on(moves)
        self.end()

    def start(self) -> None:
        self._open()
        self._do(lambda: self.store.bind_bot(4711))
        self._live()
        self._talk()
        for _ in range(3):
            self._send_invoice()

    def go_on(self, moves: int) -> None:
        for _ in range(moves):
            self.clock.advance(self.chance.choice((0, 1, 20, 400)))
            self.chance.choices(list(self._MOVES), list(self._MOVES.values()))[0](self)

    def end(self) -> None:
        """As SIGTERM does."""
        healthy, self.recorder.fail = self.recorder.fail, lambda kind, file: 0
        if self._reader is not None:
            self._read_or_stop()
        self.store.close()
        self.recorder.fail = healthy

    def _open(self) -> None:
        healthy, self.recorder.fail = self.recorder.fail, lambda kind, file: 0
        self.store = open_sqlite(self.path)
        if self.synchronous is not None:
            self.store.db.execute(f"PRAGMA synchronous = {self.synchronous}")
        self.store.db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if not self.moments:
            self._confirm()
        self.recorder.fail = healthy

    def _reopen(self) -> None:
        self.end()
        self._open()

    def _read_or_stop(self) -> None:
        """An export that takes its time: while it reads, the log cannot turn over."""
        if not self.has_readers:
            return
        if self._reader is None:
            self._reader = open_sqlite(self.path, read_only=True)
            self._reader.db.execute("BEGIN")
            self._reader.counts("test")
        else:
            self._reader.close()
            self._reader = None

    # -- updates ------------------------------------------------------------------------------------------------------

    def _record(self, *updates: bytes) -> None:
        processor = Processor(self.store, self.shop, self.clock, new_ids=_no_ids)
        recorded = processor.record(processor.parse(updates))
        for answer in recorded.answers:
            self.decisions[answer.query.pre_checkout_query_id] = answer.decision.ok
        for event in recorded.events:
            if isinstance(event, Paid):
                assert event.receipt.total_amount is not None
                self.receipts[event.receipt.telegram_payment_charge_id] = event.receipt.total_amount

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _query(self) -> bytes:
        number = self._next()
        body = {
            "id": f"query-{number}",
            "from": {"id": self.chance.randint(1000, 1006), "is_bot": False, "first_name": "Rahim"},
            "currency": "INR",
            "total_amount": self.chance.choice((PRICE, PRICE, PRICE, 1)),
            "invoice_payload": f"payload-{self.chance.randint(1, 4)}",
        }
        self._queries.append(body)
        return json.dumps({"update_id": number, "pre_checkout_query": body}).encode()

    def _payment(self) -> bytes:
        """For a query that was asked, or out of the blue; now and then one that came before, or differs from it."""
        number = self._next()
        asked = self.chance.choice([*self._queries[-5:], {"invoice_payload": "unknown", "from": {"id": 1, "x": "?"}}])
        paid = {
            "currency": "INR",
            "total_amount": self.chance.choice((PRICE, PRICE, 7)),
            "invoice_payload": asked["invoice_payload"],
            "telegram_payment_charge_id": f"charge-{number}",
            "provider_payment_charge_id": f"apay-{number}",
            "order_info": {"name": "রহিম " * self.chance.randint(1, 120)},
        }
        if self._payments and self.chance.random() < 0.2:
            paid = {**self.chance.choice(self._payments), **self.chance.choice(({}, {"total_amount": 8}))}
        self._payments.append(paid)
        sender = {**asked["from"], "is_bot": False, "first_name": "Rahim"}
        message = {"message_id": number, "date": self.clock.now() // 1000, "from": sender,
                   "chat": {"id": sender["id"], "type": "private"}, "successful_payment": paid}  # fmt: skip
        return json.dumps({"update_id": number, "message": message}, ensure_ascii=False).encode()

    def _broken(self) -> bytes:
        filler = b"successful_payment" * self.chance.randint(1, 300)
        return b'{"update_id": %d, "message": {"broken": %s' % (self._next(), filler)

    # -- moves --------------------------------------------------------------------------------------------------------

    def _take_batch(self) -> None:
        made = self.chance.choices((self._query, self._payment, self._broken), (5, 5, 1), k=self.chance.randint(1, 6))
        updates = [make() for make in made]
        self._do(lambda: self._record(*updates))

    def _send_invoice(self) -> None:
        self._invoices += 1
        number, name = self._invoices, f"payload-{self._invoices}"
        invoice = Invoice(name, "test", name, "@ducks", "duck", "Duck", "Yellow", "INR", (LabeledPrice("Duck", PRICE),),
                          1, "pay-button", self.clock.now(), uses_max=self.chance.choice((None, None, 1)))  # fmt: skip
        self._write(lambda tx: tx.record_invoice(invoice))
        now = self.clock.now()
        self._write(lambda tx: tx.record_send_outcome(name, "sent", now, message_id=number))

    def _write(self, verbs: Callable[[Any], object]) -> None:
        def work() -> None:
            with self.store.transaction() as tx:
                verbs(tx)

        self._do(work)

    def _note_answers(self) -> None:
        now = self.clock.now()
        outcomes = [(body["id"], self.chance.random()) for body in self._queries[-4:]]
        results = [
            AnswerResult(query_id, "too_old" if luck < 0.2 else "sent", now, 40, release=luck < 0.2)
            for query_id, luck in outcomes
            if query_id in self.decisions
        ]
        self._write(lambda tx: tx.record_answers(results))

    def _run_hooks(self) -> None:
        now, failure = self.clock.now(), self.chance.choice((None, None, "exit code 1"))
        again_at = self.chance.choice((None, now + 10_000)) if failure else None

        def run(tx: Any) -> None:
            for due in tx.claim_hooks(now, now + 60_000, ("program", "url"), 4):
                tx.record_hook(due.hook_id, failure=failure, again_at=again_at)

        self._write(run)

    def _expire(self) -> None:
        now = self.clock.now()
        self._write(lambda tx: tx.expire_reservations(now))

    def _live(self) -> None:
        now = self.clock.now()

        def live(tx: Any) -> None:
            run_id = tx.start_run(4711, "test", now)
            tx.record_life(run_id, now, now)
            tx.record_gap(Gap(now - 90_000_000, now))
            tx.record_shipping_trouble(ShippingTrouble(f"shipping-{run_id}", "refused", "no", now))
            tx.queue_notice("77", "merchant", "look at the dashboard", now)
            tx.remove_notices([1, 2, 3])
            tx.attest("dashboard", now)

        self._write(live)

    def _talk(self) -> None:
        """Consent, a request with its answer, a group that moved: whatever buyers say between two payments."""
        now, number = self.clock.now(), self.chance.randrange(10**9)

        def talk(tx: Any) -> None:
            tx.record_acceptance(number, "2026-11", "Money back within 7 days.", now)
            asked = Command(number, number, number, "support", "Where is it?", User(number, "Asha"))
            request_id = tx.record_support_request(asked, now)
            tx.record_reply_outcome(tx.record_support_reply(request_id, "On its way.", now), "sent", None)
            tx.migrate_chat(-number - 1, -number - 2)

        self._write(talk)

    def _keep_books(self) -> None:
        """What the merchant and A-Pay say of a receipt, where there is one."""
        now = self.clock.now()

        def keep(tx: Any) -> None:
            row = tx.db.execute("SELECT max(receipt_id) FROM receipts").fetchone()
            if row[0] is None or not tx.refund_done(row[0], "TX-1", now):
                return
            dispute_id = tx.open_dispute(row[0], "late", now)
            tx.note_dispute(dispute_id, "parcel 4711", now)
            tx.close_dispute(dispute_id, "won", now)
            tx.refund_due(row[0], "it came back", now)
            tx.refund_done(row[0], "TX-2", now)
            tx.db.execute(
                "INSERT INTO reconciliations (receipt_id, state, checked_at) VALUES (?, 'pending', ?)", (*row, now)
            )

        self._write(keep)

    _MOVES = {  # noqa: RUF012
        _take_batch: 24,
        _send_invoice: 1,
        _note_answers: 6,
        _run_hooks: 6,
        _expire: 3,
        _live: 2,
        _talk: 2,
        _keep_books: 4,
        _read_or_stop: 3,
        _reopen: 2,
    }
