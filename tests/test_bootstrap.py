"""The pure parts of `bootstrap.py`, and what `requirements-dev.lock` must be. No network, no environment is made."""

import ast
import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
LOCK_TEXT = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("apay_bootstrap", ROOT / "bootstrap.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DROPPED", ())
    monkeypatch.setattr(sys, "prefix", "/usr")  # these tests may run in the .venv, which would start over outside it
    return module


@pytest.fixture
def elsewhere(bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The same module for a checkout in `tmp_path` that has a lock and a pyproject.toml."""
    venv = tmp_path / ".venv"
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "lock").write_text("a==1\n")
    for name, path in {
        "ROOT": tmp_path,
        "LOCK": tmp_path / "lock",
        "VENV": venv,
        "STAMP": venv / "stamp",
        "PYTHON": venv / "python",
    }.items():
        monkeypatch.setattr(bootstrap, name, str(path))
    return bootstrap


def make_ready(module: ModuleType) -> Path:
    venv = Path(module.VENV)
    (venv / "bin").mkdir(parents=True)
    Path(module.PYTHON).touch()
    Path(module.STAMP).write_text(module.expected_stamp())
    return venv


# The version gate


@pytest.mark.parametrize(
    ("platform", "remedy"),
    [
        ("linux", "apt-get install -y python3-venv"),
        ("darwin", "brew install python@"),
        ("win32", "py bootstrap.py demo"),
    ],
)
def test_an_old_python_is_told_what_to_do(bootstrap: ModuleType, platform: str, remedy: str) -> None:
    error = bootstrap.old_python_error((3, 9, 18), "/usr/bin/python3", platform)
    assert error.code == 69
    assert error.what == "apay needs Python 3.11 or newer, and this is 3.9.18 (/usr/bin/python3)"
    assert remedy in error.hint


def test_an_old_python_goes_on_with_the_first_newer_one(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "is_new_enough", lambda command: command[0] in ("python3.12", "uv"))
    monkeypatch.setattr(bootstrap, "run_to_its_end", lambda command: started.append(command) or 5)
    assert bootstrap.go_on_with_another_python(["demo", "-q"]) == 5
    assert started == [["python3.12", str(ROOT / "bootstrap.py"), "demo", "-q"]]
    assert "going on with `python3.12`" in capsys.readouterr().err


def test_an_old_python_without_a_newer_one_ends(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "is_new_enough", lambda command: False)
    with pytest.raises(bootstrap.SetUpError) as caught:
        bootstrap.go_on_with_another_python(["demo"])
    assert caught.value.code == 69


def test_only_a_program_that_is_a_new_python_will_do(bootstrap: ModuleType) -> None:
    assert bootstrap.is_new_enough([sys.executable])
    assert not bootstrap.is_new_enough(["no-such-python-anywhere"])


def test_the_file_has_nothing_that_python_2_cannot_parse() -> None:
    source = (ROOT / "bootstrap.py").read_text(encoding="ascii")
    forbidden = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Nonlocal, ast.YieldFrom)
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, forbidden), ast.dump(node)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None and not node.args.kwonlyargs, node.name
            assert all(argument.annotation is None for argument in node.args.args), node.name
        if isinstance(node, ast.Raise):
            assert node.cause is None
        if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Call):
            parts = node.args if isinstance(node, ast.Call) else node.elts
            assert not any(isinstance(part, ast.Starred) for part in parts), ast.dump(node)
    ast.parse(source, feature_version=(3, 7))  # as old as `ast` goes: no match, no walrus


# The installers


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"venv", "ensurepip", "pip", "uv"}, ["ensurepip", "uv", "pip"]),
        ({"venv", "pip"}, ["pip"]),
        ({"venv", "uv"}, ["uv"]),
        ({"venv"}, []),
        ({"pip", "uv", "ensurepip"}, []),
    ],
)
def test_choice_of_installers(bootstrap: ModuleType, there: set[str], expected: list[str]) -> None:
    assert bootstrap.choose_installers(there) == expected


def test_no_installer_names_the_package_to_install(bootstrap: ModuleType) -> None:
    assert bootstrap.no_installer_error("python3-venv", True, False).hint == "sudo apt-get install -y python3-venv"
    assert bootstrap.no_installer_error("python3.12-venv", True, True).hint == "apt-get install -y python3.12-venv"
    assert "uv" in bootstrap.no_installer_error("python3-venv", False, True).hint
    assert bootstrap.no_installer_error("python3-venv", False, True).code == 69


def test_a_broken_ensurepip_gives_way_to_the_next_installer(
    elsewhere: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "run_quietly", lambda command, turn: (int("ensurepip" in command), "broken"))
    assert elsewhere.make_venv(["ensurepip", "uv"], 0)[:3] == ["uv", "pip", "install"]


def test_only_settings_about_the_registry_reach_the_installer(bootstrap: ModuleType) -> None:
    kept = {"PIP_INDEX_URL": "a", "PIP_CERT": "b", "UV_INDEX_URL": "c", "HTTPS_PROXY": "d", "PATH": "e"}
    hostile = {"PIP_USER": "1", "PIP_TARGET": "/x", "pip_prefix": "/x", "UV_SYSTEM_PYTHON": "1", "PIP_NO_BINARY": "x"}
    environment = bootstrap.clean_environment(kept | hostile)
    assert kept.items() <= environment.items()
    assert environment["PIP_USER"] == "0"
    assert not {"PIP_TARGET", "pip_prefix", "UV_SYSTEM_PYTHON", "PIP_NO_BINARY"} & environment.keys()


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES from the requirements file", "not what the lock names"),
        ("Temporary failure in name resolution\nERROR: No matching distribution found for x", "cannot be reached"),
        ("cause: dns error", "cannot be reached"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "certificate was refused"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for x==1", "not to be had"),
        ("something else", "installer failed"),
    ],
)
def test_a_failure_names_its_cause(bootstrap: ModuleType, output: str, cause: str) -> None:
    error = bootstrap.failure("first line\n" * 50 + output + "\n\n")
    assert error.code == 70
    assert cause in error.what and error.hint
    assert error.details.splitlines()[-1] == output.splitlines()[-1]
    assert len(error.details.splitlines()) == bootstrap.OUTPUT_LINES_MAX


# The stamp


def test_a_finished_set_up_is_ready(elsewhere: ModuleType) -> None:
    assert not elsewhere.is_ready(elsewhere.expected_stamp())
    make_ready(elsewhere)
    assert elsewhere.is_ready(elsewhere.expected_stamp())


@pytest.mark.parametrize("change", ["lock", "pyproject", "python", "place", "python removed", "stamp cut short"])
def test_a_change_asks_for_a_new_set_up(elsewhere: ModuleType, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    make_ready(elsewhere)
    match change:
        case "lock":
            Path(elsewhere.LOCK).write_text("a==2\n")
        case "pyproject":
            (Path(elsewhere.ROOT) / "pyproject.toml").write_text("[project]\nname = 'x'\n")
        case "python":
            monkeypatch.setattr(sys, "version", "3.99.0 (main)")
        case "place":
            monkeypatch.setattr(elsewhere, "ROOT", elsewhere.ROOT + "/../" + Path(elsewhere.ROOT).name)
        case "python removed":
            Path(elsewhere.PYTHON).unlink()
        case "stamp cut short":
            Path(elsewhere.STAMP).write_text(elsewhere.expected_stamp()[:-1])
    assert not elsewhere.is_ready(elsewhere.expected_stamp())


def test_the_stamp_is_written_last(elsewhere: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[bool] = []

    def run_quietly(command: list[str], turn: int) -> tuple[int, str]:
        steps.append(Path(elsewhere.STAMP).exists())
        return 0, ""

    make_ready(elsewhere)
    monkeypatch.setattr(elsewhere, "run_quietly", run_quietly)
    elsewhere.build("stamp", ["uv"], 0)
    assert steps == [False, False, False]
    assert Path(elsewhere.STAMP).read_text() == "stamp"


def test_a_failed_set_up_leaves_nothing_behind(elsewhere: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "run_quietly", lambda command, turn: (1, "broken"))
    with pytest.raises(elsewhere.SetUpError):
        elsewhere.build("stamp", ["uv"], 0)
    assert not Path(elsewhere.VENV).exists()


def test_a_folder_that_is_no_environment_is_left_alone(elsewhere: ModuleType) -> None:
    letters = Path(elsewhere.VENV) / "letters.txt"
    letters.parent.mkdir()
    letters.write_text("dear")
    with pytest.raises(elsewhere.SetUpError, match="is no environment"):
        elsewhere.build("stamp", ["uv"], 0)
    assert letters.read_text() == "dear"


# The commands


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], "which command?"), (["tset"], "did you mean test?"), (["check", "-x"], "no arguments")],
)
def test_a_wrong_command_is_a_usage_error(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert bootstrap.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and expected in err


def test_help_lists_every_command(bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {command[0]} " in out for command in bootstrap.COMMANDS)


def test_a_folder_that_cannot_be_written_is_one_sentence(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise PermissionError(30, "Read-only file system", "/x/.venv")

    monkeypatch.setattr(bootstrap, "set_up", refuse)
    assert bootstrap.main(["setup"]) == 70
    assert capsys.readouterr().err.splitlines()[0] == "bootstrap: error: /x/.venv: Read-only file system"


# The lock


def locked() -> dict[str, str]:
    """The requirements by name, each with its hashes and the comments on who asked for it."""
    entries = re.split(r"^(?=[a-z])", LOCK_TEXT, flags=re.MULTILINE)[1:]
    return {entry.partition("==")[0]: entry for entry in entries}


def test_every_locked_requirement_is_pinned_and_has_hashes() -> None:
    assert len(locked()) > 30
    for name, entry in locked().items():
        assert re.match(r"[a-z0-9-]+==[\w.]+ ", entry), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), name


def test_the_lock_has_no_addresses_and_no_paths() -> None:
    """Whoever installs from it uses a registry of their own choice."""
    assert not re.search(r"https?:|file:|^--|(^|\s)/|~/|[A-Z]:\\", LOCK_TEXT, re.MULTILINE)


def test_the_lock_is_made_from_what_the_project_asks_for() -> None:
    """When this fails: run the command at the top of the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "pyproject.toml": project["project"]["dependencies"],
        "pyproject.toml:dev": project["dependency-groups"]["dev"],
    }
    for group, wanted in groups.items():
        names = {re.split(r"[^\w.-]", word)[0].lower().replace("_", "-") for word in wanted}
        assert names == {name for name, entry in locked().items() if f"apaycli ({group})" in entry}
    assert set(project["build-system"]["requires"]) <= set(project["dependency-groups"]["dev"])
