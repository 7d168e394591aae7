"""`apay deadletters`: updates that could not be read or recorded, and what becomes of them.

Knows how to show bytes that nobody could read without letting them do harm. What a replay does is
`listen/replay.py`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import NotGood, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apaycli.listen.replay import Replayed, Replayer
    from apaycli.store.protocol import Store
    from apaycli.store.values import DeadLetter

app = typer.Typer(no_args_is_help=True)
_SHOWN_CHARACTERS_MAX = 4_000
_ID_MAX = 2**63 - 1
_Ids = Annotated[list[int], typer.Argument(metavar="ID...", help="The letters' numbers.", min=1, max=_ID_MAX)]


@app.callback()
def deadletters() -> None:
    """Updates that could not be read or recorded: look at them, give them to apay again, or discard them.

    Examples:

      apay deadletters list

      apay deadletters show 3

      apay deadletters replay --all
    """


@app.command("list")
@command
def list_letters(
    env: Env, everything: Annotated[bool, typer.Option("--all", help="Replayed and discarded ones, too.")] = False
) -> None:
    """The open ones; those that mention a payment come first.

    Example:

      apay deadletters list --all
    """
    from apaycli.clock import render_instant

    store = env.open_store(read_only=True)
    try:
        letters = store.dead_letters(ended=everything)
    finally:
        store.close()
    _warn_of_payments(env, letters)
    if env.output.as_json:
        env.output.document([_document(letter) for letter in letters])
        return
    rows = [
        (
            letter.dead_letter_id,
            letter.state,
            "PAYMENT" if letter.mentions_payment else "-",
            render_instant(letter.received_at),
            letter.update_id,
            letter.size_bytes,
            letter.reason,
        )
        for letter in letters
    ]
    env.output.table(("LETTER", "STATE", "MENTIONS", "RECEIVED", "UPDATE", "BYTES", "REASON"), rows)


def _warn_of_payments(env: Env, letters: "Sequence[DeadLetter]") -> None:
    count = sum(letter.mentions_payment and letter.state == "open" for letter in letters)
    if count:
        env.output.warn(
            f"{count} of them mention(s) a payment: money may have arrived that has no receipt here;"
            " apay deadletters replay --all tries again, and A-Pay's dashboard knows who paid"
        )


@app.command("show")
@command
def show(
    env: Env,
    letter: Annotated[int, typer.Argument(help="The letter's number.", min=1, max=_ID_MAX)],
    raw: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the very bytes to this file; - is stdout.")
    ] = None,
) -> None:
    """One letter: why it is here, since when, and its bytes, made harmless.

    Examples:

      apay deadletters show 3

      apay deadletters show 3 --raw letter.json
    """
    store = env.open_store(read_only=True)
    try:
        found = store.dead_letter(letter)
    finally:
        store.close()
    if found is None:
        raise _unknown(letter)
    if raw is not None:
        _write_raw(env, raw, found[1])
    elif env.output.as_json:
        import base64

        env.output.document(_document(found[0]) | {"raw_base64": base64.b64encode(found[1]).decode("ascii")})
    else:
        _render(env, *found)


def _render(env: Env, letter: "DeadLetter", raw: bytes) -> None:
    from apaycli.text import show as harmless

    for name, value in _document(letter).items():
        if value is not None:
            env.output.out(f"{name}\t{harmless(str(value).lower() if isinstance(value, bool) else str(value), 400)}")
    env.output.out(harmless(raw.decode("utf-8", "backslashreplace"), _SHOWN_CHARACTERS_MAX))


def _write_raw(env: Env, target: Path, raw: bytes) -> None:
    from apaycli.cli.target import refuse_target, shown_path, written

    stdout = env.output.stdout
    if str(target) == "-":
        if env.output.is_terminal(stdout):
            raise UsageError("the bytes may do harm in a terminal", hint="--raw FILE, or a pipe")
        stdout.flush()
        stdout.buffer.write(raw)
        return
    refuse_target(target, env, force=False, name="--raw", stream_hint="--raw - writes to stdout")
    with written(target, env, force=False) as file:
        file.write(raw)
    env.output.say(f"apay: {len(raw)} bytes written to {shown_path(target)}")


@app.command("replay")
@command
def replay(
    env: Env,
    letters: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="The letters' numbers.", min=1, max=_ID_MAX)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All open ones, oldest first.")] = False,
) -> None:
    """Give letters to apay again: after an upgrade it may read them, or the ledger may take them.

    A payment becomes a receipt, with its hooks; nobody is answered. The listener may run meanwhile. Exit code 6 when
    one of them stays open.

    Examples:

      apay deadletters replay 3

      apay deadletters replay --all
    """
    from apaycli.cli.env import new_ids
    from apaycli.cli.listen import shop_of
    from apaycli.listen.replay import Replayer

    if bool(letters) == everything:
        raise UsageError("name the letters, or say --all", hint="apay deadletters list shows them")
    shop = shop_of(env)
    store = env.open_store()
    try:
        wanted = store.open_dead_letters() if everything else _open_ids(store, letters or [])
        _replay(env, Replayer(store, shop, env.clock, new_ids), wanted)
    finally:
        store.close()


def _replay(env: Env, replayer: "Replayer", wanted: "Sequence[int]") -> None:
    results: list[Replayed] = []
    for dead_letter_id in wanted:
        results.append(replayer.replay(dead_letter_id))
        if not env.output.as_json:
            env.output.out(_line(results[-1]))
    if env.output.as_json:
        env.output.document([_result(replayed) for replayed in results])
    left = sum(replayed.stays_open for replayed in results)
    if left:
        env.output.say(f"apay: {left} letter(s) stay open; apay deadletters discard ends those that are of no use")
        raise typer.Exit(NotGood.exit_code)


def _line(replayed: "Replayed") -> str:
    from apaycli.text import show as harmless

    state = "open" if replayed.stays_open else "replayed"
    return f"{state}\t{replayed.dead_letter_id}\t{harmless(replayed.what)}"


def _result(replayed: "Replayed") -> dict[str, object]:
    return {
        "dead_letter_id": str(replayed.dead_letter_id),
        "state": "open" if replayed.stays_open else "replayed",
        "outcome": replayed.outcome,
        "what": replayed.what,
        "receipt_id": None if replayed.receipt_id is None else str(replayed.receipt_id),
    }


@app.command("discard")
@command
def discard(
    env: Env,
    letters: _Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """End letters that are of no use. Their bytes are kept; it asks where one mentions a payment.

    Example:

      apay deadletters discard 4 5
    """
    store = env.open_store()
    try:
        wanted = _open_ids(store, letters)
        payments = [number for number in wanted if (found := store.dead_letter(number)) and found[0].mentions_payment]
        if payments:
            env.confirm(f"Discard {_numbers(payments)}, which mention(s) a payment?", yes=yes)
        with store.transaction() as tx:
            ended = [number for number in wanted if tx.end_dead_letter(number, "discarded", env.clock.now())]
    finally:
        store.close()
    if env.output.as_json:
        env.output.document([{"dead_letter_id": str(number), "state": "discarded"} for number in ended])
        return
    for number in ended:
        env.output.out(f"discarded\t{number}")


def _open_ids(store: "Store", letters: "Sequence[int]") -> list[int]:
    """The letters that were named, each once. All must be there and open before anything is done."""
    for number in letters:
        found = store.dead_letter(number)
        if found is None:
            raise _unknown(number)
        if found[0].state != "open":
            raise UsageError(f"dead letter {number} was {found[0].state} before", hint="apay deadletters list")
    return list(dict.fromkeys(letters))


def _unknown(number: int) -> UsageError:
    return UsageError(f"there is no dead letter {number}", hint="apay deadletters list --all")


def _numbers(numbers: "Sequence[int]") -> str:
    return ", ".join(map(str, numbers))


def _document(letter: "DeadLetter") -> dict[str, object]:
    from apaycli.clock import render_instant

    return {
        "dead_letter_id": str(letter.dead_letter_id),
        "state": letter.state,
        "mentions_payment": letter.mentions_payment,
        "received_at": render_instant(letter.received_at),
        "ended_at": render_instant(letter.ended_at) if letter.ended_at is not None else None,
        "update_id": letter.update_id,
        "reason": letter.reason,
        "size_bytes": letter.size_bytes,
        "digest": letter.digest,
    }
