"""The installed `apay restore` is given what is no backup, or is killed half-way: nothing hangs, fills or stays."""

import gzip
import os
import signal
import sqlite3
from pathlib import Path

import pytest
from merchant import RAHIM, Merchant, eventually


def sold_and_backed_up(merchant: Merchant, *buyers: int) -> Path:
    payload = merchant.sell()
    with merchant.listening() as listener:
        for buyer in buyers:
            merchant.pay(merchant.press(payload, buyer))
            merchant.quiet()
        listener.end()
    merchant.apay("backup", "--to", "backups")
    (backup,) = (merchant.folder / "backups").glob("apay-*.db.gz")
    return backup


def scratch(merchant: Merchant) -> list[str]:
    return [path.name for path in merchant.folder.rglob(".apay-*")]


def used_bytes(merchant: Merchant) -> int:
    return sum(path.lstat().st_size for path in merchant.folder.rglob("*"))


@pytest.mark.parametrize("kind", ["/dev/zero", "fifo", "folder", "link to /dev/zero"])
def test_a_device_or_a_fifo_is_refused_at_once(merchant: Merchant, kind: str) -> None:
    path = merchant.folder / "given.db"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "/dev/zero":
        path.symlink_to("/dev/zero")
    else:
        path = Path(kind)
    before = used_bytes(merchant)
    for option in ("--dry-run", "--yes"):
        refused = merchant.apay("restore", str(path), option, code=9)
        assert f"{path} is not a regular file" in "\n".join(refused.err)
    assert used_bytes(merchant) - before < 10_000
    assert scratch(merchant) == []


def test_a_bomb_writes_nothing(merchant: Merchant) -> None:
    path = merchant.folder / "bomb.db.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(200):
            file.write(bytes(1024 * 1024))
    before = used_bytes(merchant)
    for option in ("--dry-run", "--yes"):
        refused = merchant.apay("restore", str(path), option, code=9)
        assert "it is no SQLite file" in "\n".join(refused.err)
    assert used_bytes(merchant) - before < 10_000


def test_a_backup_that_would_delete_receipts_is_refused_and_its_ledger_not_listened_on(merchant: Merchant) -> None:
    backup = sold_and_backed_up(merchant, RAHIM)
    evil = merchant.folder / "evil.db"
    evil.write_bytes(gzip.decompress(backup.read_bytes()))
    db = sqlite3.connect(evil)
    db.execute("CREATE TRIGGER x AFTER INSERT ON receipts BEGIN DELETE FROM receipts; END")
    db.close()
    refused = merchant.apay("restore", str(evil), "--yes", code=9)
    assert "the trigger x is none of apay's" in "\n".join(refused.err)
    assert len(merchant.receipts()) == 1
    evil.replace(merchant.ledger)  # by hand, past us
    for log in ("-wal", "-shm"):
        merchant.ledger.with_name(f"apay.db{log}").unlink(missing_ok=True)
    assert "the trigger x is none of apay's" in "\n".join(merchant.apay("listen", "--once", code=9).err)
    verified = merchant.apay("verify", code=6)
    assert "schema\tthe trigger x is none of apay's" in verified.out


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_what_a_killed_run_leaves_goes_with_the_next_one(merchant: Merchant, number: int) -> None:
    backup = sold_and_backed_up(merchant, RAHIM)
    encrypted = backup.rename(merchant.folder / "kept.db.gz.enc")
    slow = merchant.folder / "slow"  # a part of it, and then nothing for as long as apay lives
    slow.write_text("#!/bin/sh\nhead -c 1000\ntouch begun\nwhile kill -0 $PPID; do sleep 0.1; done\n")
    slow.chmod(0o700)
    config = merchant.folder / "config" / "apay" / "config.toml"
    config.parent.mkdir(parents=True)
    config.touch(0o600)
    config.write_text(f'[backup]\ndecrypt = ["{slow}"]\n')
    running = merchant.start("restore", str(encrypted), "--yes")
    eventually((config.parent / "begun").exists)
    assert len(scratch(merchant)) == 1
    other = merchant.start("restore", "/dev/zero", "--dry-run")  # a run that goes on loses nothing to another one
    assert other.wait() == 9
    merchant.apay("backup", "--to", "more")
    assert len(scratch(merchant)) == 1
    (folder,) = merchant.folder.glob(".apay-restore-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    if number == signal.SIGKILL:
        running.kill()
        assert len(scratch(merchant)) == 1
        merchant.apay("backup", "--to", "more")
    else:
        assert running.end(number) == 128 + number
    assert scratch(merchant) == []
    config.write_text('[backup]\ndecrypt = ["cat"]\n')
    merchant.apay("restore", str(encrypted), "--yes")
    merchant.apay("verify")


def test_two_buyers_never_have_the_same_number(merchant: Merchant) -> None:
    backup = sold_and_backed_up(merchant, 5001, 5002)
    payload = merchant.sell()
    with merchant.listening() as listener:
        for buyer in (5003, 5004):
            merchant.pay(merchant.press(payload, buyer))
            merchant.quiet()
        told = {receipt.receipt_id: receipt.buyer_id for receipt in merchant.receipts()}
        listener.end()
    merchant.apay("restore", str(backup), "--yes")
    status = merchant.apay("status", code=6)
    assert sum(line.startswith("MISSING\t") for line in status.out) == 2
    payload = merchant.sell()
    with merchant.listening() as listener:
        merchant.pay(merchant.press(payload, 5005))
        merchant.quiet()
        listener.end()
    for receipt in merchant.receipts():
        assert told.setdefault(receipt.receipt_id, receipt.buyer_id) == receipt.buyer_id
    assert len(told) == 5
    merchant.apay("verify")
    merchant.apay("status", "--acknowledge")
