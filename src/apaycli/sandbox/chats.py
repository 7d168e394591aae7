"""Users and chats: who exists in this world, and where the bot may write.

Knows every chat the bot could name, its members' relation to the bot, and the server's refusals for targets
(errors.md rows 51-66). Must never know invoices, updates or money.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from apaycli.sandbox.wire import NUMBER, JsonObject, Params, Refusal

RAHIM, ASHA, MALLORY = 1001, 1002, 1003
SUPERGROUP, CHANNEL, BASIC_GROUP = -1001234567890, -1009876543210, -4001
OPEN_TOPIC, CLOSED_TOPIC = 42, 43
DIRECT_MESSAGES, DIRECT_TOPIC = -1002222222222, 77

# Terminal escapes, a right-to-left override, console markup and a line feed: a name from a stranger.
HOSTILE_FIRST_NAME = "\x1b[31mMal\u202elory\x1b[0m"
HOSTILE_LAST_NAME = "[bold]x[/bold]\n'; DROP TABLE receipts;--"


@dataclass
class User:
    """A person (or a bot). `started` means: the bot may write to them."""

    id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    language_code: str = "en"
    is_bot: bool = False
    started: bool = False
    blocked: bool = False
    deactivated: bool = False

    def render(self) -> JsonObject:
        """The type User; empty optional fields are left out."""
        shown: JsonObject = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        for name in ("last_name", "username", "language_code"):
            if getattr(self, name):
                shown[name] = getattr(self, name)
        return shown


@dataclass
class Chat:
    """A chat. `bot_status` is the bot's ChatMember.status; `topics` maps a topic's id to open, closed or deleted.

    In the direct messages chat of a channel (a supergroup) each topic is the talk with one person, in
    `topic_users`; everywhere else topics are threads of a forum.
    """

    id: int
    type: str
    title: str = ""
    username: str = ""
    user: User | None = None
    is_forum: bool = False
    is_direct_messages: bool = False
    topics: dict[int, str] = field(default_factory=dict)
    topic_users: dict[int, User] = field(default_factory=dict)
    bot_status: str = "member"
    bot_can_send: bool = True
    deleted: bool = False
    migrate_to_chat_id: int = 0

    def render(self) -> JsonObject:
        if self.user is not None:
            person = self.user.render()
            shown: JsonObject = {"id": self.id, "type": "private"}
            shown.update((key, person[key]) for key in ("first_name", "last_name", "username") if key in person)
            return shown
        shown = {"id": self.id, "type": self.type, "title": self.title}
        if self.username:
            shown["username"] = self.username
        if self.is_forum:
            shown["is_forum"] = True
        if self.is_direct_messages:
            shown["is_direct_messages"] = True
        return shown

    def render_topic(self, topic_id: int) -> JsonObject:
        """The fields of a Message that say which topic it stands in."""
        if not self.is_direct_messages:
            return {"message_thread_id": topic_id, "is_topic_message": True}
        topic: JsonObject = {"topic_id": topic_id}
        if topic_id in self.topic_users:
            topic["user"] = self.topic_users[topic_id].render()
        return {"direct_messages_topic": topic}


class ChatBook:
    """All users and chats by id and by @username."""

    def __init__(self, bot: User) -> None:
        self.bot = bot
        self._users: dict[int, User] = {bot.id: bot}
        self._chats: dict[int, Chat] = {}

    def add_user(self, user: User) -> User:
        self._users[user.id] = user
        self._chats[user.id] = Chat(user.id, "private", user=user)
        return user

    def add_chat(self, chat: Chat) -> Chat:
        self._chats[chat.id] = chat
        return chat

    def user(self, user_id: int) -> User:
        """The user of that id; a new one, who has not started the bot, if there is none."""
        if user_id <= 0:
            raise ValueError(f"a user id is positive, not {user_id}")
        return self._users.get(user_id) or self.add_user(User(user_id, f"Buyer {user_id}"))

    def private_chat(self, user_id: int) -> Chat:
        self.user(user_id)
        return self._chats[user_id]

    def chat(self, chat_id: int) -> Chat | None:
        return self._chats.get(chat_id)

    def users(self) -> Iterable[User]:
        return self._users.values()

    def chats(self) -> Iterable[Chat]:
        return self._chats.values()

    def resolve(self, params: Params, name: str = "chat_id") -> Chat:
        """The chat a request names. Raises the server's refusals for ids that lead nowhere."""
        text = params.text(name)
        if not text:
            raise Refusal(400, "chat_id is empty")
        if text.startswith("@"):
            return self._by_username(text[1:])
        if not NUMBER.fullmatch(text):
            raise Refusal(400, "chat identifier must be a valid Integer")
        chat_id = int(text)
        if chat_id == self.bot.id:
            raise Refusal(403, "the bot can't send messages to the bot")
        chat = self._chats.get(chat_id)
        if chat is None:
            raise Refusal(400, "chat not found")
        return chat

    def _by_username(self, username: str) -> Chat:
        """Only groups and channels have one here: "@username of an ordinary user is not resolvable"."""
        for chat in self._chats.values():
            if chat.username and chat.username.lower() == username.lower():
                return chat
        raise Refusal(400, "chat not found")

    def check_write(self, chat: Chat, what: str) -> None:
        """Refuse unless the bot may send there; `what` is the sort of message in the refusal's text."""
        if chat.user is not None:
            check_write_to_user(chat.user)
        else:
            check_membership(chat)
            if chat.type == "channel" and (chat.bot_status != "administrator" or not chat.bot_can_send):
                raise Refusal(400, "need administrator rights in the channel chat")
            if not chat.bot_can_send:
                raise Refusal(400, f"not enough rights to send {what} messages to the chat")


def check_write_to_user(user: User) -> None:
    if user.is_bot:
        raise Refusal(403, "bot can't send messages to bots")
    if user.deactivated:
        raise Refusal(403, "user is deactivated")
    if user.blocked:
        raise Refusal(403, "bot was blocked by the user")
    if not user.started:
        raise Refusal(403, "bot can't initiate conversation with a user")


def check_membership(chat: Chat) -> None:
    if chat.migrate_to_chat_id:
        raise Refusal(400, "group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.migrate_to_chat_id)
    if chat.deleted:
        raise Refusal(403, "the group chat was deleted")
    if chat.bot_status == "kicked":
        raise Refusal(403, f"bot was kicked from the {chat.type} chat")
    if chat.bot_status == "left":
        raise Refusal(403, f"bot is not a member of the {chat.type} chat")


def find_topic(chat: Chat, params: Params) -> int:
    """The topic a request names: of a channel's direct messages, or a thread of a forum; 0 for none."""
    if chat.is_direct_messages or params.text("direct_messages_topic_id"):
        return find_direct_topic(chat, params)
    return find_thread(chat, params)


def find_direct_topic(chat: Chat, params: Params) -> int:
    """`direct_messages_topic_id`: "required if the message is sent to a direct messages chat" [D].

    What is said when it is missing is not documented; this is the refusal of a wrong one (errors.md row 68).
    """
    topic_id = params.integer("direct_messages_topic_id")
    if not chat.is_direct_messages or chat.topics.get(topic_id) != "open":
        raise Refusal(400, "wrong direct messages topic identifier specified")
    return topic_id


def find_thread(chat: Chat, params: Params) -> int:
    """`message_thread_id` of a request, 0 when not given; the General topic (1) is not to be passed [D]."""
    thread_id = params.integer("message_thread_id")
    if not thread_id:
        return 0
    state = chat.topics.get(thread_id, "missing")
    if state == "missing":
        raise Refusal(400, "message thread not found")
    if state != "open":
        raise Refusal(400, f"TOPIC_{state.upper()}")
    return thread_id


def furnish(book: ChatBook) -> None:
    """The people and places every sandbox starts with."""
    book.add_user(User(RAHIM, "Rahim", "Uddin", "rahim_sandbox", "bn", started=True))
    asha = book.add_user(User(ASHA, "Asha", started=True))
    book.add_user(User(MALLORY, HOSTILE_FIRST_NAME, HOSTILE_LAST_NAME, started=True))
    topics = {OPEN_TOPIC: "open", CLOSED_TOPIC: "closed"}
    book.add_chat(Chat(SUPERGROUP, "supergroup", "Sandbox buyers", "sandbox_buyers", is_forum=True, topics=topics))
    book.add_chat(Chat(CHANNEL, "channel", "Sandbox channel", "sandbox_channel", bot_status="administrator"))
    book.add_chat(Chat(BASIC_GROUP, "group", "Sandbox group"))
    talk: JsonObject = {"topics": {DIRECT_TOPIC: "open"}, "topic_users": {DIRECT_TOPIC: asha}}
    book.add_chat(Chat(DIRECT_MESSAGES, "supergroup", "Sandbox channel", is_direct_messages=True, **talk))
