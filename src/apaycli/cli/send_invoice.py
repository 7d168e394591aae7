"""`apay send-invoice`: one invoice per chat, in the ledger before its request leaves.

Knows the options and what to say about a result. What an invoice may contain is `core/invoice.py`'s to know.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.invoice_draft import Options, build_invoices, check_thread
from apaycli.cli.options import command
from apaycli.errors import ApayError, TelegramError, TokenError, UsageError

if TYPE_CHECKING:
    from apaycli.core.model import Invoice
    from apaycli.sending import Sent


@command
def send_invoice(
    env: Env,
    sku: Annotated[str | None, typer.Argument(help="A product of the stock file.", show_default=False)] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="User id, group or channel id, or @channel. Repeat it.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Without a SKU: 1-32 characters.")] = None,
    description: Annotated[str | None, typer.Option(help="Without a SKU: 1-255 characters.")] = None,
    price: Annotated[list[str] | None, typer.Option(help='Without a SKU: "Label=450". Repeat it.')] = None,
    currency: Annotated[str | None, typer.Option(help="Without a SKU: such as INR.")] = None,
    forwarding: Annotated[
        str | None, typer.Option(help="pay-button: forwarded copies can be paid. deep-link: they lead to the bot.")
    ] = None,
    uses: Annotated[str | None, typer.Option(help="How often it may be paid in all: a number or unlimited.")] = None,
    single_use: Annotated[bool, typer.Option("--single-use", help="The same as --uses 1.")] = False,
    buyer: Annotated[int | None, typer.Option(help="Only this user id may pay.")] = None,
    expires: Annotated[str | None, typer.Option(help="Declined after this time, such as 2h.")] = None,
    quantity: Annotated[int, typer.Option(help="Units per payment.")] = 1,
    thread: Annotated[int | None, typer.Option(help="A forum topic's id.")] = None,
    silent: Annotated[bool, typer.Option("--silent", help="Without a sound.")] = False,
    protect: Annotated[bool, typer.Option("--protect", help="Cannot be forwarded or saved.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the request; send and record nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before real money is asked for.")] = False,
) -> None:
    """Send an invoice with a Pay button into a chat.

    Examples:

      apay send-invoice rubber-duck --to 987654321

      apay send-invoice rubber-duck --to @mychannel --uses 100

      apay send-invoice --title "Repair" --description "Bicycle" --price "Work=450" --currency INR --to 987654321
    """
    options = Options(
        sku, tuple(to or ()), title, description, tuple(price or ()), currency, forwarding, uses, single_use, buyer,
        expires, quantity, thread, silent, protect, dry_run, yes,
    )  # fmt: skip
    run(options, env)


def run(options: Options, env: Env) -> None:
    """Check everything, say it, ask where it is real money, then send chat by chat."""
    from apaycli.botapi import methods
    from apaycli.sending import send_all

    invoices = build_invoices(options, env)
    delivery = methods.Delivery(check_thread(options.thread), options.silent, options.protect)
    provider_token = env.config.provider_token(env.mode)
    _refuse_problems(invoices[0], env)
    if options.dry_run:
        env.output.say(f"apay: {env.mode} mode, nothing is sent (--dry-run)")
        _say_price_and_payers(invoices, env)
        requests = [_request(methods.send_invoice(invoice, provider_token, delivery)) for invoice in invoices]
        env.output.document(requests[0] if len(requests) == 1 else requests)
        return
    api, store = env.open_api(), env.open_store()
    try:
        bot = api.read("getMe")
        env.say_where("@" + str(bot.get("username", "")))
        _say_what(invoices, env, store.stock_counts(env.mode))
        if env.mode == "live":
            env.confirm(f"Ask for real money in {len(invoices)} chat(s)?", yes=options.yes)
        sent = send_all(invoices, api, store, provider_token, delivery, env.clock, env.output.say)
    finally:
        store.close()
        api.close()
    _render(sent, len(invoices), env)


def _refuse_problems(invoice: "Invoice", env: Env) -> None:
    """Invoices of one command differ in their chats alone: the first speaks for all."""
    from apaycli.core.invoice import check_invoice

    problems = check_invoice(invoice)
    refused = [f"{problem.field}: {problem.message}" for problem in problems if problem.severity == "refuse"]
    if refused:
        raise UsageError("Telegram would refuse this invoice: " + "; ".join(refused))
    for problem in problems:
        env.output.warn(f"{problem.field}: {problem.message}")


def _say_what(invoices: "list[Invoice]", env: Env, counts: dict[str, tuple[int, int]]) -> None:
    """The total in words, who can pay and how often, and whether the button travels further than the stock."""
    from apaycli.core.stock import stock_level

    _say_price_and_payers(invoices, env)
    first = invoices[0]
    product = env.stock.products.get(first.sku) if first.sku else None
    available = stock_level(product, *counts.get(product.sku, (0, 0))).available if product else None
    if available is None:
        return
    limits = [invoice.uses_max for invoice in invoices]
    uses = None if None in limits else sum(limit or 0 for limit in limits)
    if available < first.quantity:
        left = f"only {available} of {first.sku} left" if available else f"{first.sku} is sold out"
        env.output.warn(f"{left}: buyers who press Pay are declined")
    elif uses is None or uses * first.quantity > available:
        env.output.warn(
            f"this invoice can be paid more often than the {available} unit(s) in stock allow; then it is declined"
        )


def _say_price_and_payers(invoices: "list[Invoice]", env: Env) -> None:
    from apaycli.money import render_money_in_words

    first = invoices[0]
    env.output.say(f"apay: {first.title}: {render_money_in_words(first.total_amount, first.currency)}")
    for line in _who_can_pay(invoices, env):
        env.output.say(f"apay: {line}")


def _who_can_pay(invoices: "list[Invoice]", env: Env) -> list[str]:
    """One sentence for all, or one for each kind of chat: a channel's button travels further than a user's."""
    chats: dict[str, list[str]] = {}
    for invoice in invoices:
        who = f"user {invoice.buyer_id} alone can pay" if invoice.buyer_id else "anybody who sees it can pay"
        product = env.stock.products.get(invoice.sku) if invoice.sku else None
        limited = product is not None and product.stock is not None
        unlimited = "as often as the stock lasts" if limited else "any number of times"
        often = unlimited if invoice.uses_max is None else f"{invoice.uses_max} time(s) in all"
        copies = "carry a Pay button" if invoice.forwarding == "pay-button" else "lead to the bot"
        chats.setdefault(f"{who}, {often}; forwarded copies {copies}", []).append(invoice.chat_id)
    if len(chats) == 1:
        return list(chats)
    return [f"{', '.join(names)}: {sentence}" for sentence, names in chats.items()]


def _request(params: dict[str, Any]) -> dict[str, Any]:
    from apaycli.text import redact

    return {"method": "sendInvoice", "params": params | {"provider_token": redact(str(params["provider_token"]))}}


def _render(sent: "list[Sent]", total: int, env: Env) -> None:
    """What came of each chat to stdout; then, as an error, what did not arrive. One chat that failed is all error."""
    failed = [one for one in sent if one.failure is not None]
    if total > 1 or not failed:
        documents = [_document(one) for one in sent]
        if env.output.as_json:
            env.output.document(documents[0] if total == 1 else documents)
        else:
            for one in sent:
                env.output.out("\t".join(_line(one)))
    if failed:
        env.output.flush()
        raise _combined(failed, total, total - len(sent))


def _line(one: "Sent") -> list[str]:
    invoice = one.invoice
    return [one.state, invoice.chat_id, invoice.invoice_id, str(one.message_id or "")]


def _document(one: "Sent") -> dict[str, Any]:
    from apaycli.clock import render_instant

    invoice = one.invoice
    return {
        "invoice_id": invoice.invoice_id,
        "mode": invoice.mode,
        "chat_id": invoice.chat_id,
        "message_id": one.message_id,
        "sku": invoice.sku,
        "quantity": invoice.quantity,
        "currency": invoice.currency,
        "total_amount": invoice.total_amount,
        "invoice_payload": invoice.invoice_payload,
        "forwarding": invoice.forwarding,
        "uses": invoice.uses_max if invoice.uses_max is not None else "unlimited",
        "expires_at": render_instant(invoice.expires_at) if invoice.expires_at is not None else None,
        "send_state": one.state,
    }


def _combined(failed: "list[Sent]", total: int, untried: int) -> ApayError:
    from apaycli.sending import Interrupted

    failures = [(one.invoice.chat_id, one.failure) for one in failed if one.failure is not None]
    last = failures[-1][1]
    if total == 1:
        return last
    if isinstance(last, TokenError | Interrupted):
        rest = f"; {untried} more of {total} chats were not tried" if untried else ""
        return type(last)(last.message + rest, hint=last.hint)
    reasons = "; ".join(f"{chat_id}: {failure.message}" for chat_id, failure in failures)
    count = f"{len(failed)} of {total} chats"
    return TelegramError(f"{count} did not get the invoice, or it is not known: {reasons}", hint=failures[0][1].hint)
