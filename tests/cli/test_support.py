"""`apay support`: what buyers asked, an answer that is in the ledger before it leaves, and requests that are done."""

import json
from typing import Any

import pytest

from apaycli.core.incoming import Command
from apaycli.core.messages import ENGLISH
from apaycli.core.model import User
from apaycli.messagefile import load_messages
from apaycli.store.values import SupportReply
from shop import Shop

REQUEST_KEYS = (
    "request_id", "buyer_id", "buyer_username", "buyer_name", "text", "received_at", "closed_at",
)  # fmt: skip
REPLY_KEYS = ("text", "created_at", "send_state", "send_error")
RAHIM = User(1001, "Rahim", "Uddin", "rahim_sandbox", "bn")
ASHA = User(1002, "Asha", language_code="en")
STRANGER = User(555, "Nobody")
HOSTILE = User(1003, "\x1b[2J\u202eevil", "[bold]x[/bold]\n", "x\x1b", "\x1b[2J")


def ask(shop: Shop, user: User = ASHA, text: str = "My parcel has not come", message_id: int = 0) -> int:
    """A buyer wrote /support and this text; the request's number."""
    with shop.store() as store, store.transaction() as tx:
        command = Command(1, user.user_id, message_id or user.user_id, "support", text, user)
        return tx.record_support_request(command, shop.clock.now())


def replies(shop: Shop, number: int) -> tuple[SupportReply, ...]:
    with shop.store() as store:
        found = store.support_request(number)
    assert found is not None
    return found.replies


def is_open(shop: Shop, number: int) -> bool:
    with shop.store() as store:
        found = store.support_request(number)
    assert found is not None
    return found.closed_at is None


def sent(shop: Shop) -> list[tuple[str, str]]:
    """Chat and text of every message that reached Telegram and was not refused."""
    return [(r["params"]["chat_id"], r["params"]["text"]) for r in shop.requests("sendMessage") if r["status"] == 200]


def shown(shop: Shop, number: int) -> dict[str, Any]:
    found: dict[str, Any] = shop.run("support", "show", str(number), "--json").json
    return found


def fail(shop: Shop, kind: str, **how: Any) -> None:
    shop.world.faults.add(kind, shop.clock.monotonic(), methods=("sendMessage",), count=1, **how)


# -- list and show -----------------------------------------------------------------------------------------------------


def test_the_list_has_open_requests_the_oldest_first(shop: Shop) -> None:
    first = ask(shop, RAHIM, "কোথায়?")
    shop.clock.advance(60)
    second = ask(shop, ASHA)
    done = shop.run("support", "list")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"{first}\t2026-01-01T10:00:00Z\tRahim Uddin (@rahim_sandbox)\tকোথায়?",
        f"{second}\t2026-01-01T10:01:00Z\tAsha (1002)\tMy parcel has not come",
    ]


def test_open_and_closed_are_listed_apart(shop: Shop) -> None:
    first, second = ask(shop, RAHIM), ask(shop, ASHA)
    assert shop.run("support", "close", str(first)).code == 0
    assert [row["request_id"] for row in shop.run("support", "list", "--json").json] == [str(second)]
    (closed,) = shop.run("support", "list", "--closed", "--json").json
    assert (closed["request_id"], closed["closed_at"]) == (str(first), "2026-01-01T10:00:00Z")


def test_an_empty_list_is_empty(shop: Shop) -> None:
    with shop.store():
        pass
    assert shop.run("support", "list").out == ""
    assert shop.run("support", "list", "--json").json == []
    assert shop.run("support", "list", "--closed", "--json").json == []


def test_without_a_ledger_there_are_no_requests(shop: Shop) -> None:
    assert shop.run("support", "list").code == 9
    assert shop.run("support", "show", "1").code == 9
    assert not shop.ledger.exists()


def test_on_a_terminal_it_is_a_table(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    ask(shop)
    heading, line = shop.run("support", "list", terminal=True, NO_COLOR="1").out.splitlines()
    assert heading.split() == ["REQUEST", "RECEIVED", "BUYER", "TEXT"]
    assert line.split()[0] == "1"


def test_json_has_the_keys_of_the_contract(shop: Shop) -> None:
    number = ask(shop, RAHIM)
    shop.run("support", "reply", str(number), "Today.")
    document = shown(shop, number)
    assert tuple(document) == (*REQUEST_KEYS, "replies")
    assert document == {
        "request_id": "1", "buyer_id": "1001", "buyer_username": "rahim_sandbox", "buyer_name": "Rahim Uddin",
        "text": "My parcel has not come", "received_at": "2026-01-01T10:00:00Z", "closed_at": None,
        "replies": [
            {"text": "Today.", "created_at": "2026-01-01T10:00:00Z", "send_state": "sent", "send_error": None},
        ],
    }  # fmt: skip
    assert tuple(document["replies"][0]) == REPLY_KEYS


def test_the_list_does_not_say_that_an_answered_request_has_no_answers(shop: Shop) -> None:
    """docs/json.md: an array, without replies."""
    number = ask(shop)
    shop.run("support", "reply", str(number), "Today.")
    (row,) = shop.run("support", "list", "--json").json
    assert tuple(row) == REQUEST_KEYS


def test_showing_one_has_its_lines_and_its_answers(shop: Shop) -> None:
    number = ask(shop, RAHIM, "My parcel\nhas not come")
    shop.run("support", "reply", str(number), "It left.\nToday.")
    done = shop.run("support", "show", str(number))
    assert done.out.splitlines() == [
        f"request {number}, 2026-01-01T10:00:00Z, Rahim Uddin (@rahim_sandbox), open",
        "  My parcel",
        "  has not come",
        "answer, 2026-01-01T10:00:00Z, sent",
        "  It left.",
        "  Today.",
    ]
    shop.run("support", "close", str(number))
    assert ", closed 2026-01-01T10:00:00Z\n" in shop.run("support", "show", str(number)).out


def test_a_buyer_without_a_name_is_a_user(shop: Shop) -> None:
    ask(shop, User(7, ""))
    assert "\tuser (7)\t" in shop.run("support", "list").out


def test_strangers_text_does_no_harm(shop: Shop) -> None:
    number = ask(shop, HOSTILE, "a\x1b[2Jb\u202e\u2028[red]c\nd\x9b")
    shop.run("support", "reply", str(number), "x\x1b[2J")
    for words in (("list",), ("show", str(number))):
        for options in ((), ("--json",)):
            for terminal in (False, True):
                done = shop.run("support", *words, *options, terminal=terminal, NO_COLOR="1")
                assert done.code == 0
                assert not set("\x1b\u202e\u2028\x9b") & set(done.out + done.err), (words, options)
    assert "\\x1b[2J\\u202eevil [bold]x[/bold]" in shop.run("support", "show", str(number)).out
    assert "\\x1b[2J" in shop.run("support", "list").out
    assert shown(shop, number)["text"] == "a\x1b[2Jb\u202e\u2028[red]c\nd\x9b"


@pytest.mark.parametrize("verb", [("show",), ("reply",), ("close",)])
@pytest.mark.parametrize("number", ["2", "999999", str(2**63 - 1)])
def test_an_unknown_number_is_refused_with_what_to_do(shop: Shop, verb: tuple[str, ...], number: str) -> None:
    known = ask(shop)
    done = shop.run("support", *verb, number, *(("Hello",) if verb == ("reply",) else ()))
    assert (done.code, done.out) == (2, "")
    assert f"there is no request {number}" in done.err
    assert "apay: hint: apay support list shows what there is" in done.err
    assert (sent(shop), replies(shop, known), is_open(shop, known)) == ([], (), True)


@pytest.mark.parametrize("number", ["0", "-1", "one", "1.5", "", str(2**63)])
def test_a_number_is_a_positive_number(shop: Shop, number: str) -> None:
    ask(shop)
    assert shop.run("support", "show", number).code == 2


# -- reply -------------------------------------------------------------------------------------------------------------


def test_an_answer_reaches_the_buyer_under_its_heading(shop: Shop) -> None:
    number = ask(shop, ASHA)
    done = shop.run("support", "reply", str(number), "  Your parcel left today.\n")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"apay: request {number}: the answer is with the buyer\n"
    heading = ENGLISH["support_reply"].replace("{number}", str(number))
    assert sent(shop) == [("1002", f"{heading}\n\nYour parcel left today.")]
    (reply,) = replies(shop, number)
    assert (reply.text, reply.send_state, reply.send_error) == ("Your parcel left today.", "sent", None)
    assert is_open(shop, number)


def test_the_heading_is_in_the_buyers_language(shop: Shop) -> None:
    number = ask(shop, RAHIM)
    shop.run("support", "reply", str(number), "আজ।")
    ((chat, text),) = sent(shop)
    assert chat == "1001"
    assert text == load_messages(None, {}).say("support_reply", "bn", number=number) + "\n\nআজ।"
    assert ENGLISH["support_reply"].partition(" ")[0] not in text


def test_the_heading_can_be_the_merchants_own(shop: Shop) -> None:
    (shop.folder / "own.toml").write_text('[bn]\nsupport_reply = "#{number}:"\n')
    shop.write_config(f'[messages]\nfile = "{shop.folder / "own.toml"}"\n')
    number = ask(shop, RAHIM)
    assert shop.run("support", "reply", str(number), "আজ।").code == 0
    assert sent(shop) == [("1001", f"#{number}:\n\nআজ।")]


def test_an_address_in_it_is_not_fetched(shop: Shop) -> None:
    number = ask(shop)
    shop.run("support", "reply", str(number), "https://shop.example/track")
    (request,) = shop.requests("sendMessage")
    assert json.loads(request["params"]["link_preview_options"]) == {"is_disabled": True}


def test_the_answer_is_in_the_ledger_before_it_leaves(shop: Shop) -> None:
    number = ask(shop)
    seen: list[str] = []

    def look(method: str, body: bytes) -> None:
        if method == "sendMessage":
            seen.extend(reply.send_state for reply in replies(shop, number))

    shop.before = look
    shop.run("support", "reply", str(number), "Today.")
    assert seen == ["sending"]


def test_an_answer_can_come_from_a_pipe(shop: Shop) -> None:
    number = ask(shop)
    done = shop.run("support", "reply", str(number), "-", stdin="\nIt left.\n\nToday.\n\n")
    assert done.code == 0
    assert replies(shop, number)[0].text == "It left.\n\nToday."
    assert sent(shop)[0][1].endswith(":\n\nIt left.\n\nToday.")


def test_an_answer_that_looks_like_an_option_can_be_given(shop: Shop) -> None:
    number = ask(shop)
    assert shop.run("support", "reply", "--", str(number), "--close").code == 0
    assert sent(shop)[0][1].endswith("\n\n--close")
    assert is_open(shop, number)


@pytest.mark.parametrize("text", ["", " ", "\n", "\t \n"])
@pytest.mark.parametrize("piped", [False, True])
def test_an_empty_answer_is_refused(shop: Shop, text: str, piped: bool) -> None:
    number = ask(shop)
    done = shop.run("support", "reply", str(number), "-" if piped else text, stdin=text if piped else "")
    assert (done.code, done.out) == (2, "")
    assert "the answer is empty" in done.err
    assert (sent(shop), replies(shop, number)) == ([], ())


def test_the_longest_answer_arrives_whole_and_a_longer_one_is_refused(shop: Shop) -> None:
    number = ask(shop, RAHIM)
    for arguments, stdin in ((("x" * 3500,), ""), (("-",), "y" * 3500 + "\n")):
        assert shop.run("support", "reply", str(number), *arguments, stdin=stdin).code == 0
    assert [len(reply.text) for reply in replies(shop, number)] == [3500, 3500]
    for arguments, stdin in ((("x" * 4097,), ""), (("-",), "y" * 4097), (("-",), "z" * 1_000_000)):
        done = shop.run("support", "reply", str(number), *arguments, stdin=stdin)
        assert done.code == 2
        assert "characters, at most 4096 are allowed" in done.err
        assert len(done.err) < 300
    assert len(sent(shop)) == 2


def test_an_answer_that_telegram_counts_as_too_long_is_refused_before_it_leaves(shop: Shop) -> None:
    """Telegram counts UTF-16 units: 3,000 ducks are 6,000 of at most 4,096."""
    number = ask(shop)
    done = shop.run("support", "reply", str(number), "🦆" * 3000)
    assert done.code == 2
    assert shop.requests("sendMessage") == []
    assert replies(shop, number) == ()


def test_a_long_heading_of_the_merchants_own_does_not_break_a_long_answer(shop: Shop) -> None:
    """Either it is refused before anything is recorded, or it arrives."""
    (shop.folder / "own.toml").write_text(f'[en]\nsupport_reply = "{"h" * 1000}"\n')
    shop.write_config(f'[messages]\nfile = "{shop.folder / "own.toml"}"\n')
    number = ask(shop)
    done = shop.run("support", "reply", str(number), "x" * 3500)
    assert (done.code, len(sent(shop)), len(replies(shop, number))) in {(0, 1, 1), (2, 0, 0)}


@pytest.mark.parametrize(
    "stdin", ["\n" * 10 + "x" * 3500, "x" * 3000 + "\n" * 1000 + "and the rest", " " * 4000 + "Today."]
)
def test_no_answer_is_cut_in_silence(shop: Shop, stdin: str) -> None:
    """What the buyer reads is all of it, or nothing is sent."""
    number = ask(shop)
    done = shop.run("support", "reply", str(number), "-", stdin=stdin)
    if done.code == 0:
        assert replies(shop, number)[0].text == stdin.strip()
    else:
        assert (done.code, sent(shop)) == (2, [])


def test_an_answer_that_is_no_text_is_refused(shop: Shop) -> None:
    """A byte that is no UTF-8 arrives on the command line as a lone surrogate."""
    number = ask(shop)
    done = shop.run("support", "reply", str(number), "caf\udce9")
    assert done.code == 2
    assert sent(shop) == []


# -- it does not arrive ------------------------------------------------------------------------------------------------


def test_a_buyer_who_has_blocked_the_bot_is_told_of_and_recorded(shop: Shop) -> None:
    number = ask(shop, ASHA)
    shop.world.buyers.block(ASHA.user_id)
    done = shop.run("support", "reply", str(number), "Today.", "--close", "--json")
    assert (done.code, done.out) == (5, "")
    assert "bot was blocked by the user" in done.error["message"]
    assert done.error["hint"] == "this user has blocked the bot: nothing can be sent to them"
    (reply,) = replies(shop, number)
    assert (reply.text, reply.send_state) == ("Today.", "refused")
    assert "bot was blocked" in (reply.send_error or "")
    assert is_open(shop, number)


def test_a_buyer_who_never_started_the_bot_is_told_of(shop: Shop) -> None:
    number = ask(shop, STRANGER)
    done = shop.run("support", "reply", str(number), "Today.")
    assert done.code == 5
    assert "press Start" in done.err
    assert replies(shop, number)[0].send_state == "refused"


@pytest.mark.parametrize("kind", ["hang", "502-html", "500", "truncated", "empty", "reset"])
@pytest.mark.parametrize("after", [True, False])
def test_an_unknown_outcome_is_called_unknown_and_never_sent_again(shop: Shop, kind: str, after: bool) -> None:
    number = ask(shop)
    fail(shop, kind, after=after)
    done = shop.run("support", "reply", str(number), "Today.", "--close", "--json")
    assert (done.code, done.out, done.error["code"]) == (5, "", "outcome_unknown")
    (reply,) = replies(shop, number)
    assert reply.send_state == "unknown"
    assert reply.send_error
    assert len(shop.requests("sendMessage")) == 1
    assert is_open(shop, number)
    assert shown(shop, number)["replies"][0]["send_state"] == "unknown"


@pytest.mark.parametrize(("kind", "code"), [("429", 5), ("401", 4)])
def test_another_refusal_is_recorded(shop: Shop, kind: str, code: int) -> None:
    number = ask(shop)
    fail(shop, kind)
    assert shop.run("support", "reply", str(number), "Today.").code == code
    assert replies(shop, number)[0].send_state == "refused"


def test_after_a_refusal_it_can_be_tried_again(shop: Shop) -> None:
    number = ask(shop)
    fail(shop, "429")
    shop.run("support", "reply", str(number), "Today.")
    assert shop.run("support", "reply", str(number), "Today.").code == 0
    assert [reply.send_state for reply in replies(shop, number)] == ["refused", "sent"]


def test_a_broken_messages_file_stops_it_before_anything_is_sent(shop: Shop) -> None:
    (shop.folder / "own.toml").write_text('[bn]\nsupport_replyy = "x"\n')
    shop.write_config(f'[messages]\nfile = "{shop.folder / "own.toml"}"\n')
    number = ask(shop)
    assert shop.run("support", "reply", str(number), "Today.").code == 3
    assert (sent(shop), replies(shop, number)) == ([], ())


# -- close -------------------------------------------------------------------------------------------------------------


def test_an_answer_can_close_its_request(shop: Shop) -> None:
    number = ask(shop)
    done = shop.run("support", "reply", str(number), "Today.", "--close")
    assert (done.code, done.err) == (0, f"apay: request {number}: the answer is with the buyer, and it is closed\n")
    assert not is_open(shop, number)


def test_a_request_can_be_closed_without_a_word(shop: Shop) -> None:
    number, other = ask(shop, ASHA), ask(shop, RAHIM)
    done = shop.run("support", "close", str(number))
    assert (done.code, done.out, done.err) == (0, "", f"apay: request {number} is closed\n")
    assert (is_open(shop, number), is_open(shop, other)) == (False, True)
    assert shop.requests() == []


def test_closing_twice_is_said_and_the_first_time_stays(shop: Shop) -> None:
    number = ask(shop)
    shop.run("support", "close", str(number))
    shop.clock.advance(60)
    done = shop.run("support", "close", str(number))
    assert (done.code, done.out) == (2, "")
    assert f"request {number} was closed before" in done.err
    assert shown(shop, number)["closed_at"] == "2026-01-01T10:00:00Z"


def test_a_closed_request_can_still_be_answered(shop: Shop) -> None:
    number = ask(shop)
    shop.run("support", "close", str(number))
    assert shop.run("support", "reply", str(number), "One more thing.").code == 0
    assert len(sent(shop)) == 1


def test_an_error_means_that_the_buyer_got_nothing(shop: Shop) -> None:
    """Whoever reads an error runs the command again: the answer must not have gone out before."""
    number = ask(shop)
    shop.run("support", "close", str(number))
    done = shop.run("support", "reply", str(number), "Today.", "--close")
    assert (done.code == 0) == (len(sent(shop)) == 1), done.err


def test_it_makes_room_for_the_buyers_next_one(shop: Shop) -> None:
    numbers = [ask(shop, ASHA, message_id=number) for number in range(1, 6)]
    with shop.store() as store, store.transaction() as tx:
        assert tx.open_support_requests(ASHA.user_id) == 5
    shop.run("support", "close", str(numbers[0]))
    with shop.store() as store, store.transaction() as tx:
        assert tx.open_support_requests(ASHA.user_id) == 4


def test_a_ledger_of_another_bot_is_left_alone(shop: Shop) -> None:
    number = ask(shop)
    with shop.store() as store:
        store.bind_bot(4711)
    assert shop.run("support", "reply", str(number), "Today.").code == 3
    assert shop.run("support", "close", str(number)).code == 3
    assert (sent(shop), is_open(shop, number)) == ([], True)
