"""The documents tell the truth: commands, codes, keys, checks, the sample config, and the demo's picture."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from apaycli import errors
from apaycli.checks.items import ATTESTABLE, CHECKS
from apaycli.checks.status import ALARMS
from apaycli.checks.verify import CHECKS as VERIFY_CHECKS
from apaycli.cli.app import COMMANDS
from apaycli.cli.export import JOURNALS, STATEMENTS
from apaycli.cli.listen_output import _EVENT_NAMES
from apaycli.config import KEYS, load_config
from apaycli.core.apay_report import Match
from apaycli.core.model import DeclineReason, Flag
from apaycli.core.postings import ACCOUNTS
from apaycli.core.reconcile import STATES
from apaycli.stockfile import read_stock_file

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_readme_has_every_command(name: str) -> None:
    assert f"`apay {name}" in README


def test_readme_has_every_exit_code() -> None:
    codes = {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.ApayError)
    }
    for code in codes:
        assert f"\n| {code} | " in README


def test_listen_page_has_every_reason_and_flag_in_order() -> None:
    answers, receipts = doc("listen.md").split("## Answers")[1].split("## Receipts")
    for words, page in ((DeclineReason, answers), (Flag, receipts)):
        places = [page.index(f"`{word}`") for word in words]
        assert places == sorted(places)


def test_each_check_has_its_paragraph_in_order() -> None:
    headings = re.findall(r"^### (\S+)$", doc("check-live.md"), re.MULTILINE)
    assert headings == [name for name, _ in CHECKS]
    assert set(ATTESTABLE) <= set(headings)


def test_the_ledger_page_has_each_check_of_verify_in_order() -> None:
    assert re.findall(r"^### (\S+)$", doc("ledger.md"), re.MULTILINE) == list(VERIFY_CHECKS)


def test_json_page_has_every_event() -> None:
    page = doc("json.md")
    for name in _EVENT_NAMES.values():
        assert f"`{name}`" in page


def test_the_pages_of_the_books_have_every_preset_account_state_and_match() -> None:
    for word in (*STATEMENTS, *JOURNALS, *ACCOUNTS):
        assert f"`{word}`" in doc("export.md")
    for word in (*STATES, *get_args(Match)):
        assert f"`{word}`" in doc("reconcile.md")


def sample_values(text: str) -> dict[str, object]:
    """Every `# key = value` line of the sample, as if it were no comment."""
    lines = [re.sub(r"^# ([a-z_.]+ = )", r"\1", line) for line in text.splitlines()]
    table = tomllib.loads("\n".join(lines))
    return {f"{section}.{key}": value for section, keys in table.items() for key, value in keys.items()}


def test_sample_config_has_every_key_with_its_default() -> None:
    values = sample_values((ROOT / "sample-config.toml").read_text("utf-8"))
    for key in KEYS:
        assert key.name in values, f"{key.name} is missing from sample-config.toml"
        if key.default is not None:
            assert values[key.name] == key.default
    assert {name for name in values if not name.startswith("declines.")} == {key.name for key in KEYS}


def test_sample_config_loads_and_changes_nothing(tmp_path: Path) -> None:
    sample = tmp_path / "config.toml"
    sample.write_bytes((ROOT / "sample-config.toml").read_bytes())
    config = load_config(sample, {})
    assert config.warnings == ()
    assert set(config.origins.values()) == {"default"}


@pytest.mark.parametrize("page", ["docs/stock-file.md", "docs/first-invoice.md"])
def test_stock_files_in_the_docs_are_good(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    blocks += [
        re.sub(r"(?m)^    ", "", b) for b in re.findall(r"cat > stock.toml <<'END'\n(.*?)    END", text, re.DOTALL)
    ]
    assert blocks
    for block in blocks:
        file = tmp_path / "stock.toml"
        file.write_text(block, "utf-8")
        assert read_stock_file(file).products


def commands_in(text: str) -> list[list[str]]:
    found = re.findall(r"^(?: {4}|\| `)(apay [^`\n|]*)", text, re.MULTILINE)
    return [shlex.split(line.partition("  #")[0]) for line in found]


PAGES_WITH_COMMANDS = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in (
            "first-invoice",
            "secrets",
            "stock-file",
            "check-live",
            "ledger",
            "books",
            "invoices",
            "conversation",
            "export",
            "reconcile",
            "stats",
            "explain",
        )
    ),
)


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_commands_in_the_docs_exist(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for words in commands_in(text):
        assert words[1] in COMMANDS or words[1].startswith(("[", "-")), words


def normalised(text: str) -> str:
    """The demo's output without what differs each time: instants, ids, milliseconds, the folder."""
    for pattern, stable in (
        (r"\d\d:\d\d:\d\dZ", "TIME"),
        (r"\d{4}-\d\d-\d\dT", "DAY"),
        (r"inv_[0-9a-f]{16}", "INVOICE"),
        (r"\d+ ms", "N ms"),
        (r"[^ ]*apay-demo-[^/\\]+[/\\]", "FOLDER/"),
        (r"\d+_\d+_\d+_\d+", "CHARGE"),
        (r"That was [0-9.]+ s", "That was N s"),
    ):
        text = re.sub(pattern, stable, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def test_the_picture_in_the_readme_is_what_the_demo_shows() -> None:
    picture = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert picture
    demo = subprocess.run([sys.executable, "-m", "apaycli", "demo"], capture_output=True, text=True, check=True)
    assert normalised(picture.group(1)) == normalised(demo.stdout)


def test_the_operations_page_has_every_alarm_and_the_unit_every_code() -> None:
    page = doc("operations.md")
    alarms = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert alarms == [ring.__name__.removeprefix("_").replace("gaps", "gap") for ring in ALARMS]
    unit = (ROOT / "examples" / "apay.service").read_text("utf-8")
    (never_again,) = re.findall(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)
    left_stopped = {
        int(code)
        for codes in re.findall(r"^\| ([0-9, ]+) \|.*\| leaves it stopped:", page, re.MULTILINE)
        for code in codes.split(", ")
    }
    assert left_stopped | {errors.NeedsConfirmation.exit_code} == set(map(int, never_again.split()))


# PyPI's `apay` is a stranger's payment program.
_STRANGERS = re.compile(r"(?:pip3?|pipx|uv tool) install\b[^\n`]*?[\s'\"]apay(?![\w./-])")


def test_no_text_installs_another_program_called_apay() -> None:
    places = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*")]
    texts = [*places, *(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.toml"), ROOT / "bootstrap.py"]
    found = [f"{path.name}: {line}" for path in texts for line in _STRANGERS.findall(path.read_text("utf-8"))]
    assert found == []
    assert _STRANGERS.search("pip install 'apay[qr]'")
    assert _STRANGERS.search("uv tool install apay")
    assert not _STRANGERS.search("pipx install apaycli")


def test_the_distribution_is_called_apaycli() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (project["name"], list(project["scripts"])) == ("apaycli", ["apay"])
