"""`apay links`: a link to each product, drawn on stderr or into a folder, and stdout stays the result."""

import io
from pathlib import Path

import pytest
import segno

from shop import STOCK, Shop

DUCK = "https://t.me/sandbox_merchant_bot?start=p_rubber-duck"
BEAR = "https://t.me/sandbox_merchant_bot?start=p_bear"
PNG = b"\x89PNG\r\n\x1a\n"


def drawn(link: str) -> str:
    picture = io.StringIO()
    segno.make(link, error="m", micro=False).terminal(picture, compact=True)
    return picture.getvalue()


def test_each_product_has_its_link(shop: Shop) -> None:
    done = shop.run("links")
    assert (done.code, done.out, done.err) == (0, f"rubber-duck\t{DUCK}\nbear\t{BEAR}\n", "")


def test_one_product_alone(shop: Shop) -> None:
    assert shop.run("links", "bear").out == f"bear\t{BEAR}\n"


def test_json_is_an_array_with_the_keys_of_the_contract(shop: Shop) -> None:
    assert shop.run("links", "--json").json == [
        {"sku": "rubber-duck", "link": DUCK},
        {"sku": "bear", "link": BEAR},
    ]
    assert shop.run("links", "bear", "--json").json == [{"sku": "bear", "link": BEAR}]


def test_on_a_terminal_it_is_a_table(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    heading, first, second = shop.run("links", terminal=True, NO_COLOR="1").out.splitlines()
    assert (heading.split(), first.split(), second.split()) == (["SKU", "LINK"], ["rubber-duck", DUCK], ["bear", BEAR])


def test_only_the_bots_name_is_asked_for(shop: Shop) -> None:
    shop.run("links")
    assert [request["method"] for request in shop.requests()] == ["getme"]
    assert not shop.ledger.exists()


def test_the_listener_knows_the_parameter_of_the_link(shop: Shop) -> None:
    """Telegram takes 64 of A-Z a-z 0-9 _ - behind `start=`: the longest SKU fits."""
    longest = "x" * 32
    shop.write_stock(STOCK.replace("rubber-duck", longest))
    (row,) = shop.run("links", longest, "--json").json
    assert row["link"].endswith(f"?start=p_{longest}")


def test_a_typo_names_the_nearest(shop: Shop) -> None:
    done = shop.run("links", "ruber-duck")
    assert (done.code, done.out) == (2, "")
    assert f"there is no product 'ruber-duck' in {shop.stock_file} (did you mean 'rubber-duck'?)" in done.err
    assert shop.requests() == []


def test_a_hostile_sku_is_shown_harmless(shop: Shop) -> None:
    done = shop.run("links", "\x1b[2J\u202e")
    assert done.code == 2
    assert not set("\x1b\u202e") & set(done.err)


def test_a_hostile_bot_name_is_shown_harmless(shop: Shop) -> None:
    shop.world.bot.username = "bot\x1b]52;c;x\u202e"
    for options in ((), ("--json",)):
        done = shop.run("links", *options)
        assert not set("\x1b\u202e") & set(done.out + done.err)


def test_without_an_answer_there_are_no_links(shop: Shop) -> None:
    shop.world.faults.add("reset", shop.clock.monotonic(), methods=("getMe",))
    done = shop.run("links", "--json")
    assert (done.code, done.out, done.error["code"]) == (5, "", "outcome_unknown")
    assert len(shop.requests("getMe")) == 3


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_pictures_are_drawn_beside_the_result(shop: Shop) -> None:
    done = shop.run("links", "--qr", "-")
    assert done.out == f"rubber-duck\t{DUCK}\nbear\t{BEAR}\n"
    assert done.err == f"rubber-duck\n{drawn(DUCK)}bear\n{drawn(BEAR)}"


def test_json_stays_json_beside_a_picture(shop: Shop) -> None:
    done = shop.run("links", "bear", "--json", "--qr", "-")
    assert done.json == [{"sku": "bear", "link": BEAR}]
    assert drawn(BEAR) in done.err


def test_a_folder_gets_a_picture_for_each_product(shop: Shop) -> None:
    folder = shop.folder / "pictures"
    folder.mkdir()
    done = shop.run("links", "--qr", str(folder))
    assert (done.code, done.err) == (0, "")
    pictures = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(pictures) == {"rubber-duck.png", "bear.png"}
    assert all(picture.startswith(PNG) for picture in pictures.values())
    expected = io.BytesIO()
    segno.make(BEAR, error="m", micro=False).save(expected, kind="png", scale=8)
    assert pictures["bear.png"] == expected.getvalue()


def test_a_folder_gets_the_picture_of_one_product(shop: Shop) -> None:
    folder = shop.folder / "pictures"
    folder.mkdir()
    assert shop.run("links", "bear", "--qr", str(folder)).code == 0
    assert [path.name for path in folder.iterdir()] == ["bear.png"]


@pytest.mark.parametrize("name", ["missing", "stock.toml", "", "missing/deeper", "bad\x1b[2J"])
def test_a_folder_that_is_none_is_refused_before_anything_is_asked(
    shop: Shop, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty one, too: a script's unset variable must not fill the folder it runs in."""
    monkeypatch.chdir(shop.folder)
    done = shop.run("links", "--qr", str(shop.folder / name) if name else "")
    assert (done.code, done.out) == (2, "")
    assert "--qr" in done.err
    assert "\x1b" not in done.err
    assert shop.requests() == []
    assert list(Path(shop.folder).rglob("*.png")) == []


def test_a_picture_that_cannot_be_written_is_named(shop: Shop) -> None:
    folder = shop.folder / "pictures"
    (folder / "bear.png").mkdir(parents=True)
    done = shop.run("links", "--qr", str(folder))
    assert done.code == 2
    assert f"--qr {folder / 'bear.png'} is a folder" in done.err
    assert done.out == ""  # said before Telegram is asked
    assert shop.requests() == []
