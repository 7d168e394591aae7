"""Where the bot may write: section 2.3 and errors.md rows 51-70."""

import json
from typing import Any

import pytest
from sandbox_bot import Bot
from sandbox_shapes import complaints

from apaycli.clock import ManualClock
from apaycli.sandbox.chats import User
from apaycli.sandbox.world import World

GROUP, SUPERGROUP, CHANNEL, DIRECT = -4001, -1001234567890, -1009876543210, -1002222222222


@pytest.mark.parametrize("method", ["sendInvoice", "sendMessage"])
@pytest.mark.parametrize(
    ("chat_id", "code", "text"),
    [
        ("", 400, "chat_id is empty"),
        ("abc", 400, "chat identifier must be a valid Integer"),
        ("--5", 400, "chat identifier must be a valid Integer"),
        (777, 400, "chat not found"),
        (-777, 400, "chat not found"),
        ("@rahim_sandbox", 400, "chat not found"),
        ("@nobody", 400, "chat not found"),
        (2001, 403, "bot can't initiate conversation with a user"),
        (2002, 403, "bot was blocked by the user"),
        (2003, 403, "user is deactivated"),
        (2004, 403, "bot can't send messages to bots"),
    ],
    ids=str,
)
def test_private_targets(bot: Bot, world: World, method: str, chat_id: Any, code: int, text: str) -> None:
    world.chats.add_user(User(2001, "Shy"))
    world.chats.add_user(User(2002, "Cross", started=True, blocked=True))
    world.chats.add_user(User(2003, "Gone", started=True, deactivated=True))
    world.chats.add_user(User(2004, "Robot", started=True, is_bot=True))
    prefix = {400: "Bad Request", 403: "Forbidden"}[code]
    assert bot.refusal(method, **bot.invoice(chat_id=chat_id, text="hi")) == (code, f"{prefix}: {text}")


def test_bot_cannot_write_to_itself(bot: Bot, world: World) -> None:
    code, text = bot.refusal("sendMessage", chat_id=world.bot.id, text="hi")
    assert (code, text) == (403, "Forbidden: the bot can't send messages to the bot")


@pytest.mark.parametrize(
    ("chat_id", "changes", "text"),
    [
        (GROUP, {"bot_status": "kicked"}, "Forbidden: bot was kicked from the group chat"),
        (SUPERGROUP, {"bot_status": "kicked"}, "Forbidden: bot was kicked from the supergroup chat"),
        (SUPERGROUP, {"bot_status": "left"}, "Forbidden: bot is not a member of the supergroup chat"),
        (CHANNEL, {"bot_status": "left"}, "Forbidden: bot is not a member of the channel chat"),
        (CHANNEL, {"bot_status": "member"}, "Bad Request: need administrator rights in the channel chat"),
        (CHANNEL, {"bot_can_send": False}, "Bad Request: need administrator rights in the channel chat"),
        (GROUP, {"bot_can_send": False}, "Bad Request: not enough rights to send invoice messages to the chat"),
        (GROUP, {"deleted": True}, "Forbidden: the group chat was deleted"),
    ],
    ids=str,
)
def test_groups_and_channels(bot: Bot, world: World, chat_id: int, changes: dict[str, Any], text: str) -> None:
    chat = world.chats.chat(chat_id)
    assert chat is not None
    vars(chat).update(changes)
    assert bot.refusal("sendInvoice", **bot.invoice(chat_id=chat_id))[1] == text


def test_upgraded_group_names_its_successor(bot: Bot, world: World) -> None:
    world.buyers.upgrade_group(GROUP, -1005550001111)
    document = bot.answer("sendInvoice", **bot.invoice(chat_id=GROUP)).json()
    assert document["description"] == "Bad Request: group chat was upgraded to a supergroup chat"
    assert document["parameters"] == {"migrate_to_chat_id": -1005550001111}
    assert bot.send_invoice(chat_id=-1005550001111)["chat"]["type"] == "supergroup"
    old, new = (update["message"] for update in bot.updates())
    assert (old["chat"]["id"], old["migrate_to_chat_id"]) == (GROUP, -1005550001111)
    assert (new["chat"]["id"], new["migrate_from_chat_id"]) == (-1005550001111, GROUP)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"message_thread_id": 43}, "TOPIC_CLOSED"),
        ({"message_thread_id": 44}, "TOPIC_DELETED"),
        ({"message_thread_id": 45}, "message thread not found"),
        ({"message_thread_id": 1}, "message thread not found"),
        ({"direct_messages_topic_id": 5}, "wrong direct messages topic identifier specified"),
        ({"reply_parameters": {"message_id": 999}}, "message to be replied not found"),
    ],
)
def test_places_inside_a_chat(bot: Bot, world: World, params: dict[str, Any], text: str) -> None:
    chat = world.chats.chat(SUPERGROUP)
    assert chat is not None
    chat.topics[44] = "deleted"
    assert bot.refusal("sendInvoice", **bot.invoice(chat_id=SUPERGROUP, **params))[1] == f"Bad Request: {text}"


@pytest.mark.parametrize("method", ["sendInvoice", "sendMessage", "forwardMessage"])
@pytest.mark.parametrize(
    ("chat_id", "params", "is_good"),
    [
        (DIRECT, {"direct_messages_topic_id": 77}, True),
        (DIRECT, {}, False),
        (DIRECT, {"direct_messages_topic_id": 78}, False),
        (DIRECT, {"direct_messages_topic_id": "x"}, False),
        (DIRECT, {"message_thread_id": 77}, False),
        (SUPERGROUP, {"direct_messages_topic_id": 42}, False),
        (1001, {"direct_messages_topic_id": 77}, False),
    ],
    ids=str,
)
def test_direct_messages_of_a_channel(
    bot: Bot, method: str, chat_id: int, params: dict[str, Any], is_good: bool
) -> None:
    message_id = bot.send_invoice()["message_id"]
    given = {**bot.invoice(chat_id=chat_id, text="hi", from_chat_id=1001, message_id=message_id), **params}
    if not is_good:
        text = "Bad Request: wrong direct messages topic identifier specified"
        assert bot.refusal(method, **given) == (400, text)
        return
    message = bot.call(method, **given)
    assert message["chat"] == {
        "id": DIRECT,
        "type": "supergroup",
        "title": "Sandbox channel",
        "is_direct_messages": True,
    }
    assert message["direct_messages_topic"]["topic_id"] == 77
    assert message["direct_messages_topic"]["user"]["first_name"] == "Asha"
    assert "message_thread_id" not in message


def test_a_closed_direct_messages_topic(bot: Bot, world: World) -> None:
    chat = world.chats.chat(DIRECT)
    assert chat is not None
    chat.topics[77] = "closed"
    params = {"chat_id": DIRECT, "direct_messages_topic_id": 77, "text": "hi"}
    assert bot.refusal("sendMessage", **params)[1].endswith("wrong direct messages topic identifier specified")
    assert bot.call("getChat", chat_id=DIRECT)["is_direct_messages"] is True


@pytest.mark.parametrize(
    ("chat_id", "params", "name"),
    [(1001, {}, "private"), (SUPERGROUP, {"message_thread_id": 42}, "topic"), ("@sandbox_channel", {}, "channel")],
)
def test_message_has_the_fields_of_the_sample(
    bot: Bot, request: pytest.FixtureRequest, chat_id: Any, params: dict[str, Any], name: str
) -> None:
    folder = request.config.rootpath / "tests" / "data" / "updates" / "responses"
    sample = json.loads((folder / f"ok-sendInvoice-{name}.json").read_text("utf-8"))["result"]
    message = bot.send_invoice(chat_id=chat_id, **params)
    assert list(message) == list(sample)
    assert message["invoice"].keys() == sample["invoice"].keys()
    assert message["reply_markup"] == sample["reply_markup"]


def test_protected_invoice_cannot_be_forwarded(bot: Bot) -> None:
    message = bot.send_invoice(protect_content=True)
    params = {"chat_id": 1002, "from_chat_id": 1001, "message_id": message["message_id"]}
    assert bot.refusal("forwardMessage", **params)[1].endswith("message has protected content and can't be forwarded")


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n"}, "message text is empty"),
        ({"text": "a" * 4097}, "message is too long"),
        ({"text": "a<b", "parse_mode": "HTML"}, "can't parse entities: "),
        ({"text": "<b>a", "parse_mode": "HTML"}, "can't parse entities: "),
        ({"text": "a</b>", "parse_mode": "HTML"}, "can't parse entities: "),
        ({"text": "<div>a</div>", "parse_mode": "HTML"}, "can't parse entities: "),
        ({"text": "1.5", "parse_mode": "MarkdownV2"}, "can't parse entities: "),
        ({"text": "a", "parse_mode": "rtf"}, "unsupported parse_mode"),
        ({"text": "a", "reply_markup": {"inline_keyboard": [[{"text": "P", "pay": True}]]}}, "BUTTON_TYPE_INVALID"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_send_message_refusals(bot: Bot, params: dict[str, Any], text: str) -> None:
    assert bot.refusal("sendMessage", chat_id=1001, **params)[1].startswith(f"Bad Request: {text}")


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        ("sendMessage", {"chat_id": 1001, "text": "a", "reply_parameters": "["}, "can't parse reply parameters"),
        ("sendMessage", {"chat_id": 1001, "text": "a", "reply_parameters": []}, "can't parse reply parameters"),
        ("sendMessage", {"chat_id": 1001, "text": "a", "reply_markup": []}, "object expected as reply markup"),
        ("sendMessage", {"chat_id": 1001, "text": "a", "reply_markup": {"inline_keyboard": [5]}}, "field"),
        ("sendMessage", {"chat_id": 1001, "text": "a", "reply_markup": {"inline_keyboard": [[5]]}}, "can't parse"),
        ("forwardMessage", {"chat_id": 1002, "from_chat_id": 1001, "message_id": 9}, "message to forward not found"),
        ("deleteMessage", {"chat_id": 777, "message_id": 9}, "chat not found"),
    ],
    ids=str,
)
def test_other_refusals(bot: Bot, method: str, params: dict[str, Any], text: str) -> None:
    assert bot.refusal(method, **params)[1].lower().startswith(f"bad request: {text}")


def test_replies_and_keyboards(bot: Bot) -> None:
    message_id = bot.call("sendMessage", chat_id=1001, text="a", protect_content=True)["message_id"]
    keyboard = {"inline_keyboard": [[{"text": "Site", "url": "https://a.example"}]]}
    reply = {"message_id": message_id}
    assert bot.call("sendMessage", chat_id=1001, text="b", reply_parameters=reply, reply_markup=keyboard)
    gone = {"message_id": 9999, "allow_sending_without_reply": True}
    assert bot.call("sendMessage", chat_id=1001, text="c", reply_parameters=gone)


@pytest.mark.parametrize(("chat_id", "kind"), [(1001, "user"), ("@sandbox_channel", "channel")])
def test_forward_origin(bot: Bot, chat_id: Any, kind: str) -> None:
    message = bot.send_invoice(chat_id=chat_id)
    params = {"chat_id": 1002, "from_chat_id": chat_id, "message_id": message["message_id"]}
    assert bot.call("forwardMessage", **params)["forward_origin"]["type"] == kind


def test_messages_of_others_cannot_be_deleted(bot: Bot, world: World) -> None:
    world.buyers.send_text(1001, "mine")
    message_id = bot.updates()[0]["message"]["message_id"]
    assert bot.refusal("deleteMessage", chat_id=1001, message_id=message_id)[1].endswith("message can't be deleted")


def test_send_message_in_html(bot: Bot) -> None:
    assert bot.call("sendMessage", chat_id=1001, text="<b>5 &lt; 6</b>", parse_mode="HTML")["text"] == "5 < 6"
    assert bot.call("sendMessage", chat_id=1001, text="a" * 4096)["text"] == "a" * 4096


def test_delete_message(bot: Bot, world: World, clock: ManualClock) -> None:
    message_id = bot.send_invoice()["message_id"]
    bot.call("deleteMessage", chat_id=1001, message_id=message_id)
    assert bot.refusal("deleteMessage", chat_id=1001, message_id=message_id)[1].endswith("message to delete not found")
    assert world.books.find_invoice((1001, message_id)).deleted
    old = bot.send_invoice()["message_id"]
    clock.advance(48 * 3600 + 1)
    assert bot.refusal("deleteMessage", chat_id=1001, message_id=old)[1].endswith("message can't be deleted")


def test_get_chat_and_member(bot: Bot, world: World) -> None:
    assert bot.call("getChat", chat_id="@sandbox_channel")["id"] == CHANNEL
    assert bot.call("getChat", chat_id=1003)["first_name"].startswith("\x1b")
    member = bot.call("getChatMember", chat_id=CHANNEL, user_id=world.bot.id)
    assert (member["status"], member["can_post_messages"]) == ("administrator", True)
    assert bot.refusal("getChatMember", chat_id=CHANNEL, user_id=777)[1] == "Bad Request: user not found"


def test_blocking_is_told_to_the_bot(bot: Bot, world: World) -> None:
    world.buyers.block(1001)
    assert bot.refusal("sendMessage", chat_id=1001, text="hi")[0] == 403
    world.buyers.start(1001, "again")
    assert bot.call("sendMessage", chat_id=1001, text="hi")
    updates = bot.updates()
    assert complaints(updates, ["Array of Update"]) == []
    assert [u["my_chat_member"]["new_chat_member"]["status"] for u in updates if "my_chat_member" in u] == [
        "kicked",
        "member",
    ]
