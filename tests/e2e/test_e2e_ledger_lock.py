"""Who uses the ledger, across users and home folders: the lock belongs to the ledger."""

import os
import pwd
import shutil
import sys
from pathlib import Path

import pytest
from merchant import Merchant, Running

NOBODY = 65534


def me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def elsewhere(merchant: Merchant) -> dict[str, str]:
    """The environment of somebody with another home folder."""
    home = merchant.folder / "another-home"
    home.mkdir(exist_ok=True)
    return merchant.environ | {"HOME": str(home), "XDG_STATE_HOME": str(home / "state")}


def test_another_home_is_no_way_around_the_lock(merchant: Merchant) -> None:
    merchant.sell()
    backups = merchant.folder / "backups"
    merchant.apay("backup", "--to", str(backups))
    (backup,) = backups.iterdir()
    with merchant.listening() as listener:
        merchant.environ = elsewhere(merchant)
        for arguments in (
            ("listen",),
            ("restore", str(backup), "--yes"),
            ("purge", "--before", "2026-01-01", "--yes"),
        ):
            refused = merchant.apay(*arguments, code=7)
            assert any(f"(pid {listener.pid}, user {me()})" in line for line in refused.err), refused.err
        assert listener.end() == 0
    merchant.apay("restore", str(backup), "--yes")


def test_a_link_to_the_ledger_is_the_same_ledger(merchant: Merchant) -> None:
    merchant.sell()
    link = merchant.folder / "link.db"
    link.symlink_to(merchant.ledger)
    with merchant.listening() as listener:
        merchant.environ = elsewhere(merchant) | {"APAY_STORE": str(link)}
        refused = merchant.apay("listen", code=7)
        assert any(f"pid {listener.pid}," in line for line in refused.err)


def test_a_killed_holder_is_no_obstacle(merchant: Merchant) -> None:
    merchant.sell()
    with merchant.listening() as listener:
        listener.kill()
    merchant.environ = elsewhere(merchant)
    merchant.apay("listen", "--once")


# Another user may not read the interpreter's folder: everything is imported before root becomes nobody.
AS_NOBODY = f"""
import importlib, os, pkgutil, sys
import aiohttp, encodings, httpx
import apaycli
import importlib.readers
for module in pkgutil.iter_modules(encodings.__path__, "encodings."):
    if module.name not in ("encodings.mbcs", "encodings.oem"):
        importlib.import_module(module.name)
for module in pkgutil.walk_packages(apaycli.__path__, "apaycli."):
    if module.name != "apaycli.__main__":
        importlib.import_module(module.name)
from apaycli.cli.app import main
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be two users")
def test_root_and_the_owner_keep_each_other_out_and_the_owner_is_not_locked_out_afterwards(merchant: Merchant) -> None:
    """The ledger is a normal user's; root comes by."""

    def as_nobody(*arguments: str) -> Running:
        running = Running([sys.executable, "-c", AS_NOBODY, *arguments], merchant.environ, merchant.folder)
        merchant.runs.append(running)
        return running

    merchant.sell()
    backups = merchant.folder / "backups"
    merchant.apay("backup", "--to", str(backups))
    (backup,) = backups.iterdir()
    for path in (merchant.folder, *merchant.folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    for folder in merchant.folder.parents:
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o711)  # pytest's own: without this the owner could not reach it
    own = merchant.folder.parent / "stock of root.toml"  # root trusts no file of another user
    shutil.copy(merchant.environ["APAY_STOCK"], own)
    owners, roots = merchant.environ, elsewhere(merchant) | {"APAY_STOCK": str(own)}

    merchant.environ = roots
    with merchant.listening() as listener:  # makes the lock file
        merchant.environ = owners
        refused = as_nobody("listen")
        assert refused.wait() == 7, refused.err
        assert any(f"(pid {listener.pid}, user {me()})" in line for line in refused.err), refused.err
        assert listener.end() == 0
    lock = Path(f"{merchant.ledger}.lock")
    assert (lock.stat().st_uid, lock.stat().st_mode & 0o777) == (NOBODY, 0o600)

    listener = as_nobody("listen")
    listener.wait_for("ready")
    merchant.environ = roots
    for arguments in (("restore", str(backup), "--yes"), ("listen",)):
        refused = merchant.apay(*arguments, code=7)
        assert any(f"(pid {listener.pid}, user {pwd.getpwuid(NOBODY).pw_name})" in line for line in refused.err)
    assert listener.end() == 0

    os.chown(lock, 0, 0)  # by an older program, or by hand
    merchant.environ = owners
    refused = as_nobody("listen")
    assert refused.wait() == 9, refused.err
    assert any("sudo chown" in line and str(lock) in line for line in refused.err), refused.err
