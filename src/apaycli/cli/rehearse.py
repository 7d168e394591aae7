"""`apay check-live --rehearse`: the merchant's own shop, played against the sandbox with the real program.

Knows the story of a rehearsal and what must come of each step. Uses copies of stock file, terms and sentences in a
folder of its own: hooks, notices, backups and the ledger of the shop are left alone, and nothing leaves this machine.
"""

import csv
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apaycli.cli.env import Env
from apaycli.cli.own_process import Process, clean_environ, next_line, run_to_its_end, running
from apaycli.errors import NotGood, UsageError

_ANSWER_MILLISECONDS_MAX = 3_000
_LONGER_THAN_ANY_TTL_MILLISECONDS = 2 * 86_400_000
_CHANNEL = "@sandbox_channel"
_FIRST, _SECOND, _THIRD = 1001, 1002, 2001
_KEPT_SECTIONS = ("terms", "support", "messages", "declines", "listen")


def rehearse(env: Env) -> None:
    """Play it; each step is told. Raises NotGood with the step that did not go as it should."""
    env.if_interrupted = "your shop was not touched"
    with tempfile.TemporaryDirectory(prefix="apay-rehearsal-") as name:
        folder = Path(name)
        sku = _furnish(folder, env)
        environ = clean_environ(folder)
        with running(environ, folder, "sandbox", "--json") as sandbox:
            environ |= {key: str(value) for key, value in json.loads(_line(sandbox)).items()}
            environ.pop("APAY_LIVE_PROVIDER_TOKEN", None)
            _Rehearsal(folder, environ, env, sku).play()


def _furnish(folder: Path, env: Env) -> str:
    """The shop's files in `folder`, with three units of the first product that is for sale. Returns its SKU."""
    import tomlkit

    product = next((each for each in env.stock.products.values() if not each.paused), None)
    if product is None:
        raise UsageError("there is nothing for sale to rehearse with", hint="apay stock")
    document = tomlkit.parse(env.config.stock_file.read_text("utf-8-sig"))
    table: Any = document["products"]
    table[product.sku]["stock"] = 3
    table[product.sku].pop("max_per_buyer", None)
    (folder / "stock.toml").write_text(tomlkit.dumps(document), "utf-8")
    _write_config(folder, env)
    return product.sku


def _write_config(folder: Path, env: Env) -> None:
    import tomlkit

    from apaycli.config import DURATIONS

    document = tomlkit.document()
    for name, value in env.config.values.items():
        section, _, key = name.partition(".")
        if section in _KEPT_SECTIONS and value is not None and env.config.origins[name] != "default":
            if section not in document:
                document[section] = tomlkit.table()
            is_duration = type(value) is int and name in DURATIONS
            shown = f"{value}s" if is_duration else str(value) if isinstance(value, Path) else value
            document[section][key] = shown
    if "support" in document:
        document["support"].pop("forward_to", None)
    if env.config.decline_wordings:
        document["declines"] = _nested(env.config.decline_wordings)
    (folder / "config.toml").write_text(tomlkit.dumps(document), "utf-8")


def _nested(wordings: Any) -> dict[str, Any]:
    """`bn.sold_out` to a table in a table."""
    found: dict[str, Any] = {}
    for key, text in wordings.items():
        language, dot, reason = key.partition(".")
        (found.setdefault(language, {}) if dot else found)[reason if dot else key] = text
    return found


class _Rehearsal:
    """One story, step by step."""

    def __init__(self, folder: Path, environ: dict[str, str], env: Env, sku: str) -> None:
        from apaycli.sandbox.remote import RemoteBuyers

        self._folder, self._environ, self._env, self._sku = folder, environ, env, sku
        self._buyers = RemoteBuyers(environ["APAY_API_URL"])
        self._payload = ""

    def play(self) -> None:
        self._payload = self._send()
        with self._listening():
            self._step("a buyer buys", self._buys)
            self._step("money that comes late is taken", self._pays_late)
            self._step("the last unit is sold once", self._sells_out)
            self._step("a receipt that comes twice is recorded once", self._comes_twice)
            self._step("money for what is sold out is flagged", self._is_oversold)
        self._step("after kill -9 nothing is missing", self._is_killed)

    def _step(self, name: str, work: Callable[[], str | None]) -> None:
        wrong = work()
        if wrong is not None:
            raise NotGood(
                f"the rehearsal stopped at: {name}: {wrong}", hint="apay check-live --rehearse plays it again"
            )
        self._env.output.say(f"apay: rehearsal: {name}")

    def _send(self) -> str:
        done = self._apay("send-invoice", self._sku, "--to", _CHANNEL, "--uses", "unlimited", "--json")
        return str(json.loads(done)["invoice_payload"])

    def _buys(self) -> str | None:
        checkout = self._press(_FIRST)
        if checkout["outcome"] != "accepted":
            return f"declined: {checkout['error_message']}"
        if checkout["answer_milliseconds"] > _ANSWER_MILLISECONDS_MAX:
            return f"the answer took {checkout['answer_milliseconds']} ms"
        self._pay(checkout)
        return self._expect(1)

    def _pays_late(self) -> str | None:
        """The rehearsal's ledger is told that it is later, which ends the units' time; then the money comes."""
        from apaycli.store.sqlite import open_sqlite

        checkout = self._press(_SECOND)
        store = open_sqlite(self._folder / "apay.db")
        try:
            with store.transaction() as tx:
                tx.expire_reservations(self._env.clock.now() + _LONGER_THAN_ANY_TTL_MILLISECONDS)
        finally:
            store.close()
        self._pay(checkout)
        return self._expect(2) or self._flagged("late")

    def _sells_out(self) -> str | None:
        last, more = self._press(_SECOND), self._press(_THIRD)
        self._pay(last)
        if (last["outcome"], more["outcome"]) != ("accepted", "declined"):
            return f"the last unit: {last['outcome']}, one more: {more['outcome']}"
        return self._expect(3)

    def _comes_twice(self) -> str | None:
        self._buyers.act("redeliver", last=3, new_ids=True)
        return self._expect(3)

    def _is_oversold(self) -> str | None:
        checkout = self._press(_THIRD)
        self._buyers.act("pay", checkout_id=checkout["checkout_id"], force=True)
        return self._expect(4) or self._flagged("oversold")

    def _is_killed(self) -> str | None:
        """Paid while nobody listens: the listener is killed, the money comes, the next one finds it."""
        with self._listening() as listener:
            listener.kill()
            listener.wait()
        checkout = self._buyers.look("ledger")["checkouts"][0]
        self._buyers.act("pay", checkout_id=checkout["checkout_id"])
        with self._listening():
            return self._expect(5)

    # -- how --------------------------------------------------------------------------------------------------------

    def _press(self, buyer: int) -> dict[str, Any]:
        """Agree to the terms where they are asked for, then press Pay, from a country that is delivered to."""
        self._agree(buyer)
        fields: dict[str, Any] = {"payload": self._payload, "buyer": buyer, "wait": True}
        product = self._env.stock.products[self._sku]
        if product.shipping:
            country = next(iter(product.shipping[0].countries), "IN")
            parts = dict.fromkeys(("state", "city", "street_line1", "street_line2", "post_code"), "x")
            fields["order_info"] = {"shipping_address": {"country_code": country, **parts}}
        return self._buyers.act("press_pay", **fields)

    def _agree(self, buyer: int) -> None:
        if not self._env.config.values.get("terms.require_acceptance"):
            return
        self._buyers.act("send_text", user=buyer, text="/terms")
        button = self._wait_for(lambda: self._button(buyer), "no button under /terms")
        self._buyers.act("press_button", user=buyer, chat_id=buyer, **button, wait=True)

    def _button(self, buyer: int) -> dict[str, Any] | None:
        for message in reversed(self._buyers.look(f"messages?chat_id={buyer}")["messages"]):
            for row in message.get("reply_markup", {}).get("inline_keyboard", []):
                if str(row[0].get("callback_data", "")).startswith("a:"):
                    return {"message_id": message["message_id"], "data": row[0]["callback_data"]}
        return None

    def _pay(self, checkout: dict[str, Any]) -> None:
        self._buyers.act("pay", checkout_id=checkout["checkout_id"])

    def _expect(self, count: int) -> str | None:
        """So many receipts, and after a moment no more."""
        try:
            self._wait_for(lambda: len(self._receipts()) >= count or None, "")
        except NotGood:
            return f"{len(self._receipts())} receipt(s), {count} were paid"
        self._wait_for(
            lambda: self._buyers.look("state")["pending_update_count"] == 0 or None, "updates are left waiting"
        )
        found = len(self._receipts())
        return None if found == count else f"{found} receipt(s), {count} were paid"

    def _flagged(self, flag: str) -> str | None:
        """What the newest receipt says of itself."""
        found = self._receipts()[-1]["flag"]
        return None if found == flag else f"its flag is {found or 'none'}"

    def _wait_for(self, look: Callable[[], Any], complaint: str) -> Any:
        deadline = time.monotonic() + 20
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise NotGood(f"the rehearsal stopped: {complaint}")
            time.sleep(0.05)
        return found

    def _receipts(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self._apay("export", "--csv"))))

    def _apay(self, *arguments: str) -> str:
        done = run_to_its_end(self._environ, self._folder, *arguments)
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["?"])[-1]
            raise NotGood(f"the rehearsal stopped: apay {arguments[0]} ended with {done.returncode}: {said}")
        return done.stdout

    @contextmanager
    def _listening(self) -> Iterator[Process]:
        with running(self._environ, self._folder, "listen", "--json") as listener:
            while '"ready"' not in _line(listener):
                pass
            yield listener


def _line(process: Process) -> str:
    line = next_line(process.stdout)
    if line is None:
        raise NotGood("the rehearsal stopped: a part of it ended too soon")
    return line
