"""Many power cuts in one day's log; after each the product opens the ledger, which must hold what was promised.

Knows how to put an image on the disk and what to look for in it. Images are opened on the recording disk as well:
nothing waits for a real one, and what the recovery itself writes can be cut in its turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from power_day import Day, Promise, state_of
from power_disk import CUTS, Disk
from recording_vfs import Recorder, Step, recording_vfs

from apaycli.errors import LedgerError
from apaycli.store.sqlite import SqliteStore, open_sqlite
from apaycli.store.sqlite_errors import FAILURES

IMAGES_PER_DAY = 250
_TWICE_CHANCE = 0.2


def violations(day: Day, log: Sequence[Step], images: int, seed: int, folder: Path) -> list[str]:
    """Cut the power at `images` places; one line for each broken promise. One image in five is cut again."""
    chance, found = Random(seed), []
    disk, taken = Disk(chance), 0
    with recording_vfs() as recorder:
        for position in sorted(chance.choices(range(len(log) + 1), k=images)):
            for step in log[taken:position]:
                disk.take(step)
            taken = position
            cut = chance.choice(CUTS)
            lives = _Lives(recorder, folder / day.path.name, chance)
            problems = lives.after(disk.after_cut(cut), day.promise_at(position))
            found += [f"seed {seed}, cut after step {position} ({cut}), {problem}" for problem in problems]
    return found


class _Lives:
    """What opens an image: once, or again after a second cut."""

    def __init__(self, recorder: Recorder, path: Path, chance: Random) -> None:
        self._recorder, self._path, self._chance = recorder, path, chance

    def after(self, files: Mapping[str, bytes], promise: Promise) -> list[str]:
        put(files, self._path.parent)
        if self._chance.random() >= _TWICE_CHANCE:
            return problems_of(self._path, promise)
        return self._twice(files, promise)

    def _twice(self, files: Mapping[str, bytes], promise: Promise) -> list[str]:
        """Recover, record one thing more, stop politely; the power fails somewhere in that."""
        self._recorder.log.clear()
        problems = problems_of(self._path, promise)
        if problems:
            return problems
        again = open_sqlite(self._path)
        before = state_of(again)
        with again.transaction() as tx:
            tx.attest("after the cut", 1)
        confirmed, after = len(self._recorder.log), state_of(again)
        again.close()
        log = list(self._recorder.log)
        position = self._chance.randint(0, len(log))
        disk, cut = Disk(self._chance, files), self._chance.choice(CUTS)
        for step in log[:position]:
            disk.take(step)
        put(disk.after_cut(cut), self._path.parent)
        states = (after,) if position >= confirmed else (before, after)
        problems = problems_of(self._path, replace(promise, states=states))
        return [f"then cut after step {position} of {len(log)} ({cut}), {problem}" for problem in problems]


def put(files: Mapping[str, bytes], folder: Path) -> None:
    """Make `folder` hold these files and nothing else."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def problems_of(path: Path, promise: Promise) -> list[str]:
    """Open the ledger as the product does and look for what was promised."""
    try:
        store = open_sqlite(path)
    except LedgerError as error:
        return [f"cannot be opened: {error.message}"]
    try:
        return [*_lost(store, promise), *store.integrity_problems()]
    except (LedgerError, *FAILURES) as error:
        return [f"cannot be read: {error}"]
    finally:
        store.close()


def _lost(store: SqliteStore, promise: Promise) -> list[str]:
    receipts = dict(store.db.execute("SELECT telegram_payment_charge_id, total_amount FROM receipts"))
    decisions = {each: bool(ok) for each, ok in store.db.execute("SELECT pre_checkout_query_id, ok FROM decisions")}
    problems = [f"lost receipt {charge}" for charge in promise.receipts if charge not in receipts]
    problems += [
        f"changed receipt {charge}: {amount} became {receipts[charge]}"
        for charge, amount in promise.receipts.items()
        if receipts.get(charge, amount) != amount
    ]
    problems += [
        f"lost decision {query_id}" for query_id, ok in promise.decisions.items() if decisions.get(query_id) is not ok
    ]
    if not problems and state_of(store) not in promise.states:
        problems.append("lost or half of a transaction: no state that was ever committed here")
    return problems
