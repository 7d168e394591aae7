"""Before an invoice is sent: does a method of A-Pay take it now? Over a socket, at most every five minutes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from apaycli.clock import SystemClock
from apaycli.sandbox.apay_systems import PaymentSystem
from shop import RAHIM, Done, Shop


@pytest.fixture
def account(tmp_path: Path, restored_signals: None) -> Iterator[Shop]:
    shop = Shop(tmp_path, SystemClock())
    with shop.served() as server:
        shop.write_config(f'[apay]\nbase_url = "{server.address}/apay"\nproject_id = "{shop.world.apay.project_id}"\n')
        shop.environ["APAY_API_KEY"] = shop.world.apay.api_key
        yield shop


def send(shop: Shop, *more: str, **environ: str) -> Done:
    return shop.run("send-invoice", "rubber-duck", "--to", RAHIM, *more, **environ)


def upi(least: str, most: str) -> PaymentSystem:
    return PaymentSystem("upi_fast", "INR", min_deposit=least, max_deposit=most)


def test_an_invoice_that_a_method_takes_is_sent_without_a_word(account: Shop) -> None:
    done = send(account)
    assert done.code == 0
    assert "A-Pay" not in done.err
    assert account.world.apay.request_counts["payment-systems-info"] == 1


def test_it_is_asked_once_in_five_minutes_whatever_is_sent(account: Shop) -> None:
    for _ in range(3):
        send(account)
    assert account.world.apay.request_counts["payment-systems-info"] == 1
    with account.store() as store, store.transaction() as tx:
        kept = json.loads(store.remembered("apay_methods") or "")
        tx.remember("apay_methods", json.dumps(kept | {"asked_at": kept["asked_at"] - 300_000}))
    send(account)
    assert account.world.apay.request_counts["payment-systems-info"] == 2


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ([upi("500.00", "1000.00")], "no method of A-Pay takes ₹499.00 now: upi_fast ₹500.00 to ₹1,000.00"),
        ([upi("1.00", "498.99")], "no method of A-Pay takes ₹499.00 now"),
        ([], "A-Pay has no method for INR now: nobody could pay"),
    ],
)
def test_an_invoice_that_none_takes_is_warned_about_and_sent(
    account: Shop, methods: list[PaymentSystem], said: str
) -> None:
    account.world.apay.methods = methods
    done = send(account)
    assert done.code == 0
    assert said in done.err
    assert len(account.requests("sendInvoice")) == 1


def test_many_chats_are_warned_about_once(account: Shop) -> None:
    account.world.apay.methods = []
    (account.folder / "chats").write_text(f"{RAHIM}\n1002\n")
    done = account.run("send-invoice", "rubber-duck", "--to-file", str(account.folder / "chats"))
    assert done.err.count("A-Pay has no method") == 1


@pytest.mark.parametrize(
    ("environ", "kind"), [({"APAY_API_KEY": "wrong-canary-key"}, None), ({}, "reset"), ({}, "502-html")], ids=str
)
def test_what_is_not_known_is_said_and_stands_in_nobodys_way(
    account: Shop, environ: dict[str, str], kind: str | None
) -> None:
    if kind is not None:
        account.world.faults.add(kind, account.world.clock.monotonic(), methods=["payment-systems-info"])
    done = send(account, **environ)
    assert done.code == 0
    assert "A-Pay's limits are not known now: " in done.err
    assert "canary" not in done.err
    assert len(account.requests("sendInvoice")) == 1


def test_without_an_account_nothing_is_asked(shop: Shop) -> None:
    with shop.served():
        assert send(shop).code == 0
        assert shop.world.apay.request_count == 0


def test_an_account_without_a_project_or_a_key_is_a_mistake(shop: Shop) -> None:
    shop.write_config('[apay]\nbase_url = "https://pay.example"\n')
    assert (send(shop).code, "apay.project_id is not" in send(shop).err) == (3, True)
    shop.write_config('[apay]\nbase_url = "https://pay.example"\nproject_id = "7"\n')
    done = send(shop)
    assert (done.code, "key of A-Pay's API" in done.err) == (4, True)
    assert shop.requests("sendInvoice") == []
