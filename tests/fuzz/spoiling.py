"""Updates as nobody should send them: the samples of tests/data/updates, spoiled by a seeded hand.

Knows the shape of an update and what may stand in the wrong place; never knows what apay makes of it.

Two levels. In the tree: values replaced, swapped, wrapped, renamed, removed, grafted from other samples. In the
bytes: flipped bits, lost and repeated pieces, duplicated keys, fragments that are no JSON. `behind_head` leaves
`{"update_id":N,` and its line feed alone, as the Bot API server writes it; `anywhere` spoils that too.
"""

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "updates"
SAMPLES = {path.stem: json.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))}
PAYMENTS = [name for name in SAMPLES if "successful_payment" in name or "refunded_payment" in name]
QUERIES = [name for name in SAMPLES if name.startswith("pre_checkout_query")]
OTHERS = [name for name in SAMPLES if name not in {*PAYMENTS, *QUERIES}]

BUYERS = (987654321, 5511223344, 1001, 2**52 - 1)
KEYS = (
    "update_id message pre_checkout_query shipping_query inline_query edited_message poll successful_payment "
    "refunded_payment telegram_payment_charge_id provider_payment_charge_id total_amount currency invoice_payload id "
    "from chat text entities type offset migrate_to_chat_id message_id order_info shipping_address name date query"
).split()
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, -0.0, 1.5, 100.0, float("nan"), float("inf"), 2**31, 2**52, 2**63 - 1, 2**63,
    -(2**63), 10**12 - 1, 10**12, 10**40, 253_402_300_799, 253_402_300_800, "", " ", "0", "100", "-1", "1e2",
    "x" * 200, "\ud800", "a\udfff\ud800b", "\x00", "a\x00b", "\x1b]52;c;x\x07\x1b[2J", "\u202eevil", "\x9b31m",
    "\u2028\n\r\t", "'); DROP TABLE receipts; --", "{{7*7}}", "[/x][bold]", "=1+1", "a" + "\u0301" * 300,
    "\U0001f986" * 40, "inr", "INR", "XTR", "XXX", "/start order-1001", "/terms@", "/", "@", [], {}, [[]], [None],
    {"id": 1}, {"": ""}, {"type": "bot_command"}, [{"type": "bot_command", "offset": 0, "length": 6}],
    {"shipping_address": {"city": "\ud800"}}, "order-1001",
)  # fmt: skip
# What `json.dumps` cannot be made to write; each stands in for a string like "@raw3@".
RAW_VALUES = (
    b"1e2", b"1E400", b"-0", b"0.1e-400", b"9" * 5000, b"-" + b"9" * 400 + b".5", b"01", b"+1", b".5", b"'x'", b"tru",
    b'"\\ud800"', b'"\xff"', b'"\xed\xa0\x80"', b'"\\u0000"', b'"a\nb"', b'"\\x"', b'"', b"[" * 63 + b"]" * 63,
    b"[" * 100 + b"]" * 100, b'{"a":' * 70 + b"1" + b"}" * 70, b"[" * 30_000, b"", b"NaN", b"-Infinity", b"// no\n1",
)  # fmt: skip
FRAGMENTS = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b"]}", b"}}", b",", b":", b"\x00", b"\xff", b"\xc3", b"\n", b"NaN", b'\\"',
    b',"update_id":1', b',"message":{}', b'"successful_payment":', b'{"update_id":7,\n', b"\xef\xbb\xbf", b"null",
)  # fmt: skip
_STAND_IN = re.compile(rb'"@raw([0-9]+)@"')
_KEY = re.compile(rb'"[a-z_]+":')


class Spoiler:
    """One seed, one endless row of updates."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._ids = 0

    def sound(self, update_id: int) -> bytes:
        """As the server writes it, with ids that are new or were seen before."""
        return _head(update_id) + _bytes_of(self._tree(), ascii_only=True)[1:]

    def behind_head(self, update_id: int) -> bytes:
        return _head(update_id) + self._spoiled_body(self._tree())

    def anywhere(self, update_id: int) -> bytes:
        tree = self._tree()
        body = self._spoiled_body(tree if self.chance.random() < 0.1 else {"update_id": update_id, **tree})
        return b"{" + body if self.chance.random() < 0.95 else body

    def _spoiled_body(self, tree: dict[str, Any]) -> bytes:
        """Everything behind the first brace."""
        where = self.chance.random()
        if where < 0.75:
            for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
                self._spoil_tree(tree)
        body = _bytes_of(tree, ascii_only=self.chance.random() < 0.6)
        if where > 0.6:
            for _ in range(self.chance.choice((1, 1, 2, 4))):
                body = self._spoil_bytes(body)
        return body[1:]

    def _tree(self) -> dict[str, Any]:
        """A sample with a buyer, and an id that is as likely new as one of the last fifty."""
        choice = self.chance.random()
        names = PAYMENTS if choice < 0.45 else QUERIES if choice < 0.7 else OTHERS
        tree: dict[str, Any] = json.loads(_COMPACT[self.chance.choice(names)])
        body = tree.get("message") or tree.get("pre_checkout_query") or {}
        if "from" in body:
            body["from"]["id"] = self.chance.choice(BUYERS)
        if "successful_payment" in body:
            body["successful_payment"]["telegram_payment_charge_id"] = self._id()
        elif "pre_checkout_query" in tree:
            body["id"] = self._id()
        return tree

    def _id(self) -> str:
        if self._ids == 0 or self.chance.random() < 0.5:
            self._ids += 1
            return f"id-{self._ids}"
        return f"id-{max(1, self._ids - self.chance.randrange(50))}"

    # -- in the tree ---------------------------------------------------------------------------------------------

    def _spoil_tree(self, tree: dict[str, Any]) -> None:
        places = list(_places(tree))
        if not places:
            return
        container, key = self.chance.choice(places)
        value = container[key]
        match self.chance.randrange(8):
            case 0 | 1 | 2:
                container[key] = self._value()
            case 3:
                del container[key]
            case 4:
                container[key] = [value] if self.chance.random() < 0.5 else {self.chance.choice(KEYS): value}
            case 5 if isinstance(container, dict):
                container[self.chance.choice(KEYS)] = container.pop(key)
            case 6 if isinstance(container, dict):
                container[self.chance.choice(KEYS)] = self._value()
            case _:
                other, its_key = self.chance.choice(places)
                if not isinstance(value, dict | list) and not isinstance(other[its_key], dict | list):
                    container[key], other[its_key] = other[its_key], value
                else:
                    container[key] = self._graft()

    def _value(self) -> Any:
        if self.chance.random() < 0.2:
            return f"@raw{self.chance.randrange(len(RAW_VALUES))}@"
        return copy.deepcopy(self.chance.choice(VALUES))

    def _graft(self) -> Any:
        donor = json.loads(_COMPACT[self.chance.choice(list(SAMPLES))])
        container, key = self.chance.choice(list(_places(donor)) or [({"": None}, "")])
        return container[key]

    # -- in the bytes --------------------------------------------------------------------------------------------

    def _spoil_bytes(self, body: bytes) -> bytes:
        place = self.chance.randrange(len(body) + 1)
        end = min(len(body), place + self.chance.choice((1, 1, 2, 8, 40)))
        match self.chance.randrange(8):
            case 0 | 1:
                flipped = bytes(byte ^ (1 << self.chance.randrange(8)) for byte in body[place : place + 1])
                return body[:place] + flipped + body[place + 1 :]
            case 2:
                return body[:place] + body[end:]
            case 3:
                return body[:end] + body[place:]
            case 4:
                return body[:place]
            case 5:
                return body[:place] + self.chance.choice(FRAGMENTS) + body[place:]
            case 6:
                return body[:place] + self.chance.randbytes(end - place) + body[end:]
            case _:
                keys = list(_KEY.finditer(body))
                if not keys:
                    return body
                key = self.chance.choice(keys)
                return body[: key.start()] + key.group() + b"1," + body[key.start() :]


def _head(update_id: int) -> bytes:
    return b'{"update_id":%d,\n' % update_id


def _places(node: Any) -> Any:
    """Every (container, key) of a tree."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _bytes_of(tree: Any, *, ascii_only: bool) -> bytes:
    written = json.dumps(tree, ensure_ascii=ascii_only, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return _STAND_IN.sub(lambda match: RAW_VALUES[int(match.group(1))], written) if b"@raw" in written else written


def _without_id(update: dict[str, Any]) -> bytes:
    return json.dumps({key: value for key, value in update.items() if key != "update_id"}).encode()


_COMPACT = {name: _without_id(update) for name, update in SAMPLES.items()}
