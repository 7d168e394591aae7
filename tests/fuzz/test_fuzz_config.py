"""Whatever lies where the config should be, whatever the environment says: a Config, or an error that says why.

Never another exception, never more than a second.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toml_pieces import BLOCKS, LARGE, LINE_ENDS, VALUES, files, lines, put

from apaycli import text
from apaycli.config import KEYS, Config, load_config, parse_mode, shown_value
from apaycli.core.model import DeclineReason
from apaycli.errors import ConfigError, TokenError

fixed = settings(derandomize=True, database=None, deadline=None)
SAMPLE = Path(__file__).parents[2] / "sample-config.toml"
SAMPLE_LINES = re.findall(r"^# ([a-z_.]+ = .*)$", SAMPLE.read_text("utf-8"), re.MULTILINE)
NAMES = [*(key.name for key in KEYS), "declines.sold_out", "declines.bn.sold_out", "stock.fil"]
SECTIONS = sorted({name.partition(".")[0] for name in NAMES} | {"declines.bn", "strange"})
LAST_NAMES = sorted({name.rpartition(".")[2] for name in NAMES} | set(DeclineReason) | {"bn", "x y", '"\\u001b"', "''"})
VARIABLES = sorted({key.environment for key in KEYS if key.environment} | {"APAY_LIVE", "HOME"})


@pytest.fixture(scope="module", autouse=True)
def _no_secret_outlives_this_module() -> Iterator[None]:
    """What is taken for a secret here would be blanked out of every later test's output."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_secrets", set())
        yield


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "config.toml"


def read(path: Path, environ: Mapping[str, str]) -> Config | None:
    """The config, or None where it was refused as it should be."""
    try:
        config = load_config(path, environ)
    except ConfigError as error:
        assert error.problems
        assert all(isinstance(problem, str) and problem for problem in error.problems)
        return None
    return config


def check_accepted(config: Config) -> None:
    """What every command takes for granted."""
    assert 300 <= config.reservation_ttl_seconds <= 86_400
    assert 1 <= config.poll_timeout_seconds <= 50
    assert re.match(r"https://[^/]|http://(127\.|localhost|\[::1\]|ip6-localhost)", config.api_url, re.IGNORECASE)
    assert config.store_path.is_absolute()
    assert config.stock_file.is_absolute()
    assert all(sentence.strip() for sentence in config.decline_wordings.values())
    assert all(shown_value(config, key) is None or config.origins[key.name] for key in KEYS)
    for secret in (config.bot_token, config.bot_id, lambda: config.provider_token("test"), config.hook_secrets):
        try:
            assert secret() is not None
        except (ConfigError, TokenError) as error:
            assert error.message


def section(name: str) -> st.SearchStrategy[list[str]]:
    """A table with lines of the sample, and sometimes one that may not fit."""
    own = [known.removeprefix(f"{name}.") for known in NAMES if known.startswith(f"{name}.")]
    samples = [line for line in SAMPLE_LINES if line.partition(" ")[0] in own and "./credit-account" not in line]
    fitting = st.lists(st.sampled_from(samples), max_size=4, unique=True) if samples else st.just([])
    other = lines(st.sampled_from(own or LAST_NAMES) | st.sampled_from(LAST_NAMES)) | st.sampled_from(BLOCKS)
    more: st.SearchStrategy[list[str]] = st.just([]) | st.lists(other, max_size=1)
    return st.builds(lambda written, rest: [f"[{name}]", *written, *rest], fitting, more)


BY_NAME = {name: section(name) for name in SECTIONS}
CONFIGS = st.builds(
    lambda end, sections: end.join(itertools.chain.from_iterable(sections)),
    st.sampled_from(LINE_ENDS),
    st.lists(st.sampled_from(SECTIONS), max_size=4, unique=True).flatmap(
        lambda names: st.tuples(*(BY_NAME[name] for name in names))
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_no_value_behind_any_key_is_more_than_a_mistake(name: str, path: Path) -> None:
    """Every key with every value, alone in its file."""
    failures = []
    for value in VALUES:
        put(path, f"{name} = {value}\n".encode("utf-8", "surrogatepass"))
        try:
            config = read(path, {})
            if config:
                check_accepted(config)
        except Exception as error:
            failures.append(f"{name} = {value[:80]}: {error!r}"[:200])
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("variable", VARIABLES)
def test_no_variable_is_more_than_a_mistake(variable: str, path: Path) -> None:
    put(path, b"")
    failures = []
    for value in (value.strip("'\"").replace("\x00", "") for value in (*VALUES, "\udcff", "~nobody-here/\udcff")):
        try:
            config = read(path, {variable: value})
            if config:
                check_accepted(config)
        except Exception as error:
            failures.append(f"{variable}={value[:80]!r}: {error!r}"[:200])
    assert not failures, "\n".join(failures)


@settings(fixed, max_examples=1000)
@given(content=files(CONFIGS))
def test_any_file_is_a_config_or_a_mistake(content: bytes, path: Path) -> None:
    put(path, content)
    config = read(path, {"NOT_SET_": ""})
    if config is not None:
        check_accepted(config)


@pytest.mark.parametrize("value", ["1", "0", "yes", "no", "", " TRUE ", "2", "live", "\udcff", "1\n1"])
def test_live_is_said_clearly_or_refused(value: str) -> None:
    try:
        mode = parse_mode(live=False, environ={"APAY_LIVE": value})
    except ConfigError as error:
        assert "APAY_LIVE" in error.message
    else:
        assert (mode == "live") is (value.strip().lower() in {"1", "yes", "true"})


@pytest.mark.parametrize("head", ("", "[bot]\n", "[declines]\n", "[hooks]\non_paid."))
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_file_is_read_or_refused(kind: str, head: str, path: Path) -> None:
    put(path, (head + LARGE[kind]).encode())
    read(path, {})
