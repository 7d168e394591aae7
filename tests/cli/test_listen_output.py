"""The listener's events: lines on stdout, talk on stderr, objects for programs, and nothing that bites."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from apaycli.cli.listen_output import _EVENT_NAMES, Renderer, document
from apaycli.cli.output import Output
from apaycli.cli.status_line import StatusLine, render_span
from apaycli.core.incoming import PreCheckoutQuery
from apaycli.core.model import Decision, DeclineReason, Flag, Invoice, LabeledPrice, Mode, Reservation, User
from apaycli.listen import events
from ledger_rows import receipt
from shop import Stream

AT = 1_767_261_605_000
HOUR = 3_600_000
HOSTILE = "\x1b]52;c;x\x07\x1b[2J\x9b31m\u202eevil\r\n10:00:00Z  PAID  [bold][/x]\u2028"
INVOICE = Invoice(
    invoice_id="inv_1", mode="test", invoice_payload="p", chat_id="1001", sku="rubber-duck", title="Rubber duck",
    description="Yellow.", currency="INR", prices=(LabeledPrice("Duck", 49900),), quantity=2, forwarding="deep-link",
    created_at=AT,
)  # fmt: skip
RAHIM = User(1001, "Rahim", "Uddin", "rahim")
RESERVATION = Reservation(7, "inv_1", 1001, "rubber-duck", 2, AT, AT)


def answered(reason: DeclineReason | None = None, **changes: Any) -> events.Answered:
    currency, total_amount = changes.pop("asked", ("INR", 49900))
    query = PreCheckoutQuery(1, "q1", changes.pop("buyer", RAHIM), currency, total_amount, "p")
    decision = Decision("q1", reason is None, reason, None if reason is None else "Sorry.")
    values = {"invoice": INVOICE, "outcome": "sent", "milliseconds": 12, "repeated": False} | changes
    return events.Answered(AT, query, decision, **values)


def paid(**changes: Any) -> events.Paid:
    return events.Paid(AT, 3, receipt(1, buyer=RAHIM, **changes))


def rendered(event: events.Event, *, terminal: bool = False, **options: Any) -> tuple[str, str]:
    out, err = Stream(), Stream(terminal=terminal)
    output = Output(out, err, {}, **options)
    Renderer(output, StatusLine(output))(event)
    return out.getvalue(), err.getvalue()


ASKED = "pre-checkout  Rahim Uddin (@rahim)  2 x Rubber duck ₹499.00"
PAID = "PAID (test)  Rahim Uddin (@rahim)  1 x Rubber duck  ₹499.00  receipt 3"
LINES: list[tuple[events.Event, str]] = [
    (answered(), f"{ASKED}  yes  12 ms"),
    (answered(DeclineReason.SOLD_OUT), f"{ASKED}  no: sold_out  12 ms"),
    (answered(DeclineReason.EXPIRED, invoice=None), "pre-checkout  Rahim Uddin (@rahim)  ₹499.00  no: expired  12 ms"),
    (
        answered(DeclineReason.EXPIRED, invoice=None, asked=(None, None)),
        "pre-checkout  Rahim Uddin (@rahim)  -  no: expired  12 ms",
    ),
    (answered(asked=("INR", 59900)), f"{ASKED.replace('499', '599')}  yes  12 ms"),  # with a tip
    (answered(asked=("INR", None)), f"{ASKED}  yes  12 ms"),
    (
        answered(DeclineReason.AMOUNT_MISMATCH, asked=("INR", 100)),
        f"{ASKED.replace('₹499.00', 'asked ₹1.00, invoice ₹499.00')}  no: amount_mismatch  12 ms",
    ),
    (
        answered(DeclineReason.CURRENCY_MISMATCH, asked=("USD", 49900)),
        f"{ASKED.replace('₹499.00', 'asked $499.00, invoice ₹499.00')}  no: currency_mismatch  12 ms",
    ),
    (
        answered(DeclineReason.AMOUNT_MISMATCH, asked=(None, None)),
        f"{ASKED.replace('₹499.00', 'asked ?, invoice ₹499.00')}  no: amount_mismatch  12 ms",
    ),
    (answered(repeated=True), f"{ASKED}  yes  12 ms  again"),
    (answered(outcome="too_old"), f"{ASKED}  yes  12 ms  TOO LATE for Telegram"),
    (
        answered(outcome="unconfirmed"),
        f"{ASKED}  yes  12 ms  NOT CONFIRMED: sent, but Telegram's reply was lost",
    ),
    (answered(outcome="failed"), f"{ASKED}  yes  12 ms  NOT DELIVERED"),
    (answered(buyer=User(5)), "pre-checkout  user (5)  2 x Rubber duck ₹499.00  yes  12 ms"),
    (paid(), PAID),
    (paid(mode="live"), PAID.replace("PAID (test)", "PAID")),
    (paid(flag=Flag.LATE), f"{PAID}  late: paid when no reservation held any more; units were there"),
    (paid(flag=Flag.OVERSOLD), f"{PAID}  oversold: no units left: a refund is due"),
    (paid(flag=Flag.DUPLICATE), f"{PAID}  duplicate: already paid: a refund is due"),
    (paid(flag=Flag.UNMATCHED), f"{PAID}  unmatched: no such invoice in this ledger: look at it"),
    (paid(currency="XXX"), PAID.replace("₹499.00", "49900 XXX (smallest units)")),
    (paid(total_amount=None), PAID.replace("₹499.00", "amount unreadable")),
    (paid(title=None), PAID.replace("1 x Rubber duck", "?")),
    (events.Paid(AT, 3, receipt(1, buyer=None)), PAID.replace("Rahim Uddin (@rahim)", "somebody")),
    (events.Expired(AT, RESERVATION), "expired     user 1001  2 x rubber-duck back in stock"),
    (events.PaymentRepeated(AT, "ch", False), "repeated    ch: is recorded already"),
    (
        events.PaymentRepeated(AT, "ch", True),
        "CONFLICT    ch: known payment with other content; the first record stands",
    ),
    (
        events.QueryConflict(AT, "q", ("total_amount", "buyer_id")),
        "CONFLICT    q: a decided query came again with another total_amount, buyer_id; the first decision stands",
    ),
    (events.StarsRefunded(AT, "ch"), "stars       refund of ch: Telegram Stars, kept apart"),
    (events.DeadLetter(AT, 9, "no JSON", False), "unreadable  update 9: no JSON; kept as it came"),
    (
        events.DeadLetter(AT, 9, "no JSON", True),
        "unreadable  update 9: no JSON; kept as it came  IT MAY HOLD A PAYMENT: look at it",
    ),
]
TALK: list[tuple[events.Event, str]] = [
    (events.Started(AT, "test", None, 0, 0), ""),
    (
        events.Started(AT, "test", 3 * HOUR + 720_000, 0, 0),
        "apay: nobody listened for 3 h 12 min; Telegram keeps receipts 24 h\n",
    ),
    (
        events.Started(AT, "test", 25 * HOUR, 0, 0),
        "apay: nobody listened for 25 h 0 min; Telegram keeps receipts 24 h\n",
    ),
    (
        events.GapFound(AT, AT - 25 * HOUR, AT),
        "apay: warning: nobody heard Telegram from 2025-12-31T09:00:05Z to 2026-01-01T10:00:05Z: receipts sent before"
        " 2025-12-31T10:00:05Z may be gone at Telegram; compare with the A-Pay dashboard,"
        " then: apay status --acknowledge\n",
    ),
    (events.Backlog(AT, 1_001), "apay: 1001 updates wait at Telegram\n"),
    (events.Backlog(AT, 50_001), "apay: 50001 updates wait at Telegram; it drops what is beyond 100,000\n"),
    (events.ClockJumped(AT, 90), "apay: warning: the clock was set 90 s forward\n"),
    (events.ClockJumped(AT, -90), "apay: warning: the clock was set 90 s back\n"),
    (events.DiskLow(AT, 99 * 2**20), "apay: warning: 99 MiB are free where the ledger lies; make room\n"),
    (
        events.HooksWait(AT),
        "apay: warning: a hook of an earlier apay listen still runs; hooks wait until it has ended\n",
    ),
    (events.NoticesRefused(AT, 2, "blocked"), "apay: warning: 2 message(s) to you wait: blocked\n"),
    (
        events.LedgerStopped(AT, "the disk is full"),
        "apay: warning: the disk is full: until it is back, pre-checkouts are declined and receipts wait at Telegram\n",
    ),
    (events.LedgerBack(AT, 61_000), "apay: the ledger can be written again, after 1 min\n"),
    (
        events.Started(AT, "test", None, 2, 1),
        "apay: taken up again: 2 answer(s) to send, 1 expired reservation(s) to end\n",
    ),
    (events.Ready(AT, "shop_bot"), "apay: ready, @shop_bot is being heard; Ctrl-C stops it\n"),
    (events.Trouble(AT, "no answer", "see the line", 1.5), "apay: no answer (see the line); next try in 1.5 s\n"),
    (events.Trouble(AT, "no answer", None, 30.0), "apay: no answer; next try in 30 s\n"),
    (events.TokenTaken(AT), "apay: there is a new bot token, and Telegram is asked with it from now on\n"),
    (
        events.StockTaken(AT, 3, ("odd price",)),
        "apay: the stock file has changed: 3 product(s) in force\napay: warning: odd price\n",
    ),
    (
        events.OldPrices(AT, "duck", 2),
        "apay: warning: duck has another price or currency now; 2 open invoices still have the old one and can be paid"
        " as sent. To cancel:\n  apay invoices cancel --old-price --sku duck\n",
    ),
    (
        events.OldPrices(AT, "duck", 1),
        "apay: warning: duck has another price or currency now; 1 open invoice still has the old one and can be paid"
        " as sent. To cancel:\n  apay invoices cancel --old-price --sku duck\n",
    ),
    (
        events.StockRefused(AT, ("first", "second")),
        "apay: the stock file has mistakes; the last good one stays in force\n  first\n  second\n",
    ),
    (events.Replied(AT, "sendMessage", "it failed"), "apay: sendMessage failed: it failed\n"),
    (
        events.ShippingFailed(AT, "5", "refused", "no"),
        "apay: warning: a buyer got no answer about delivery and could not pay: no\n",
    ),
    (
        events.ShippingFailed(AT, "5", "free_left_out", "no"),
        "apay: warning: Telegram refuses delivery options that cost nothing: a buyer was offered the others only."
        " Give each a price; apay stock check names them\n",
    ),
    (events.BackedUp(AT, "b/apay.db.gz", 7, None), ""),
    (
        events.BackedUp(AT, "b/apay.db.gz", 7, "it ended with 1"),
        "apay: warning: the backup b/apay.db.gz is made, but [backup] after failed: it ended with 1\n",
    ),
    (events.BackupFailed(AT, "no room"), "apay: warning: no backup could be made: no room\n"),
    (
        events.RepliesDropped(AT, 900),
        "apay: warning: 900 command(s) got no reply: too many at once; payments are not affected\n",
    ),
    (events.Stopped(AT), "apay: stopped; everything that was confirmed is on disk\n"),
    (events.Standing(AT, AT, {}, 0), ""),
    (events.HookRan(AT, 7, "program", 1, None, None), ""),
    (
        events.HookRan(AT, 7, "url", 2, "HTTP 500: no", AT + 20_000),
        "apay: hook (url) for receipt 7 failed, try 2: HTTP 500: no; tries again\n",
    ),
    (
        events.HookRan(AT, 7, "program", 40, "ended with 1", None),
        "apay: hook (program) for receipt 7 failed, try 40: ended with 1; gives up: apay hooks retry 7\n",
    ),
    (events.Replied(AT, "sendMessage", None), ""),
    (events.Passed(AT, 5, "poll"), ""),
]


@pytest.mark.parametrize(("event", "line"), LINES)
def test_what_happens_to_money_is_one_line_on_stdout(event: events.Event, line: str) -> None:
    assert rendered(event) == (f"10:00:05Z  {line}\n", "")
    assert rendered(event, quiet=True) == (f"10:00:05Z  {line}\n", "")


@pytest.mark.parametrize(
    ("mode", "reason", "bracket"),
    [
        ("live", DeclineReason.EXPIRED, " (a test invoice, and this listener runs in live mode)"),
        ("test", DeclineReason.EXPIRED, ""),
        ("live", None, ""),
    ],
)
def test_an_invoice_of_the_other_mode_that_is_declined_is_called_so(
    mode: Mode, reason: DeclineReason | None, bracket: str
) -> None:
    out = Stream()
    output = Output(out, Stream(), {})
    render = Renderer(output, StatusLine(output))
    render(events.Started(AT, mode, None, 0, 0))
    render(answered(reason))
    said = f"no: {reason}{bracket}" if reason else "yes"
    assert out.getvalue() == f"10:00:05Z  {ASKED}  {said}  12 ms\n"


def test_on_a_narrow_terminal_a_line_is_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out, err = Stream(terminal=True), Stream(terminal=True)
    output = Output(out, err, {"NO_COLOR": "1"}, quiet=True)
    Renderer(output, StatusLine(output))(answered(DeclineReason.SOLD_OUT))
    first, *others = out.getvalue().splitlines()
    assert first.startswith("10:00:05Z  pre-checkout")
    assert others
    assert all(line.startswith(" " * 11) for line in others)
    assert all(len(line) <= 40 for line in (first, *others))
    assert " ".join(out.getvalue().split()) == f"10:00:05Z {ASKED}  no: sold_out  12 ms".replace("  ", " ")
    assert rendered(answered(DeclineReason.SOLD_OUT))[0].count("\n") == 1  # into a pipe, one line as ever


@pytest.mark.parametrize(("event", "said"), TALK)
def test_talk_goes_to_stderr_and_can_be_silenced(event: events.Event, said: str) -> None:
    assert rendered(event) == ("", said)
    assert rendered(event, quiet=True) == ("", "")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (events.Replied(AT, "sendMessage", None), "apay: sendMessage sent\n"),
        (events.Passed(AT, 5, "poll"), "apay: update 5 passed over (poll)\n"),
    ],
)
def test_small_things_are_told_with_v_alone(event: events.Event, said: str) -> None:
    assert rendered(event, verbose=1) == ("", said)


def test_every_event_has_its_example_and_its_name() -> None:
    kinds = set(get_args(events.Event))
    assert {type(event) for event, _ in LINES + TALK} == kinds == set(_EVENT_NAMES)
    assert len(set(_EVENT_NAMES.values())) == len(kinds)


def documented_keys() -> dict[str, list[str]]:
    """docs/json.md: the keys of each event behind `at` and `event`."""
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text("utf-8").split("## listen")[1]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", page, re.MULTILINE)
    return {name: re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", keys.partition(";")[0])) for name, keys in rows}


@pytest.mark.parametrize(("event", "_line"), LINES + TALK)
def test_each_event_as_json_is_one_object_with_the_documented_keys(event: events.Event, _line: str) -> None:
    out, err = rendered(event, as_json=True)
    assert err == ""
    assert out.count("\n") == 1
    found = json.loads(out)
    name = _EVENT_NAMES[type(event)]
    assert list(found)[:2] == ["at", "event"]
    assert (found["at"], found["event"]) == ("2026-01-01T10:00:05Z", name)
    assert set(found) == {"at", "event", *documented_keys()[name]}


def test_amounts_are_integers_and_ids_are_text_in_json() -> None:
    found = document(paid())
    assert (found["total_amount"], found["currency"]) == (49900, "INR")
    assert (found["receipt_id"], found["buyer_id"]) == ("3", "1001")
    assert document(answered())["buyer_id"] == "1001"


EVIL = User(1, HOSTILE, HOSTILE, HOSTILE)
HOSTILE_EVENTS: list[events.Event] = [
    answered(buyer=EVIL),
    paid(title=HOSTILE, currency=HOSTILE),
    events.Paid(AT, 1, receipt(1, buyer=EVIL)),
    events.PaymentRepeated(AT, HOSTILE, True),
    events.QueryConflict(AT, HOSTILE, ("currency",)),
    events.StarsRefunded(AT, HOSTILE),
    events.DeadLetter(AT, 1, HOSTILE, True),
    events.Passed(AT, 1, HOSTILE),
    events.Ready(AT, HOSTILE),
    events.StockRefused(AT, (HOSTILE,)),
    events.StockTaken(AT, 1, (HOSTILE,)),
    events.Expired(AT, Reservation(7, "inv_1", 1001, HOSTILE, 2, AT, AT)),
]


@pytest.mark.parametrize("event", HOSTILE_EVENTS)
def test_strangers_text_is_shown_and_never_obeyed(event: events.Event) -> None:
    out, err = rendered(event, verbose=2)
    text = out + err
    assert all(character == "\n" or character.isprintable() for character in text)
    assert not [line for line in text.splitlines()[1:] if line.startswith("10:00:00Z")]  # no forged line


def texts_in(value: Any) -> list[str]:
    """Every text inside a JSON value."""
    if isinstance(value, list | dict):
        return [text for part in (value.values() if isinstance(value, dict) else value) for text in texts_in(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("event", HOSTILE_EVENTS)
def test_strangers_text_in_json_is_exact_and_harmless(event: events.Event) -> None:
    out, _ = rendered(event, as_json=True)
    assert all(character == "\n" or character.isprintable() for character in out)
    assert out.count("\n") == 1
    assert any(HOSTILE in text for text in texts_in(json.loads(out)))


def test_trouble_that_lasts_is_told_every_half_minute_and_not_every_two_seconds() -> None:
    out, err = Stream(), Stream()
    output = Output(out, err, {})
    renderer = Renderer(output, StatusLine(output))
    for second in range(0, 62, 2):
        renderer(events.Trouble(AT + second * 1000, "no answer", None, 2.0))
    renderer(events.Trouble(AT + 62_000, "another thing", None, 2.0))
    assert [line.split(";")[0] for line in err.getvalue().splitlines()] == ["apay: no answer"] * 3 + [
        "apay: another thing"
    ]


def test_trouble_hides_tokens() -> None:
    token = "123456789:AAcanaryAAcanaryAAcanaryAAcanary_bot"
    for as_json in (False, True):
        out, err = rendered(events.Trouble(AT, f"no answer from /bot{token}/getUpdates", None, 1), as_json=as_json)
        assert "canary" not in out + err


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0 s"), (999, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (3_599_999, "59 min"), (HOUR, "1 h 0 min"),
     (26 * HOUR + 61_000, "26 h 1 min")],
)  # fmt: skip
def test_a_span_is_said_in_hours_and_minutes(milliseconds: int, text: str) -> None:
    assert render_span(milliseconds) == text


CLEAR = "\r\x1b[2K"


def test_on_a_terminal_the_status_line_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out, err = Stream(), Stream(terminal=True)
    output = Output(out, err, {"NO_COLOR": "1"})
    render = Renderer(output, StatusLine(output))
    render(events.Standing(AT, AT - 3_000, {"INR": 99800}, 2))
    assert err.getvalue() == f"{CLEAR}today ₹998.00 | 2 unit(s) held | contact 3 s ago"
    err.truncate(err.seek(0))
    render(answered())
    assert err.getvalue() == f"{CLEAR}{CLEAR}today ₹998.00 | 2 unit(s) held | contact 3 s ago | slowest answer 12 ms"
    err.truncate(err.seek(0))
    render(events.Stopped(AT))
    assert err.getvalue() == f"{CLEAR}apay: stopped; everything that was confirmed is on disk\n"


@pytest.mark.parametrize("options", [{"quiet": True}, {"as_json": True}])
def test_there_is_no_status_line_where_nobody_wants_one(options: dict[str, bool]) -> None:
    _, err = rendered(events.Standing(AT, AT, {"INR": 1}, 2), terminal=True, **options)
    assert err == ""
    assert rendered(events.Standing(AT, AT, {"INR": 1}, 2))[1] == ""
