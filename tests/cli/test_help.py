"""`apay help`: topics made from what is in force, commands' own help, and a man page that roff understands."""

import re
import shutil
import subprocess

import pytest

from apaycli import errors
from apaycli.cli.app import COMMANDS
from apaycli.cli.help_topics import _FURTHER_VARIABLES, _MEANINGS, TOPICS
from apaycli.config import KEYS
from shop import Shop


def rows(shop: Shop, topic: str) -> dict[str, str]:
    return {row["name"]: row["meaning"] for row in shop.run("help", topic, "--json").json["rows"]}


def test_the_topics_are_listed(shop: Shop) -> None:
    done = shop.run("help")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["exit-codes", "environment", "files", "json"]
    assert [each["topic"] for each in shop.run("help", "--json").json] == list(TOPICS)


def test_every_exit_code_of_the_program_has_its_meaning(shop: Shop) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ApayError)]
    codes = {str(kind.exit_code) for kind in kinds} | {"0", "129", "130", "143"}
    assert set(rows(shop, "exit-codes")) == codes


def test_every_variable_of_the_config_is_there_with_a_meaning_of_its_own(shop: Shop) -> None:
    named = {key.environment for key in KEYS if key.environment}
    assert set(_MEANINGS) <= named
    page = rows(shop, "environment")
    assert set(page) == named | set(_FURTHER_VARIABLES)
    assert all(page.values())


def test_secrets_of_the_environment_are_not_shown(shop: Shop) -> None:
    for topic in TOPICS:
        done = shop.run("help", topic)
        assert done.code == 0
        assert shop.world.bot_token not in done.out


def test_files_are_named_as_they_lie_here(shop: Shop) -> None:
    done = shop.run("help", "files", APAY_HOME=str(shop.folder / "elsewhere"))
    assert f"config\t{shop.folder / 'elsewhere' / 'config.toml'}\t" in done.out


def test_on_a_terminal_a_page_fits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for topic in TOPICS:
        lines = shop.run("help", topic, terminal=True, NO_COLOR="1").out.splitlines()
        assert lines[0] == TOPICS[topic]({}).title
        assert max(map(len, (line for line in lines[1:] if str(shop.folder) not in line))) <= 60


def test_a_subcommands_own_help_is_shown_too(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.run("help", "stock", "add").code == 0
    asked = capsys.readouterr().out
    assert shop.run("stock", "add", "--help").code == 0
    assert asked == capsys.readouterr().out
    assert "apay stock add" in asked
    done = shop.run("help", "stock", "ad")
    assert (done.code, done.out) == (2, "")
    assert "no such command 'ad'. Did you mean 'add'?" in done.err


@pytest.mark.parametrize("name", ["stock", "send-invoice", "day"])
def test_a_command_is_a_topic(shop: Shop, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.run("help", name).code == 0
    asked = capsys.readouterr().out
    assert shop.run(name, "--help").code == 0
    assert asked == capsys.readouterr().out
    assert f"apay {name}" in asked


def test_an_unknown_topic_names_the_nearest(shop: Shop) -> None:
    done = shop.run("help", "enviroment")
    assert (done.code, done.out) == (2, "")
    assert "there is no topic 'enviroment' (did you mean 'environment'?)" in done.err
    assert "did you mean 'send-invoice'" in shop.run("help", "send-invoce").err
    assert "\x1b" not in shop.run("help", "\x1b[2J").err


@pytest.mark.parametrize("words", [("--man", "json"), ("--man", "--json")])
def test_the_man_page_is_one_thing(shop: Shop, words: tuple[str, ...]) -> None:
    assert shop.run("help", *words).code == 2


@pytest.fixture
def man_page(shop: Shop) -> str:
    return shop.run("help", "--man").out


def test_the_man_page_has_every_command_and_option(shop: Shop, man_page: str) -> None:
    plain = man_page.replace("\\-", "-").replace("\\e", "\\")
    for name in COMMANDS:
        assert f'.SS "apay {name}' in plain, name
    for option in ("--to-file", "--by", "--html", "--config", "--json", "--no-input", "--expires"):
        assert re.search(rf"^\\fB.*{option}", plain, re.MULTILINE), option
    assert plain.count("\\fB--no-input") == 1  # what every command has stands once
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"):
        assert f"\n.SH {section}\n" in plain


def test_nothing_in_the_man_page_is_taken_for_a_command_by_chance(man_page: str) -> None:
    known = {".TH", ".SH", ".SS", ".PP", ".TP", ".nf", ".fi", ".RS", ".RE"}
    lines = [line for line in man_page.splitlines() if line.startswith((".", "'"))]
    assert {line.split()[0] for line in lines} <= known
    assert man_page.isascii()
    assert man_page.count("\n.nf\n") == man_page.count("\n.fi\n") > len(COMMANDS) // 2


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_roff_has_nothing_to_say_against_it(man_page: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-rLL=100n"], input=man_page.encode(), capture_output=True, check=True
    )
    assert done.stderr == b""
    text = re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout.decode())
    assert "apay send-invoice" in text
    assert "--by" in text
    assert "\\" not in text.replace("\\0", "")
