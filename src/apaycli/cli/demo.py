"""`apay demo`: a whole purchase, offline, with the real commands.

Knows the story and how to tell it. Every line of output that is not told is what the real commands printed,
run as processes of their own against the sandbox.
"""

import json
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.own_process import Process, clean_environ, next_line, run_to_its_end, running
from apaycli.errors import ApayError

_RAHIM, _ASHA = 1001, 1002
_CHANNEL = "@sandbox_channel"
_STOCK = """\
currency = "INR"

[products.rubber-duck]
title = "Rubber duck"
description = "Yellow, 8 cm."
price = 499
stock = 1
sold_out = "Sorry, all out of rubber ducks! May we offer a cast iron bear instead?"
"""


@dataclass
class _Stage:
    """The folder and the environment in which the demo's commands run."""

    folder: Path
    environ: dict[str, str]
    env: Env

    def tell(self, line: str) -> None:
        self.env.output.out(self.env.output.paint(line, "bold", self.env.output.stdout))
        self.env.output.flush()

    def show(self, text: str) -> None:
        for line in text.splitlines():
            self.env.output.out(("    " + line).rstrip())
        self.env.output.flush()

    def apay(self, *arguments: str) -> str:
        """Run a real command to its end and show what a merchant would see. Returns its stdout."""
        self.show("$ apay " + " ".join(arguments))
        done = run_to_its_end(self.environ, self.folder, *arguments)
        self.show(done.stderr + done.stdout)
        if done.returncode:
            raise ApayError(f"the demo's apay {arguments[0]} ended with {done.returncode}")
        return done.stdout

    def running(self, *arguments: str) -> AbstractContextManager[Process]:
        """A real command as a process beside us."""
        return running(self.environ, self.folder, *arguments)


@command
def demo(env: Env) -> None:
    """Play a whole purchase offline: a sandbox, an invoice, a buyer, a receipt, and one buyer too many.

    Nothing leaves this machine. Example:

      apay demo
    """
    run(env)


def run(env: Env) -> None:
    started = time.monotonic()
    env.if_interrupted = "nothing of it is left"
    with tempfile.TemporaryDirectory(prefix="apay-demo-") as name:
        folder = Path(name)
        (folder / "stock.toml").write_text(_STOCK, "utf-8")
        stage = _Stage(folder, clean_environ(folder), env)
        stage.tell("1. A shop with one rubber duck. This is its stock file:")
        stage.show(_STOCK)
        with stage.running("sandbox", "--json", "--seed", "1") as sandbox:
            stage.environ |= json.loads(_line(sandbox.stdout))
            _play(stage)
    env.output.out(
        f"\nThat was {time.monotonic() - started:.1f} s, offline. Next: your first real invoice, in README.md"
    )


def _play(stage: _Stage) -> None:
    from apaycli.sandbox.remote import RemoteBuyers

    buyers = RemoteBuyers(stage.environ["APAY_API_URL"])
    stage.tell("\n2. Telegram, A-Pay and two buyers are played by the sandbox. An invoice goes to a channel:")
    stage.apay("send-invoice", "rubber-duck", "--to", _CHANNEL)
    stage.tell("\n3. The listener, a process of its own, waits for Telegram's questions:")
    stage.show("$ apay listen")
    with stage.running("listen") as listener:
        _show_until(stage, listener.stderr, "ready")
        sold = _buy(stage, buyers, listener)
        stage.tell("\n6. Asha presses Pay, too late. Telegram shows her the shop's own sentence:")
        refused = buyers.act("press_pay", payload=sold, buyer=_ASHA, wait=True)
        stage.show(_line(listener.stdout))
        stage.show(f"Asha reads: {refused['error_message']}")
    stage.tell("\n7. What is left, and the books:")
    stage.apay("stock")
    stage.apay("export", "--csv", "--columns", "paid_at,sku,amount,currency,buyer_name,telegram_payment_charge_id")


def _buy(stage: _Stage, buyers: Any, listener: Process) -> str:
    """Rahim's purchase. Returns the payload of the invoice that he paid."""
    payload = str(buyers.look("ledger")["invoices"][0]["payload"])
    stage.tell('\n4. Rahim presses Pay. Telegram asks the bot "may I charge?" and would wait 10 seconds:')
    checkout = buyers.act("press_pay", payload=payload, buyer=_RAHIM, wait=True)
    stage.show(_line(listener.stdout))
    stage.show(f"Telegram had its answer after {checkout['answer_milliseconds']} ms: {checkout['outcome']}")
    stage.tell("\n5. A-Pay's page opens, Rahim pays there. Telegram says so once; the receipt is on disk:")
    charge = buyers.act("pay", checkout_id=checkout["checkout_id"])
    stage.show(_line(listener.stdout))
    stage.show(f"charge id {charge['telegram_payment_charge_id']}")
    return payload


def _line(stream: IO[str] | None) -> str:
    line = next_line(stream)
    if line is None:
        raise ApayError("a part of the demo ended too soon")
    return line


def _show_until(stage: _Stage, stream: IO[str] | None, word: str) -> None:
    while True:
        line = _line(stream)
        stage.show(line)
        if word in line:
            return
