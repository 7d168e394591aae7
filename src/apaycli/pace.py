"""How fast a bot may send messages: Telegram's limits as seconds between two of them.

Knows the limits (Bots FAQ: about 30 messages a second in all, one a second to a chat, 20 a minute to a group); never
who waits. Answers to queries and edits are no messages.
"""

ALL_SECONDS = 1 / 28  # a little slower than 30 a second: what arrives is not as even as what leaves
_CHAT_SECONDS = 1.1
_GROUP_SECONDS = 3.1


def chat_seconds(chat_id: str) -> float:
    """Between two messages to the same chat; a name may be a group's."""
    return _GROUP_SECONDS if chat_id.startswith(("-", "@")) else _CHAT_SECONDS
