"""`--to-file` as a process: killed, interrupted, run again; by the sandbox's own books no chat has it twice."""

import random
import signal
from collections import Counter

from merchant import Merchant, eventually

from apaycli.sandbox.chats import User

CHATS = range(5_000_000, 5_000_060)


def listed(merchant: Merchant) -> str:
    for chat in CHATS:
        merchant.call(merchant.world.chats.add_user, User(chat, "Buyer", started=True))
    file = merchant.folder / "chats.txt"
    file.write_text("# customers\n" + "".join(f"{chat}  # since May\n" for chat in CHATS))
    return str(file)


def got(merchant: Merchant) -> Counter[int]:
    return Counter(invoice.chat_id for invoice in merchant.call(lambda: list(merchant.world.books.invoices.values())))


def test_killed_again_and_again_every_chat_has_it_once_or_is_listed(merchant: Merchant) -> None:
    command = ("send-invoice", "rubber-duck", "--to-file", listed(merchant))
    merchant.world.settings.flood_limits = True
    chance = random.Random(1)
    for _ in range(4):
        run = merchant.start(*command)
        goal = len(got(merchant)) + chance.randrange(1, 12)
        eventually(lambda goal=goal, run=run: len(got(merchant)) >= goal or run.process.poll() is not None)
        run.kill()
    last = merchant.start(*command)
    assert last.wait(60) in (0, 5)
    unknown = {line.split()[7] for line in last.err if "it is unknown whether" in line}
    assert max(got(merchant).values()) == 1
    assert {str(chat) for chat in CHATS} - {str(chat) for chat in got(merchant)} <= unknown
    assert merchant.call(merchant.world.flood.peaks).within_limits
    assert len(merchant.rows("SELECT 1 FROM invoices")) == len(CHATS)


def test_ctrl_c_waits_for_what_has_left_and_says_how_to_go_on(merchant: Merchant) -> None:
    command = ("send-invoice", "rubber-duck", "--to-file", listed(merchant))
    first = merchant.start(*command)
    eventually(lambda: len(got(merchant)) >= 5)
    assert first.end(signal.SIGINT) == 130
    assert any("run the same command again" in line for line in first.err)
    assert merchant.rows("SELECT DISTINCT send_state FROM invoices") == [("sent",)]
    second = merchant.apay(*command)
    assert len(second.out) == len(CHATS) - len(first.out)
    assert set(got(merchant).values()) == {1}
    assert set(got(merchant)) == set(CHATS)
