"""getMyCommands, setMyCommands, deleteMyCommands: one list for each scope and language.

Knows the limits of BotCommand and BotCommandScope. Must never know what a command does.
"""

import json
import re
from typing import TYPE_CHECKING, Any

from apaycli.sandbox.wire import Answer, JsonObject, Params, Refusal, dump, ok

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

COMMAND_COUNT_MAX = 100
SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}


def get_my_commands(world: "World", params: Params) -> Answer:
    """The list of exactly that scope and language; `[]` when there is none, without an error."""
    return ok(world.commands.get(parse_key(params), []))


def set_my_commands(world: "World", params: Params) -> Answer:
    """Replaces the whole list of that scope and language."""
    params.required("commands")
    try:
        value = params.decoded("commands")
    except ValueError:
        raise Refusal(400, "Can't parse commands JSON object") from None
    if not isinstance(value, list):
        raise Refusal(400, "Expected an Array of commands")
    key = parse_key(params)
    if len(value) > COMMAND_COUNT_MAX:
        raise Refusal(400, "BOT_COMMANDS_TOO_MUCH")
    world.commands[key] = [read_command(command) for command in value]
    return ok(True)


def delete_my_commands(world: "World", params: Params) -> Answer:
    world.commands.pop(parse_key(params), None)
    return ok(True)


def read_command(value: Any) -> JsonObject:
    if not isinstance(value, dict):
        raise Refusal(400, "Can't parse BotCommand: expected an Object")
    name, description = str(value.get("command", "")), str(value.get("description", ""))
    name = name.removeprefix("/")
    if not re.fullmatch(r"[a-z0-9_]{1,32}", name):
        raise Refusal(400, "BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise Refusal(400, "BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name, "description": description}


def parse_key(params: Params) -> tuple[str, str]:
    language_code = params.text("language_code")
    if not re.fullmatch(r"([a-z]{2})?", language_code):
        raise Refusal(400, "invalid language code specified")
    return parse_scope(params.text("scope")), language_code


def parse_scope(text: str) -> str:
    """A canonical text for a scope, so that it can be a key."""
    if not text:
        return "default"
    try:
        scope = json.loads(text)
    except ValueError:
        raise Refusal(400, "Can't parse BotCommandScope JSON object") from None
    if not isinstance(scope, dict) or scope.get("type") not in SCOPES:
        raise Refusal(400, "Can't parse BotCommandScope: unsupported type specified")
    if scope["type"] == "default":
        return "default"
    wanted = SCOPES[scope["type"]]
    return dump([scope["type"], *(str(scope.get(name, "")) for name in wanted)]).decode()
