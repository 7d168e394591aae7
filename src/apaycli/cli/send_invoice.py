"""`apay send-invoice`: one invoice per chat, in the ledger before its request leaves.

Knows the options and what to say about a result. What an invoice may contain is `core/invoice.py`'s to know.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apaycli.cli.env import Env
from apaycli.cli.invoice_draft import Options, build_invoices, chats_of, product_of
from apaycli.cli.options import command
from apaycli.errors import ApayError, TelegramError, TokenError, UsageError

if TYPE_CHECKING:
    from apaycli.botapi.methods import Delivery
    from apaycli.core.model import Invoice
    from apaycli.sending import Sent
    from apaycli.store.protocol import Store


@command
def send_invoice(
    env: Env,
    sku: Annotated[str | None, typer.Argument(help="A product of the stock file.", show_default=False)] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="User id, group or channel id, or @channel. Repeat it.")
    ] = None,
    to_file: Annotated[
        str | None, typer.Option("--to-file", help="Many chats, one a line; run it again to go on. - is stdin.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="A link to the invoice, for wherever you like.")] = False,
    qr: Annotated[str | None, typer.Option(help="With --link: its QR as .png or .svg, or - for here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing picture.")] = False,
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
    photo: Annotated[str | None, typer.Option(help="The https:// address of a picture.")] = None,
    need: Annotated[list[str] | None, typer.Option(help="Ask for name, phone, email, address. Repeat it.")] = None,
    tip_max: Annotated[str | None, typer.Option(help="The largest tip, such as 50.")] = None,
    tip: Annotated[list[str] | None, typer.Option(help="A suggested tip, at most four. Repeat it.")] = None,
    shipping: Annotated[
        list[str] | None, typer.Option(help='A way of delivery: "Post=60", "Post=60@IN,NP". Repeat it.')
    ] = None,
    provider_data: Annotated[Path | None, typer.Option(help="A file with JSON for the provider.")] = None,
    thread: Annotated[int | None, typer.Option(help="A forum topic's id.")] = None,
    direct_topic: Annotated[int | None, typer.Option(help="A topic of a channel's direct messages.")] = None,
    reply_to: Annotated[int | None, typer.Option(help="The id of the message that is answered.")] = None,
    silent: Annotated[bool, typer.Option("--silent", help="Without a sound.")] = False,
    protect: Annotated[bool, typer.Option("--protect", help="Cannot be forwarded or saved.")] = False,
    campaign: Annotated[str | None, typer.Option(help="With --to-file: a name, to send the same once more.")] = None,
    retry_unknown: Annotated[
        bool, typer.Option("--retry-unknown", help="With --to-file: also chats that may have it already.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the request; send and record nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before real money is asked for.")] = False,
) -> None:
    """Send an invoice with a Pay button into a chat, into many, or make a link of it.

    Examples:

      apay send-invoice rubber-duck --to 987654321

      apay send-invoice rubber-duck --to @mychannel --uses 100

      apay send-invoice rubber-duck --to-file customers.txt

      apay send-invoice rubber-duck --link --qr duck.png

      apay send-invoice --title "Repair" --description "Bicycle" --price "Work=450" --currency INR --to 987654321
    """
    options = Options(
        sku=sku, to=tuple(to or ()), to_file=to_file, link=link, qr=qr, force=force, campaign=campaign,
        retry_unknown=retry_unknown, title=title, description=description, prices=tuple(price or ()),
        currency=currency, forwarding=forwarding, uses=uses, single_use=single_use, buyer=buyer, expires=expires,
        quantity=quantity, photo=photo, need=tuple(need or ()), tip_max=tip_max, tips=tuple(tip or ()),
        shipping=tuple(shipping or ()), provider_data=provider_data, thread=thread, direct_topic=direct_topic,
        reply_to=reply_to, silent=silent, protect=protect, dry_run=dry_run, yes=yes,
    )  # fmt: skip
    run(options, env)


def run(options: Options, env: Env) -> None:
    """Check everything, say it, ask where it is real money, then send chat by chat."""
    from apaycli.cli.apay_limits import warn_of_limits
    from apaycli.cli.qr import check_qr_target
    from apaycli.sending import send_all

    product_of(options, env)  # what is sold is said to be wrong before where it goes
    if options.to_file is not None:
        from apaycli.cli.many_chats import run_many

        run_many(options, env)
        return
    invoices = build_invoices(options, env, chats_of(options))
    check_qr_target(options.qr, env, force=options.force)
    delivery = delivery_of(options)
    provider_token = env.config.provider_token(env.mode)
    refuse_problems(invoices[0], env)
    if options.dry_run:
        _show_requests(invoices, provider_token, delivery, env)
        return
    api, store = env.open_api(), env.open_store(create=True)
    try:
        bot = api.read("getMe")
        env.say_where("@" + str(bot.get("username", "")))
        say_what(invoices, env, store.stock_counts(env.mode))
        warn_of_limits(invoices[0], store, env)
        ask_for_goods(store, env, yes=options.yes)
        if env.mode == "live":
            env.confirm(f"Ask for real money in {len(invoices)} chat(s)?", yes=options.yes)
        invoices = [replace(invoice, chat_id=store.moved_chat(invoice.chat_id)) for invoice in invoices]
        sent = send_all(invoices, api, store, provider_token, delivery, env.clock, env.output.say)
    finally:
        store.close()
        api.close()
    _render(sent, len(invoices), env)
    _draw(sent, options, env)


def _show_requests(invoices: "list[Invoice]", provider_token: str, delivery: "Delivery", env: Env) -> None:
    from apaycli.botapi import methods
    from apaycli.core.invoice import LINK_CHAT
    from apaycli.text import redact

    env.output.say(f"apay: {env.mode} mode, nothing is sent (--dry-run)")
    say_price_and_payers(invoices, env)
    requests = []
    for invoice in invoices:
        is_link = invoice.chat_id == LINK_CHAT
        method = "createInvoiceLink" if is_link else "sendInvoice"
        params = (
            methods.invoice_content(invoice, provider_token)
            if is_link
            else methods.send_invoice(invoice, provider_token, delivery)
        )
        shown = params | {"provider_token": redact(str(params["provider_token"]))}
        requests.append({"method": method, "params": shown})
    env.output.document(requests[0] if len(requests) == 1 else requests)


def delivery_of(options: Options) -> "Delivery":
    """How the message is put into its chat. Raises UsageError for ids that cannot be."""
    from apaycli.botapi.methods import Delivery

    ids = {"--thread": options.thread, "--direct-topic": options.direct_topic, "--reply-to": options.reply_to}
    for name, value in ids.items():
        most = 2**52 if name == "--direct-topic" else 2**31  # a topic of direct messages bears its user's id
        if value is not None and not 0 < value < most:
            raise UsageError(
                f"{name} takes the id of a {'message' if name == '--reply-to' else 'topic'}: a positive number"
            )
    return Delivery(
        message_thread_id=options.thread,
        direct_messages_topic_id=options.direct_topic,
        reply_to=options.reply_to,
        disable_notification=options.silent,
        protect_content=options.protect,
    )


def ask_for_goods(store: "Store", env: Env, *, yes: bool) -> None:
    """Once, before the first invoice for real money: digital goods must be sold for Telegram Stars, not through A-Pay.
    The answer is the statement that check-live asks for, too."""
    if env.mode != "live" or "physical-goods" in store.attestations():
        return
    rule = "digital goods and services belong to Telegram Stars; A-Pay is for physical goods and services"
    if yes:
        env.output.warn(f"{rule}; confirm it with: apay check-live --attest physical-goods")
        return
    env.output.say(f"apay: {rule}")
    env.confirm("Do you sell physical goods or services?", yes=False)
    with store.transaction() as tx:
        tx.attest("physical-goods", env.clock.now())


def refuse_problems(invoice: "Invoice", env: Env) -> None:
    """Invoices of one command differ in their chats alone: the first speaks for all."""
    from apaycli.core.invoice import check_invoice

    problems = check_invoice(invoice)
    refused = [f"{problem.field}: {problem.message}" for problem in problems if problem.severity == "refuse"]
    if refused:
        raise UsageError("Telegram would refuse this invoice: " + "; ".join(refused))
    for problem in problems:
        env.output.warn(f"{problem.field}: {problem.message}")


def say_what(invoices: "list[Invoice]", env: Env, counts: dict[str, tuple[int, int]]) -> None:
    """The total in words, who can pay and how often, and whether the button travels further than the stock."""
    from apaycli.core.stock import stock_level

    say_price_and_payers(invoices, env)
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
        travels = any(invoice.forwarding == "pay-button" for invoice in invoices)
        button = "this Pay button can be forwarded to anyone" if travels else "this invoice can be paid more often"
        env.output.warn(f"{button}; {available} in stock: when they are gone, it is declined")


def say_price_and_payers(invoices: "list[Invoice]", env: Env) -> None:
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
    return [f"{_named(names)}: {sentence}" for sentence, names in chats.items()]


def _named(chats: list[str]) -> str:
    """All of a few, the first of many."""
    return ", ".join(chats) if len(chats) <= 5 else f"{', '.join(chats[:3])} and {len(chats) - 3} more"


def _draw(sent: "list[Sent]", options: Options, env: Env) -> None:
    from apaycli.cli.qr import TERMINAL, draw_qr
    from apaycli.cli.target import shown_path

    for one in sent:
        if one.link is not None and options.qr is not None:
            draw_qr(one.link, options.qr, env, force=options.force)
            if options.qr != TERMINAL:
                env.output.say(f"apay: its QR is in {shown_path(options.qr)}")


def _render(sent: "list[Sent]", total: int, env: Env) -> None:
    """What came of each chat to stdout; then, as an error, what did not arrive. One chat that failed is all error."""
    failed = [one for one in sent if one.failure is not None]
    if total > 1 or not failed:
        documents = [document_of(one) for one in sent]
        if env.output.as_json:
            env.output.document(documents[0] if total == 1 else documents)
        else:
            for one in sent:
                env.output.out("\t".join(line_of(one)))
    if failed:
        env.output.flush()
        raise _combined(failed, total, total - len(sent))


def line_of(one: "Sent") -> list[str]:
    invoice = one.invoice
    return [one.state, invoice.chat_id, invoice.invoice_id, one.link or str(one.message_id or "")]


def document_of(one: "Sent") -> dict[str, Any]:
    from apaycli.clock import render_instant
    from apaycli.core.invoice import LINK_CHAT

    invoice = one.invoice
    return {
        "invoice_id": invoice.invoice_id,
        "mode": invoice.mode,
        "chat_id": invoice.chat_id,
        **({"link": one.link} if invoice.chat_id == LINK_CHAT else {"message_id": one.message_id}),
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
