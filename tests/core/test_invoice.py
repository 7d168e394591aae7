"""Every limit of sendInvoice is checked before anything is sent (bot-api-payments.md, sections 2 and 12)."""

from typing import Any

import pytest
from core_samples import NOW, invoice, product

from apaycli.core.invoice import (
    INLINE_CHAT,
    Ids,
    Problem,
    check_currency,
    check_invoice,
    check_methods,
    check_photo_url,
    check_prices,
    check_shipping,
    check_text,
    check_tips,
    default_forwarding,
    default_uses_max,
    inline_invoice,
    is_private_chat,
    parse_chat,
    private_invoice,
    product_sku,
    times,
)
from apaycli.core.model import Invoice, LabeledPrice, PaymentMethod, ShippingOption, Tips
from apaycli.money import AMOUNT_MAX

LARGEST_ID = 2**52 - 1


def lines(*amounts: int) -> tuple[LabeledPrice, ...]:
    return tuple(LabeledPrice(f"line {number}", amount) for number, amount in enumerate(amounts))


def outcomes(problems: Any) -> list[tuple[str, str]]:
    return [(problem.field, problem.severity) for problem in problems]


def test_a_sound_invoice_has_no_problem() -> None:
    assert check_invoice(invoice()) == []


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "5511223344",
        "-4012345678",
        "-1001234567890",
        str(LARGEST_ID),
        str(-LARGEST_ID),
        "@abcd",
        "@A_9z",
        "@" + "a" * 32,
    ],
)
def test_a_chat_is_taken_as_it_is_written(text: str) -> None:
    assert parse_chat(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-0",
        "007",
        "+5",
        "1.0",
        "1e3",
        "1_0",
        " 5",
        "5\n",
        "٣",
        "５",
        str(2**52),
        str(-(2**52)),
        str(2**63),
        "9" * 17,
        "name",
        "https://t.me/name",
        "t.me/name",
    ],
)
def test_what_is_no_chat_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as -1001234567890, or @channelname"):
        parse_chat(text)


@pytest.mark.parametrize(
    "text",
    ["@", "@abc", "@" + "a" * 33, "@name with space", "@9abcd", "@_abcd", "@näme", "@a-bcd", "@abcd\n", "@@abcd"],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a name is @ and 4 to 32 of"):
        parse_chat(text)


@pytest.mark.parametrize(
    ("chat_id", "private"),
    [("5", True), ("5511223344", True), ("-5", False), ("-1001234567890", False), ("@ab", False)],
)
def test_defaults_follow_from_the_kind_of_chat(chat_id: str, private: bool) -> None:
    assert is_private_chat(chat_id) is private
    assert default_forwarding(chat_id) == ("deep-link" if private else "pay-button")
    assert default_uses_max(chat_id) == (1 if private else None)


def test_price_lines_for_several_units_say_so() -> None:
    prices = (LabeledPrice("Duck", 450), LabeledPrice("Discount", -50))
    assert times(prices, 1) == prices
    assert times(prices, 3) == (LabeledPrice("Duck × 3", 1350), LabeledPrice("Discount × 3", -150))


def test_an_inline_invoice_is_for_everybody_as_long_as_the_stock_lasts() -> None:
    duck = product(tips=Tips(50, (10,)), photo_url="https://a.example/x.jpg", need=("name",))
    assert inline_invoice(duck, "live", Ids("inv-9", "secret-9"), NOW) == Invoice(
        invoice_id="inv-9",
        mode="live",
        invoice_payload="secret-9",
        chat_id=INLINE_CHAT,
        sku="duck",
        title="Rubber duck",
        description="Yellow, 8 cm.",
        currency="INR",
        prices=duck.prices,
        quantity=1,
        forwarding="pay-button",
        created_at=NOW,
        tips=Tips(50, (10,)),
        photo_url="https://a.example/x.jpg",
        need=("name",),
    )


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("x", None),
        ("x" * 32, None),
        ("x" * 33, "has 33 characters, at most 32 are allowed"),
        ("ঢ" * 32, None),
        ("🦆" * 16, None),
        ("🦆" * 17, "has 34 characters, at most 32 are allowed"),  # an emoji counts twice
        ("", "must not be empty"),
        ("   ", "must not be empty"),
        ("a\tb", "contains control characters; write it on one line"),
        ("a\nb", "contains control characters; write it on one line"),
        ("a\x9bb", "contains control characters; write it on one line"),
        ("a\x7fb", "contains control characters; write it on one line"),
        ("a\x9fb", "contains control characters; write it on one line"),
        ("a\ud800b", "contains control characters; write it on one line"),
        ("a\udfffb", "contains control characters; write it on one line"),
    ],
)
def test_titles(title: str, said: str | None) -> None:
    assert list(check_text("title", title)) == ([Problem("title", said)] if said else [])


@pytest.mark.parametrize(
    ("description", "fine"),
    [("x" * 255, True), ("x" * 256, False), ("🦆" * 127, True), ("🦆" * 128, False), ("", False)],
)
def test_descriptions(description: str, fine: bool) -> None:
    assert outcomes(check_text("description", description)) == ([] if fine else [("description", "refuse")])


def test_everything_about_one_text_is_said() -> None:
    assert outcomes(check_text("title", "a\n" + "x" * 40)) == [("title", "refuse"), ("title", "refuse")]


@pytest.mark.parametrize(
    ("payload", "fine"),
    [
        ("x", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("৳" * 42 + "ab", True),  # 44 characters, 128 bytes
        ("৳" * 43, False),  # 43 characters, 129 bytes
        ("🦆" * 32, True),
        ("🦆" * 32 + "a", False),
        ("", False),
    ],
)
def test_the_payload_is_counted_in_bytes(payload: str, fine: bool) -> None:
    problems = check_invoice(invoice(invoice_payload=payload))
    assert outcomes(problems) == ([] if fine else [("invoice_payload", "refuse")])


@pytest.mark.parametrize(
    ("start_parameter", "fine"),
    [(None, True), ("a", True), ("A-z_9", True), ("a" * 64, True), ("a" * 65, False), ("", False), ("a b", False),
     ("ä", False), ("a\n", False)],
)  # fmt: skip
def test_the_start_parameter_has_its_alphabet(start_parameter: str | None, fine: bool) -> None:
    problems = check_invoice(invoice(start_parameter=start_parameter))
    assert outcomes(problems) == ([] if fine else [("start_parameter", "refuse")])


@pytest.mark.parametrize(
    ("currency", "severity", "said"),
    [
        ("INR", None, ""),
        ("BHD", None, ""),
        ("EUR", "warn", "EUR is not in A-Pay's list of currencies"),
        ("XTR", "refuse", "XTR is Telegram Stars, for digital goods; A-Pay is paid in real currencies"),
        ("KHR", "refuse", "'KHR' is not in Telegram's list of currencies (A-Pay takes it, Telegram does not)"),
        ("TND", "refuse", "'TND' is not in Telegram's list of currencies (A-Pay takes it, Telegram does not)"),
        ("inr", "refuse", "'inr' is not in Telegram's list of currencies (did you mean 'INR'?)"),
        ("", "refuse", "'' is not in Telegram's list of currencies"),
        ("XXX", "refuse", "'XXX' is not in Telegram's list of currencies"),
    ],
)
def test_currencies(currency: str, severity: str | None, said: str) -> None:
    problems = list(check_currency(currency))
    assert [(p.field, p.severity, p.message) for p in problems] == ([("currency", severity, said)] if severity else [])


@pytest.mark.parametrize(
    ("amounts", "currency", "expected"),
    [
        ((49900,), "INR", []),
        ((50000, -10000), "INR", []),  # a discount line
        ((10000, -10000), "INR", ["refuse"]),
        ((10000, -20000), "INR", ["refuse"]),
        ((0,), "INR", ["refuse"]),
        ((), "INR", ["refuse"]),
        ((AMOUNT_MAX + 1,), "INR", ["refuse", "refuse"]),
        ((AMOUNT_MAX + 1, -AMOUNT_MAX), "INR", ["refuse", "refuse", "warn"]),
        ((AMOUNT_MAX, AMOUNT_MAX), "INR", ["refuse"]),
        # A-Pay's whole units; every line counts.
        ((49950,), "INR", ["warn"]),
        ((45050, 4850), "INR", ["warn"]),
        ((1505,), "USD", []),
        ((5005,), "BHD", []),
        # Telegram's floating limits: near the edge a warning, far outside a refusal. BDT 12161 is the smallest.
        ((12200,), "BDT", []),
        ((12161,), "BDT", ["warn"]),  # not whole
        ((12100,), "BDT", ["warn"]),
        ((6100,), "BDT", ["warn"]),
        ((6000,), "BDT", ["refuse"]),
        ((100,), "USD", []),
        ((99,), "USD", ["warn"]),
        ((50,), "USD", ["warn"]),
        ((49,), "USD", ["refuse"]),
        ((1_000_000,), "USD", []),
        ((1_000_001,), "USD", ["warn"]),
        ((2_000_000,), "USD", ["warn"]),
        ((2_000_001,), "USD", ["refuse"]),
        ((1000,), "XXX", ["refuse"]),
    ],
)
def test_prices(amounts: tuple[int, ...], currency: str, expected: list[str]) -> None:
    assert [problem.severity for problem in check_prices(lines(*amounts), currency)] == expected


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ((), "needs at least one line"),
        ((10000, -10000), "the total must be more than nothing"),
        ((AMOUNT_MAX, 1), "the total is beyond 999999999999 smallest units"),
        ((AMOUNT_MAX + 1, -AMOUNT_MAX), "'line 0' is beyond 999999999999 smallest units"),
    ],
)
def test_what_is_wrong_with_the_prices_is_named(amounts: tuple[int, ...], said: str) -> None:
    assert next(check_prices(lines(*amounts), "INR")).message == said


def test_a_total_outside_the_limits_is_said_in_words() -> None:
    (problem,) = check_prices(lines(6000), "BDT")
    assert problem.message.startswith(
        "the total ৳ 60.00 (6000 poisha) is outside Telegram's limits of about ৳ 121.61 to ৳ 1,2"
    )


def test_a_line_needs_a_label() -> None:
    assert [p.message for p in check_prices((LabeledPrice(" ", 49900),), "INR")] == ["each line needs a label"]


@pytest.mark.parametrize(
    ("largest", "suggested", "expected"),
    [
        (0, (), []),
        (5000, (), []),
        (5000, (1000, 2000, 3000, 5000), []),
        (5000, (1000, 2000, 3000, 4000, 5000), [("tips.suggested", "refuse")]),
        (5000, (500, 500), [("tips.suggested", "refuse")]),
        (5000, (2000, 1000), [("tips.suggested", "refuse")]),
        (5000, (0, 1000), [("tips.suggested", "refuse")]),
        (5000, (-1000, 1000), [("tips.suggested", "refuse")]),
        (5000, (6000,), [("tips.suggested", "refuse")]),
        (0, (1000,), [("tips.suggested", "refuse")]),
        (-100, (), [("tips.max", "refuse")]),
        (AMOUNT_MAX + 1, (), [("tips.max", "refuse")]),
        (AMOUNT_MAX, (), [("tips", "warn")]),
        (5050, (1000,), [("tips", "warn")]),
        (5000, (1050,), [("tips", "warn")]),
    ],
)
def test_tips(largest: int, suggested: tuple[int, ...], expected: list[tuple[str, str]]) -> None:
    assert outcomes(check_tips(Tips(largest, suggested), "INR")) == expected


def test_tips_in_an_unknown_currency_are_left_to_the_check_of_the_currency() -> None:
    assert list(check_tips(Tips(5050), "XXX")) == []


@pytest.mark.parametrize(
    ("photo_url", "fine"),
    [
        (None, True),
        ("https://shop.example/duck.jpg", True),
        ("https://shop.example", True),
        ("http://shop.example/duck.jpg", False),
        ("HTTPS://shop.example/duck.jpg", False),
        ("https:///duck.jpg", False),
        ("https://shop.example/a b.jpg", False),
        ("file:///etc/passwd", False),
        ("duck.jpg", False),
        ("", False),
    ],
)
def test_a_photo_is_an_https_address(photo_url: str | None, fine: bool) -> None:
    assert outcomes(check_photo_url(photo_url)) == ([] if fine else [("photo_url", "refuse")])


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = invoice(
        title="", invoice_payload="", start_parameter="a b", currency="XTR", prices=(), tips=Tips(-1), photo_url="x"
    )
    assert [problem.field for problem in check_invoice(wrong)] == [
        "title", "invoice_payload", "start_parameter", "currency", "prices", "tips.max", "photo_url",
    ]  # fmt: skip


def way(
    option_id: str = "post", title: str = "Post", amounts: tuple[int, ...] = (6000,), *countries: str
) -> ShippingOption:
    return ShippingOption(option_id, title, lines(*amounts), countries)


@pytest.mark.parametrize(
    ("ways", "currency", "expected"),
    [
        ((), "INR", []),
        ((way(),), "INR", []),
        ((way(amounts=(0,)),), "INR", [("shipping", "warn")]),
        ((way(amounts=(100, -100)),), "INR", [("shipping", "warn")]),
        ((way("post", "Post", (6000,), "IN", "BD"),), "INR", []),
        ((way("a"), way("b")), "INR", []),
        ((way(), way()), "INR", [("shipping", "refuse")]),
        (tuple(way(str(number)) for number in range(21)), "INR", [("shipping", "refuse")]),
        ((way(title=" "),), "INR", [("shipping", "refuse")]),
        ((way(""),), "INR", [("shipping", "refuse")]),
        ((way("é" * 33),), "INR", [("shipping", "refuse")]),
        ((way(amounts=(100, -200)),), "INR", [("shipping", "refuse")]),
        ((way(amounts=(AMOUNT_MAX + 1, -100)),), "INR", [("shipping", "refuse")]),
        ((way(amounts=(99_999_999_900,)),), "INR", [("shipping", "warn")]),
        ((way(amounts=(6050,)),), "INR", [("shipping", "warn")]),
        ((way("post", "Post", (6000,), "IND"),), "INR", [("shipping", "refuse")]),
        ((way("post", "Post", (6000,), "in"),), "INR", [("shipping", "refuse")]),
        ((way(amounts=(6050,)),), "XXX", []),
        ((way(amounts=()),), "INR", [("shipping", "warn")]),
    ],
    ids=str,
)
def test_ways_of_delivery_stay_within_limits(
    ways: tuple[ShippingOption, ...], currency: str, expected: list[tuple[str, str]]
) -> None:
    assert outcomes(check_shipping(ways, lines(49900), currency)) == expected


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ((PaymentMethod("upi_fast", "INR", 10_000, 5_000_000),), None),
        ((PaymentMethod("upi_fast", "INR", 49_900, 49_900),), None),
        ((PaymentMethod("a", "INR", 1, 2), PaymentMethod("b", "INR", 10_000, 5_000_000)), None),
        ((), "A-Pay has no method for INR now: nobody could pay"),
        ((PaymentMethod("bkash_a", "BDT", 1, 10**9),), "A-Pay has no method for INR now: nobody could pay"),
        ((PaymentMethod("upi_a", "INR", 50_000, 60_000),), "takes ₹499.00 now: upi_a ₹500.00 to ₹600.00"),
        ((PaymentMethod("upi_a", "INR", 100, 49_899),), "takes ₹499.00 now: upi_a ₹1.00 to ₹498.99"),
    ],
)
def test_an_invoice_that_no_method_takes_is_warned_about(methods: tuple[PaymentMethod, ...], said: str | None) -> None:
    problems = list(check_methods(invoice(), methods))
    assert [problem.severity for problem in problems] == ([] if said is None else ["warn"])
    assert said is None or said in problems[0].message


def test_a_buyers_own_invoice_is_paid_once_and_leads_others_to_the_product() -> None:
    own = private_invoice(product(shipping=(way(),), provider_data="{}"), "test", Ids("inv_1", "payload"), NOW, 1001)
    assert (own.chat_id, own.uses_max, own.forwarding, own.start_parameter) == ("1001", 1, "deep-link", "p_duck")
    assert (own.shipping, own.provider_data) == ((way(),), "{}")
    assert product_sku("p_duck") == "duck"
    assert product_sku("inv_0123") is None
    assert check_invoice(own) == []
