"""Files that others can write run no code as their owner: each command refuses them, with the place and the cure."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from merchant import Merchant

COMMANDS = [("listen",), ("status",), ("stock",), ("send-invoice", "rubber-duck", "--to", "1001"), ("backup",)]
ON_THE_CONFIG = {  # which file or folder is opened to others, and by whom it would be changed
    "the config": (lambda shop: shop / "conf" / "config.toml", 0o666),
    "the config, by its group": (lambda shop: shop / "conf" / "config.toml", 0o664),
    "its folder": (lambda shop: shop / "conf", 0o777),
    "a folder above": (lambda shop: shop, 0o775),
    "the program of a hook": (lambda shop: shop / "conf" / "credit.py", 0o777),
    "a script that a hook names": (lambda shop: shop / "conf" / "more.py", 0o666),
    "the folder of that script": (lambda shop: shop / "conf" / "scripts", 0o775),
    "a program of the backup": (lambda shop: shop / "conf" / "copy.sh", 0o777),
}
ON_ITS_FILES = {
    "the stock file": (lambda shop: shop / "conf" / "stock.toml", 0o666),
    "the messages": (lambda shop: shop / "conf" / "messages.toml", 0o664),
    "the terms": (lambda shop: shop / "conf" / "terms.txt", 0o646),
}
CONFIG = """\
[stock]
file = "stock.toml"
[messages]
file = "messages.toml"
[terms]
text_file = "terms.txt"
[hooks]
on_paid = ["./credit.py", "more.py", "scripts/deep.py"]
[backup]
dir = "backups"
after = ["/bin/sh", "copy.sh"]
"""


@pytest.fixture
def careless(merchant: Merchant) -> Merchant:
    """A shop with every file that a config can name; all are their owner's alone."""
    conf = merchant.folder / "shop" / "conf"
    (conf / "scripts").mkdir(parents=True)
    for name in ("credit.py", "more.py", "scripts/deep.py", "copy.sh"):
        (conf / name).write_text("#!/bin/sh\ncat > /dev/null\n")
        (conf / name).chmod(0o755)
    (conf / "config.toml").write_text(CONFIG)
    (conf / "stock.toml").write_text(merchant.stock_file.read_text())
    (conf / "messages.toml").write_text("")
    (conf / "terms.txt").write_text("No returns.")
    for path in [merchant.folder / "shop", *(merchant.folder / "shop").rglob("*")]:
        path.chmod(path.stat().st_mode & 0o755)
    del merchant.environ["APAY_STOCK"]
    merchant.environ["APAY_CONFIG"] = str(conf / "config.toml")
    return merchant


def check(merchant: Merchant, command: tuple[str, ...], place: Callable[[Path], Path], mode: int) -> None:
    opened = place(merchant.folder / "shop")
    before = opened.stat().st_mode
    opened.chmod(mode)
    refused = merchant.apay(*command, code=3)
    said = "\n".join(refused.err)
    assert f"run: chmod go-w '{opened}'" in said, said
    assert refused.out == []
    opened.chmod(before)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_every_command_refuses_a_config_and_programs_that_others_can_change(careless: Merchant) -> None:
    careless.apay("send-invoice", "rubber-duck", "--to", "@sandbox_channel")
    careless.apay("backup")
    for number, (place, mode) in enumerate(ON_THE_CONFIG.values()):
        check(careless, COMMANDS[number % len(COMMANDS)], place, mode)
    check(careless, ("listen",), *ON_THE_CONFIG["the config"])


@pytest.mark.parametrize("place", ON_ITS_FILES)
def test_no_shop_is_made_of_files_that_others_can_change(careless: Merchant, place: str) -> None:
    check(careless, ("listen",), *ON_ITS_FILES[place])


def test_a_stock_file_that_is_opened_to_others_meanwhile_is_not_taken_up(careless: Merchant) -> None:
    stock = careless.folder / "shop" / "conf" / "stock.toml"
    with careless.listening() as listener:
        stock.chmod(0o666)
        stock.write_text(stock.read_text().replace("499", "1"))
        listener.wait_for("can be changed by other users")
        stock.chmod(0o644)
        assert listener.end() == 0
