"""`apay send-invoice --to-file`: one invoice to each chat of a list, and on again after an interruption.

Knows the list's form, how the campaign is named, and what is shown meanwhile. Pace and order are `campaign.py`'s.
"""

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apaycli.cli.env import Env
from apaycli.cli.invoice_draft import Options, build_invoices, chats_of, parse_chat_option
from apaycli.errors import ApayError, TelegramError, UsageError

if TYPE_CHECKING:
    from apaycli.botapi.methods import Delivery
    from apaycli.campaign import Outcome, Plan
    from apaycli.core.model import Invoice

_LIST_BYTES_MAX = 8 * 1024 * 1024
_PROBLEMS_SHOWN_MAX = 20
_TOLD_EVERY = 500  # chats, where no bar can be drawn


class Stopped(TelegramError):
    """The rest waits for the next run."""

    def __init__(self, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


def run_many(options: Options, env: Env) -> None:
    """Check the list and the invoice, say what will happen, then send; what is left over is an error."""
    import asyncio

    from apaycli.campaign import plan_campaign
    from apaycli.cli.apay_limits import warn_of_limits
    from apaycli.cli.send_invoice import ask_for_goods, delivery_of, refuse_problems, say_what

    if options.to or options.link:
        chats_of(options)  # says what contradicts what
    chats = read_chats(options.to_file or "", env)
    invoices = build_invoices(options, env, chats)
    delivery = delivery_of(options)
    provider_token = env.config.provider_token(env.mode)
    refuse_problems(invoices[0], env)
    name = options.campaign or campaign_name(invoices[0], options, delivery)
    api, store = env.open_api(), env.open_store(create=True)
    try:
        env.say_where("@" + str(api.read("getMe").get("username", "")))
        plan = plan_campaign(store, name, invoices, retry_unknown=options.retry_unknown)
        say_what(invoices, env, store.stock_counts(env.mode))
        _say_plan(plan, len(invoices), env)
        if options.dry_run or not plan.jobs:
            _refuse_unknown(plan)
            return
        warn_of_limits(invoices[0], store, env)
        ask_for_goods(store, env, yes=options.yes)
        if env.mode == "live":
            env.confirm(f"Ask for real money in {len(plan.jobs)} chat(s)?", yes=options.yes)
        show = _Shown(env)
        failure: ApayError | None = None
        with _progress(len(plan.jobs), env) as advance:
            try:
                stopped = asyncio.run(_send(plan, name, env, delivery, provider_token, store, show, advance))
            except ApayError as error:
                failure, stopped = error, None
    finally:
        store.close()
        api.close()
    try:
        show.finish()
    except OSError:
        if not (stopped and stopped[1]):
            raise
        # A signal has ended it, and that is what the exit code says.
    _report(plan, show, failure, stopped, env)


def read_chats(file: str, env: Env) -> list[str]:
    """One chat a line; `#` begins a comment. The same chat again is passed over. Raises UsageError with every line
    that is wrong."""
    from apaycli.files import FileProblem, read_text

    try:
        text = env.stdin.read(_LIST_BYTES_MAX) if file == "-" else read_text(Path(file), bytes_max=_LIST_BYTES_MAX)
    except FileProblem as problem:
        raise UsageError(f"--to-file: {problem}") from None
    chats: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        try:
            chat_id = parse_chat_option(word, f"line {number}")
        except UsageError as error:
            problems.append(error.message)
        else:
            chats.setdefault(chat_id.lower(), chat_id)
    if problems:
        more = f"; {len(problems) - _PROBLEMS_SHOWN_MAX} more" if len(problems) > _PROBLEMS_SHOWN_MAX else ""
        raise UsageError(f"--to-file {file}: " + "; ".join(problems[:_PROBLEMS_SHOWN_MAX]) + more)
    if not chats:
        raise UsageError(f"--to-file {file}: names no chat; write one a line")
    return list(chats.values())


def campaign_name(invoice: "Invoice", options: Options, delivery: "Delivery") -> str:
    """The same offer has the same name, so that running it again goes on instead of beginning anew."""
    import hashlib
    import json
    from dataclasses import asdict

    from apaycli.botapi.methods import invoice_content

    content: dict[str, Any] = invoice_content(invoice, "") | {
        "payload": "",
        "mode": invoice.mode,
        "sku": invoice.sku,
        "quantity": invoice.quantity,
        "forwarding": options.forwarding,
        "uses": "1" if options.single_use else options.uses,
        "buyer": options.buyer,
        "expires": options.expires,
        "delivery": {key: value for key, value in asdict(delivery).items() if value},
    }
    return "auto-" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _say_plan(plan: "Plan", total: int, env: Env) -> None:
    say = env.output.say
    say(f"apay: {total} chat(s): {len(plan.jobs)} to send to, {len(plan.had)} have this invoice already")
    if not plan.jobs and not plan.unknown:
        say("apay: to send the same once more, give it a name of its own: --campaign NAME")
    for invoice in plan.unknown[:_PROBLEMS_SHOWN_MAX]:
        env.output.warn(f"it is unknown whether {invoice.chat_id} got {invoice.invoice_id}; it is left alone")
    if len(plan.unknown) > _PROBLEMS_SHOWN_MAX:
        env.output.warn(f"and {len(plan.unknown) - _PROBLEMS_SHOWN_MAX} more: apay invoices list")


class _Shown:
    """Each outcome as it comes: a line to stdout, or all of them as one document at the end."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._documents: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.failures: list[tuple[str, ApayError]] = []

    def __call__(self, outcome: "Outcome") -> None:
        from apaycli.cli.send_invoice import document_of, line_of
        from apaycli.sending import Sent

        self.counts[outcome.state] += 1
        if outcome.failure is not None:
            self.failures.append((outcome.invoice.chat_id, outcome.failure))
        sent = Sent(outcome.invoice, outcome.state, outcome.message_id, failure=outcome.failure)
        if self._env.output.as_json:
            self._documents.append(document_of(sent))
        elif not self._env.output.is_terminal(self._env.output.stdout):  # there is the bar, and the sums
            self._env.output.out("\t".join(line_of(sent)))

    def finish(self) -> None:
        if self._env.output.as_json:
            self._env.output.document(self._documents)
        self._env.output.flush()


@contextmanager
def _progress(total: int, env: Env) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; elsewhere a line now and then."""
    if not env.output.is_terminal(env.output.stderr) or env.output.quiet:
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            if done % _TOLD_EVERY == 0:
                env.output.say(f"apay: {done} of {total}")

        yield count
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(file=env.output.stderr, no_color=not env.output.colored(env.output.stderr))
    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


async def _send(
    plan: "Plan",
    name: str,
    env: Env,
    delivery: "Delivery",
    provider_token: str,
    store: Any,
    show: _Shown,
    advance: Callable[[], None],
) -> tuple[int, int]:
    """Returns how many chats had no turn, and the signal that stopped it (0: none)."""
    from apaycli.botapi.client import AsyncBotApi
    from apaycli.botapi.http_aiohttp import AiohttpHttp
    from apaycli.campaign import Campaign
    from apaycli.cli.stopping import stopped_by_signals

    def told(outcome: "Outcome") -> None:
        show(outcome)
        advance()

    stopped_by = 0
    api = AsyncBotApi(AiohttpHttp(env.config.api_url, env.config.bot_token()))
    campaign: Campaign = Campaign(
        name, plan.jobs, api, store, provider_token, delivery, env.clock, told, env.output.say
    )

    def stop(number: int) -> None:
        nonlocal stopped_by
        stopped_by = number
        campaign.stop()
        env.output.say("apay: stopping; what has left is waited for. A second signal stops at once")

    try:
        with stopped_by_signals(stop):
            return await campaign.run(), stopped_by
    finally:
        await api.close()


def _report(plan: "Plan", show: _Shown, failure: ApayError | None, stopped: tuple[int, int] | None, env: Env) -> None:
    """The sums to stderr; whatever keeps this from being "every chat has it" is an error."""
    counts = show.counts
    env.output.say(
        f"apay: {counts['sent']} sent, {counts['refused']} refused, {counts['unknown'] + len(plan.unknown)} unknown,"
        f" {len(plan.had)} had it already"
    )
    again = "run the same command again: it goes on where this ended"
    left, number = stopped or (0, 0)
    if failure is not None:
        left = len(plan.jobs) - sum(counts.values())
        raise type(failure)(
            f"{failure.message}; {left} of {len(plan.jobs)} chats had no turn", hint=failure.hint or again
        )
    if number:
        name = signal.Signals(number).name
        raise Stopped(f"stopped by {name}; {left} of {len(plan.jobs)} chats had no turn", again, 128 + number)
    if show.failures:
        raise _combined(show.failures, len(plan.jobs))
    _refuse_unknown(plan)


def _combined(failures: Sequence[tuple[str, ApayError]], total: int) -> ApayError:
    shown = "; ".join(f"{chat_id}: {failure.message}" for chat_id, failure in failures[:_PROBLEMS_SHOWN_MAX])
    more = f"; {len(failures) - _PROBLEMS_SHOWN_MAX} more" if len(failures) > _PROBLEMS_SHOWN_MAX else ""
    message = f"{len(failures)} of {total} chats did not get the invoice, or it is not known: {shown}{more}"
    return TelegramError(message, hint="run it again: what Telegram refused is tried once more")


def _refuse_unknown(plan: "Plan") -> None:
    if plan.unknown:
        raise TelegramError(
            f"it is unknown whether {len(plan.unknown)} chat(s) got the invoice",
            hint="look into one of them; --retry-unknown sends it again, and its uses count together",
        )
