"""What to do about Telegram's refusals, in the merchant's words.

Knows texts of the Bot API server and of Telegram's data centre (reference `errors.md`); they may change, so
a text that fits nothing has no remedy and is shown as it is. Matched on a part, case-insensitively.
"""

_REMEDIES: tuple[tuple[str, str], ...] = (
    ("payment_provider_invalid", "BotFather, your bot, Payments: compare the provider token; is it this bot's?"),
    ("currency_total_amount_invalid", "the total is outside Telegram's limits for the currency: change the price"),
    ("bot_payments_disabled", "connect payments: BotFather, your bot, Payments, Paykassma"),
    ("chat not found", "the buyer must open the bot and press Start once; a channel or group must have the bot in it"),
    ("bot was blocked", "this user has blocked the bot: nothing can be sent to them"),
    ("user is deactivated", "this account was deleted"),
    ("can't initiate conversation", "the buyer must open the bot and press Start once"),
    ("bot was kicked", "add the bot to the chat again"),
    ("not a member", "add the bot to the chat"),
    ("chat was deleted", "this chat no longer exists"),
    ("need administrator rights", "make the bot an administrator of the channel who may post"),
    ("not enough rights", "let members send messages, or make the bot an administrator"),
    ("have no write access", "let the bot write in the chat"),
    ("message thread not found", "take the topic's id from its link; leave --thread out for General"),
    ("topic_closed", "open the topic again, or choose another"),
    ("webdocument", "photo_url must be a public https picture (jpg or png)"),
    ("wrong http url", "photo_url must be a public https picture (jpg or png)"),
    ("too many requests", "Telegram asks for patience: wait and run the command again"),
    ("webhook is active", "apay listen --take-over removes the webhook; see first whose it is"),
    ("terminated by other getupdates", "another program polls with this token: stop it, or /revoke the token"),
    ("frozen_method_invalid", "Telegram has frozen the bot or its owner's account: appeal in Telegram"),
)


def remedy_for(description: str) -> str | None:
    """One sentence on what to do, else where the text is explained, or None."""
    low = description.lower()
    return next((remedy for part, remedy in _REMEDIES if part in low), None) or _explained(description)


def _explained(description: str) -> str | None:
    from apaycli.explanations import said_by_telegram  # only refusals need it, and few of them

    entry = said_by_telegram(description)
    return f"apay explain {entry.code}" if entry else None
