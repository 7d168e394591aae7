"""The world of the sandbox: one bot, its Telegram, its buyers and its provider, all on one clock.

Knows the public Bot API documentation. Must never know apaycli's model, client or store, so that one mistake
cannot hide in both sides; imports nothing of apaycli but the clock. Does no I/O and never waits.

Theory
------
*Time* is the given clock's and moves only outside. What is due later (a long poll's end, the ten seconds of a
query) is a timer; the owner of the world calls `tick()` at `next_deadline()`, or at any later moment. Every
`handle()` ticks first, so nothing late is ever taken for early.

*One entrance.* `handle()` takes the bytes of a request and returns an `Answer`, or a `Waiting` that the world
resolves later. Faults are decided here: before the method took effect or after it (only the reply is lost).
How a reset or a silence looks on a socket is the server's business.

*The queue* belongs to Telegram. A kind that is not allowed is never queued and never comes back; an update
lives 150 s (pre-checkout, shipping), 24 h (payments) and so on; it is repeated until a higher offset confirms
it. A checkout and its query are two things: the query waits in the queue for 150 s, the buyer waits ten.

*Money* exists once somebody called `pay`: the charge is in the books even when the bot can never hear of it.
The books are the truth a test compares the bot's ledger with: as many receipts as charges, no more, no less.
The provider asks nobody: it may charge late, twice, or never. A-Pay's own API (`apay`) shows the same books.

*Who can pay.* An invoice without `start_parameter` and its copies: anyone, any number of times. With
`start_parameter`: only in the chat where it was sent, in a private chat only once; its forwarded copy shows a
URL button that sends `/start <start_parameter>` to the bot. A link: anyone, any number of times.

A message whose keyboard was removed has no Pay button; copies made of it keep theirs.

*Chance* is one `random.Random(seed)`: the same calls at the same times give the same bytes. What was added later
takes no draws (`derive_number`), so that old seeds go on telling the same stories.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

from apaycli.clock import Clock
from apaycli.sandbox.apay_desk import ApayDesk
from apaycli.sandbox.buyers import Buyers
from apaycli.sandbox.callbacks import Callback
from apaycli.sandbox.chats import Chat, ChatBook, User, furnish
from apaycli.sandbox.checkouts import Books
from apaycli.sandbox.dialogue import Dialogue
from apaycli.sandbox.faults import UNTOUCHED, Faults, Outage
from apaycli.sandbox.flood import FloodCounter
from apaycli.sandbox.inline import InlineDesk
from apaycli.sandbox.methods import METHODS
from apaycli.sandbox.polling import CONFLICT_HOLD_SECONDS, Polling
from apaycli.sandbox.queue import UpdateQueue
from apaycli.sandbox.request_log import RequestLog
from apaycli.sandbox.timers import Timers
from apaycli.sandbox.wire import Answer, Call, JsonObject, Params, Refusal, Waiting, parse_call

BOT_TOKEN_SHAPE = re.compile(r"[1-9][0-9]{0,15}:[A-Za-z0-9_-]{30,}")
TOKEN_LETTERS = string.ascii_letters + string.digits + "_-"
FIRST_MESSAGE_ID = 100


@dataclass
class Settings:
    """Behaviour that is a choice. Defaults are the real server's, as far as it is known."""

    # "Repeats are held back 3 s" [S]: of a second 409 within 3 s of the first. Tests set 0.
    conflict_hold_seconds: float = CONFLICT_HOLD_SECONDS
    # The brake on the same offset asked again and again; off, because it slows tests down.
    repeated_offset_rule: bool = False
    # "answerPreCheckoutQuery returning True is not proof" [T]: with this, a late answer gets True and no effect.
    late_answer_returns_true: bool = False
    # The library of July 2026: no shipping option that costs nothing, and no refusal without an option beside it [T].
    strict_shipping: bool = True
    # The server of Bot API 10.0 as it is read: options that come with a refusal are not looked at [S].
    refusal_drops_options: bool = False
    supports_inline_queries: bool = True
    # Feedback switched on in @BotFather: chosen_inline_result is sent.
    inline_feedback: bool = True
    # "A cached answer is sent without asking the bot": the same inline query within `cache_time`.
    inline_cache: bool = True
    # Refuse sends beyond Telegram's limits with a 429. They are counted in any case: see `World.flood`.
    flood_limits: bool = False
    # Privacy mode off: the bot sees every message of its groups.
    can_read_all_group_messages: bool = False
    # `https://telegram.me/$` was seen in July 2026.
    link_base: str = "https://t.me/$"
    # Under which id A-Pay knows a payment: provider, custom or none; see `apay_deposits`.
    apay_order_id: str = "provider"
    # "HTTP 400 or 200": A-Pay refuses with either.
    apay_errors_as_200: bool = False


class World:
    """See the theory above. Not safe for threads: one thread owns it."""

    def __init__(
        self,
        clock: Clock,
        seed: int = 0,
        bot_token: str | None = None,
        test_provider_token: str | None = None,
        live_provider_token: str | None = None,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.rng = Random(seed)  # noqa: S311 - a simulation wants chance that repeats
        self.settings = Settings()
        # Drawn even when given, so that a given token does not change what chance brings later.
        tokens = (self._draw_bot_token(), self._draw_provider_token("TEST"), self._draw_provider_token("LIVE"))
        self.bot_token = bot_token or tokens[0]
        self.test_provider_token = test_provider_token or tokens[1]
        self.live_provider_token = live_provider_token or tokens[2]
        if not BOT_TOKEN_SHAPE.fullmatch(self.bot_token):
            raise ValueError("the bot token does not look like one: <digits>:<at least 30 of A-Za-z0-9_->")
        bot_id = int(self.bot_token.partition(":")[0])
        self.bot = User(bot_id, "Sandbox Merchant", username="sandbox_merchant_bot", language_code="", is_bot=True)
        self.chats = ChatBook(self.bot)
        furnish(self.chats)
        self.timers = Timers()
        self.queue = UpdateQueue(self.rng.randrange(10**8, 9 * 10**8))
        self.polling = Polling(self)
        self.books = Books()
        self.dialogue = Dialogue(self)
        self.inline = InlineDesk(self)
        self.buyers = Buyers(self)
        self.callbacks: dict[str, Callback] = {}
        self.faults = Faults()
        self.flood = FloodCounter()
        self.requests = RequestLog()
        self.apay = ApayDesk(self)
        self.commands: dict[tuple[str, str], list[JsonObject]] = {}
        self.messages: dict[tuple[int, int], JsonObject] = {}
        self._message_ids: dict[int, int] = {}

    @property
    def provider_tokens(self) -> frozenset[str]:
        return frozenset((self.test_provider_token, self.live_provider_token))

    # Requests

    def handle(self, path: str, content_type: str = "", body: bytes = b"") -> Answer | Waiting:
        """One request of the bot: `path` with its query string, still percent-encoded."""
        self.tick()
        try:
            call = parse_call(path, content_type, body)
            self._check_token(call.token)
        except Refusal as refusal:
            answer = refusal.answer()
            self.requests.add(self.clock.now(), "", Params()).finish(answer)
            return answer
        record = self.requests.add(self.clock.now(), call.method, call.params)
        outage = self.faults.strike(call.method, self.clock.monotonic())
        record.fault = outage.kind if outage else None
        result = self._perform(call, outage)
        if isinstance(result, Answer):
            record.finish(result)
        else:
            result.when_done(record.finish)
        return result

    def _check_token(self, token: str) -> None:
        if not BOT_TOKEN_SHAPE.fullmatch(token):
            raise Refusal(401, "invalid token specified")
        if token != self.bot_token:
            raise Refusal(401)

    def _perform(self, call: Call, outage: Outage | None) -> Answer | Waiting:
        if outage is None:
            return self._run(call)
        if not outage.after:
            if outage.kind == "delay":
                return self._run_later(call, outage.delay_seconds)
            return outage.reshape(UNTOUCHED)
        result = self._run(call)
        if isinstance(result, Answer):
            return outage.reshape(result)
        result.reshape = outage.reshape
        return result

    def _run(self, call: Call) -> Answer | Waiting:
        try:
            method = METHODS.get(call.method)
            if method is None:
                raise Refusal(404, "method not found")
            return method(self, call.params)
        except Refusal as refusal:
            return refusal.answer()

    def _run_later(self, call: Call, seconds: float) -> Waiting:
        """A request that was slow on its way: it takes effect when it arrives."""
        waiting = Waiting(self.clock.monotonic() + seconds)

        def arrive() -> None:
            result = self._run(call)
            if isinstance(result, Answer):
                waiting.resolve(result)
            else:
                result.when_done(waiting.resolve)

        self.timers.at(waiting.deadline, arrive)
        return waiting

    # Time

    def tick(self) -> None:
        """Let everything happen that is due by now."""
        self.timers.run_due(self.clock.monotonic())

    def next_deadline(self) -> float | None:
        """When `tick` will next have something to do, on the monotonic clock."""
        return self.timers.next_deadline()

    # Updates and messages

    def emit(self, kind: str, content: Any) -> int | None:
        """Queue an update for the bot and wake it. None when its kind is not allowed."""
        update_id = self.queue.push(kind, content, self.clock.now())
        self.polling.wake()
        return update_id

    def new_message(self, chat: Chat, sender: User | None, topic_id: int = 0, **content: Any) -> JsonObject:
        """A Message in `chat`. Without a sender it is the channel's own."""
        message: JsonObject = {"message_id": self._next_message_id(chat)}
        if sender is not None:
            message["from"] = sender.render()
        message["chat"] = chat.render()
        message["date"] = self.clock.now() // 1000
        if chat.type == "channel":
            message["sender_chat"] = chat.render()
        if topic_id:
            message.update(chat.render_topic(topic_id))
        message.update(content)
        self.messages[chat.id, message["message_id"]] = message
        return message

    def _next_message_id(self, chat: Chat) -> int:
        """Channels and supergroups count for themselves, all other chats of a bot together."""
        counter = chat.id if chat.type in ("supergroup", "channel") else 0
        self._message_ids[counter] = self._message_ids.get(counter, FIRST_MESSAGE_ID) + 1
        return self._message_ids[counter]

    # Chance

    def derive_number(self, what: str) -> int:
        """63 bits that belong to `what` in this seed's world; nothing is drawn for them."""
        return int.from_bytes(sha256(f"{self.seed} {what}".encode()).digest()[:8]) >> 1

    def new_query_id(self) -> str:
        """A 64-bit number as text."""
        return str(self.rng.randrange(10**17, 9 * 10**18))

    def new_charge_id(self, buyer_id: int) -> str:
        return f"{self.bot.id}_{buyer_id}_{self.rng.randrange(10**6)}_{self.rng.randrange(10**18, 9 * 10**18)}"

    def new_slug(self) -> str:
        return "".join(self.rng.choices(TOKEN_LETTERS, k=24))

    def revoke_bot_token(self) -> str:
        """Another secret of the same bot, which alone is taken from now on."""
        secret = self._draw_bot_token().partition(":")[2]
        self.bot_token = f"{self.bot.id}:{secret}"
        return self.bot_token

    def _draw_bot_token(self) -> str:
        return f"{self.rng.randrange(10**9, 10**10)}:AA{''.join(self.rng.choices(TOKEN_LETTERS, k=33))}"

    def _draw_provider_token(self, mode: str) -> str:
        number = self.rng.randrange(5_339_100_000, 5_339_200_000)
        return f"{number}:{mode}:{UUID(int=self.rng.getrandbits(128), version=4)}"

    # Reading

    def state(self) -> Mapping[str, Any]:
        """A summary for people and pages; no tokens."""
        return {
            "bot": self.bot.render(),
            "now": self.clock.now(),
            "pending_update_count": len(self.queue),
            "next_update_id": self.queue.next_update_id,
            "lost_update_count": self.queue.lost_count,
            "allowed_updates": sorted(self.queue.allowed_kinds),
            "is_polled": self.polling.poll is not None,
            "webhook_url": self.polling.webhook.url,
            "invoice_count": len(self.books.invoices),
            "checkout_count": len(self.books.checkouts),
            "charge_count": len(self.books.charges),
            "outages": [outage.render() for outage in self.faults.outages],
            "settings": dict(vars(self.settings)),
            "users": [
                {**user.render(), "started": user.started, "blocked": user.blocked} for user in self.chats.users()
            ],
            "chats": [chat.render() for chat in self.chats.chats() if chat.user is None],
        }
