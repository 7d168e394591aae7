"""`apay explain`: one entry, several, the list, and what is not known."""

import pytest

from apaycli.explanations import explanations
from shop import NOBODY, Shop

KEYS = ("code", "kind", "http_code", "what_happened", "who_must_act", "what_to_do", "texts")


def test_an_entry_says_what_who_and_what_to_do(shop: Shop) -> None:
    done = shop.run("explain", "PAYMENT_PROVIDER_INVALID")
    assert (done.code, done.err) == (0, "")
    lines = dict(line.split("\t") for line in done.out.splitlines())
    assert list(lines) == ["code", "kind", "what happened", "who must act", "what to do"]
    assert lines["code"] == "payment_provider_invalid"
    assert lines["who must act"] == "merchant"
    assert "/mybots" in lines["what to do"]


def test_words_need_no_quotes(shop: Shop) -> None:
    assert shop.run("explain", "exit", "9").out == shop.run("explain", "exit 9").out
    assert "kind\texit" in shop.run("explain", "exit", "9").out


def test_json_is_an_array_since_a_word_may_mean_several_things(shop: Shop) -> None:
    (entry,) = shop.run("explain", "429", "--json").json
    assert tuple(entry) == KEYS
    kinds = [each["kind"] for each in shop.run("explain", "amount_mismatch", "--json").json]
    assert kinds == ["decline", "flag"]
    (entry,) = shop.run("explain", "chat not found", "--json").json
    assert (entry["http_code"], entry["who_must_act"]) == (400, "buyer")


def test_without_a_code_there_is_the_list(shop: Shop) -> None:
    lines = shop.run("explain").out.splitlines()
    assert [tuple(line.split("\t")[:2]) for line in lines] == [(entry.code, entry.kind) for entry in explanations()]
    assert len(shop.run("explain", "--json").json) == len(lines)


def test_on_a_terminal_it_fits_and_is_whole(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    done = shop.run("explain", "chat not found", terminal=True, NO_COLOR="1")
    lines = done.out.splitlines()
    assert lines[0].startswith("chat_not_found  (a text of Telegram's")
    assert max(map(len, lines[1:])) <= 44
    assert " ".join(done.out.split()).endswith("apay send-invoice SKU --link.")


@pytest.mark.parametrize("columns", ["60", "90", "200"])
def test_the_list_on_a_terminal_is_a_table(shop: Shop, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = shop.run("explain", terminal=True, NO_COLOR="1").out.splitlines()
    if columns != "60":
        assert len(lines) == len(explanations()) + 1
        assert max(len(line.rstrip()) for line in lines) <= int(columns)


def test_what_is_not_known_names_what_is_near(shop: Shop) -> None:
    done = shop.run("explain", "chat not fund")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "apay: error: nothing is known about 'chat not fund'",
        "apay: hint: near it: chat_not_found, private_chat_not_found, not_found; apay explain lists what there is",
    ]
    assert shop.run("explain", "zzzz").err.splitlines()[1] == "apay: hint: apay explain lists what there is"


def test_strangers_text_does_no_harm(shop: Shop) -> None:
    for terminal in (False, True):
        done = shop.run("explain", "\x1b[2J\u202eevil" * 1000, terminal=terminal)
        assert done.code == 2
        assert not set("\x1b\u202e") & set(done.err)
        assert len(done.err) < 400


def test_a_token_in_a_pasted_line_is_refused_and_not_repeated(shop: Shop) -> None:
    done = shop.run("explain", f"error for /bot{shop.world.bot_token}/getMe: chat not found")
    assert done.code == 2
    assert shop.world.bot_token not in done.err


def test_it_needs_no_config_and_no_ledger(shop: Shop) -> None:
    shop.write_config("broken = [")
    assert shop.run("explain", "409").code == 0
    assert not shop.ledger.exists()


# -- who points here ---------------------------------------------------------------------------------------------------


def refuse(shop: Shop, description: str) -> str:
    """What a merchant reads when Telegram refuses an invoice so."""
    from apaycli.botapi.client import Refused

    def before(method: str, body: bytes) -> None:
        if method == "sendInvoice":
            raise Refused(method, 400, description)

    shop.before = before
    return shop.run("send-invoice", "rubber-duck", "--to", "1001").err.splitlines()[-1]


def test_a_refusal_without_a_remedy_points_to_its_explanation(shop: Shop) -> None:
    assert refuse(shop, "Bad Request: START_PARAM_INVALID") == "apay: hint: apay explain start_parameter"
    assert shop.run("explain", "start_parameter").code == 0


def test_a_refusal_with_a_remedy_says_it(shop: Shop) -> None:
    done = shop.run("send-invoice", "rubber-duck", "--to", NOBODY)
    assert done.err.splitlines()[-1].startswith("apay: hint: the buyer must open the bot")


def test_a_refusal_that_nobody_knows_points_nowhere(shop: Shop) -> None:
    assert refuse(shop, "Bad Request: SOMETHING_NEW").startswith("apay: error: Telegram refused")


def test_an_error_without_a_hint_points_to_its_kind(shop: Shop) -> None:
    from apaycli.botapi.client import OutcomeUnknown

    def before(method: str, body: bytes) -> None:
        raise OutcomeUnknown("no answer from Telegram to getMe")

    shop.before = before
    done = shop.run("commands", "publish", "--json")
    assert done.error["hint"] == "apay explain outcome_unknown"


def test_wrong_usage_and_mistakes_in_files_point_nowhere(shop: Shop) -> None:
    assert shop.run("send-invoice", "rubber-duck", "--to", "@my channel", "--json").error["hint"] is None
    shop.write_config('[listen]\nreservation_ttl = "x"\n')
    assert shop.run("stock", "--json").error["hint"] is None


def test_a_sentence_of_apays_own_is_called_one(shop: Shop) -> None:
    done = shop.run("explain", "apay: error: there is no backup folder")
    assert (done.code, done.out) == (2, "")
    assert "this is apay's own sentence" in done.err
    assert "error.code is a word that apay explain takes" in done.err
    assert shop.run("explain", "apay: error: Telegram refused sendInvoice: Bad Request: chat not found").code == 0
