"""The place of a ledger: is one there, was one there, and is it the one that is known?

Knows what remembers a ledger that is gone: a record in the state folder, by the path that every link leads to; the
lock beside it; SQLite's own files, which are nothing without it; what a rescue or a restore put beside it. Never opens
the ledger, and never removes anything of one.
"""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from apaycli.clock import render_instant
from apaycli.errors import LedgerLost
from apaycli.files import FileProblem, complete_file, make_folder, read_text
from apaycli.store.lock import lock_path, locked_ledger_id

_LOGS = ("-wal", "-shm", "-journal")
INBOX = "-inbox"  # updates that were kept while the ledger was locked (listen/inbox.py)


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """`ledger` as the config names it; `state` is this user's state folder."""

    ledger: Path
    state: Path

    @property
    def real(self) -> Path:
        """Where the file itself lies: SQLite puts its -wal there."""
        return Path(os.path.realpath(self.ledger))

    @property
    def is_empty(self) -> bool:
        """No ledger: no file, or one without a byte. SQLite takes the latter for a new one, and removes its -wal."""
        try:
            return self.real.stat().st_size == 0
        except OSError:
            return True

    def refuse_if_lost(self) -> None:
        """Raise LedgerLost when the place is empty and something tells of a ledger."""
        if not self.is_empty:
            return
        traces = self._traces()
        if not traces:
            return
        rescued = sorted(self._beside(".rescued*"), key=lambda path: path.lstat().st_mtime)
        cure = (
            f"put it back: mv {shlex.quote(str(rescued[-1]))} {shlex.quote(str(self.ledger))}"
            if rescued
            else "put it back, or run apay restore; only for a new, empty one: apay listen --new-ledger"
        )
        raise LedgerLost(f"the ledger {self.ledger} is missing, and there was one: {traces[0]}", hint=cure)

    def doubt(self, ledger_id: str | None) -> str | None:
        """What is wrong with the ledger that is there: None, or that it is another one than this user knows."""
        known = self.known_id()
        if known is None or known == ledger_id:
            return None
        return f"{self.ledger} is not the ledger that was there before: another file was put in its place"

    def refuse_another(self, ledger_id: str | None) -> None:
        doubt = self.doubt(ledger_id)
        if doubt is not None:
            raise LedgerLost(
                doubt,
                hint="put the right one back, or run apay restore; if this is the right one: apay listen --new-ledger",
            )

    # -- the record -----------------------------------------------------------------------------------------------

    def known_id(self) -> str | None:
        try:
            record = json.loads(read_text(self._record))
        except (FileProblem, ValueError, RecursionError):
            return None
        known = record.get("ledger_id") if isinstance(record, dict) else None
        return known if isinstance(known, str) else None

    def remember(self, ledger_id: str | None, now: int) -> None:
        """From now on this one is the known one. Raises OSError."""
        if ledger_id is None or self.known_id() == ledger_id:
            return
        make_folder(self._record.parent)
        record = {"ledger": str(self.real), "ledger_id": ledger_id, "known_since": render_instant(now)}
        with complete_file(self._record) as file:
            file.write(json.dumps(record).encode() + b"\n")

    def forget(self) -> None:
        """No ledger is known here any more. Raises OSError."""
        self._record.unlink(missing_ok=True)

    @property
    def is_lost(self) -> bool:
        return self.is_empty and bool(self._traces())

    @property
    def _record(self) -> Path:
        import hashlib  # only where a ledger is written to, or missing

        name = hashlib.sha256(os.fsencode(self.real)).hexdigest()[:32]
        return self.state / "ledgers" / f"{name}.json"

    # -- what is left of one --------------------------------------------------------------------------------------

    def set_aside(self, now: int, *, inbox: bool) -> list[Path]:
        """Make the empty place fit for another ledger: SQLite's files of the old one get another name, where no ledger
        meets them; with `inbox` also what was kept for it, which is not for a new ledger to record. Returns them by
        their new names. Raises OSError."""
        kept = []
        stamp = render_instant(now).replace("-", "").replace(":", "")
        for suffix in (*_LOGS, INBOX) if inbox else _LOGS:
            log = Path(f"{self.real}{suffix}")
            if log.exists():
                kept.append(_free(f"{self.real}.before-{stamp}", suffix))
                log.rename(kept[-1])
        return kept

    def _traces(self) -> list[str]:
        logs = [f"{self.real}{suffix}" for suffix in (*_LOGS, INBOX)]
        traces = [f"{log} was left behind" for log in logs if os.path.lexists(log)]
        traces += [f"{path} lies beside it" for path in (*self._beside(".rescued*"), *self._beside(".before-*"))]
        if self.known_id() is not None:
            traces.append("apay has used it before")
        if locked_ledger_id(self.ledger) is not None:
            traces.append(f"{lock_path(self.ledger)} remembers it")
        return traces

    def _beside(self, pattern: str) -> list[Path]:
        """Complete ledgers beside the place, in the order of their names."""
        from glob import escape

        there = self.real.parent.glob(escape(self.real.name) + pattern)
        return sorted(path for path in there if not path.name.endswith((*_LOGS, INBOX)))


def _free(stem: str, suffix: str) -> Path:
    path, number = Path(stem + suffix), 1
    while os.path.lexists(path):
        number += 1
        path = Path(f"{stem}-{number}{suffix}")
    return path
