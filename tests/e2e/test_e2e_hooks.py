"""The examples of examples/ as a merchant would use them: the account is credited, once, whatever is killed."""

import fcntl
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from merchant import CANARIES, Merchant, eventually

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


# -- a hook and the end of the listener -------------------------------------------------------------------------------

# Runs alone, or says that it does not: the lock is its own, and what it starts holds it as well.
_ALONE = """#!{python}
import fcntl, os, sys, time
sys.stdin.read()
alone = open("alone", "a")
try:
    fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    os.write(os.open("marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND), b"beside another\\n")
    sys.exit(0)
{before}
os.write(os.open("marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND), b"started\\n")
while not os.path.exists("enough"):
    time.sleep(0.005)
os.write(os.open("marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND), b"ended\\n")
"""
_LINGERING = {
    "a program": "",
    "a child in its group": "if os.fork():\n    os.wait()\n    sys.exit(0)",
    "a child in a session of its own": "if os.fork() == 0:\n    os.setsid()\nelse:\n    os.wait()\n    sys.exit(0)",
    "one that ignores signals": "import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]",
}


def marks(merchant: Merchant) -> list[str]:
    path = merchant.folder / "marks"
    return path.read_text().splitlines() if path.exists() else []


def nothing_runs(merchant: Merchant) -> bool:
    """Neither the hook nor what it has started: each holds the lock."""
    with (merchant.folder / "alone").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.fixture
def alone(merchant: Merchant, request: pytest.FixtureRequest) -> Iterator[Merchant]:
    """A shop whose hook lasts until the file `enough` is there."""
    script = merchant.folder / "alone.py"
    script.write_text(_ALONE.format(python=sys.executable, before=request.param))
    script.chmod(0o755)
    config = merchant.folder / "hooked.toml"
    config.write_text('[hooks]\non_paid = ["./alone.py"]\n')
    merchant.environ["APAY_CONFIG"] = str(config)
    yield merchant
    (merchant.folder / "enough").touch()


@pytest.mark.parametrize("alone", _LINGERING.values(), ids=_LINGERING, indirect=True)
def test_a_hook_ends_with_a_killed_listener_and_never_runs_beside_its_repetition(alone: Merchant) -> None:
    payload = alone.sell()
    with alone.listening() as listener:
        alone.pay(alone.press(payload))
        eventually(lambda: marks(alone) == ["started"])
        listener.kill()
    for count in (2, 3):
        with alone.listening() as listener:
            eventually(lambda count=count: len(marks(alone)) == count)
            listener.kill()
    eventually(lambda: nothing_runs(alone))  # with no listener to end it
    (alone.folder / "enough").touch()
    with alone.listening() as listener:
        eventually(lambda: [r.hook_state for r in alone.receipts()] == ["done"])
        assert listener.end() == 0
    assert marks(alone) == ["started"] * 4 + ["ended"]


@pytest.mark.parametrize("alone", [""], ids=["a program"], indirect=True)
def test_a_polite_stop_ends_the_hook_too(alone: Merchant) -> None:
    payload = alone.sell()
    with alone.listening() as listener:
        alone.pay(alone.press(payload))
        eventually(lambda: marks(alone) == ["started"])
        assert listener.end() == 0
    assert nothing_runs(alone)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("alone", [""], ids=["a program"], indirect=True)
def test_tokens_have_left_the_environment_of_the_listener_before_a_hook_can_look(alone: Merchant) -> None:
    alone.environ |= {"MINE": "a-token-of-a-name-of-my-own:canary", "HARMLESS": "stays"}
    config = alone.folder / "hooked.toml"
    config.write_text('[hooks]\non_paid = ["./alone.py"]\n[apay]\napi_key = "${MINE}"\n')
    config.chmod(0o600)
    payload = alone.sell()
    with alone.listening() as listener:
        alone.pay(alone.press(payload))
        eventually(lambda: marks(alone) == ["started"])
        environment = Path(f"/proc/{listener.pid}/environ").read_bytes()
        assert b"HARMLESS=stays" in environment
        assert b"APAY_STORE" in environment
        assert not [word for word in (*CANARIES, "canary") if word.encode() in environment]
        assert listener.end() == 0
