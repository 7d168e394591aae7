"""What the running program says, to people and to programs, and what it never says."""

import json
import os
import re
from pathlib import Path

import pytest
from merchant import ASHA, CANARIES, MALLORY, RAHIM, Merchant


def test_one_line_per_event_with_time_and_who_and_what(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as listener:
        checkout = merchant.press(payload)
        merchant.pay(checkout)
        listener.wait_for("PAID", "out")
        listener.end()
    answered, paid = listener.out
    assert re.fullmatch(r"\d\d:\d\d:\d\dZ  pre-checkout  Rahim Uddin \(@rahim_sandbox\)  1 x Rubber duck ₹499\.00  yes"
                        r"  \d+ ms", answered)  # fmt: skip
    assert re.fullmatch(r"\d\d:\d\d:\d\dZ  PAID \(test\)  Rahim Uddin \(@rahim_sandbox\)  1 x Rubber duck  ₹499\.00"
                        r"  receipt 1", paid)  # fmt: skip
    assert "test mode" in listener.err[0]
    assert str(merchant.ledger) in listener.err[0]


def test_json_is_one_object_per_line_and_nothing_else(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening("--json") as listener:
        merchant.pay(merchant.press(payload))
        merchant.call(merchant.world.buyers.inject, b'{"update_id":@UPDATE_ID@,\n"message":"x"}')
        merchant.call(merchant.world.buyers.start, ASHA)
        listener.wait_for('"replied"', "out")
        listener.wait_for('"paid"', "out")
        listener.end()
    documents = [json.loads(line) for line in listener.out]
    names = [document["event"] for document in documents]
    assert [names[0], names[1], names[-1]] == ["started", "ready", "stopped"]
    assert {"pre_checkout", "paid", "dead_letter", "replied"} <= set(names)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["at"]) for document in documents)
    paid = next(document for document in documents if document["event"] == "paid")
    assert (paid["total_amount"], paid["currency"], paid["buyer_id"]) == (49_900, "INR", str(RAHIM))


def test_a_hostile_name_never_reaches_the_terminal_as_it_is(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as people:
        merchant.pay(merchant.press(payload, MALLORY))
        people.wait_for("PAID", "out")
        people.end()
    with merchant.listening("--json") as program:
        merchant.press(payload, MALLORY)
        program.wait_for('"pre_checkout"', "out")
        program.end()
    assert len(people.out) == 2  # no line of its own was smuggled in
    name = merchant.world.chats.user(MALLORY)
    document = next(json.loads(line) for line in program.out if '"pre_checkout"' in line)
    assert document["buyer_name"] == f"{name.first_name} {name.last_name}".strip()  # exact for a program
    merchant.check_terminal()


@pytest.mark.parametrize("streams", [("stdout",), ("stderr",), ("stdout", "stderr")], ids=" and ".join)
def test_a_reader_who_goes_away_closes_no_shop(merchant: Merchant, streams: tuple[str, ...]) -> None:
    payload = merchant.sell()
    read_end, write_end = os.pipe()
    listener = merchant.start("listen", "-v", **dict.fromkeys(streams, write_end))
    os.close(write_end)
    merchant.quiet()
    os.close(read_end)
    checkout = merchant.press(payload)
    assert checkout.outcome == "accepted"
    merchant.pay(checkout)
    merchant.quiet()
    merchant.call(merchant.world.buyers.start, RAHIM)  # talk, with -v
    merchant.quiet()
    assert merchant.press(payload, ASHA).outcome == "accepted"
    assert listener.end() == 0
    assert len(listener.out) == (0 if "stdout" in streams else 3)
    told = [line for line in listener.err if "nobody reads the output any more; going on without it" in line]
    assert len(told) == (streams == ("stdout",))  # once, to whoever is left
    assert not any("bug" in line or "Traceback" in line or "Exception" in line for line in listener.err)
    merchant.check_books()


def test_an_output_that_cannot_be_written_closes_no_shop(merchant: Merchant) -> None:
    payload = merchant.sell()
    with Path("/dev/full").open("wb") as full, merchant.listening(stdout=full) as listener:
        merchant.pay(merchant.press(payload))
        merchant.quiet()
        assert merchant.press(payload, ASHA).outcome == "accepted"
        assert listener.process.poll() is None
        listener.wait_for("the output cannot be written: No space left on device")
    merchant.check_books()


def test_no_token_on_any_command_line_or_in_any_environment_that_others_can_read(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening() as listener:
        command_line = Path(f"/proc/{listener.pid}/cmdline").read_bytes()
        assert not any(canary.encode() in command_line for canary in CANARIES)
        merchant.press(payload)
        merchant.outage("401")
        merchant.call(merchant.world.polling.terminate, "Conflict")
        assert listener.wait() == 4
    merchant.check_secrets()


def test_no_token_in_what_trouble_says(merchant: Merchant) -> None:
    payload = merchant.sell()
    merchant.outage("502-html", methods=["getMe"], count=1)
    for kind in ("500", "truncated", "reset"):
        merchant.outage(kind, methods=["answerPreCheckoutQuery"], count=1)
    with merchant.listening("--debug", "-v"):
        merchant.press(payload)
    merchant.environ["APAY_API_URL"] = "http://127.0.0.1:9"
    listener = merchant.start("listen", "--debug")
    listener.wait_for("next try in")
    listener.end()
    merchant.apay("send-invoice", "rubber-duck", "--to", str(RAHIM), "--debug", code=5)
    merchant.check_secrets()


def test_the_ledger_and_the_lock_are_private(merchant: Merchant) -> None:
    payload = merchant.sell()
    with merchant.listening():
        merchant.press(payload)
        for path in [*merchant.folder.glob("apay.db*"), *merchant.folder.glob("state/apay/*.lock")]:
            assert path.stat().st_mode & 0o077 == 0, path


def test_no_output_destroys_the_ledger_of_a_running_listener(merchant: Merchant) -> None:
    payload = merchant.sell()
    (merchant.folder / "soft.png").symlink_to(merchant.ledger)
    os.link(merchant.ledger, merchant.folder / "hard.png")
    with merchant.listening() as listener:
        merchant.pay(merchant.press(payload))
        listener.wait_for("PAID", "out")
        for target in ("apay.db", "apay.db-wal", "apay.db-shm", "stock.toml", "hard.png", "soft.png", "./apay.db"):
            merchant.apay("export", "--csv", target, "--force", code=2)
            merchant.apay("stats", "--html", target, "--force", code=2)
        for picture in ("hard.png", "soft.png"):
            merchant.apay("send-invoice", "rubber-duck", "--link", "--qr", picture, "--force", code=2)
        merchant.apay("export", "--csv", "x" * 300, code=2)
        merchant.apay("export", "--csv", "\x1b[2J.csv")
        merchant.apay("export", "--csv", "\x1b[2J.csv", code=2)
        merchant.pay(merchant.press(payload, ASHA))
        listener.wait_for("PAID", "out", 2)
        assert listener.end() == 0
    merchant.check_books()
    assert len(merchant.receipts()) == 2
    assert (merchant.folder / "\x1b[2J.csv").stat().st_mode & 0o777 == 0o600
