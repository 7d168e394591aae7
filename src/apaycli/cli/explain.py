"""`apay explain`: an error, its cause and its cure.

Knows how an explanation is shown. What there is to explain is `explanations.py`'s.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apaycli.explanations import Explanation

_KINDS = {
    "telegram": "a text of Telegram's",
    "a-pay": "a text of A-Pay's",
    "error": "an error of apay",
    "exit": "an exit code of apay",
    "http": "an HTTP code",
    "decline": "why a buyer was declined",
    "flag": "a receipt's flag",
}


@command
def explain(
    env: Env,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CODE]", help="A code, or the whole text of an error. Without it: the list.", show_default=False
        ),
    ] = None,
) -> None:
    """What an error means, who must act, and what to do.

    CODE is Telegram's or A-Pay's text, an HTTP code, an exit code, what apay calls an error, why a buyer was declined,
    or a receipt's flag. A whole line with a text of Telegram's or A-Pay's in it, pasted in quotes, will do.

    Examples:

      apay explain PAYMENT_PROVIDER_INVALID

      apay explain exit 9

      apay explain 'Telegram refused sendInvoice: Bad Request: chat not found'

      apay explain sold_out
    """
    from apaycli.explanations import explain as explained
    from apaycli.explanations import explanations

    if not words:
        _list(explanations(), env)
        return
    text = " ".join(words)
    entries = explained(text)
    if not entries:
        raise _unknown(text)
    if env.output.as_json:
        env.output.document([_document(entry) for entry in entries])
        return
    for number, entry in enumerate(entries):
        _show(entry, env, apart=number > 0)


def _unknown(text: str) -> UsageError:
    from apaycli.explanations import nearest_codes
    from apaycli.text import redact, show

    if "apay: " in text:  # its own sentences say what to do themselves
        return UsageError(
            "this is apay's own sentence, and there is no more to say about it",
            hint="what to do stands behind `hint`; with --json, error.code is a word that apay explain takes",
        )
    near = nearest_codes(text)
    hint = f"near it: {', '.join(near)}; " if near else ""
    return UsageError(
        f"nothing is known about {show(redact(text), 80)!r}", hint=f"{hint}apay explain lists what there is"
    )


def _list(entries: "Sequence[Explanation]", env: Env) -> None:
    if env.output.as_json:
        env.output.document([_document(entry) for entry in entries])
        return
    headers = ("CODE", "KIND", "WHO", "WHAT HAPPENED")
    rows = [(entry.code, entry.kind, entry.who, entry.happened) for entry in entries]
    if env.output.is_terminal(env.output.stdout):
        from apaycli.cli.bars import columns_left
        from apaycli.text import show

        left = max(20, columns_left(headers[:3], [row[:3] for row in rows]))
        rows = [(*row[:3], show(row[3], left)) for row in rows]
    env.output.table(headers, rows)


def _show(entry: "Explanation", env: Env, *, apart: bool) -> None:
    """Name and value a line: aligned and broken between words on a terminal, tab-separated elsewhere."""
    output = env.output
    lines = (("what happened", entry.happened), ("who must act", entry.who), ("what to do", entry.todo))
    if not output.is_terminal(output.stdout):
        output.out(f"code\t{entry.code}")
        output.out(f"kind\t{entry.kind}")
        for name, value in lines:
            output.out(f"{name}\t{value}")
        return
    if apart:
        output.out("")
    http = f", with HTTP {entry.http}" if entry.http else ""
    output.out(output.paint(entry.code, "bold", output.stdout) + f"  ({_KINDS[entry.kind]}{http})")
    for name, value in lines:
        output.out(output.paint(f"  {name}", "dim", output.stdout))
        output.paragraph(value, "    ")


def _document(entry: "Explanation") -> dict[str, Any]:
    return {
        "code": entry.code,
        "kind": entry.kind,
        "http_code": entry.http,
        "what_happened": entry.happened,
        "who_must_act": entry.who,
        "what_to_do": entry.todo,
        "texts": list(entry.texts),
    }
