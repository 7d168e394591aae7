"""Sending invoices: the ledger first, then Telegram, and never twice what may have arrived."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from apaycli.botapi.client import BotApi, NotSent, OutcomeUnknown, Reply
from apaycli.botapi.methods import Delivery
from apaycli.clock import ManualClock
from apaycli.core.model import Invoice, LabeledPrice
from apaycli.errors import TelegramError, TokenError
from apaycli.sandbox.chats import Chat
from apaycli.sandbox.wire import Answer
from apaycli.sandbox.world import World
from apaycli.sending import Interrupted, Sent, send_all
from apaycli.store.sqlite import SqliteStore, open_in_memory

RAHIM, ASHA, STRANGER, GROUP, TOPICS = "1001", "1002", "5555", "-4001", "-1001234567890"


@dataclass
class Desk:
    """A merchant at a world in this process. `before` sees each request first; `waits` is how long was slept."""

    store: SqliteStore
    clock: ManualClock = field(default_factory=ManualClock)
    said: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    date: str = ""

    def __post_init__(self) -> None:
        self.world = World(self.clock)

    def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        self.before()
        answer = self.world.handle(f"/bot{self.world.bot_token}/{method}", "application/json", body)
        assert isinstance(answer, Answer)
        if answer.transport != "reply":
            raise OutcomeUnknown(f"no answer from Telegram to {method}")
        return Reply(answer.status, answer.body)

    def close(self) -> None: ...

    def send(self, *chat_ids: str, delivery: Delivery = Delivery()) -> list[Sent]:
        invoices = [invoice_to(chat_id, number) for number, chat_id in enumerate(chat_ids)]
        return send_all(
            invoices, BotApi(self), self.store, self.world.test_provider_token, delivery, self.clock,
            self.said.append, self.waits.append,
        )  # fmt: skip

    def outage(self, kind: str, **how: object) -> None:
        self.world.faults.add(kind, self.clock.monotonic(), methods=["sendInvoice"], **how)

    def requests(self) -> int:
        return self.world.requests.count

    def rows(self) -> list[tuple[str, str, int | None, str | None]]:
        """(send_state, chat_id, message_id, send_error) in the order of sending."""
        return self.store.db.execute(
            "SELECT send_state, chat_id, message_id, send_error FROM invoices ORDER BY rowid"
        ).fetchall()


class _Impatient(list[float]):
    """Waits that somebody ends with Ctrl-C."""

    def append(self, seconds: float) -> None:
        raise KeyboardInterrupt


def invoice_to(chat_id: str, number: int = 0) -> Invoice:
    return Invoice(
        invoice_id=f"inv_{number}", mode="test", invoice_payload=f"payload-{number}", chat_id=chat_id, sku=None,
        title="Tea", description="Black tea", currency="BDT", prices=(LabeledPrice("Tea", 50_000),), quantity=1,
        forwarding="pay-button", created_at=1,
    )  # fmt: skip


@pytest.fixture
def desk() -> Iterator[Desk]:
    store = open_in_memory()
    yield Desk(store)
    store.close()


def test_an_invoice_that_arrived_is_sent_and_has_its_message(desk: Desk) -> None:
    [sent] = desk.send(RAHIM)
    [message_id] = [message_id for chat_id, message_id in desk.world.messages if chat_id == int(RAHIM)]
    assert (sent.state, sent.message_id, sent.failure) == ("sent", message_id, None)
    assert desk.rows() == [("sent", RAHIM, message_id, None)]


def test_the_ledger_knows_an_invoice_before_its_request_leaves(desk: Desk) -> None:
    seen: list[list[tuple[str, str, int | None, str | None]]] = []
    desk.before = lambda: seen.append(desk.rows())
    desk.send(RAHIM, ASHA)
    assert [[row[0] for row in rows] for rows in seen] == [["sending"], ["sent", "sending"]]


@pytest.mark.parametrize("crash", [SystemExit(143), MemoryError()], ids=str)
def test_a_crash_while_the_request_is_out_leaves_it_as_sending(desk: Desk, crash: BaseException) -> None:
    def die() -> None:
        raise crash

    desk.before = die
    with pytest.raises(type(crash)):
        desk.send(RAHIM, ASHA)
    assert [row[0] for row in desk.rows()] == ["sending"]


def test_ctrl_c_while_the_request_is_out_leaves_the_outcome_unknown_and_stops(desk: Desk) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    desk.before = interrupt
    [sent] = desk.send(RAHIM, ASHA)
    assert (sent.state, type(sent.failure)) == ("unknown", Interrupted)
    assert sent.failure is not None
    assert sent.failure.exit_code == 130
    assert [row[0] for row in desk.rows()] == ["unknown"]


def test_ctrl_c_at_the_second_chat_keeps_the_first_and_spares_the_third(desk: Desk) -> None:
    def interrupt() -> None:
        if desk.requests() == 1:
            raise KeyboardInterrupt

    desk.before = interrupt
    first, second = desk.send(RAHIM, ASHA, GROUP)
    assert (first.state, second.state) == ("sent", "unknown")
    assert second.failure is not None
    assert f"unknown whether {ASHA} got the invoice inv_1: interrupted" in second.failure.message
    assert "does not send it again" in (second.failure.hint or "")
    assert [row[0] for row in desk.rows()] == ["sent", "unknown"]  # the third never came to the ledger
    assert desk.rows()[1][3] == second.failure.message


def test_ctrl_c_while_telegram_makes_us_wait_stops_too(desk: Desk) -> None:
    desk.outage("429", count=1, retry_after=5)
    desk.waits = _Impatient()
    [sent] = desk.send(RAHIM, ASHA)
    assert type(sent.failure) is Interrupted
    assert desk.requests() == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["500", "502-html", "504-html", "empty", "truncated", "break", "reset", "hang"])
def test_an_unknown_outcome_is_not_tried_again_and_stops_nobody_else(desk: Desk, kind: str, after: bool) -> None:
    desk.outage(kind, count=1, after=after)
    first, second = desk.send(RAHIM, ASHA)
    assert (first.state, type(first.failure), second.state) == ("unknown", OutcomeUnknown, "sent")
    assert first.failure is not None
    assert "inv_0" in first.failure.message
    assert "does not send it again" in (first.failure.hint or "")
    assert desk.requests() == 2
    assert [row[0] for row in desk.rows()] == ["unknown", "sent"]
    assert len(desk.world.books.invoices) == (2 if after else 1)


def test_what_never_left_is_known_not_to_have_arrived(desk: Desk) -> None:
    def down() -> None:
        raise NotSent("Telegram cannot be reached")

    desk.before = down
    [sent] = desk.send(RAHIM)
    assert (sent.state, type(sent.failure)) == ("refused", NotSent)
    assert desk.rows()[0][0] == "refused"


@pytest.mark.parametrize(
    ("chat_id", "hint"), [(STRANGER, "Start"), ("-4999", "must have the bot"), ("@nobody_here", "must have the bot")]
)
def test_a_refusal_says_what_to_do_and_the_next_chat_gets_its_invoice(desk: Desk, chat_id: str, hint: str) -> None:
    refused, sent = desk.send(chat_id, RAHIM)
    assert (refused.state, sent.state) == ("refused", "sent")
    assert isinstance(refused.failure, TelegramError)
    assert hint in (refused.failure.hint or "")
    assert desk.rows()[0][3] == refused.failure.message


def test_a_wrong_token_stops_everything(desk: Desk) -> None:
    desk.outage("401")
    (refused,) = desk.send(RAHIM, ASHA)
    assert isinstance(refused.failure, TokenError)
    assert desk.requests() == 1
    assert [row[0] for row in desk.rows()] == ["refused"]


@pytest.mark.parametrize(
    ("count", "retry_after", "state", "waits"),
    [
        (1, 5, "sent", [5]),
        (3, 60, "sent", [60, 60, 60]),
        (4, 5, "refused", [5, 5, 5]),
        (1, 61, "refused", []),
    ],
)
def test_a_wait_that_telegram_asks_for_is_kept_within_reason(
    desk: Desk, count: int, retry_after: int, state: str, waits: list[float]
) -> None:
    desk.outage("429", count=count, retry_after=retry_after)
    [sent] = desk.send(RAHIM)
    assert (sent.state, desk.waits) == (state, waits)
    assert len(desk.said) == len(waits)
    assert len(desk.world.books.invoices) == (state == "sent")


@pytest.mark.parametrize("retry_after", [0, -3])
def test_a_wait_of_nothing_is_no_error(desk: Desk, retry_after: int) -> None:
    desk.outage("429", count=1, retry_after=retry_after)
    [sent] = desk.send(RAHIM)
    assert sent.state == "sent"
    assert all(wait >= 0 for wait in desk.waits)


def test_a_group_that_has_moved_gets_its_invoice_under_the_new_id(desk: Desk) -> None:
    desk.world.buyers.upgrade_group(int(GROUP), -1007777777777)
    [sent] = desk.send(GROUP)
    assert (sent.state, sent.invoice.chat_id) == ("sent", "-1007777777777")
    assert desk.rows()[0][:2] == ("sent", "-1007777777777")
    assert "-1007777777777" in desk.said[0]


def test_a_group_that_moves_in_circles_is_given_up(desk: Desk) -> None:
    desk.world.chats.add_chat(Chat(-50, "group", "A", migrate_to_chat_id=-51))
    desk.world.chats.add_chat(Chat(-51, "group", "B", migrate_to_chat_id=-50))
    [sent] = desk.send("-50")
    assert sent.state == "refused"
    assert desk.requests() == 4


def test_thread_silence_and_protection_reach_telegram(desk: Desk) -> None:
    [sent] = desk.send(TOPICS, delivery=Delivery(message_thread_id=42, disable_notification=True, protect_content=True))
    assert sent.state == "sent"
    [record] = desk.world.requests.records
    assert {name: record.params[name] for name in ("message_thread_id", "disable_notification", "protect_content")} == {
        "message_thread_id": "42", "disable_notification": "true", "protect_content": "true",
    }  # fmt: skip


def test_a_reply_without_a_message_id_is_still_a_success(desk: Desk) -> None:
    class Terse:
        date = ""

        def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
            return Reply(200, b'{"ok":true,"result":true}')

        def close(self) -> None: ...

    [sent] = send_all(
        [replace(invoice_to(RAHIM))], BotApi(Terse()), desk.store, "1:TEST:x", Delivery(), desk.clock, desk.said.append
    )
    assert (sent.state, sent.message_id) == ("sent", None)
