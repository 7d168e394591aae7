"""One chapter of the fuzzing of updates: a seed, a ledger, batches of 100, and what the ledger must hold then.

Knows the way from a getUpdates body to a record as the listener goes it, and what is owed to each update on that
way. What an update says about money is read a second time (`plain_reading`); the rest is compared with the
processor's own words.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from plain_reading import Charge, reading_of
from spoiling import Spoiler

from apaycli.clock import ManualClock
from apaycli.core.decide import Shop
from apaycli.core.incoming import PreCheckoutQuery, SuccessfulPayment, Unreadable
from apaycli.core.invoice import Ids
from apaycli.core.model import Invoice, LabeledPrice, Product, ReceiptFilter, Tips
from apaycli.core.update import split_updates
from apaycli.listen.events import Paid
from apaycli.listen.processor import Processor, Received, queries_first
from apaycli.store.sqlite import open_in_memory

BATCH = 100
TEA_STOCK = 200
BUYER_BEFORE_THE_FIRST = 10**6  # the good buyers come behind it: nobody whom the spoiler knows
ID_BEFORE_THE_FIRST = 710_000_000  # ids keep nine digits
HEAD_BYTES = len(b'{"update_id":710000000')
INTEGRITY_EVERY_BATCHES = 20
TEA = Product("tea", "Tea", "100 g.", "BDT", (LabeledPrice("Tea", 50000),), stock=TEA_STOCK, max_per_buyer=60)
DUCK = Product("duck", "Duck", "8 cm.", "INR", (LabeledPrice("Duck", 49900),))
SHOP = Shop("test", {"tea": TEA, "duck": DUCK}, reservation_ttl_seconds=1800, hooks=("program", "url"))


def invoice(payload: str, product: Product, chat_id: str, **terms: Any) -> Invoice:
    return Invoice(
        invoice_id=f"inv-{payload}",
        mode="test",
        invoice_payload=payload,
        chat_id=chat_id,
        sku=product.sku,
        title=product.title,
        description=product.description,
        currency=product.currency,
        prices=product.prices,
        quantity=1,
        forwarding="pay-button",
        created_at=0,
        **terms,
    )


# The first two are those that the samples speak of; in the third lives the sound trade.
INVOICES = (
    invoice("order-1001", TEA, "-4012345678", tips=Tips(5000), start_parameter="order-1001"),
    invoice("order-1002", TEA, "987654321", uses_max=1),
    invoice("good", DUCK, "-4012345678"),
)
KNOWN_PAYLOADS = {each.invoice_payload for each in INVOICES}


def good_query(update_id: int, buyer_id: int) -> bytes:
    return (
        b'{"update_id":%d,\n"pre_checkout_query":{"id":"good-%d","from":{"id":%d,"is_bot":false,"first_name":"G"},'
        b'"currency":"INR","total_amount":49900,"invoice_payload":"good"}}' % (update_id, update_id, buyer_id)
    )


def good_payment(update_id: int, buyer_id: int) -> bytes:
    return (
        b'{"update_id":%d,\n"message":{"message_id":1,"date":1767261600,"from":{"id":%d,"is_bot":false,'
        b'"first_name":"G"},"chat":{"id":%d,"type":"private"},"successful_payment":{"currency":"INR","total_amount":'
        b'49900,"invoice_payload":"good","telegram_payment_charge_id":"good-%d","provider_payment_charge_id":"p"}}}'
        % (update_id, buyer_id, buyer_id, update_id)
    )


def reply(updates: list[bytes]) -> bytes:
    return b'{"ok":true,"result":[' + b",\n".join(updates) + b"]}"


@dataclass
class Sent:
    """One batch as Telegram holds it. `sound`: those that must arrive as they are."""

    together: list[bytes] = field(default_factory=list)
    alone: list[bytes] = field(default_factory=list)
    sound: set[bytes] = field(default_factory=set)
    good_query_id: str = ""
    good_charge_id: str | None = None

    def pieces(self) -> list[bytes]:
        """As the poller cuts them. What has a spoiled head comes alone: its neighbours have no border to go by."""
        cut = split_updates(reply(self.together))
        assert cut is not None, "a reply whose heads are sound was not cut"
        assert self.sound <= set(cut), f"a sound update was harmed: {self.sound - set(cut)}"
        heads = {raw[:HEAD_BYTES] for raw in self.together} - {piece[:HEAD_BYTES] for piece in cut}
        assert not heads, f"an update is no piece of its own: {heads}"
        for raw in self.alone:
            body = reply([raw])
            pieces = split_updates(body)
            cut += [body] if pieces is None else pieces
        return cut


@dataclass
class Expected:
    """What the ledger must hold."""

    charges: dict[str, Charge] = field(default_factory=dict)
    conflicts: set[tuple[str, bytes]] = field(default_factory=set)
    dead_letters: set[bytes] = field(default_factory=set)
    decisions: dict[str, bool] = field(default_factory=dict)

    def note(self, received: Received) -> None:
        reading, update = reading_of(received.raw), received.update
        assert reading != "broken" or isinstance(update, Unreadable), f"taken for sound: {received}"
        assert isinstance(reading, Charge) == isinstance(update, SuccessfulPayment), f"money is misread: {received}"
        if isinstance(update, Unreadable):
            self.dead_letters.add(received.raw)
        if isinstance(reading, Charge):
            first = self.charges.setdefault(reading.telegram_payment_charge_id, reading)
            if first != reading:
                self.conflicts.add((reading.telegram_payment_charge_id, received.raw))


class Chapter:
    """`play` it to its end, then `check` the ledger."""

    def __init__(self, seed: int, updates: int) -> None:
        self.seed, self.updates = seed, updates
        self.spoiler = Spoiler(seed)
        self.chance = self.spoiler.chance
        self.clock = ManualClock()
        self.store = open_in_memory()
        self.expected = Expected()
        self.update_id = ID_BEFORE_THE_FIRST
        self.buyer_id = BUYER_BEFORE_THE_FIRST
        self.inline_invoices = 0
        self.processor = Processor(self.store, SHOP, self.clock, self.new_ids, "demo_merchant_bot")
        with self.store.transaction() as tx:
            for each in INVOICES:
                tx.record_invoice(each, "sent")

    def new_ids(self) -> Ids:
        self.inline_invoices += 1
        return Ids(f"inline-{self.inline_invoices}", f"inline-payload-{self.inline_invoices}")

    def play(self) -> None:
        for number, sent in enumerate(self.batches()):
            try:
                self.record(sent)
                assert number % INTEGRITY_EVERY_BATCHES or self.store.integrity_problems() == []
            except Exception as error:
                sent_bytes = b"\n".join([*sent.together, *sent.alone])
                raise AssertionError(f"chapter {self.seed}, batch {number}: {error!r}\n{sent_bytes!r}") from error
            self.clock.advance(self.chance.choice((1, 60, 600)))
            with self.store.transaction() as tx:
                tx.expire_reservations(self.clock.now())

    def batches(self) -> Iterator[Sent]:
        for done in range(0, self.updates, BATCH):
            yield self.batch(min(BATCH, self.updates - done))

    def batch(self, count: int) -> Sent:
        """`count` updates from the spoiler, some left sound; and two more, which are good."""
        sent = Sent()
        for _ in range(count):
            kind = self.chance.random()
            if kind < 0.2:
                sent.together.append(self.spoiler.sound(self.next_id()))
                sent.sound.add(sent.together[-1])
            elif kind < 0.75:
                sent.together.append(self.spoiler.behind_head(self.next_id()))
            else:
                sent.alone.append(self.spoiler.anywhere(self.next_id()))
        self.add_good_ones(sent)
        return sent

    def add_good_ones(self, sent: Sent) -> None:
        """The good buyer of the batch before pays; the next one asks."""
        if self.buyer_id > BUYER_BEFORE_THE_FIRST:
            self.put_anywhere(sent, good_payment(self.next_id(), self.buyer_id))
            sent.good_charge_id = f"good-{self.update_id}"
        self.buyer_id += 1
        self.put_anywhere(sent, good_query(self.next_id(), self.buyer_id))
        sent.good_query_id = f"good-{self.update_id}"

    def put_anywhere(self, sent: Sent, good: bytes) -> None:
        sent.sound.add(good)
        sent.together.insert(self.chance.randrange(len(sent.together) + 1), good)

    def next_id(self) -> int:
        self.update_id += 1
        return self.update_id

    def record(self, sent: Sent) -> None:
        batch = self.processor.parse(sent.pieces())
        for received in batch:
            self.expected.note(received)
        flags: dict[str, str | None] = {}
        answered: set[str] = set()
        asked = {received.update for received in batch if isinstance(received.update, PreCheckoutQuery)}
        for group in queries_first(batch):
            recorded = self.processor.record(group)
            paid = [event.receipt for event in recorded.events if isinstance(event, Paid)]
            flags |= {receipt.telegram_payment_charge_id: receipt.flag for receipt in paid}
            for answer in recorded.answers:
                query_id, ok = answer.query.pre_checkout_query_id, answer.decision.ok
                answered.add(query_id)
                if answer.query in asked:
                    assert self.expected.decisions.setdefault(query_id, ok) is ok, f"{query_id} was decided twice"
        waiting = {getattr(received.update, "pre_checkout_query_id", None) for received in batch} - {None}
        assert answered == waiting, f"left without an answer, or answered unasked: {answered ^ waiting}"
        assert self.expected.decisions[sent.good_query_id], "the good query was declined"
        assert sent.good_charge_id is None or flags[sent.good_charge_id] is None, "the good payment was not booked"

    def query(self, sql: str) -> set[tuple[Any, ...]]:
        rows = self.store.db.execute(sql).fetchall()
        assert len(set(rows)) == len(rows), f"the same twice: {sql}"
        return set(rows)

    def check(self) -> None:
        """The whole ledger against what was expected of it."""
        assert self.store.integrity_problems() == []
        charges, expected = self.expected.charges, self.expected
        receipts = {row.telegram_payment_charge_id: row for row in self.store.receipts(ReceiptFilter())}
        recorded = {
            charge_id: Charge(*(getattr(row, name) for name in Charge._fields)) for charge_id, row in receipts.items()
        }
        assert recorded == charges
        for charge_id, row in receipts.items():
            assert (row.flag == "unmatched") == (charges[charge_id].invoice_payload not in KNOWN_PAYLOADS), row
        assert dict(self.query("SELECT currency, sum(total_amount) FROM receipts GROUP BY currency")) == self.sums()
        kept = "SELECT telegram_payment_charge_id, {} FROM {}"
        assert self.query(kept.format("raw", "evidence WHERE kind = 'conflict'")) == expected.conflicts
        assert self.query(kept.format("digest", "evidence WHERE kind = 'receipt'")) == self.query(
            kept.format("digest", "receipts")
        )
        assert self.query("SELECT raw FROM dead_letters") == {(raw,) for raw in expected.dead_letters}
        assert self.query("SELECT reason, raw FROM dead_letters WHERE reason LIKE 'cannot be recorded%'") == set()
        assert dict(self.query("SELECT pre_checkout_query_id, ok FROM decisions")) == expected.decisions
        sold, held = self.store.stock_counts("test").get("tea", (0, 0))
        assert sold + held <= TEA_STOCK

    def sums(self) -> dict[str | None, int | None]:
        """By currency; None where not one amount could be read."""
        sums: dict[str | None, int | None] = {}
        for charge in self.expected.charges.values():
            before = sums.setdefault(charge.currency, None)
            if charge.total_amount is not None:
                sums[charge.currency] = (before or 0) + charge.total_amount
        return sums
