"""`apay disputes`: what a buyer or a bank disputes, what the merchant knows of it, and the folder of evidence.

Knows how disputes are shown and where the folder goes. What lies in it is `books/dispute_folder.py`'s.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from apaycli.cli.ending import cannot_write
from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.own_text import own_text
from apaycli.cli.receipts import Number, buyer_of, money_of, no_receipt, read_dossier, refuse_other_mode
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.books.dispute_folder import Files, Terms
    from apaycli.store.protocol import Store
    from apaycli.store.values_cases import Dispute, Outcome

app = typer.Typer(no_args_is_help=True)
_Number = Annotated[int, typer.Argument(metavar="DISPUTE", help="The dispute's number.", min=1, max=2**63 - 1)]
_DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be written down; write nothing.")]
_REASON_CHARACTERS_MAX = 1000
_NOTE_CHARACTERS_MAX = 20_000


@app.callback()
def disputes() -> None:
    """Disputed payments, with their evidence.

    Examples:

      apay disputes open 17 --reason "bank asks: says it never came"

      apay disputes note 3 "parcel 4711 was signed for on 24 November"

      apay disputes folder 3 dispute-3

      apay disputes close 3 --outcome won
    """


@app.command("open")
@command
def open_dispute(
    env: Env,
    receipt: Number,
    reason: Annotated[str, typer.Option(help="What is disputed, and by whom; - is stdin.")],
    dry_run: _DryRun = False,
) -> None:
    """Somebody disputes this payment.

    Example:

      apay disputes open 17 --reason "bank asks: says it never came"
    """
    text = own_text(env, reason, "--reason", _REASON_CHARACTERS_MAX)
    store = env.open_store(read_only=dry_run)
    try:
        row = store.receipt(receipt)
        if row is None:
            raise no_receipt(receipt)
        refuse_other_mode(env, row)
        if row.dispute_state == "open":
            raise UsageError(
                f"a dispute about receipt {receipt} is open already",
                hint="apay disputes list shows its number; apay disputes note adds to it",
            )
        if dry_run:
            _say_dry(env, f"would open a dispute about receipt {receipt}, {money_of(row)}", None)
            return
        with store.transaction() as tx:
            number = tx.open_dispute(receipt, text, env.clock.now())
            if number is None:
                raise UsageError(f"a dispute about receipt {receipt} was opened in the meantime")
        _tell(env, store, number, f"dispute {number}: open, receipt {receipt}, {money_of(row)}")
    finally:
        store.close()
    env.output.say(f"apay: apay disputes folder {number} DIR puts together what A-Pay or a bank asks for")


@app.command("note")
@command
def note(
    env: Env,
    dispute: _Number,
    text: Annotated[str, typer.Argument(help="What is to be remembered; - is stdin.")],
    dry_run: _DryRun = False,
) -> None:
    """Remember something about a dispute: who said what, a parcel's number, a ticket at A-Pay's support.

    Examples:

      apay disputes note 3 "parcel 4711 was signed for on 24 November"

      apay disputes note 3 - < letter.txt
    """
    body = own_text(env, text, "the note", _NOTE_CHARACTERS_MAX)
    store = env.open_store(read_only=dry_run)
    try:
        found = _find_of_mode(env, store, dispute)
        if dry_run:
            _say_dry(env, f"would add a note of {len(body)} characters to dispute {dispute}", found)
            return
        with store.transaction() as tx:
            tx.note_dispute(dispute, body, env.clock.now())
        _tell(env, store, dispute, f"dispute {dispute}: noted, {len(found.notes) + 1} note(s)")
    finally:
        store.close()


@app.command("close")
@command
def close(
    env: Env,
    dispute: _Number,
    outcome: Annotated[str, typer.Option(help="won, lost or withdrawn.")],
    dry_run: _DryRun = False,
) -> None:
    """How it ended. won: the money stays; lost: it goes back; withdrawn: the buyer gave it up.

    Example:

      apay disputes close 3 --outcome won
    """
    ending = _outcome(outcome)
    store = env.open_store(read_only=dry_run)
    try:
        found = _find_of_mode(env, store, dispute)
        if found.closed_at is not None:
            raise UsageError(f"dispute {dispute} is closed already: {found.outcome}")
        if dry_run:
            _say_dry(env, f"would close dispute {dispute}: {ending}", found)
            return
        with store.transaction() as tx:
            if not tx.close_dispute(dispute, ending, env.clock.now()):
                raise UsageError(f"dispute {dispute} was closed in the meantime")
        _tell(env, store, dispute, f"dispute {dispute}: {ending}")
        _say_what_next(env, store, found.receipt_id, ending)
    finally:
        store.close()


@app.command("list")
@command
def list_disputes(
    env: Env, only_open: Annotated[bool, typer.Option("--open", help="Only those that are not closed.")] = False
) -> None:
    """Test and live, open ones first, then the newest.

    Example:

      apay disputes list --open
    """
    from apaycli.books.dossier import dispute_document
    from apaycli.clock import render_instant

    store = env.open_store(read_only=True)
    try:
        found = store.disputes(only_open=only_open)
        if env.output.as_json:
            env.output.document([_without_notes(dispute_document(each)) for each in found])
            return
        receipts = {each.receipt_id: store.receipt(each.receipt_id) for each in found}
    finally:
        store.close()
    rows: list[tuple[object, ...]] = []
    for each in found:
        receipt = receipts[each.receipt_id]
        about = (receipt.mode, money_of(receipt), buyer_of(receipt)) if receipt else (None, None, None)
        rows.append((each.dispute_id, each.state, render_instant(each.opened_at), each.receipt_id, *about, each.reason))
    env.output.table(("DISPUTE", "STATE", "OPENED", "RECEIPT", "MODE", "AMOUNT", "BUYER", "REASON"), rows)


@app.command("folder")
@command
def folder(
    env: Env,
    dispute: _Number,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet, or is empty.")],
) -> None:
    """Put everything on record about it into a folder: for A-Pay's support, a bank, or your own drawer.

    Invoice, terms and consent, decision and answer, receipt, the bytes that Telegram sent, hooks, A-Pay's answer,
    notes, a page to read, and SHA256SUMS over all. Nobody else on this machine can read it.

    Example:

      apay disputes folder 3 dispute-3
    """
    from apaycli.books.dispute_folder import render_folder
    from apaycli.cli.target import refuse_shop_file, shown_path
    from apaycli.files import FileProblem
    from apaycli.files_folder import write_folder

    refuse_shop_file(directory, env, shown_path(directory))
    store = env.open_store(read_only=True)
    try:
        found = _find(store, dispute)
    finally:
        store.close()
    dossier = read_dossier(env, found.receipt_id)
    found = next(each for each in dossier.disputes if each.dispute_id == dispute)  # of the same moment as the rest
    files = render_folder(found, dossier, terms_in_force(env), env.clock.now())
    try:
        write_folder(directory, files)
    except FileProblem as problem:
        raise cannot_write(str(problem), problem.__cause__) from None
    _show_folder(env, dispute, directory, files)


def terms_in_force(env: Env) -> "Terms":
    from apaycli.books.dispute_folder import Terms
    from apaycli.messagefile import read_terms

    values = env.config.values
    return Terms(read_terms(values.get("terms.text_file")), values.get("terms.version"))


def _show_folder(env: Env, dispute: int, directory: Path, files: "Files") -> None:
    from apaycli.cli.target import shown_path
    from apaycli.store.digests import digest_of

    if env.output.as_json:
        rows = [
            {"name": name, "sha256": digest_of(content), "size_bytes": len(content)} for name, content in files.items()
        ]
        env.output.document({"dispute_id": str(dispute), "folder": str(directory), "files": rows})
        return
    for name in sorted(files):
        env.output.out(shown_path(directory / name))
    env.output.say("apay: README.txt says what is in it and what is missing; summary.html is the page to read")


def _outcome(text: str) -> "Outcome":
    from apaycli.store.values_cases import Outcome
    from apaycli.text import nearest, show

    outcomes: tuple[Outcome, ...] = get_args(Outcome)
    for outcome in outcomes:
        if text == outcome:
            return outcome
    raise UsageError(f"--outcome takes {', '.join(outcomes)}, not {show(text, 40)}{nearest(text, outcomes)}")


def _say_what_next(env: Env, store: "Store", receipt_id: int, ending: "Outcome") -> None:
    row = store.receipt(receipt_id)
    if ending != "lost" or row is None or row.refund_state == "done":
        return
    env.output.say(
        f"apay: once the money is gone: apay refunds done {receipt_id} --reference TEXT; if you still have to send it:"
        f" apay refunds due {receipt_id} --reason TEXT"
    )


def _find(store: "Store", number: int) -> "Dispute":
    found = store.dispute(number)
    if found is None:
        raise UsageError(f"there is no dispute {number}", hint="apay disputes list shows what there is")
    return found


def _find_of_mode(env: Env, store: "Store", number: int) -> "Dispute":
    found = _find(store, number)
    row = store.receipt(found.receipt_id)
    if row is not None:
        refuse_other_mode(env, row)
    return found


def _without_notes(document: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in document.items() if key != "notes"}


def _say_dry(env: Env, what: str, found: "Dispute | None") -> None:
    from apaycli.books.dossier import dispute_document

    env.output.say(f"apay: {what}")
    if env.output.as_json:
        env.output.document(None if found is None else dispute_document(found))


def _tell(env: Env, store: "Store", number: int, line: str) -> None:
    from apaycli.books.dossier import dispute_document

    if env.output.as_json:
        env.output.document(dispute_document(_find(store, number)))
    else:
        env.output.out(line)
