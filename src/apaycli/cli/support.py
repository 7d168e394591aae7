"""`apay support`: what buyers asked, the shop's answers, and closing what is done.

Knows how a request is shown and in which order an answer is recorded and sent. Requests come in through the listener.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.cli.own_text import own_text
from apaycli.errors import ApayError, UsageError

if TYPE_CHECKING:
    from apaycli.store.protocol import Store
    from apaycli.store.values import SupportRequest

app = typer.Typer(no_args_is_help=True)
_Number = Annotated[int, typer.Argument(metavar="REQUEST", help="The request's number.", min=1, max=2**63 - 1)]


@app.callback()
def support() -> None:
    """What buyers asked with /support; answer them through the bot.

    Examples:

      apay support list

      apay support reply 7 "Your parcel left today."

      apay support close 7
    """


@app.command("list")
@command
def list_requests(
    env: Env, closed: Annotated[bool, typer.Option("--closed", help="Those that are done, instead.")] = False
) -> None:
    """Open requests, the oldest first.

    Example:

      apay support list --closed
    """
    from apaycli.clock import render_instant

    store = env.open_store(read_only=True)
    try:
        requests = store.support_requests(closed=closed)
    finally:
        store.close()
    if env.output.as_json:
        env.output.document([_head(request) for request in requests])
        return
    rows = [(r.request_id, render_instant(r.received_at), _who(r), r.text) for r in requests]
    env.output.table(("REQUEST", "RECEIVED", "BUYER", "TEXT"), rows)


@app.command("show")
@command
def show(env: Env, request: _Number) -> None:
    """One request and its answers.

    Example:

      apay support show 7
    """
    store = env.open_store(read_only=True)
    try:
        found = _find(store, request)
    finally:
        store.close()
    if env.output.as_json:
        env.output.document(_document(found))
        return
    from apaycli.clock import render_instant
    from apaycli.text import show as shown

    state = "open" if found.closed_at is None else f"closed {render_instant(found.closed_at)}"
    env.output.out(f"request {found.request_id}, {render_instant(found.received_at)}, {shown(_who(found))}, {state}")
    for line in found.text.splitlines():
        env.output.out("  " + shown(line, 4000))
    for reply in found.replies:
        env.output.out(f"answer, {render_instant(reply.created_at)}, {reply.send_state}")
        for line in reply.text.splitlines():
            env.output.out("  " + shown(line, 4000))


@app.command("reply")
@command
def reply(
    env: Env,
    request: _Number,
    text: Annotated[str, typer.Argument(help="What the buyer will read; - is stdin.")],
    close: Annotated[bool, typer.Option("--close", help="And close the request.")] = False,
) -> None:
    """Answer through the bot, in the buyer's private chat.

    Examples:

      apay support reply 7 "Your parcel left today."

      apay support reply 7 - --close < answer.txt
    """
    from apaycli.core.conversation import MESSAGE_UNITS_MAX
    from apaycli.messagefile import load_messages

    body = own_text(env, text, "the answer", MESSAGE_UNITS_MAX)
    messages = load_messages(env.config.values.get("messages.file"), env.config.decline_wordings)
    api, store = env.open_api(), env.open_store()
    try:
        found = _find(store, request)
        if close and found.closed_at is not None:
            raise UsageError(f"request {found.request_id} was closed before; leave out --close")
        heading = messages.say("support_reply", found.language_code, number=found.request_id)
        _check_length(f"{heading}\n\n{body}")
        with store.transaction() as tx:
            reply_id = tx.record_support_reply(found.request_id, body, env.clock.now())
        _send(env, store, api, found, reply_id, f"{heading}\n\n{body}")
        if close:
            _close(env, store, found)
    finally:
        store.close()
        api.close()
    env.output.say(f"apay: request {request}: the answer is with the buyer" + (", and it is closed" if close else ""))
    _show_document(env, request)


def _check_length(message: str) -> None:
    from apaycli.core.conversation import MESSAGE_UNITS_MAX
    from apaycli.core.wording import utf16_units

    units = utf16_units(message)
    if units > MESSAGE_UNITS_MAX:
        raise UsageError(f"with its heading the answer has {units} characters, at most {MESSAGE_UNITS_MAX} are allowed")


def _send(env: Env, store: "Store", api: Any, found: "SupportRequest", reply_id: int, text: str) -> None:
    """The answer is in the ledger before it leaves; how it went is written behind it."""
    from apaycli.botapi.client import OutcomeUnknown
    from apaycli.botapi.methods import send_text

    state: Literal["sent", "refused", "unknown"] = "sent"
    failure: ApayError | None = None
    try:
        api.call("sendMessage", send_text(str(found.buyer_id), text))
    except OutcomeUnknown as error:
        state, failure = "unknown", error
    except ApayError as error:
        state, failure = "refused", error
    with store.transaction() as tx:
        tx.record_reply_outcome(reply_id, state, failure.message if failure else None)
    if failure is not None:
        raise failure


@app.command("close")
@command
def close(env: Env, request: _Number) -> None:
    """The request is done; it leaves the list.

    Example:

      apay support close 7
    """
    store = env.open_store()
    try:
        _close(env, store, _find(store, request))
    finally:
        store.close()
    env.output.say(f"apay: request {request} is closed")
    _show_document(env, request)


def _show_document(env: Env, request_id: int) -> None:
    """With --json every command has a document, also those that do something."""
    if env.output.as_json:
        store = env.open_store(read_only=True)
        try:
            env.output.document(_document(_find(store, request_id)))
        finally:
            store.close()


def _close(env: Env, store: "Store", found: "SupportRequest") -> None:
    with store.transaction() as tx:
        if not tx.close_support_request(found.request_id, env.clock.now()):
            raise UsageError(f"request {found.request_id} was closed before")


def _find(store: "Store", request_id: int) -> "SupportRequest":
    found = store.support_request(request_id)
    if found is None:
        raise UsageError(f"there is no request {request_id}", hint="apay support list shows what there is")
    return found


def _who(request: "SupportRequest") -> str:
    name = request.buyer_name or "user"
    return f"{name} (@{request.buyer_username})" if request.buyer_username else f"{name} ({request.buyer_id})"


def _head(request: "SupportRequest") -> dict[str, Any]:
    from apaycli.clock import render_instant

    return {
        "request_id": str(request.request_id),
        "buyer_id": str(request.buyer_id),
        "buyer_username": request.buyer_username,
        "buyer_name": request.buyer_name,
        "text": request.text,
        "received_at": render_instant(request.received_at),
        "closed_at": None if request.closed_at is None else render_instant(request.closed_at),
    }


def _document(request: "SupportRequest") -> dict[str, Any]:
    from apaycli.clock import render_instant

    return _head(request) | {
        "replies": [
            {
                "text": reply.text,
                "created_at": render_instant(reply.created_at),
                "send_state": reply.send_state,
                "send_error": reply.send_error,
            }
            for reply in request.replies
        ],
    }
