"""`apay send-invoice --link`: a link in place of a message, its picture, and every outcome called by its name."""

import io
import json
from typing import Any

import pytest
import segno

from shop import RAHIM, STOCK, Shop

# docs/json.md: the keys of `send-invoice` with `link` in place of `message_id`.
KEYS = (
    "invoice_id", "mode", "chat_id", "link", "sku", "quantity", "currency", "total_amount", "invoice_payload",
    "forwarding", "uses", "expires_at", "send_state",
)  # fmt: skip
LINK = ("send-invoice", "rubber-duck", "--link")
PNG = b"\x89PNG\r\n\x1a\n"


def fail(shop: Shop, kind: str, **how: Any) -> None:
    """The next createInvoiceLink meets a fault."""
    shop.world.faults.add(kind, shop.world.clock.monotonic(), methods=("createInvoiceLink",), count=1, **how)


def drawn(link: str) -> str:
    picture = io.StringIO()
    segno.make(link, error="m", micro=False).terminal(picture, compact=True)
    return picture.getvalue()


# -- it works ----------------------------------------------------------------------------------------------------------


def test_json_has_a_link_and_no_message(shop: Shop) -> None:
    done = shop.run(*LINK, "--json")
    assert done.code == 0
    assert tuple(done.json)[: len(KEYS)] == KEYS
    assert "message_id" not in done.json
    assert (done.json["chat_id"], done.json["uses"], done.json["send_state"]) == ("link", "unlimited", "sent")
    assert done.json["link"].startswith("https://t.me/$")


def test_the_link_is_the_end_of_the_row(shop: Shop) -> None:
    done = shop.run(*LINK)
    (row,) = shop.invoices()
    assert done.out == f"sent\tlink\t{row['invoice_id']}\t{row['link']}\n"
    assert done.err.splitlines()[1:3] == [
        "apay: Rubber duck: ₹499.00 (49900 paise)",
        "apay: anybody who sees it can pay, as often as the stock lasts; forwarded copies carry a Pay button",
    ]
    assert "warning: this Pay button can be forwarded to anyone; 10 in stock" in done.err


def test_the_ledger_has_the_link(shop: Shop) -> None:
    link = shop.run(*LINK, "--json").json["link"]
    (row,) = shop.invoices()
    assert (row["chat_id"], row["link"], row["message_id"], row["send_state"]) == ("link", link, None, "sent")
    assert (row["forwarding"], row["start_parameter"], row["uses_max"]) == ("pay-button", None, None)


def test_the_link_is_in_the_ledger_before_its_request_leaves(shop: Shop) -> None:
    seen: list[tuple[str, str]] = []

    def look(method: str, body: bytes) -> None:
        if method == "createInvoiceLink":
            payload = json.loads(body)["payload"]
            seen.extend(
                (row["send_state"], row["chat_id"]) for row in shop.invoices() if row["invoice_payload"] == payload
            )

    shop.before = look
    shop.run(*LINK)
    assert seen == [("sending", "link")]


def test_whoever_has_the_link_can_press_pay(shop: Shop) -> None:
    """What Telegram made of the request is the invoice that the ledger knows."""
    done = shop.run(*LINK, "--json")
    checkout = shop.world.buyers.press_pay(done.json["link"], 1002)
    assert checkout.invoice_payload == done.json["invoice_payload"]
    assert checkout.invoice.form.total_amount == 49900


@pytest.mark.parametrize("base", ["https://telegram.me/$", "https://t.me/$", "http://telegram.dog/$"])
def test_the_link_is_shown_under_the_domain_that_clients_open(shop: Shop, base: str) -> None:
    shop.world.settings.link_base = base
    done = shop.run(*LINK, "--json")
    (invoice,) = shop.world.books.invoices.values()
    assert invoice.link.startswith(base)
    assert done.json["link"] == "https://t.me/$" + invoice.link.removeprefix(base)
    assert shop.invoices()[0]["link"] == done.json["link"]


def test_a_link_of_another_shape_is_not_lost(shop: Shop) -> None:
    """Telegram documents no shape. What it made can be paid; the merchant must see it."""
    shop.world.settings.link_base = "https://t.me/invoice/"
    done = shop.run(*LINK, "--json")
    (invoice,) = shop.world.books.invoices.values()
    assert done.code == 0
    assert done.json["link"] == invoice.link


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        (("--uses", "3"), "uses", 3),
        (("--single-use",), "uses", 1),
        (("--expires", "2h"), "expires_at", "2026-01-01T12:00:00Z"),
        (("--quantity", "2"), "total_amount", 99800),
    ],
)
def test_a_link_can_be_bound(shop: Shop, options: tuple[str, ...], key: str, value: object) -> None:
    assert shop.run(*LINK, *options, "--json").json[key] == value


def test_a_link_can_be_for_one_buyer(shop: Shop) -> None:
    done = shop.run(*LINK, "--buyer", "1002")
    assert "apay: user 1002 alone can pay, " in done.err
    assert shop.invoices()[0]["buyer_id"] == 1002


def test_the_stock_files_forwarding_is_for_messages(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("stock = 10", 'stock = 10\nforwarding = "deep-link"'))
    assert shop.run(*LINK, "--json").json["forwarding"] == "pay-button"
    assert "start_parameter" not in shop.requests("createInvoiceLink")[0]["params"]


def test_own_words_can_be_a_link_too(shop: Shop) -> None:
    words = ("--title", "Repair", "--description", "Bicycle", "--price", "Work=450", "--currency", "INR")
    done = shop.run("send-invoice", "--link", *words, "--json")
    assert (done.json["sku"], done.json["total_amount"]) == (None, 45000)


def test_two_links_are_two_invoices(shop: Shop) -> None:
    first, second = shop.run(*LINK, "--json").json, shop.run(*LINK, "--json").json
    assert first["link"] != second["link"]
    assert first["invoice_payload"] != second["invoice_payload"]


# -- pictures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "beginning"), [("duck.png", PNG), ("duck.svg", b"<?xml")])
def test_a_picture_can_be_had(shop: Shop, name: str, beginning: bytes) -> None:
    target = shop.folder / name
    done = shop.run(*LINK, "--json", "--qr", str(target))
    assert done.code == 0
    assert f"apay: its QR is in {target}\n" in done.err
    expected = io.BytesIO()
    segno.make(done.json["link"], error="m", micro=False).save(expected, kind=target.suffix[1:], scale=8)
    assert target.read_bytes().startswith(beginning)
    assert target.read_bytes() == expected.getvalue()


def test_a_picture_can_be_drawn_beside_the_result(shop: Shop) -> None:
    done = shop.run(*LINK, "--qr", "-")
    (row,) = shop.invoices()
    assert drawn(row["link"]) in done.err
    assert done.out.count("\n") == 1
    assert "its QR is in" not in done.err


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("duck.exe", "--qr takes - for the terminal, or a file that ends in"),
        ("", "--qr takes - for the terminal, or a file that ends in"),
        ("no/folder/duck.png", "does not exist"),
        ("folder.png", "folder.png"),
    ],
)
def test_a_picture_that_cannot_be_had_is_refused_before_a_link_is_made(shop: Shop, target: str, said: str) -> None:
    (shop.folder / "folder.png").mkdir()
    done = shop.run(*LINK, "--qr", str(shop.folder / target) if target else "")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert shop.requests("createInvoiceLink") == []
    assert shop.invoices() == []


def test_a_picture_that_fails_at_the_end_does_not_hide_the_link(shop: Shop) -> None:
    """The link is made and in the ledger: it is printed, whatever becomes of its picture."""
    target = shop.folder / "duck.png"
    shop.before = lambda method, body: target.mkdir() if method == "createInvoiceLink" else None
    done = shop.run(*LINK, "--qr", str(target))
    (row,) = shop.invoices()
    assert done.code == 2
    assert f"{target} is a folder" in done.err
    assert row["link"] in done.out


# -- contradictions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--link", "--to", RAHIM), "--to and --link contradict each other"),
        (("--link", "--to-file", "x"), "--to-file and --link contradict each other"),
        (("--link", "--thread", "42"), "--thread is for messages: a link is in no chat"),
        (("--link", "--direct-topic", "77"), "--direct-topic is for messages"),
        (("--link", "--reply-to", "5"), "--reply-to is for messages"),
        (("--link", "--silent"), "--silent is for messages"),
        (("--link", "--protect"), "--protect is for messages"),
        (("--link", "--forwarding", "pay-button"), "--forwarding is for messages"),
        (("--link", "--campaign", "x"), "--retry-unknown and --campaign belong to --to-file"),
        (("--qr", "-", "--to", RAHIM), "--qr belongs to --link; for a product's own link: apay links --qr"),
        (("--qr", "duck.png"), "--qr belongs to --link"),
        ((), "--to is missing"),
    ],
)
def test_what_does_not_go_together_is_refused(shop: Shop, options: tuple[str, ...], said: str) -> None:
    done = shop.run("send-invoice", "rubber-duck", *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert shop.requests() == []
    assert not shop.ledger.exists()


@pytest.mark.parametrize("option", ["--thread", "--direct-topic", "--reply-to"])
def test_a_zero_is_an_option_too(shop: Shop, option: str) -> None:
    assert shop.run(*LINK, option, "0").code == 2


# -- dry run and real money --------------------------------------------------------------------------------------------


def test_a_dry_run_shows_the_request_and_makes_nothing(shop: Shop) -> None:
    target = shop.folder / "duck.png"
    done = shop.run(*LINK, "--dry-run", "--qr", str(target))
    assert done.code == 0
    assert done.json["method"] == "createInvoiceLink"
    assert done.json["params"]["prices"] == [{"label": "Rubber duck", "amount": 49900}]
    assert not {"chat_id", "start_parameter", "message_thread_id"} & set(done.json["params"])
    assert shop.environ["APAY_TEST_PROVIDER_TOKEN"] not in done.out + done.err
    assert (shop.requests(), shop.ledger.exists(), target.exists()) == ([], False, False)


def test_the_dry_run_shows_what_is_sent(shop: Shop) -> None:
    options = ("--photo", "https://shop.example/d.jpg", "--need", "name", "--tip-max", "50", "--shipping", "Post=60")
    shown = shop.run(*LINK, *options, "--dry-run").json["params"]
    shop.run(*LINK, *options)
    (request,) = shop.requests("createInvoiceLink")
    assert set(shown) == set(request["params"])


def test_real_money_is_asked_about(shop: Shop) -> None:
    token = shop.world.live_provider_token
    assert shop.run(*LINK, "--live", APAY_LIVE_PROVIDER_TOKEN=token).code == 8
    assert shop.requests("createInvoiceLink") == []
    done = shop.run(*LINK, "--live", "--yes", "--json", APAY_LIVE_PROVIDER_TOKEN=token)
    assert (done.code, done.json["mode"]) == (0, "live")


# -- it does not work --------------------------------------------------------------------------------------------------


def test_a_refusal_is_told_and_recorded(shop: Shop) -> None:
    wrong = "5339100000:TEST:00000000-0000-4000-8000-000000000000"
    done = shop.run(*LINK, "--json", APAY_TEST_PROVIDER_TOKEN=wrong)
    assert (done.code, done.out) == (5, "")
    assert "Telegram refused createInvoiceLink: Bad Request: PAYMENT_PROVIDER_INVALID" in done.error["message"]
    assert "compare the provider token" in done.error["hint"]
    (row,) = shop.invoices()
    assert (row["send_state"], row["link"]) == ("refused", None)


def test_a_refused_link_has_no_picture(shop: Shop) -> None:
    target = shop.folder / "duck.png"
    wrong = "5339100000:TEST:00000000-0000-4000-8000-000000000000"
    assert shop.run(*LINK, "--qr", str(target), APAY_TEST_PROVIDER_TOKEN=wrong).code == 5
    assert not target.exists()


@pytest.mark.parametrize("kind", ["hang", "502-html", "500", "truncated", "empty", "reset"])
@pytest.mark.parametrize("after", [True, False])
def test_an_unknown_outcome_is_called_unknown_and_does_no_harm(shop: Shop, kind: str, after: bool) -> None:
    fail(shop, kind, after=after)
    done = shop.run(*LINK, "--json")
    assert (done.code, done.out) == (5, "")
    assert done.error["code"] == "outcome_unknown"
    assert "it is unknown whether Telegram made the link: " in done.error["message"]
    assert done.error["hint"] == "run it again: a link that nobody has seen does no harm"
    (row,) = shop.invoices()
    assert (row["send_state"], row["link"]) == ("unknown", None)
    assert len(shop.requests("createInvoiceLink")) == 1


def test_after_an_unknown_outcome_it_works_again(shop: Shop) -> None:
    fail(shop, "reset", after=True)
    shop.run(*LINK)
    assert shop.run(*LINK, "--json").json["send_state"] == "sent"
    assert [row["send_state"] for row in shop.invoices()] == ["unknown", "sent"]


def test_telegram_asking_for_patience_is_obeyed(shop: Shop) -> None:
    fail(shop, "429", retry_after=0)
    done = shop.run(*LINK, "--json")
    assert (done.code, done.json["send_state"]) == (0, "sent")
    assert [request["status"] for request in shop.requests("createInvoiceLink")] == [429, 200]


def test_a_token_that_dies_on_the_way_is_told_and_recorded(shop: Shop) -> None:
    fail(shop, "401")
    assert shop.run(*LINK).code == 4
    assert [row["send_state"] for row in shop.invoices()] == ["refused"]


def test_ctrl_c_while_it_is_made_is_unknown(shop: Shop) -> None:
    def interrupt(method: str, body: bytes) -> None:
        if method == "createInvoiceLink":
            raise KeyboardInterrupt

    shop.before = interrupt
    done = shop.run(*LINK, "--json")
    assert (done.code, done.out) == (130, "")
    assert "it is unknown whether Telegram made the link" in done.error["message"]
    assert [row["send_state"] for row in shop.invoices()] == ["unknown"]
