"""Each row of the table in docs/invoices.md, with the installed program: who can pay, how often, what the bot sees."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from merchant import ASHA, CHANNEL, RAHIM, Merchant, eventually

from apaycli.sandbox.buyers import ScriptError
from apaycli.sandbox.chats import BASIC_GROUP, OPEN_TOPIC, SUPERGROUP
from apaycli.sandbox.chats import CHANNEL as CHANNEL_ID
from apaycli.sandbox.checkouts import Checkout, Reference

TABLE = (Path(__file__).parents[2] / "docs" / "invoices.md").read_text("utf-8")
ONCE = "This invoice has been paid already. You were not charged."


def send(merchant: Merchant, *arguments: str) -> dict[str, object]:
    run = merchant.apay("send-invoice", "rubber-duck", *arguments, "--json")
    document: dict[str, object] = json.loads("\n".join(run.out))
    return document


def buy(merchant: Merchant, invoice: Reference, buyer: int, **how: object) -> Checkout:
    """Press Pay and, if the bot says yes, pay."""
    checkout: Checkout = merchant.call(lambda: merchant.world.buyers.press_pay(invoice, buyer, **how))
    eventually(lambda: checkout.outcome)
    if checkout.outcome == "accepted":
        merchant.pay(checkout)
        merchant.quiet()
    return checkout


def place(document: dict[str, object], chat_id: int) -> tuple[int, int]:
    return chat_id, int(str(document["message_id"]))


def anybody_while_the_stock_lasts(merchant: Merchant, invoice: Reference, **how: object) -> None:
    """Ten ducks: ten buyers, and the eleventh reads why not."""
    for buyer in range(5_000, 5_010):
        assert buy(merchant, invoice, buyer, **how).outcome == "accepted"
    late = buy(merchant, invoice, 5_010, **how)
    assert (late.outcome, late.error_message) == ("declined", "Sorry, this is sold out. You were not charged.")
    assert len({receipt.buyer_id for receipt in merchant.receipts()}) == 10


def private(merchant: Merchant) -> None:
    invoice = place(send(merchant, "--to", str(ASHA), "--forwarding", "pay-button"), ASHA)
    with pytest.raises(ScriptError, match="only user 1002 sees this private chat"):
        buy(merchant, invoice, RAHIM)
    assert buy(merchant, invoice, ASHA).outcome == "accepted"
    assert buy(merchant, invoice, ASHA).error_message == ONCE


def group(merchant: Merchant) -> None:
    anybody_while_the_stock_lasts(merchant, place(send(merchant, "--to", str(BASIC_GROUP)), BASIC_GROUP))


def supergroup_topic(merchant: Merchant) -> None:
    document = send(merchant, "--to", str(SUPERGROUP), "--thread", str(OPEN_TOPIC))
    invoice = place(document, SUPERGROUP)
    assert merchant.world.messages[invoice]["message_thread_id"] == OPEN_TOPIC
    anybody_while_the_stock_lasts(merchant, invoice)


def channel(merchant: Merchant) -> None:
    anybody_while_the_stock_lasts(merchant, place(send(merchant, "--to", CHANNEL), CHANNEL_ID))
    payments = [m for (chat, _), m in merchant.world.messages.items() if "successful_payment" in m]
    assert {message["chat"]["type"] for message in payments} == {"private"}  # the channel says nothing


def link(merchant: Merchant) -> None:
    merchant.world.settings.link_base = "https://telegram.me/$"
    document = send(merchant, "--link")
    assert str(document["link"]).startswith("https://t.me/$")
    anybody_while_the_stock_lasts(merchant, str(document["link"]))


def inline(merchant: Merchant) -> None:
    def ask(text: str) -> dict[str, object]:
        query_id = merchant.call(merchant.world.inline.ask, RAHIM, text)
        eventually(lambda: merchant.world.inline.queries[query_id].results is not None)
        return dict.fromkeys(merchant.world.inline.queries[query_id].results or {}, query_id)

    assert ask("bear") == {}
    ((result, query_id),) = ask("DUCK yellow").items()
    chosen = merchant.call(merchant.world.inline.choose, query_id, result)
    anybody_while_the_stock_lasts(merchant, chosen)
    assert ask("duck") == {}  # sold out is left out


def forwarded_pay_button(merchant: Merchant) -> None:
    document = send(merchant, "--to", CHANNEL, "--forwarding", "pay-button", "--uses", "2")
    invoice = place(document, CHANNEL_ID)
    assert buy(merchant, invoice, RAHIM).outcome == "accepted"
    copy = buy(merchant, invoice, ASHA, forwarded=True)
    assert (copy.outcome, copy.invoice_payload) == ("accepted", document["invoice_payload"])
    assert buy(merchant, invoice, 5_000, forwarded=True).error_message == ONCE  # the uses of its original


def forwarded_deep_link(merchant: Merchant) -> None:
    document = send(merchant, "--to", CHANNEL, "--forwarding", "deep-link", "--uses", "2")
    invoice = place(document, CHANNEL_ID)
    assert buy(merchant, invoice, RAHIM).outcome == "accepted"
    assert buy(merchant, invoice, ASHA, forwarded=True).outcome == "url_button"  # /start, in the bot's private chat

    def arrived() -> list[tuple[int, int]]:
        return sorted(key for key, m in merchant.world.messages.items() if key[0] == ASHA and "invoice" in m)

    eventually(arrived)
    assert buy(merchant, arrived()[-1], ASHA).outcome == "accepted"
    assert buy(merchant, invoice, 5_000).error_message == ONCE


KINDS: dict[str, Callable[[Merchant], None]] = {
    "private": private,
    "group": group,
    "supergroup topic": supergroup_topic,
    "channel": channel,
    "link": link,
    "inline": inline,
    "forwarded pay-button": forwarded_pay_button,
    "forwarded deep-link": forwarded_deep_link,
}


def test_the_table_has_a_row_for_each_kind() -> None:
    rows = re.findall(r"^\| ([a-z][a-z -]+) \| ", TABLE, re.MULTILINE)
    assert rows == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_behaves_as_its_row_says(merchant: Merchant, kind: str) -> None:
    with merchant.listening():
        KINDS[kind](merchant)
        merchant.quiet()
    merchant.check_books()


def test_a_forwarded_product_brings_each_friend_an_invoice_of_their_own(merchant: Merchant) -> None:
    with merchant.listening():
        merchant.call(merchant.world.buyers.start, RAHIM, "p_rubber-duck")

        def invoices(chat: int) -> list[tuple[int, int]]:
            return sorted(key for key, m in merchant.world.messages.items() if key[0] == chat and "invoice" in m)

        eventually(lambda: invoices(RAHIM))
        assert buy(merchant, invoices(RAHIM)[0], RAHIM).outcome == "accepted"
        buy(merchant, invoices(RAHIM)[0], ASHA, forwarded=True)
        eventually(lambda: invoices(ASHA))
        assert buy(merchant, invoices(ASHA)[0], ASHA).outcome == "accepted"
    merchant.check_books()
    assert merchant.stock() == (2, 0)
