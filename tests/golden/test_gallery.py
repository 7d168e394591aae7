"""The gallery: each error message and output as a merchant reads it, compared with the files here (README.md)."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from apaycli.botapi.client import Refused
from apaycli.core.model import Flag
from apaycli.store.lock import ledger_lock
from ledger_rows import receipt
from shop import CHANNEL, GROUP, NOBODY, RAHIM, STOCK, SUPERGROUP, Shop
from sold_ledger import BROKEN, payment, query, sell_a_day

HERE = Path(__file__).parent
ACCEPT = bool(os.environ.get("APAY_ACCEPT_GOLDEN"))
DUCK = ("send-invoice", "rubber-duck", "--to")
OWN = ("send-invoice", "--title", "Repair", "--description", "Bicycle", "--currency", "INR", "--to", RAHIM)
Prepare = Callable[[Shop], object]


@dataclass(frozen=True)
class Case:
    """One run. `prepare` makes the shop what it must be."""

    name: str
    arguments: tuple[str, ...]
    prepare: Prepare = lambda shop: None
    terminal: bool = False


def stock(old: str, new: str) -> Prepare:
    return lambda shop: shop.write_stock(STOCK.replace(old, new))


def config(text: str, mode: int = 0o600) -> Prepare:
    return lambda shop: shop.write_config(text).chmod(mode)


def environ(**values: str) -> Prepare:
    return lambda shop: shop.environ.update(values)


def fault(kind: str, **how: object) -> Prepare:
    return lambda shop: shop.world.faults.add(kind, 0, methods=("sendInvoice",), **how)


def unreachable(shop: Shop) -> None:
    with shop.served():
        pass


def bug(shop: Shop) -> None:
    def fail(method: str, body: bytes) -> None:
        raise RuntimeError("something that nobody thought of")

    shop.before = fail


def refused_oddly(shop: Shop) -> None:
    """With a text that has an explanation and no remedy of one line."""

    def refuse(method: str, body: bytes) -> None:
        if method == "sendInvoice":
            raise Refused(method, 400, "Bad Request: START_PARAM_INVALID")

    shop.before = refuse


def other_bots_ledger(shop: Shop) -> None:
    with shop.store() as store:
        store.bind_bot(4711)


def sold(shop: Shop) -> None:
    """Receipts of each kind, and units sold and held."""
    with shop.store() as store:
        with store.transaction() as tx:
            tx.record_receipt(receipt(1), 1, b"{}", shop.clock.now())
            tx.record_receipt(
                receipt(2, flag=Flag.OVERSOLD, quantity=2, total_amount=99800), 2, b"{}", shop.clock.now()
            )
            tx.record_receipt(receipt(3, currency="BHD", total_amount=1005, title="=1+1"), 3, b"{}", shop.clock.now())
        store.db.execute("INSERT INTO stock VALUES ('test', 'rubber-duck', 2, 3)")


def a_day(shop: Shop) -> None:
    """A consistent ledger with two open dead letters."""
    with shop.store() as store:
        sell_a_day(store)


def tampered(shop: Shop) -> None:
    a_day(shop)
    with shop.store() as store:
        store.db.execute("UPDATE receipts SET total_amount = 39900, buyer_name = 'Asha' WHERE receipt_id = 2")
        store.db.execute("UPDATE stock SET sold = sold + 1")


def letters(shop: Shop) -> None:
    """What cannot be read, a payment and a query that can be read by now."""
    with shop.store() as store, store.transaction() as tx:
        raws = (BROKEN, payment(3, "nobody's", 1), query(4, "nobody's", 1), b"\x1b[2J\xff")
        for number, raw in enumerate(raws, 1):
            tx.record_dead_letter(number, "no JSON", b"successful_payment" in raw, raw, shop.clock.now())


MISTAKES = """\
[bot]
api_url = "http://bots.example"
[listen]
reservation_ttl = "2m"
[declines]
soldout = "Gone."
"""
BAD_STOCK = """\
curency = "INR"
[products.Duck]
title = "A duck with a title of more than 32 characters"
description = "Yellow."
currency = "INR"
price = 19.999
stok = 10
[products.bear]
title = "Bear"
currency = "inr"
stock = -1
"""
ERRORS = (
    Case("no-command", ("config",)),
    Case("unknown-command", ("stok",)),
    Case("unknown-option", (*DUCK, RAHIM, "--quantty", "2")),
    Case("token-on-the-command-line", ("listen", "--token", "123456789:AAcanary")),
    Case("no-chat", ("send-invoice", "rubber-duck")),
    Case("bad-chat", (*DUCK, "@my channel")),
    Case("chat-twice", (*DUCK, CHANNEL, "--to", CHANNEL.upper())),
    Case("unknown-product", ("send-invoice", "ruber-duck", "--to", RAHIM)),
    Case("no-product", ("send-invoice", "--title", "Repair", "--to", RAHIM)),
    Case("bad-price", (*OWN, "--price", "Work=1e3")),
    Case("too-many-decimals", (*OWN, "--price", "Work=450.001")),
    Case("several-limits", (*OWN[:2], "x" * 33, *OWN[3:], "--price", "Work=1")),
    Case("currency-of-apay-alone", (*OWN[:6], "TND", *OWN[7:], "--price", "Work=10")),
    Case("config-mistakes", ("stock",), config(MISTAKES)),
    Case("config-mistakes-json", ("stock", "--json"), config(MISTAKES)),
    Case("config-no-toml", ("stock",), config('[bot]\napi_url = "a"\napi_url = "b"\n')),
    Case("config-not-private", ("stock",), config('[bot]\ntoken = "x"\n', 0o644)),
    Case("config-others-can-change", ("status",), config('[hooks]\non_paid = ["/bin/sh", "-c", "id"]\n', 0o666)),
    Case("stock-others-can-change", ("stock",), lambda shop: shop.stock_file.chmod(0o664)),
    Case("stock-mistakes", ("stock", "check"), lambda shop: shop.write_stock(BAD_STOCK)),
    Case("stock-missing", ("stock",), lambda shop: shop.stock_file.unlink()),
    Case("stock-unlimited", ("stock", "add", "bear", "5")),
    Case("bot-token-missing", (*DUCK, RAHIM), environ(APAY_BOT_TOKEN="")),
    Case("bot-token-malformed", (*DUCK, RAHIM), environ(APAY_BOT_TOKEN="53391:TEST:canary")),
    Case("bot-token-revoked", (*DUCK, RAHIM), lambda shop: shop.world.faults.add("401", 0)),
    Case("provider-token-of-the-other-mode", (*DUCK, RAHIM), environ(APAY_TEST_PROVIDER_TOKEN="53391:LIVE:canary")),
    Case("chat-not-found", (*DUCK, NOBODY)),
    Case("one-chat-of-three", (*DUCK, RAHIM, "--to", NOBODY, "--to", SUPERGROUP)),
    Case("topic-closed", (*DUCK, SUPERGROUP, "--thread", "43")),
    Case("outcome-unknown", (*DUCK, RAHIM), fault("502-html", after=True)),
    Case("outcome-unknown-json", (*DUCK, RAHIM, "--json"), fault("502-html", after=True)),
    Case("too-many-requests", (*DUCK, RAHIM), fault("429", retry_after=300)),
    Case("unreachable", (*DUCK, RAHIM), unreachable),
    Case("unknown-check", ("check-live", "--only", "webhok")),
    Case("needs-confirmation", (*DUCK, RAHIM, "--live"), lambda shop: shop.environ.update(
        APAY_LIVE_PROVIDER_TOKEN=shop.world.live_provider_token)),
    Case("no-ledger", ("export",)),
    Case("ledger-no-database", ("export",), lambda shop: shop.ledger.write_bytes(b"no database, " * 100)),
    Case("ledger-of-another-bot", (*DUCK, RAHIM), other_bots_ledger),
    Case("file-is-there", ("export", "stock.toml"), sold),
    Case("unknown-column", ("export", "--columns", "amonut"), sold),
    Case("no-such-day", ("export", "--since", "2026-02-30"), sold),
    Case("verify-wrong", ("verify",), tampered),
    Case("verify-wrong-json", ("verify", "--json"), tampered),
    Case("deadletters-replay", ("deadletters", "replay", "--all"), letters),
    Case("deadletters-replay-json", ("deadletters", "replay", "1", "2", "--json"), letters),
    Case("deadletters-unknown", ("deadletters", "show", "9"), letters),
    Case("deadletters-discard-payment", ("deadletters", "discard", "1"), letters),
    Case("explain-unknown", ("explain", "chat not fund")),
    Case("help-unknown", ("help", "enviroment")),
    Case("no-such-figures", ("stats", "--by", "dya"), a_day),
    Case("refused-and-explained", (*DUCK, RAHIM), refused_oddly),
    Case("a-bug", (*DUCK, RAHIM), bug),
)  # fmt: skip
OUTPUTS = (
    Case("send-invoice", (*DUCK, CHANNEL)),
    Case("send-invoice-json", (*DUCK, RAHIM, "--expires", "2h", "--json")),
    Case("send-invoice-several-json", (*DUCK, RAHIM, "--to", SUPERGROUP, "--uses", "5", "--json")),
    Case("send-invoice-dry-run", (*DUCK, CHANNEL, "--quantity", "2", "--silent", "--dry-run")),
    Case("send-invoice-own-words", (*OWN, "--price", "Work=450", "--price", "Bell=99.50", "--price", "Less=-49.50")),
    Case("send-invoice-to-user-and-channel", (*DUCK, RAHIM, "--to", CHANNEL)),
    Case("send-invoice-to-a-group", (*DUCK, GROUP, "--single-use", "--buyer", RAHIM)),
    Case("stock", ("stock",), sold),
    Case("stock-terminal", ("stock", "--color", "never"), sold, terminal=True),
    Case("stock-json", ("stock", "--json"), sold),
    Case("stock-add", ("stock", "add", "rubber-duck", "5")),
    Case("stock-count-json", ("stock", "count", "rubber-duck", "5", "--json"), sold),
    Case("stock-check", ("stock", "check"), stock("price = 499", "price = 499.50")),
    Case(
        "config-show",
        ("config", "show", "--origin"),
        config('[listen]\npoll_timeout = "30s"\n[notify]\nchat = 5\n[backup]\nkeep = 5\n'),
    ),
    Case("config-path", ("config", "path")),
    Case("export-csv", ("export", "--csv"), sold),
    Case("export-json", ("export", "--json", "--flag", "oversold"), sold),
    Case("export-jsonl", ("export", "--jsonl", "--columns", "receipt_id,total_amount,amount,currency,title"), sold),
    Case("export-personal", ("export", "--personal", "--columns", "receipt_id,order_name,order_phone"), sold),
    Case("check-live", ("check-live", "--only", "two-step", "--only", "terms", "--only", "bot", "--only", "webhook")),
    Case("check-live-terminal", ("check-live", "--color", "never", "--only", "terms", "--only", "bot"), terminal=True),
    Case("verify", ("verify",), a_day),
    Case("verify-json", ("verify", "--json"), a_day),
    Case("deadletters-list", ("deadletters", "list"), letters),
    Case("deadletters-list-terminal", ("deadletters", "list", "--color", "never"), letters, terminal=True),
    Case("deadletters-list-json", ("deadletters", "list", "--json"), letters),
    Case("deadletters-show", ("deadletters", "show", "4"), letters),
    Case("explain", ("explain", "Bad Request: chat not found")),
    Case("explain-terminal", ("explain", "amount_mismatch", "--color", "never"), terminal=True),
    Case("explain-json", ("explain", "exit", "9", "--json")),
    Case("help", ("help",)),
    Case("help-exit-codes", ("help", "exit-codes")),
    Case("stats-by-product", ("stats", "-q", "--by", "product"), a_day),
    Case("stats-by-reason", ("stats", "-q", "--by", "reason"), a_day),
    Case("deadletters-discard", ("deadletters", "discard", "1", "4", "--yes"), letters),
    Case("check-live-json", ("check-live", "--json", "--only", "provider-token", "--only", "bot")),
)  # fmt: skip


def normalised(text: str, shop: Shop) -> str:
    """`text` without what differs from run to run."""
    for pattern, stable in (
        (re.escape(str(shop.folder)), "FOLDER"),
        (r"inv_[0-9a-f]{16}", "INVOICE"),
        (r'("(?:invoice_)?payload": ")[A-Za-z0-9_-]{32}"', r'\1PAYLOAD"'),
        (r"http://127\.0\.0\.1:\d+", "ADDRESS"),
        (r"…[A-Za-z0-9_-]{4}\b", "…LAST"),
    ):
        text = re.sub(pattern, stable, text)
    return text


def run(case: Case, shop: Shop) -> str:
    """The whole run as the golden file has it."""
    case.prepare(shop)
    done = shop.run(*case.arguments, terminal=case.terminal)
    words = " ".join(f'"{word}"' if " " in word else word for word in ("apay", *case.arguments))
    text = f"$ {words}\nexit code: {done.code}\n--- stdout\n{done.out}--- stderr\n{done.err}"
    return normalised(text, shop)


def compare(file: Path, text: str) -> None:
    if ACCEPT:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert file.exists(), f"no {file.name}: see tests/golden/README.md"
    assert text == file.read_text("utf-8"), (
        "if the change is meant: APAY_ACCEPT_GOLDEN=1 python3 -m pytest tests/golden"
    )


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("case", ERRORS, ids=[case.name for case in ERRORS])
def test_errors_say_what_why_and_what_to_do(case: Case, shop: Shop) -> None:
    text = run(case, shop)
    assert "exit code: 0" not in text
    compare(HERE / "errors" / f"{case.name}.txt", text)


@pytest.mark.parametrize("case", OUTPUTS, ids=[case.name for case in OUTPUTS])
def test_outputs_stay_as_scripts_and_merchants_know_them(case: Case, shop: Shop) -> None:
    compare(HERE / "outputs" / f"{case.name}.txt", run(case, shop))


def test_a_second_listener_names_the_first(shop: Shop) -> None:
    with ledger_lock(shop.ledger, "apay listen", shop.clock.now()):
        text = run(Case("another-listener", ("listen",)), shop)
    text = re.sub(rf"pid {os.getpid()}, user \S+\)", "pid PID, user USER)", text)
    compare(HERE / "errors" / "another-listener.txt", text)


@pytest.mark.parametrize(("folder", "cases"), [("errors", ERRORS), ("outputs", OUTPUTS)])
def test_every_file_has_its_run(folder: str, cases: tuple[Case, ...]) -> None:
    files = {path.stem for path in (HERE / folder).iterdir()} - {"another-listener"}
    assert files == {case.name for case in cases}


def test_no_golden_file_has_a_secret_or_an_escape() -> None:
    for path in HERE.rglob("*.txt"):
        text = path.read_text("utf-8")
        assert all(character.isprintable() or character in "\n\t" for character in text), path.name
        assert "AAcanary" not in text.partition("\n")[2], path.name
        assert not re.search(r"\d{5,}:[A-Z]+:|\d{6,}:AA", text.partition("\n")[2]), path.name
