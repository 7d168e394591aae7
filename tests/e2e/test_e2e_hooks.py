"""The examples of examples/ as a merchant would use them: the account is credited, once, whatever is killed."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from merchant import Merchant, eventually

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def crediting(merchant: Merchant) -> Merchant:
    """A shop whose hook is the example script."""
    shutil.copy(EXAMPLES / "credit_account.py", merchant.folder)
    script = merchant.folder / "credit_account.py"
    script.write_text(script.read_text().replace("#!/usr/bin/env python3", f"#!{sys.executable}"))
    script.chmod(0o755)
    config = merchant.folder / "hooked.toml"
    config.write_text('[hooks]\non_paid = ["./credit_account.py", "accounts.db"]\n')
    merchant.environ["APAY_CONFIG"] = str(config)
    return merchant


def credits(merchant: Merchant) -> list[str]:
    if not (merchant.folder / "accounts.db").exists():
        return []
    with closing(sqlite3.connect(merchant.folder / "accounts.db")) as db:
        try:
            return [row[0] for row in db.execute("SELECT charge_id FROM credits ORDER BY charge_id")]
        except sqlite3.OperationalError:
            return []


def charge_ids(merchant: Merchant) -> list[str]:
    return sorted(charge.telegram_payment_charge_id for charge in merchant.world.books.charges)


def test_each_receipt_credits_the_account_and_a_flagged_one_waits_for_its_release(crediting: Merchant) -> None:
    payload = crediting.sell("--single-use")
    with crediting.listening() as listener:
        checkout = crediting.press(payload)
        crediting.pay(checkout)
        crediting.pay(checkout)  # a second charge for one use: a duplicate
        eventually(lambda: len(credits(crediting)) == 1)
        crediting.quiet()
        assert len(credits(crediting)) == 1
        crediting.apay("hooks", "release", "2")
        eventually(lambda: credits(crediting) == charge_ids(crediting))
        eventually(lambda: [r.hook_state for r in crediting.receipts()] == ["done", "done"])
        assert listener.end() == 0


def test_killed_while_hooks_run_every_account_is_credited_once(crediting: Merchant) -> None:
    payload = crediting.sell()
    for buyer in range(2_000, 2_006):
        with crediting.listening() as listener:
            crediting.pay(crediting.press(payload, buyer))
            listener.wait_for("PAID", "out")
            listener.kill()
    with crediting.listening() as listener:
        eventually(lambda: credits(crediting) == charge_ids(crediting))
        eventually(lambda: {r.hook_state for r in crediting.receipts()} == {"done"})
        assert listener.end() == 0
    crediting.check_books()


def test_the_receiver_believes_a_signed_post_and_nothing_else(merchant: Merchant) -> None:
    secret = "a secret of twenty-six chars"
    receiver = subprocess.Popen(
        [sys.executable, "-u", "-c", _RECEIVER.format(path=str(EXAMPLES / "receiver.py"))],
        env=merchant.environ | {"APAY_HOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert receiver.stdout is not None
        url = f"http://127.0.0.1:{receiver.stdout.readline().strip()}/paid"
        config = merchant.folder / "hooked.toml"
        config.write_text(f'[hooks]\non_paid_url = "{url}"\n')
        merchant.environ |= {"APAY_CONFIG": str(config), "APAY_HOOK_SECRET": secret}
        payload = merchant.sell()
        with merchant.listening() as listener:
            merchant.pay(merchant.press(payload))
            eventually(lambda: [r.hook_state for r in merchant.receipts()] == ["done"])
            assert listener.end() == 0
        assert receiver.stdout.readline().strip() == "paid: rubber-duck 49900 INR"
        assert _status(url, b"{}", "t=1,v1=00") == 403
        assert _status(url, b"{}", "") == 403
    finally:
        receiver.kill()
        receiver.communicate()


# The example, on a port of its own choice.
_RECEIVER = """
import runpy, sys
from http.server import HTTPServer
Receiver = runpy.run_path({path!r})["Receiver"]
server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
"""


def _status(url: str, body: bytes, signature: str) -> int:
    from urllib.error import HTTPError

    try:
        with urlopen(Request(url, body, {"Apay-Signature": signature}), timeout=5) as response:
            return int(response.status)
    except HTTPError as error:
        error.close()
        return error.code
