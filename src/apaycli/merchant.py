"""What the merchant's files say, as the rules want it: config, stock file, terms and sentences → one Shop.

Knows which setting becomes which field; never what a rule does with it.
"""

from apaycli.config import Config
from apaycli.core.decide import Shop
from apaycli.core.hooks import HookKind
from apaycli.core.model import Mode
from apaycli.messagefile import load_messages, read_terms
from apaycli.stockfile import StockFile


def read_shop(config: Config, stock: StockFile, mode: Mode) -> Shop:
    """Raises ConfigError with what is wrong with the terms or the sentences."""
    values = config.values
    return Shop(
        mode=mode,
        products=stock.products,
        reservation_ttl_seconds=config.reservation_ttl_seconds,
        reserved_units_max=values["listen.reserved_per_buyer"],
        reservation_life_seconds=config.reservation_life_seconds,
        messages=load_messages(values.get("messages.file"), config.decline_wordings),
        hooks=_hook_kinds(config),
        notify_chat=values.get("notify.chat"),
        terms_text=read_terms(values.get("terms.text_file")),
        terms_version=values.get("terms.version"),
        require_acceptance=bool(values.get("terms.require_acceptance")),
        close_when_paid=bool(values.get("listen.close_when_paid")),
        support_text=values.get("support.text"),
        support_chat=values.get("support.forward_to"),
    )


def _hook_kinds(config: Config) -> tuple[HookKind, ...]:
    kinds: list[HookKind] = []
    if config.values.get("hooks.on_paid"):
        kinds.append("program")
    if config.values.get("hooks.on_paid_url"):
        config.hook_secrets()  # missing or too short: said at the start, not at the first receipt
        kinds.append("url")
    return tuple(kinds)
