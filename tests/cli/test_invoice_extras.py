"""`apay send-invoice`: photo, form, tips, delivery, provider data and place of one invoice, as Telegram gets them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shop import CHANNEL, RAHIM, STOCK, SUPERGROUP, Shop

DUCK = ("send-invoice", "rubber-duck", "--to", CHANNEL, "--dry-run")
RICH = STOCK.replace(
    "stock = 10",
    """stock = 10
photo_url = "https://shop.example/stock.jpg"
need = ["email"]
tips = { max = 20, suggested = [5] }
shipping = [{ id = "home", title = "Home", price = 10 }]
provider_data = { from = "stock" }
""",
)
EXTRAS = {
    "photo_url", "need_name", "need_phone_number", "need_email", "need_shipping_address", "max_tip_amount",
    "suggested_tip_amounts", "is_flexible", "provider_data",
}  # fmt: skip


def params(shop: Shop, *options: str) -> dict[str, Any]:
    """The request's fields; nothing is warned of."""
    done = shop.run(*DUCK, *options)
    assert done.code == 0, done.err
    assert "warning" not in done.err
    found: dict[str, Any] = done.json["params"]
    return found


def extras(shop: Shop, *options: str) -> dict[str, Any]:
    return {name: value for name, value in params(shop, *options).items() if name in EXTRAS}


def refusal(shop: Shop, *options: str) -> str:
    done = shop.run(*DUCK, *options)
    assert (done.code, done.out) == (2, ""), done.err
    assert "\x1b" not in done.err
    assert len(done.err) < 3000
    assert shop.requests() == []
    return done.err.removeprefix("apay: error: ")


def shipping(shop: Shop, *options: str) -> Any:
    """The ways of delivery as the ledger keeps them: Telegram hears of them later, from the listener."""
    done = shop.run(*DUCK[:-1], *options)
    assert done.code == 0, done.err
    return json.loads(shop.invoices()[-1]["shipping"])


def provider_file(shop: Shop, content: str | bytes) -> str:
    path = shop.folder / "provider.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_without_options_nothing_is_added(shop: Shop) -> None:
    assert extras(shop) == {}


# -- photo -------------------------------------------------------------------------------------------------------------


def test_a_photo_arrives(shop: Shop) -> None:
    assert extras(shop, "--photo", "https://shop.example/d.jpg") == {"photo_url": "https://shop.example/d.jpg"}


@pytest.mark.parametrize(
    "address",
    ["", " ", "http://shop.example/d.jpg", "shop.example/d.jpg", "https://", "https:///d.jpg", "https://shop .example",
     "https://shop.example/a b.jpg", "file:///etc/passwd", "d.jpg", "ftp://shop.example/d.jpg",
     "https://shop.example/d.jpg\n"],
)  # fmt: skip
def test_a_photo_is_a_public_address(shop: Shop, address: str) -> None:
    assert "photo_url: must be the https:// address of a picture" in refusal(shop, "--photo", address)


# -- form --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (("name",), {"need_name"}),
        (("phone",), {"need_phone_number"}),
        (("email",), {"need_email"}),
        (("address",), {"need_shipping_address"}),
        (("name", "phone", "name"), {"need_name", "need_phone_number"}),
    ],
)
def test_a_form_arrives(shop: Shop, words: tuple[str, ...], fields: set[str]) -> None:
    options = [part for word in words for part in ("--need", word)]
    assert extras(shop, *options) == dict.fromkeys(fields, True)


def test_what_is_asked_for_twice_is_asked_once(shop: Shop) -> None:
    assert shop.run(*DUCK[:-1], "--need", "phone", "--need", "name", "--need", "phone").code == 0
    assert json.loads(shop.invoices()[0]["need"]) == ["phone", "name"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("phon", "'phon' (did you mean 'phone'?)"),
        ("Name", "'Name' (did you mean 'name'?)"),
        ("adress", "(did you mean 'address'?)"),
        ("", "''"),
        ("name,phone", "'name,phone'"),
        ("\x1b[2J", "'\\\\x1b[2J'"),
    ],
)
def test_a_typo_in_the_form_names_the_nearest(shop: Shop, word: str, said: str) -> None:
    told = refusal(shop, "--need", "name", "--need", word)
    assert "--need takes name, phone, email, address, this is " in told
    assert said in told


# -- tips --------------------------------------------------------------------------------------------------------------


def test_tips_arrive_in_smallest_units(shop: Shop) -> None:
    options = ("--tip-max", "50", "--tip", "10", "--tip", "20", "--tip", "30", "--tip", "50")
    assert extras(shop, *options) == {"max_tip_amount": 5000, "suggested_tip_amounts": [1000, 2000, 3000, 5000]}
    assert extras(shop, "--tip-max", "50") == {"max_tip_amount": 5000}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tip", "10"), "--tip needs --tip-max: the largest tip that is taken"),
        (("--tip-max", "50", "--tip", "20", "--tip", "10"), "tips.suggested: amounts must be more than nothing"),
        (("--tip-max", "50", "--tip", "20", "--tip", "20"), "tips.suggested: amounts must be more than nothing"),
        (("--tip-max", "50", "--tip", "0"), "tips.suggested: amounts must be more than nothing"),
        (("--tip-max", "50", "--tip", "51"), "tips.suggested: no amount may be above tips.max"),
        (("--tip-max", "0", "--tip", "1"), "tips.suggested: no amount may be above tips.max"),
        (("--tip-max", "9", *"--tip 1 --tip 2 --tip 3 --tip 4 --tip 5".split()), "takes at most 4 amounts"),
        (("--tip-max", "ten"), "--tip-max: write digits (0-9) and at most one point"),
        (("--tip-max", "-5"), "--tip-max: write digits (0-9) and at most one point"),
        (("--tip-max", ""), "--tip-max: write digits (0-9) and at most one point"),
        (("--tip-max", "5.001"), "--tip-max: INR has 2 decimals, this has 3"),
        (("--tip-max", "50", "--tip", "1e3"), "--tip: write digits (0-9) and at most one point"),
        (("--tip-max", "99999999999999"), "--tip-max: the largest amount is 9999999999.99 INR"),
    ],
)  # fmt: skip
def test_other_tips_are_refused(shop: Shop, options: tuple[str, ...], said: str) -> None:
    assert said in refusal(shop, *options)


# -- delivery ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("Post=60", ["option-1", "Post", [["Post", 6000]], []]),
        ("Post=0", ["option-1", "Post", [["Post", 0]], []]),
        ("Post=60@IN,np", ["option-1", "Post", [["Post", 6000]], ["IN", "NP"]]),
        ("Post =60@ in , bd ", ["option-1", "Post", [["Post", 6000]], ["IN", "BD"]]),
        ("By bus = fast=60@IN", ["option-1", "By bus = fast", [["By bus = fast", 6000]], ["IN"]]),
        ("ডাক=60@BD", ["option-1", "ডাক", [["ডাক", 6000]], ["BD"]]),
    ],
)
def test_a_way_of_delivery_is_kept(shop: Shop, text: str, option: Any) -> None:
    assert shipping(shop, "--shipping", text) == [option]


def test_several_ways_keep_their_order(shop: Shop) -> None:
    ways = shipping(shop, "--shipping", "Post=60@IN", "--shipping", "Courier=200", "--shipping", "Pick it up=0")
    assert [(way[0], way[1]) for way in ways] == [
        ("option-1", "Post"), ("option-2", "Courier"), ("option-3", "Pick it up"),
    ]  # fmt: skip


def test_telegram_asks_for_the_address_then(shop: Shop) -> None:
    assert extras(shop, "--shipping", "Post=60") == {"is_flexible": True}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Post", "--shipping takes \"Label=450\", this is 'Post'"),
        ("=60", '--shipping takes "Label=450"'),
        (" =60", '--shipping takes "Label=450"'),
        ("", '--shipping takes "Label=450"'),
        ("Post@IN", '--shipping takes "Label=450"'),
        ("Post=", "--shipping Post: write digits"),
        ("Post=-5", "--shipping Post: write digits"),
        ("Post=sixty", "--shipping Post: write digits"),
        ("Post= 60", "--shipping Post: write digits"),
        ("Post=60.001", "--shipping Post: INR has 2 decimals, this has 3"),
        ("Post=60@India", "shipping: 'option-1': 'INDIA' is no two-letter code of a country, such as IN"),
        ("Post=60@I", "is no two-letter code of a country"),
        ("Post=60@IN;NP", "is no two-letter code of a country"),
        ("Post=60@IN@NP", "is no two-letter code of a country"),
        ("Post=60@১২", "is no two-letter code of a country"),
        ("\x1b[2J=x", "--shipping \\x1b[2J: write digits"),
        ("x" * 100_000 + "=y", "--shipping x"),
    ],
)
def test_another_way_of_delivery_is_refused(shop: Shop, text: str, said: str) -> None:
    assert said in refusal(shop, "--shipping", text)


@pytest.mark.parametrize("text", ["Post=60@", "Post=60@ ", "Post=60@,"])
def test_an_at_sign_without_a_country_does_not_mean_everywhere(shop: Shop, text: str) -> None:
    """A script's unset variable must not open the shop to the world."""
    assert "--shipping" in refusal(shop, "--shipping", text)


def test_a_comma_too_many_does_no_harm(shop: Shop) -> None:
    assert shipping(shop, "--shipping", "Post=60@IN,")[0][3] == ["IN"]


def test_too_many_ways_are_refused(shop: Shop) -> None:
    options = [part for number in range(21) for part in ("--shipping", f"Way {number}=1")]
    assert "shipping: takes at most 20 options" in refusal(shop, *options)


# -- what A-Pay may round ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--tip-max", "50.50"), "tips"),
        (("--tip-max", "50", "--tip", "0.5"), "tips"),
        (("--shipping", "Post=60.50"), "shipping"),
    ],
)
def test_decimals_that_apay_may_round_are_warned_of(shop: Shop, options: tuple[str, ...], field: str) -> None:
    done = shop.run(*DUCK, *options)
    assert done.code == 0
    warnings = [line for line in done.err.splitlines() if "warning" in line]
    assert warnings == [
        f"apay: warning: {field}: A-Pay takes whole INR only; it may refuse or round other amounts",
    ]


def test_a_delivery_beyond_telegrams_limits_is_warned_of(shop: Shop) -> None:
    done = shop.run(*DUCK, "--shipping", "Helicopter=9000000")
    assert done.code == 0
    assert "apay: warning: shipping: 'option-1': with it the total is " in done.err


# -- data for the provider ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ['{"a": 1}', "[]", "{}", "null", '  {"নাম": "রহিম"}\n', '"text"', '\ufeff{"a": 1}', '{"a": {"b": [1, 2.5, true]}}'],
)
def test_data_for_the_provider_arrive(shop: Shop, content: str) -> None:
    given = extras(shop, "--provider-data", provider_file(shop, content))["provider_data"]
    assert json.loads(given) == json.loads(content.removeprefix("\ufeff"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ("", "is no JSON"),
        ("{'a': 1}", "is no JSON"),
        ('{"a": 1} x', "is no JSON"),
        ("NaN", "is no JSON"),
        ('{"a": Infinity}', "is no JSON"),
        ("[" * 60_000, "is no JSON"),
        ('{"a": ' * 5_000 + "1" + "}" * 5_000, "is no JSON"),
        (b"\xff\xfe", "is not UTF-8 text"),
        ('"' + "x" * 70_000 + '"', "is larger than 65536 bytes"),
    ],
    ids=["open", "empty", "quotes", "behind", "nan", "infinity", "deep list", "deep object", "bytes", "large"],
)
def test_other_data_are_refused(shop: Shop, content: str | bytes, said: str) -> None:
    file = provider_file(shop, content)
    told = refusal(shop, "--provider-data", file)
    assert told.startswith("--provider-data")
    assert file in told
    assert said in told


@pytest.mark.parametrize("content", ['"\\ud800"', "[1e400]", '{"a": 1.10, "a": 2}'], ids=["surrogate", "huge", "twice"])
def test_what_is_json_reaches_telegram_as_json(shop: Shop, content: str) -> None:
    """Written again by us it could become something else: no text at all, or Infinity."""
    done = shop.run(*DUCK[:-1], "--provider-data", provider_file(shop, content))
    assert done.code == 0, done.err
    (request,) = shop.requests("sendInvoice")
    assert request["status"] == 200


@pytest.mark.parametrize(
    ("written", "arrives"),
    [
        ("{ weight = 1.5, parcels = 2 }", {"weight": 1.5, "parcels": 2}),
        ("'{\"weight\": 1.5}'", {"weight": 1.5}),
    ],
)
def test_the_stock_files_data_arrive_as_they_are_written(shop: Shop, written: str, arrives: object) -> None:
    """A number stays a number."""
    shop.write_stock(STOCK.replace("stock = 10", f"stock = 10\nprovider_data = {written}"))
    assert json.loads(extras(shop)["provider_data"]) == arrives


@pytest.mark.parametrize("written", ["'NaN'", "'{'", "'" + "[" * 60_000 + "'"], ids=["nan", "open", "deep"])
def test_the_stock_files_data_are_json_too(shop: Shop, written: str) -> None:
    shop.write_stock(STOCK.replace("stock = 10", f"stock = 10\nprovider_data = {written}"))
    done = shop.run(*DUCK)
    assert done.code == 3
    assert "products.rubber-duck.provider_data must be a table, or JSON in quotes" in done.err


def test_a_file_that_cannot_be_read_is_named(shop: Shop) -> None:
    missing = shop.folder / "missing.json"
    assert f"--provider-data: {missing}: No such file or directory" in refusal(shop, "--provider-data", str(missing))
    assert "is not a regular file" in refusal(shop, "--provider-data", str(shop.folder))
    fifo = shop.folder / "fifo"
    os.mkfifo(fifo)
    assert "is not a regular file" in refusal(shop, "--provider-data", str(fifo))


# -- the option goes before the stock file -----------------------------------------------------------------------------


def test_the_stock_files_extras_arrive(shop: Shop) -> None:
    shop.write_stock(RICH)
    assert extras(shop) == {
        "photo_url": "https://shop.example/stock.jpg", "need_email": True, "max_tip_amount": 2000,
        "suggested_tip_amounts": [500], "is_flexible": True, "provider_data": '{"from": "stock"}',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (("--photo", "https://shop.example/x.jpg"), {"photo_url": "https://shop.example/x.jpg"}),
        (("--tip-max", "90"), {"max_tip_amount": 9000, "suggested_tip_amounts": None}),
        (("--tip-max", "0"), {"max_tip_amount": None, "suggested_tip_amounts": None}),
        (("--need", "name"), {"need_email": None, "need_name": True}),
    ],
)
def test_an_option_goes_before_the_stock_file(shop: Shop, options: tuple[str, ...], changed: dict[str, Any]) -> None:
    """It replaces that one key; the others stay."""
    shop.write_stock(RICH)
    before = extras(shop)
    wanted = {name: value for name, value in (before | changed).items() if value is not None}
    assert extras(shop, *options) == wanted


def test_a_delivery_of_the_command_line_replaces_that_of_the_file(shop: Shop) -> None:
    shop.write_stock(RICH)
    assert [way[1] for way in shipping(shop, "--shipping", "Post=60")] == ["Post"]
    assert [way[1] for way in shipping(shop)] == ["Home"]


def test_data_of_the_command_line_replace_those_of_the_file(shop: Shop) -> None:
    shop.write_stock(RICH)
    file = provider_file(shop, '{"from": "file"}')
    assert json.loads(extras(shop, "--provider-data", file)["provider_data"]) == {"from": "file"}


def test_own_words_take_the_same_options(shop: Shop) -> None:
    words = ("--title", "Repair", "--description", "Bicycle", "--price", "Work=450", "--currency", "INR")
    done = shop.run("send-invoice", *words, "--to", RAHIM, "--dry-run", "--tip-max", "50", "--need", "phone")
    assert done.json["params"]["max_tip_amount"] == 5000
    assert done.json["params"]["need_phone_number"] is True


def test_amounts_are_read_in_the_products_own_currency(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("price = 499", 'price = 4990\ncurrency = "JPY"'))
    done = shop.run(*DUCK, "--tip-max", "500")
    assert done.json["params"]["max_tip_amount"] == 500
    assert "--tip-max: JPY has 0 decimals, this has 1" in refusal(shop, "--tip-max", "5.0")


# -- where in the chat -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        (("--thread", "42"), "message_thread_id", 42),
        (("--thread", str(2**31 - 1)), "message_thread_id", 2**31 - 1),
        (("--direct-topic", "77"), "direct_messages_topic_id", 77),
        (("--reply-to", "5"), "reply_parameters", {"message_id": 5}),
        (("--silent",), "disable_notification", True),
        (("--protect",), "protect_content", True),
    ],
)
def test_the_place_arrives(shop: Shop, options: tuple[str, ...], field: str, value: object) -> None:
    assert params(shop, *options)[field] == value


def test_the_topic_of_a_persons_direct_messages_is_as_long_as_a_user_id(shop: Shop) -> None:
    """Bot API, DirectMessagesTopic.topic_id: "may have more than 32 significant bits ... at most 52"."""
    assert params(shop, "--direct-topic", "7012345678")["direct_messages_topic_id"] == 7012345678
    assert "--direct-topic takes the id of a topic" in refusal(shop, "--direct-topic", str(2**52))


@pytest.mark.parametrize("option", ["--thread", "--direct-topic", "--reply-to"])
@pytest.mark.parametrize("value", ["0", "-1", str(2**63), "many", "1.5", ""])
def test_a_place_is_a_positive_number(shop: Shop, option: str, value: str) -> None:
    assert option in refusal(shop, option, value)


@pytest.mark.parametrize("option", ["--thread", "--reply-to"])
def test_the_ids_of_messages_have_31_bits(shop: Shop, option: str) -> None:
    what = "message" if option == "--reply-to" else "topic"
    assert f"{option} takes the id of a {what}: a positive number" in refusal(shop, option, str(2**31))


@pytest.mark.parametrize(
    ("chat", "options", "field"),
    [
        (SUPERGROUP, ("--thread", "42"), "message_thread_id"),
        ("-1002222222222", ("--direct-topic", "77"), "direct_messages_topic_id"),
    ],
)
def test_telegram_takes_the_place(shop: Shop, chat: str, options: tuple[str, ...], field: str) -> None:
    done = shop.run("send-invoice", "rubber-duck", "--to", chat, *options, "--json")
    assert done.code == 0, done.err
    (request,) = shop.requests("sendInvoice")
    assert request["params"][field] == options[1]


def test_a_reply_answers_a_message_that_is_there(shop: Shop) -> None:
    first = shop.run("send-invoice", "rubber-duck", "--to", RAHIM, "--json").json["message_id"]
    assert shop.run("send-invoice", "rubber-duck", "--to", RAHIM, "--reply-to", str(first)).code == 0
    done = shop.run("send-invoice", "rubber-duck", "--to", RAHIM, "--reply-to", "999")
    assert done.code == 5
    assert "message to be replied not found" in done.err


def test_several_mistakes_of_telegrams_limits_are_told_at_once(shop: Shop) -> None:
    said = refusal(shop, "--photo", "x", "--tip-max", "1", "--tip", "2", "--shipping", "Post=1@XYZ")
    for field in ("photo_url:", "tips.suggested:", "shipping:"):
        assert field in said


def test_nothing_was_written(shop: Shop) -> None:
    before = sorted(Path(shop.folder).rglob("*"))
    params(shop, "--tip-max", "50", "--shipping", "Post=60")
    assert sorted(Path(shop.folder).rglob("*")) == before
