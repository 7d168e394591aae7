"""Deliberate mistakes. Each is one that a tired person could make, and each must turn the suite red.

`before` must stand in the file exactly once; a change of the source that moves it is noticed. `tests` are
those that should notice; they run on a copy, in a process of their own.
"""

from dataclasses import dataclass

SIMULATION = ("tests/simulation", "--seeds", "150")
CORE = ("tests/core",)
STORE = ("tests/store",)
LISTEN = ("tests/listen",)
HOOKS = ("tests/listen/test_listen_hooks.py",)


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...] = SIMULATION


MUTANTS = (
    Mutant(
        "confirm before the batch is on disk",
        "listen/listener.py",
        "                await to_its_end(self._take_group(processor, sender, upkeep, group, arrived))\n",
        "                asyncio.ensure_future(self._take_group(processor, sender, upkeep, group, arrived))\n",
    ),
    Mutant(
        "answer before the commit",
        "listen/listener.py",
        "        left = arrived + _DECIDE_SECONDS_MAX - self._clock.monotonic()\n",
        "        from apaycli.core.model import Decision\n"
        "        for each in group:\n"
        "            if isinstance(each.update, PreCheckoutQuery):\n"
        "                yes = Decision(each.update.pre_checkout_query_id, ok=True)\n"
        "                sender.send(Answer(each.update, yes, None, fresh=False), arrived)\n"
        "        left = arrived + _DECIDE_SECONDS_MAX - self._clock.monotonic()\n",
    ),
    Mutant(
        "drop updates whose id is not higher than the last",
        "listen/processor.py",
        "        return [Received(raw, parse_update(raw, self.bot_username)) for raw in raws]\n",
        "        batch = [Received(raw, parse_update(raw, self.bot_username)) for raw in raws]\n"
        "        last = getattr(self, 'last', 0)\n"
        "        self.last = max([last, *(r.update.update_id or 0 for r in batch)])\n"
        "        return [r for r in batch if (r.update.update_id or 0) > last]\n",
    ),
    Mutant(
        "decide again instead of repeating",
        "listen/processor.py",
        "        if again is not None:\n",
        "        if False:\n",
        LISTEN,
    ),
    Mutant(
        "release the units whenever an answer is refused",
        "listen/sender.py",
        "    first_attempt = answer.fresh and delivered.attempts == 1\n",
        "    first_attempt = True\n",
        LISTEN,
    ),
    Mutant(
        "believe a refusal although an earlier attempt may have arrived",
        "listen/delivery.py",
        "        elif self._lost or self._pending:\n",
        "        elif self._lost and self._refusal is None:\n",
        LISTEN,
    ),
    Mutant(
        "send a yes again whose units were given back",
        "listen/processor.py",
        'return [] if outcome in ("sent", "too_old") else',
        'return [] if outcome == "sent" else',
        LISTEN,
    ),
    Mutant(
        "count sold units only",
        "core/decide.py",
        "    return c.facts.stock_held + c.facts.stock_sold + c.invoice.quantity > capacity\n",
        "    return c.facts.stock_sold + c.invoice.quantity > capacity\n",
        CORE,
    ),
    Mutant(
        "reserve without a guard",
        "store/sqlite_checkout.py",
        '" AND (:capacity IS NULL OR held + sold + :quantity <= :capacity)"',
        '" AND (1 OR :capacity)"',
        STORE,
    ),
    Mutant(
        "take a use without a guard",
        "store/sqlite_checkout.py",
        '" WHERE invoice_id = ? AND (uses_max IS NULL OR uses_held + uses_paid < uses_max)"',
        '" WHERE invoice_id = ?"',
        STORE,
    ),
    Mutant(
        "a new buyer replaces a hold",
        "core/decide.py",
        "    return c.facts.uses_paid + c.facts.uses_held >= c.invoice.uses_max\n",
        "    return c.facts.uses_paid >= c.invoice.uses_max\n",
        CORE,
    ),
    Mutant(
        "re-entry grows the hold",
        "core/decide.py",
        "    if own is not None:\n        effect: Reserve",
        "    if False:\n        effect: Reserve",
        CORE,
    ),
    Mutant(
        "forget to give held units back",
        "store/sqlite_checkout.py",
        "SET held = held - :quantity, sold",
        "SET held = held, sold",
    ),
    Mutant(
        "never expire",
        "listen/upkeep.py",
        "            await self._round(self._expire)\n            await asyncio.sleep(_EXPIRY_SECONDS)\n",
        "            await asyncio.sleep(_EXPIRY_SECONDS)\n",
    ),
    Mutant(
        "record every repetition",
        "store/sqlite_receipts.py",
        '        return "same" if tuple(row) == seen else "conflict"\n',
        '        return "new"\n',
        STORE,
    ),
    Mutant(
        "no unique key for charges",
        "store/schema.sql",
        "    telegram_payment_charge_id TEXT NOT NULL UNIQUE,\n",
        "    telegram_payment_charge_id TEXT NOT NULL,\n",
        STORE,
    ),
    Mutant(
        "synchronous = NORMAL",
        "store/sqlite.py",
        'db.execute("PRAGMA synchronous = FULL")',
        'db.execute("PRAGMA synchronous = NORMAL")',
        STORE,
    ),
    Mutant(
        "refuse money without an invoice",
        "core/decide.py",
        "        return _unmatched_receipt(payment, shop.mode, now)\n",
        '        raise ValueError("no such invoice")\n',
        CORE,
    ),
    Mutant(
        "late money takes what is held",
        "core/decide.py",
        "    return capacity is None or facts.stock_held + facts.stock_sold + invoice.quantity <= capacity\n",
        "    return capacity is None or facts.stock_sold + invoice.quantity <= capacity\n",
        CORE,
    ),
    Mutant(
        "one poisoned update stops its neighbours",
        "listen/processor.py",
        "            with tx.savepoint():\n                self._record_one(tx, received, recorded, now, declined)\n",
        "            self._record_one(tx, received, recorded, now, declined)\n",
        LISTEN,
    ),
    Mutant(
        "accept any amount",
        "core/decide.py",
        "    return least <= total_amount <= least + invoice.tips.max_tip_amount\n",
        "    return True\n",
        CORE,
    ),
    Mutant(
        "money through a float",
        "money.py",
        '    amount = int(whole + decimals.ljust(exponent, "0"))\n',
        '    amount = int(float(f"{whole}.{decimals or 0}") * 10**exponent)\n',
        ("tests/test_money.py", "tests/test_house.py"),
    ),
    Mutant(
        "leave allowed_updates out",
        "botapi/methods.py",
        '        "allowed_updates": list(ALLOWED_UPDATES),\n',
        "",
        LISTEN,
    ),
    Mutant(
        "ready before Telegram answered",
        "listen/listener.py",
        "        processor.bot_username = await self._connect(poller)\n",
        '        self._emit(events.Ready(self._clock.now(), ""))\n'
        "        processor.bot_username = await self._connect(poller)\n",
        LISTEN,
    ),
    Mutant(
        "confirm although the ledger was locked",
        "listen/listener.py",
        "                if await self._take_batch(processor, sender, upkeep, batch):\n",
        "                if await self._take_batch(processor, sender, upkeep, batch) or True:\n",
    ),
    Mutant(
        "decide again what was declined without a record",
        "listen/processor.py",
        "        if declined:\n",
        "        if False:\n",
        LISTEN,
    ),
    Mutant(
        "forget how answers went while the disk was full",
        "listen/upkeep.py",
        "            self._results = results + self._results\n",
        "",
        LISTEN,
    ),
    Mutant(
        "wait for a lock each time",
        "store/sqlite.py",
        "            self._wait_for_locks(_BUSY_AGAIN_MILLISECONDS)\n",
        "",
        STORE,
    ),
    Mutant(
        "end the run before the refusals are out",
        "listen/listener.py",
        "                await sender.drain(_DRAIN_SECONDS_MAX)  # the run ends with this, and every task of it\n",
        "",
        LISTEN,
    ),
    Mutant(
        "take any total that is at least the price, whatever the delivery costs",
        "core/decide.py",
        "    least = invoice.total_amount + shipping_amount\n",
        "    least = invoice.total_amount\n",
        CORE,
    ),
    Mutant(
        "sell to buyers who have not agreed to the terms",
        "core/decide.py",
        "    (DeclineReason.TERMS_NOT_ACCEPTED, _terms_not_accepted),\n",
        "",
        CORE,
    ),
    Mutant(
        "show an invoice that is not in the ledger",
        "listen/conversing.py",
        "            self._record_once(invoice)\n",
        "            pass\n",
        LISTEN,
    ),
    Mutant(
        "send again what may have arrived",
        "campaign.py",
        '        elif state == "refused" or retry_unknown:\n',
        "        elif True:\n",
        ("tests/listen/test_campaign.py",),
    ),
    Mutant(
        "send to many chats without a record first",
        "campaign.py",
        '        self._write(job)\n        reach("invoice_recorded_before_it_is_sent")\n',
        '        reach("invoice_recorded_before_it_is_sent")\n'
        "        params = send_invoice(job.invoice, self._provider_token, self._delivery)\n"
        "        await self._api.call('sendInvoice', params, 20)\n"
        "        self._write(job)\n"
        "        self._ended.append(Outcome(job.invoice, 'sent'))\n"
        "        return\n",
        ("tests/listen/test_campaign.py",),
    ),
    Mutant(
        "let commands wait in line with answers",
        "listen/sender.py",
        "            self._replies.add(effect)\n",
        "            self._start(self._perform(effect))\n",
        LISTEN,
    ),
    Mutant(
        "start hooks beside those of a killed listener",
        "listen/hooks.py",
        '(kind != "program" or self._no_program())',
        '(kind != "program" or self._no_program() or True)',
        HOOKS,
    ),
    Mutant(
        "let the clock free what still runs",
        "listen/hooks.py",
        "kinds, room, self._running_ids)",
        "kinds, room)",
        HOOKS,
    ),
    Mutant(
        "leave what a hook has started",
        "programs_supervisor.py",
        "        for child in _children():\n",
        "        for child in ():\n",
        HOOKS,
    ),
    Mutant(
        "let an output replace the ledger",
        "cli/target.py",
        "    refuse_shop_file(file, env, shown)\n",
        "",
        ("tests/cli/test_target.py",),
    ),
    Mutant(
        "trust a config that others can write",
        "config.py",
        "        refuse_changeable_by_others(path)\n    except",
        "        pass\n    except",
        ("tests/golden",),
    ),
    Mutant(
        "take a stock file without stock for unlimited",
        "stock_values.py",
        '    if "stock" not in values:\n        raise Bad(',
        '    if "stock" not in values:\n        return None\n    if False:\n        raise Bad(',
        ("tests/test_stockfile.py",),
    ),
    Mutant(
        "take a changed stock file at the first look",
        "stockfile.py",
        "        if look != before or look == self._taken:\n",
        "        if look == self._taken:\n",
        ("tests/test_stockwatch.py",),
    ),
    Mutant(
        "let one buyer reserve everything",
        "core/decide.py",
        "    return c.facts.own_reservation is None and most is not None and c.facts.buyer_reserved >= most\n",
        "    return False\n",
        CORE,
    ),
    Mutant(
        "reserve without looking at the buyer's other reservations",
        "store/sqlite_checkout.py",
        '            " WHERE :reserved_max IS NULL OR :reserved_max >',
        '            " WHERE :reserved_max IS NULL OR 1000000 >',
        STORE,
    ),
    Mutant(
        "let a unit be reserved again and again",
        "core/reserving.py",
        "    return life - idle\n",
        "    return life\n",
        CORE,
    ),
    Mutant(
        "accept for seconds",
        "core/decide.py",
        "    return _life(c) is not None and _reserved_until(c) - c.now < RESERVED_MILLISECONDS_MIN\n",
        "    return False\n",
        CORE,
    ),
    Mutant(
        "give up at the first refusal of an answer about delivery",
        "listen/sender.py",
        "                effect = shipping_answer_after(said, refused)\n",
        "                effect = None\n",
        ("tests/listen/test_listen_shop.py",),
    ),
    Mutant(
        "give receipt numbers out again after a restore",
        "store/sqlite_receipts.py",
        '    " coalesce((SELECT max(receipt_id_floor) FROM restores), 0)))"\n',
        '    " 0))"\n',
        ("tests/cli/test_restore_numbers.py",),
    ),
    Mutant(
        "open a ledger with a stranger's trigger",
        "store/sqlite.py",
        "            if not (read_only and to_verify):\n",
        "            if False:\n",
        ("tests/cli/test_restore_hostile.py",),
    ),
    Mutant(
        "unpack more than a backup records",
        "backups_opening.py",
        "            if left < 0:\n",
        "            if False:\n",
        ("tests/cli/test_restore_hostile.py",),
    ),
    Mutant(
        "confirm without looking for the ledger's file",
        "listen/polling.py",
        '            self._before_confirm()\n            reach("before_confirm")\n',
        '            reach("before_confirm")\n',
        ("tests/listen/test_listen_ledger_lost.py",),
    ),
    Mutant(
        "accept what was committed to a lost file",
        "store/sqlite.py",
        "        self.refuse_lost_files()\n\n    def _begin",
        "\n    def _begin",
        ("tests/listen/test_listen_ledger_lost.py",),
    ),
    Mutant(
        "leave the log of a lost ledger behind",
        "store/sqlite_rescue.py",
        "    whole = _log_worked_off(db)\n",
        "    whole = True\n",
        ("tests/listen/test_listen_ledger_lost.py",),
    ),
    Mutant(
        "take what is there at the first look for the open file",
        "store/sqlite_files.py",
        "        opened = {identity for _, identity, _ in _descriptors()}\n",
        "        opened: set[Identity] = set()\n",
        ("tests/store/test_sqlite_trouble.py",),
    ),
    Mutant(
        "make a new ledger where one is missing",
        "cli/env.py",
        "            place.refuse_if_lost()\n",
        "            pass\n",
        ("tests/cli/test_env.py",),
    ),
    Mutant(
        "give back the units of a yes that may have left",
        "listen/sender.py",
        "        never_left = answer.fresh and not delivered.reached\n",
        '        never_left = answer.fresh and delivered.outcome != "sent"\n',
        LISTEN,
    ),
    Mutant(
        "give the units back before Telegram takes no answer any more",
        "listen/sender.py",
        "_TAKEN_SECONDS_MAX = 11.0",
        "_TAKEN_SECONDS_MAX = 0.0",
        LISTEN,
    ),
    Mutant(
        "confirm what could not be kept",
        "listen/listener.py",
        "            rest = []\n        stays",
        "        rest = []\n        stays",
        LISTEN,
    ),
    Mutant(
        "confirm a refusal that Telegram does not have",
        "listen/listener.py",
        "        return len(refusals) == len(asked_in(received.update)) and all(task.done() for task in refusals)\n",
        "        return True\n",
        LISTEN,
    ),
    Mutant(
        "forget what was kept in an earlier run",
        "listen/listener.py",
        "        self._kept = processor.parse(self._inbox.read())\n",
        "",
        LISTEN,
    ),
    Mutant(
        "confirm the highest id, whatever its neighbours say",
        "listen/confirming.py",
        "    while len(rising) > 1 and not _follows(",
        "    while False and not _follows(",
        LISTEN,
    ),
    Mutant(
        "make one of two odd charge ids",
        "core/update.py",
        "    return exact(body[key])\n",
        "    return shown(body[key])\n",
        CORE,
    ),
    Mutant(
        "book a payment that somebody has forwarded",
        "core/update.py",
        "    if made_over is not None or (by_bot",
        "    if (by_bot",
        CORE,
    ),
    Mutant(
        "void a reservation that another answer rests on",
        "store/sqlite_checkout.py",
        '        if rests is not None and rests["all_void"]:\n',
        "        if rests is not None:\n",
        STORE,
    ),
    Mutant(
        "take a single update for the last that waits",
        "listen/polling.py",
        " and (len(raws) != 1 or rested) and not self._unrecorded:\n",
        " and not self._unrecorded:\n",
        ("tests/listen/test_listen_polling.py",),
    ),
)
