"""What a command writes for its user is never a file of the shop, never written through a link, and private."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shop import Done, Shop
from sold_ledger import sell_a_day

CONFIG = """\
[bot]
token_file = "bot-token"
[provider]
test_token_file = "provider-test-token"
[messages]
file = "messages.toml"
[terms]
text_file = "terms.txt"
[hooks]
on_paid = ["./credit.py", "script.py"]
[backup]
dir = "backups"
after = ["/bin/sh", "copy.sh"]
"""
BACKUP = "apay-20260101T000000Z.db.gz"
CONF = ".config/apay"
# What is there, and what would be the shop's if it were; relative to the shop's folder.
THERE = {
    "the ledger": "apay.db",
    "its log": "apay.db-wal",
    "its index": "apay.db-shm",
    "its lock": "apay.db.lock",
    "the mark of hooks": "apay.db.hooks",
    "a ledger that was kept": "apay.db.before-20260101T000000Z",
    "the stock file": "stock.toml",
    "the config": f"{CONF}/config.toml",
    "the messages": f"{CONF}/messages.toml",
    "the terms": f"{CONF}/terms.txt",
    "the bot token": f"{CONF}/bot-token",
    "the provider token": f"{CONF}/provider-test-token",
    "a hook": f"{CONF}/credit.py",
    "its script": f"{CONF}/script.py",
    "a program of the backup": f"{CONF}/copy.sh",
    "a backup": f"{CONF}/backups/{BACKUP}",
    "a lock": ".local/state/apay/listener-1.lock",
    "what init kept": f"{CONF}/config.toml.before",
}
NOT_YET = {
    "a log": "apay.db-journal",
    "a token": f"{CONF}/provider-live-token",
    "a newer backup": f"{CONF}/backups/apay-20990101T000000Z.db.gz.enc",
    "the stock file in capitals": "STOCK.TOML",
    "state": ".local/state/apay/last-bug.txt",
}
WRITERS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "csv": lambda file: ("export", "--csv", file, "--force"),
    "json": lambda file: ("export", "--json", file, "--force"),
    "xlsx": lambda file: ("export", "--xlsx", file, "--force"),
    "preset": lambda file: ("export", "--preset", "hledger", "--mode", "test", file, "--force"),
    "stats": lambda file: ("stats", "--html", file, "--force"),
    "check-live": lambda file: ("check-live", "--offline", "--report", file, "--force"),
}


@pytest.fixture
def full(shop: Shop) -> Shop:
    """A shop that has every kind of file, and sales."""
    with shop.store() as store:
        sell_a_day(store)
    for name in THERE.values():
        path = shop.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text("")
            path.chmod(0o700)
    (shop.folder / CONF / "terms.txt").write_text("No returns.")
    (shop.folder / CONF / "bot-token").write_text(shop.world.bot_token)
    (shop.folder / CONF / "provider-test-token").write_text(shop.world.test_provider_token)
    shop.write_config(CONFIG)
    for name in ("APAY_BOT_TOKEN", "APAY_TEST_PROVIDER_TOKEN"):
        del shop.environ[name]
    for name in ("apay.db-wal", "apay.db-shm"):
        (shop.folder / name).unlink()
        (shop.folder / name).touch()
    return shop


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each file with its inode: replaced by the same is replaced, too."""
    return {
        str(path): (path.lstat().st_ino, b"" if path.name.endswith("-shm") else path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(shop: Shop, *arguments: str) -> str:
    before = snapshot(shop.folder)
    done: Done = shop.run(*arguments)
    assert (done.code, done.out) == (2, ""), done
    assert snapshot(shop.folder) == before
    return done.err


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["apay.db", "apay.db-wal", f"{CONF}/config.toml", f"{CONF}/bot-token"])
def test_no_command_writes_over_the_shop(full: Shop, writer: str, name: str) -> None:
    assert " of this shop" in refused(full, *WRITERS[writer](str(full.folder / name)))


@pytest.mark.parametrize("place", {**THERE, **NOT_YET})
def test_no_file_of_the_shop_is_written_over(full: Shop, place: str) -> None:
    name = {**THERE, **NOT_YET}[place]
    assert " of this shop" in refused(full, *WRITERS["csv"](str(full.folder / name)))


@pytest.mark.parametrize("place", THERE)
def test_nor_by_another_name(full: Shop, place: str) -> None:
    """Another spelling, a hard link, and a folder that is a link; a symbolic link is never written to at all."""
    file = full.folder / THERE[place]
    (full.folder / "aside").mkdir()
    (full.folder / "there").symlink_to(file.parent)
    for spelling in (f"{file.parent}/../{file.parent.name}/./{file.name}", str(full.folder / "there" / file.name)):
        assert " of this shop" in refused(full, *WRITERS["csv"](spelling))
    os.link(file, full.folder / "aside" / "receipts.csv")
    assert " of this shop" in refused(full, *WRITERS["csv"](str(full.folder / "aside" / "receipts.csv")))
    (full.folder / "aside" / "link.csv").symlink_to(file)
    assert "is a symbolic link" in refused(full, *WRITERS["csv"](str(full.folder / "aside" / "link.csv")))


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_written_is_private_and_the_old_file_is_replaced_not_written_to(full: Shop, writer: str) -> None:
    target, second = full.folder / "november.out", full.folder / "second"
    target.write_text("mine")
    target.chmod(0o644)
    os.link(target, second)
    done = full.run(*WRITERS[writer](str(target)))
    assert done.code in {0, 6}, done.err
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_size > 100
    assert second.read_text() == "mine"
    assert [path.name for path in full.folder.glob(".*.part")] == []


@pytest.mark.parametrize("writer", WRITERS)
def test_names_that_no_disk_takes_are_told_of(full: Shop, writer: str) -> None:
    said = refused(full, *WRITERS[writer](str(full.folder / ("n" * 300))))
    assert "File name too long" in said
    assert "bug" not in said


@pytest.mark.parametrize("writer", WRITERS)
def test_the_longest_name_that_a_disk_takes_is_good(full: Shop, writer: str) -> None:
    done = full.run(*WRITERS[writer](str(full.folder / ("n" * 255))))
    assert done.code in {0, 6}, done.err


@pytest.mark.parametrize("writer", WRITERS)
def test_a_name_never_commands_the_terminal(full: Shop, writer: str) -> None:
    target = str(full.folder / "\x1b]0;owned\x07.out")
    done = full.run(*WRITERS[writer](target))
    assert done.code in {0, 6}, done.err
    done_again = full.run(*WRITERS[writer](target)[:-1])
    assert done_again.code == 2
    assert "\x1b" not in done.err + done.out + done_again.err


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="makes what /dev has")
@pytest.mark.parametrize("leads_to", ["/dev/null", "/dev/full", "/proc/self/fd/1"])
def test_a_stream_is_no_file_and_stdout_has_a_name(full: Shop, leads_to: str) -> None:
    """As /dev/stdout is: a link. One of our own, for root may replace the real one, and a mistake here would."""
    link = full.folder / "stdout"
    link.symlink_to(leads_to)
    assert not refused(full, *WRITERS["csv"](str(link))).count("bug")
    assert link.is_symlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_a_pipe_is_no_file_and_stdout_has_a_name(full: Shop) -> None:
    """As `>(program)` is. It is not opened: without a reader that would wait for ever."""
    os.mkfifo(full.folder / "pipe")
    said = full.run(*WRITERS["csv"](str(full.folder / "pipe")))
    assert said.code == 2
    assert "is not a regular file" in said.err
    assert "- writes to stdout" in said.err


def test_a_file_that_appears_meanwhile_is_not_replaced_unasked(full: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look before the work is long over when the file gets its name."""
    target, fsync = full.folder / "receipts.csv", os.fsync

    def meanwhile(descriptor: int) -> None:
        fsync(descriptor)
        target.write_text("somebody else's")

    monkeypatch.setattr(os, "fsync", meanwhile)
    done = full.run("export", str(target))
    assert (done.code, done.out) == (2, "")
    assert "already exists" in done.err
    assert target.read_text() == "somebody else's"
    assert list(full.folder.glob(".*.part")) == []


def test_a_disk_without_hard_links_is_good_as_well(full: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exFAT stick."""

    def refuse(*_names: object, **_how: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert full.run("export", str(full.folder / "receipts.csv")).code == 0
    assert full.run("export", str(full.folder / "receipts.csv")).code == 2


# -- pictures ---------------------------------------------------------------------------------------------------------

QR = ("send-invoice", "rubber-duck", "--link", "--qr")


def sent(shop: Shop) -> int:
    return sum(record.method == "createInvoiceLink" for record in shop.world.requests.records)


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_picture_is_not_drawn_through_a_link_and_nothing_is_sent(full: Shop, force: tuple[str, ...]) -> None:
    (full.folder / "soft.png").symlink_to(full.ledger)
    os.link(full.ledger, full.folder / "hard.png")
    assert "is a symbolic link" in refused(full, *QR, str(full.folder / "soft.png"), *force)
    assert " of this shop" in refused(full, *QR, str(full.folder / "hard.png"), *force)
    assert sent(full) == 0


def test_a_picture_replaces_one_that_is_there_by_force_alone(full: Shop) -> None:
    picture = full.folder / "duck.png"
    picture.write_text("mine")
    done = full.run(*QR, str(picture))
    assert (done.code, sent(full)) == (2, 0)
    assert "apay: hint: --force replaces it" in done.err
    assert picture.read_text() == "mine"
    assert full.run(*QR, str(picture), "--force").code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_mode & 0o777 == 0o600
    assert full.run(*QR[:-1], "--force").code == 2  # it replaces a picture: there is none


def test_the_pictures_of_links_are_as_careful(full: Shop) -> None:
    folder = full.folder / "pictures"
    folder.mkdir()
    (folder / "bear.png").symlink_to(full.ledger)
    assert "is a symbolic link" in refused(full, "links", "--qr", str(folder), "--force")
    (folder / "bear.png").unlink()
    assert full.run("links", "--qr", str(folder)).code == 0
    assert "--force replaces it" in refused(full, "links", "--qr", str(folder))
    assert full.run("links", "--qr", str(folder), "--force").code == 0


# -- other ways to write ----------------------------------------------------------------------------------------------


def test_a_secret_is_not_put_where_another_file_of_the_shop_lies(full: Shop) -> None:
    full.environ["APAY_BOT_TOKEN"] = full.world.bot_token
    for name in ("../../apay.db", "terms.txt", "config.toml"):
        full.write_config(CONFIG.replace('token_file = "bot-token"', f'token_file = "{name}"', 1))
        before = snapshot(full.folder)
        done = full.run("config", "set-secret", "bot-token", "-", "--yes", stdin=full.world.bot_token + "\n")
        assert done.code == 2, done
        assert " of this shop" in done.err
        assert snapshot(full.folder) == before


def test_a_folder_of_evidence_takes_no_place_of_the_shop(full: Shop) -> None:
    full.run("disputes", "open", "1", "--reason", "not received", "--yes")
    (full.folder / CONF / "backups" / BACKUP).unlink()
    for place in (full.folder / CONF / "backups", full.folder / CONF / "provider-live-token"):
        assert " of this shop" in refused(full, "disputes", "folder", "1", str(place))
