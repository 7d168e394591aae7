"""How long a sentence may be, and the one that a refused buyer reads.

Knows the limit: Telegram documents none for `error_message`, so the 200 UTF-16 units of callback answers are kept.
Never knows why a query was declined; it is handed the reason.
"""

from apaycli.core.messages import Messages, declined_name
from apaycli.core.model import DeclineReason, Product
from apaycli.text import show

SENTENCE_UNITS_MAX = 200


def decline_sentence(
    reason: DeclineReason,
    messages: Messages,
    language_code: str | None,
    product: Product | None = None,
    name: str | None = None,
) -> str:
    """The product's own sentence for being sold out, else what is said in the buyer's language; on one line."""
    own = product.sold_out if product and reason is DeclineReason.SOLD_OUT else None
    said = messages.say(name or declined_name(reason), language_code)
    sentence = next(line for each in (own, said) if (line := " ".join((each or "").split())))
    return cut_at_word(show(sentence, limit=1000), SENTENCE_UNITS_MAX)


def cut_at_word(text: str, units_max: int) -> str:
    """`text` within `units_max` UTF-16 units (how Telegram counts), cut behind a whole word."""
    if utf16_units(text) <= units_max:
        return text
    while utf16_units(text) > units_max - 1:
        shorter = text.rpartition(" ")[0]
        text = shorter if shorter else text[:-1]
    return text + "…"


def utf16_units(text: str) -> int:
    """Characters outside the basic plane count twice: the stricter reading of Telegram's limits."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
