"""`apay purge`: personal data older than a day, out of the ledger; amounts and ids stay.

Knows what is asked and said. What holds personal data is `store/sqlite_purge.py`'s to know.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.store.sqlite_purge import PurgeCounts

_NAMES = {
    "receipts": "receipts lose the buyer's name and @username",
    "forms": "forms (name, phone, e-mail, address) go",
    "evidence": "received updates lose their bytes",
    "dead_letters": "dead letters lose their bytes",
    "hooks": "hooks lose what your program said",
    "support_requests": "closed requests lose their text",
    "disputes": "closed disputes lose what you wrote about them",
    "notices": "untold messages go",
    "query_conflicts": "contradicting queries lose their bytes",
}


@command
def purge(
    env: Env,
    before: Annotated[str, typer.Option(help="A day such as 2026-08-01: what is older goes.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Count it; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove personal data that is older than a day, test and live. Amounts, ids, flags and states stay.

    What a refund that is due or an open dispute needs stays, too. The listener must be stopped.

    Examples:

      apay purge --before 2026-08-01 --dry-run

      apay purge --before 2026-08-01
    """
    from apaycli.store.lock import ledger_lock

    instant = _midnight_of(before)
    if instant > env.clock.now():
        raise UsageError("--before takes a day that has begun")
    if dry_run:
        store = env.open_store(read_only=True)
        try:
            _show(store.purgeable(instant), store.unsettled(instant), env)
        finally:
            store.close()
        return
    with ledger_lock(env.config.store_path, "apay purge", env.clock.now()):
        store = env.open_store()
        try:
            found, unsettled = store.purgeable(instant), store.unsettled(instant)
            if any(found):
                env.output.say(f"apay: {_sentence(found)}")
                env.confirm("This cannot be undone. Remove it?", yes=yes)
            store.overwrite_what_is_removed()
            with store.transaction() as tx:
                done = tx.purge(instant)
            store.compact()
        finally:
            store.close()
    _show(done, unsettled, env)
    _name_backups(instant, env)


def _midnight_of(text: str) -> int:
    from apaycli.cli.days import midnight, parse_day

    return midnight(parse_day(text, "--before"))


def _sentence(counts: "PurgeCounts") -> str:
    return "; ".join(f"{count} {_NAMES[name]}" for name, count in counts._asdict().items() if count)


def _show(counts: "PurgeCounts", unsettled: int, env: Env) -> None:
    if env.output.as_json:
        env.output.document({**counts._asdict(), "unsettled": unsettled})
    else:
        env.output.table(("WHAT", "ROWS"), [(name, count) for name, count in counts._asdict().items()])
    if unsettled:
        env.output.warn(
            f"{unsettled} receipt(s) stay whole: money must go back, or a dispute is open (apay refunds due,"
            " apay disputes list --open); purge again when that is settled"
        )


def _name_backups(instant: int, env: Env) -> None:
    """Backups are their owner's: they still hold what they held."""
    from apaycli.backups_kept import named_files
    from apaycli.backups_restore import ledgers_set_aside

    folder = env.config.values.get("backup.dir")
    if folder is not None and (there := named_files(folder)):
        env.output.warn(
            f"{len(there)} backup(s) in {folder} were made before this and still hold it; they are yours to remove"
        )
    kept = ledgers_set_aside(env.config.store_path)
    if kept:
        env.output.warn(f"{len(kept)} ledger(s) that apay restore kept still hold it, too: {kept[0]}")
