"""What `apay send-invoice` refuses before anything happens: no request, no ledger, exit code 2, and a cure."""

import pytest

from shop import CHANNEL, GROUP, NOBODY, RAHIM, STOCK, SUPERGROUP, Shop

OWN_WORDS = ("--title", "Repair", "--description", "Bicycle", "--price", "Work=450", "--currency", "INR")


def own(**changes: str) -> list[str]:
    """The options of an invoice without a SKU, some with another value."""
    words = list(OWN_WORDS)
    for name, value in changes.items():
        words[words.index(f"--{name}") + 1] = value
    return [*words, "--to", RAHIM]


def refusal(shop: Shop, *options: str) -> str:
    """The error of a run that must have touched nothing."""
    done = shop.run("send-invoice", *options)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("apay: error: ")
    assert shop.requests() == []
    assert not shop.ledger.exists()
    return done.err.removeprefix("apay: error: ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "give a SKU, or all of --title --description --price --currency"),
        (("rubber-duck",), "--to is missing"),
        (("rubber-duk", "--to", RAHIM), "there is no product 'rubber-duk' in"),
        (("Rubber-duck", "--to", RAHIM), "did you mean 'rubber-duck'?"),
        (("", "--to", RAHIM), "there is no product ''"),
        (("rubber-duck", "--title", "x", "--to", RAHIM), "give either a SKU, or --title"),
        (("rubber-duck", "--price", "x=1", "--to", RAHIM), "give either a SKU, or --title"),
        (("--title", "x", "--description", "y", "--price", "a=500", "--to", RAHIM), "give a SKU, or all of"),
        (("rubber-duck", "--to", RAHIM, "--forwarding", "button"), "--forwarding takes pay-button or deep-link"),
        (("rubber-duck", "--to", RAHIM, "--quantity", "0"), "--quantity takes 1 to 1000000"),
        (("rubber-duck", "--to", RAHIM, "--quantity", "-1"), "--quantity takes 1 to 1000000"),
        (("rubber-duck", "--to", RAHIM, "--quantity", "1000001"), "--quantity takes 1 to 1000000"),
        (("rubber-duck", "--to", RAHIM, "--quantity", "1.5"), "'1.5' is not a valid int"),
        (("rubber-duck", "--to", RAHIM, "--quantity", "1e3"), "'1e3' is not a valid int"),
        (("rubber-duck", "--to", RAHIM, "--quantity", "1000000"), "the total ₹499,000,000.00"),
        (("rubber-duck", "--to", RAHIM, "--buyer", "0"), "--buyer takes a user id"),
        (("rubber-duck", "--to", RAHIM, "--buyer", "-5"), "--buyer takes a user id"),
        (("rubber-duck", "--to", RAHIM, "--buyer", str(2**63)), "--buyer takes a user id"),
        (("rubber-duck", "--to", RAHIM, "--buyer", "@rahim"), "'@rahim' is not a valid int"),
        (("rubber-duck", "--to", RAHIM, "--thread", "0"), "--thread takes the id of a topic"),
        (("rubber-duck", "--to", RAHIM, "--thread", "-3"), "--thread takes the id of a topic"),
        (("rubber-duck", "--to", RAHIM, "--thread", str(2**63)), "--thread takes the id of a topic"),
        (("rubber-duck", "--to", RAHIM, "--single-use", "--uses", "2"), "--single-use and --uses contradict"),
        (("rubber-duck", "--to", RAHIM, "--single-use", "--uses", "unlimited"), "--single-use and --uses contradict"),
        (("rubber-duck", "--to", RAHIM, "--currency", "INR"), "give either a SKU, or --title"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_happens(shop: Shop, options: tuple[str, ...], said: str) -> None:
    assert said in refusal(shop, *options)


@pytest.mark.parametrize(
    "uses", ["0", "-1", "1.5", "1e3", "", " ", "many", "١", "５", "1_000", "9999999999", "Unlimited"]
)
def test_uses_are_a_number_or_unlimited(shop: Shop, uses: str) -> None:
    assert "--uses takes a number from 1, or unlimited" in refusal(shop, "rubber-duck", "--to", RAHIM, "--uses", uses)


@pytest.mark.parametrize("expires", ["2", "h", "0h", "-2h", "1.5h", "1e3s", "two hours", "٢h"])
def test_expires_is_a_duration(shop: Shop, expires: str) -> None:
    said = refusal(shop, "rubber-duck", "--to", RAHIM, "--expires", expires)
    assert "--expires must be a number with s, m, h or d" in said


@pytest.mark.parametrize("expires", ["3651d", "9999999d"])
def test_expires_has_an_end(shop: Shop, expires: str) -> None:
    assert "--expires takes at most 3650d" in refusal(shop, "rubber-duck", "--to", RAHIM, "--expires", expires)


@pytest.mark.parametrize(
    "chat",
    ["", " ", "0", "-0", "+5", "1.5", "1e3", "١٠٠١", "１００１", "1_001", str(2**63), str(-(2**63)), str(2**52), "@",
     "@abc", "@name with space", "@näme", "@" + "x" * 33, "@1shop", "name", "https://t.me/shop", "t.me/shop",
     "../getMe", "1001;", "1001\n", "@shop\x1b[2J"],
)  # fmt: skip
def test_a_chat_is_an_id_or_a_channel_name(shop: Shop, chat: str) -> None:
    said = refusal(shop, "rubber-duck", "--to", chat)
    assert said.startswith("--to ")
    assert "@" in said.splitlines()[0]
    assert "\x1b" not in said


@pytest.mark.parametrize(("first", "second"), [(RAHIM, RAHIM), (CHANNEL, CHANNEL), (CHANNEL, CHANNEL.upper())])
def test_a_chat_given_twice_would_get_two_invoices(shop: Shop, first: str, second: str) -> None:
    """Telegram's names know no case."""
    assert "is given twice" in refusal(shop, "rubber-duck", "--to", first, "--to", second)


@pytest.mark.parametrize(
    "price",
    ["450", "=450", " =450", "Work=", "Work", "Work=0", "Work=-5", "Work=+5", "Work=1e3", "Work=NaN", "Work=inf",
     "Work=١٢٣", "Work=４５０", "Work=1_000", "Work=1,000", "Work=450 ", "Work= 450", "Work=450.", "Work=.5",
     "Work=0x10", "Work=450.001", "Work=1000000000000", "Work=9223372036854775808", "Work=₹450", "Work=0450",
     "Work=0.0"],
)  # fmt: skip
def test_no_other_price_is_taken(shop: Shop, price: str) -> None:
    refusal(shop, *own(price=price))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": "x" * 33}, "title: has 33 characters, at most 32 are allowed"),
        ({"title": "🦆" * 17}, "title: has 34 characters, at most 32 are allowed"),
        ({"title": " "}, "title: must not be empty"),
        ({"title": "a\nb"}, "title: contains control characters"),
        ({"title": "x" * 1024 * 1024}, "title: has 1048576 characters"),
        ({"description": "x" * 256}, "description: has 256 characters, at most 255 are allowed"),
        ({"description": "a\x1b[2Jb"}, "description: contains control characters"),
        ({"currency": "inr"}, "--currency 'inr' is not in Telegram's list"),
        ({"currency": "XXX"}, "--currency 'XXX' is not in Telegram's list"),
        ({"currency": "XTR"}, "--currency XTR is Telegram Stars"),
        ({"currency": "TND"}, "(A-Pay takes it, Telegram does not)"),
        ({"price": "Work=1"}, "the total ₹1.00 (100 paise) is outside Telegram's limits"),
        ({"price": "Work=999999999"}, "outside Telegram's limits"),
    ],
)
def test_every_limit_is_checked_before_telegram_is_asked(shop: Shop, changes: dict[str, str], said: str) -> None:
    told = refusal(shop, *own(**changes))
    assert said in told
    assert len(told) < 3000


def test_several_limits_are_told_at_once(shop: Shop) -> None:
    said = refusal(shop, *own(title="x" * 33, description="y" * 256, price="Work=1"))
    for field in ("title:", "description:", "prices:"):
        assert field in said


@pytest.mark.parametrize("option", ["sku", "--to", "--uses", "--expires", "--price", "--currency"])
def test_a_huge_argument_is_refused_in_a_few_words(shop: Shop, option: str) -> None:
    huge = "x" * 1024 * 1024
    options = ["rubber-duck", "--to", RAHIM, option, huge] if option != "sku" else [huge, "--to", RAHIM]
    if option in ("--price", "--currency"):
        options = own(**{option.removeprefix("--"): huge})
    assert len(refusal(shop, *options)) < 3000


def test_a_paused_product_is_not_sent(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("stock = 10", "stock = 10\npaused = true"))
    assert "rubber-duck is paused in" in refusal(shop, "rubber-duck", "--to", RAHIM)


@pytest.mark.parametrize(
    ("currency", "price", "amount"),
    [
        ("INR", "19999.99", 1999999),
        ("INR", "450", 45000),
        ("INR", "450.5", 45050),
        ("USD", "19.99", 1999),
        ("USD", "1.1", 110),
        ("USD", "4.35", 435),
        ("USD", "1.15", 115),
        ("BHD", "1.005", 1005),
        ("JPY", "5000", 5000),
        ("UZS", "100000", 10000000),
    ],
)
def test_an_amount_is_converted_exactly(shop: Shop, currency: str, price: str, amount: int) -> None:
    done = shop.run("send-invoice", *own(currency=currency, price=f"Work={price}"), "--json")
    assert done.code == 0, done.err
    assert (done.json["total_amount"], done.json["currency"]) == (amount, currency)
    (row,) = shop.invoices()
    assert row["total_amount"] == amount


def test_several_lines_and_a_discount_are_added_exactly(shop: Shop) -> None:
    lines = ("--price", "Bell = 0.1", "--price", "A=B=0.2", "--price", "Discount=-0.05")
    done = shop.run("send-invoice", *own(price="Work=450.1"), *[word.replace(" = ", "=") for word in lines], "--json")
    assert done.json["total_amount"] == 45035
    (row,) = shop.invoices()
    assert row["prices"] == '[["Work", 45010], ["Bell", 10], ["A=B", 20], ["Discount", -5]]'


@pytest.mark.parametrize(
    ("chat", "forwarding", "uses"),
    [
        (RAHIM, "deep-link", 1),
        (SUPERGROUP, "pay-button", "unlimited"),
        (GROUP, "pay-button", "unlimited"),
        (CHANNEL, "pay-button", "unlimited"),
    ],
)
def test_the_chat_decides_how_far_and_how_often(shop: Shop, chat: str, forwarding: str, uses: object) -> None:
    sent = shop.run("send-invoice", "rubber-duck", "--to", chat, "--json").json
    assert (sent["forwarding"], sent["uses"]) == (forwarding, uses)
    (request,) = shop.requests("sendInvoice")
    assert ("start_parameter" in request["params"]) == (forwarding == "deep-link")


def test_the_command_line_goes_before_the_stock_file(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("stock = 10", 'stock = 10\nforwarding = "pay-button"'))
    assert shop.run("send-invoice", "rubber-duck", "--to", RAHIM, "--json").json["forwarding"] == "pay-button"
    options = ("rubber-duck", "--to", RAHIM, "--forwarding", "deep-link", "--json")
    assert shop.run("send-invoice", *options).json["forwarding"] == "deep-link"


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        (("--uses", "100"), "uses", 100),
        (("--uses", "unlimited"), "uses", "unlimited"),
        (("--single-use",), "uses", 1),
        (("--single-use", "--uses", "1"), "uses", 1),
        (("--expires", "2h"), "expires_at", "2026-01-01T12:00:00Z"),
        (("--expires", "3650d"), "expires_at", "2035-12-30T10:00:00Z"),
        (("--quantity", "3"), "quantity", 3),
        (("--quantity", "3"), "total_amount", 149700),
    ],
)
def test_an_option_arrives_in_the_result(shop: Shop, options: tuple[str, ...], key: str, value: object) -> None:
    done = shop.run("send-invoice", "rubber-duck", "--to", CHANNEL, *options, "--json")
    assert done.code == 0, done.err
    assert done.json[key] == value


@pytest.mark.parametrize(
    ("chat", "options", "field", "value"),
    [
        (SUPERGROUP, ("--thread", "42"), "message_thread_id", "42"),
        (RAHIM, ("--silent",), "disable_notification", "True"),
        (RAHIM, ("--protect",), "protect_content", "True"),
        (RAHIM, ("--quantity", "2"), "prices", '[{"label": "Rubber duck \\u00d7 2", "amount": 99800}]'),
    ],
)
def test_an_option_arrives_at_telegram(shop: Shop, chat: str, options: tuple[str, ...], field: str, value: str) -> None:
    assert shop.run("send-invoice", "rubber-duck", "--to", chat, *options).code == 0
    (request,) = shop.requests("sendInvoice")
    assert str(request["params"][field]).lower() == value.lower()


def test_one_buyer_alone_may_pay(shop: Shop) -> None:
    done = shop.run("send-invoice", "rubber-duck", "--to", CHANNEL, "--buyer", NOBODY)
    (row,) = shop.invoices()
    assert row["buyer_id"] == int(NOBODY)
    assert f"user {NOBODY} alone can pay" in done.err
