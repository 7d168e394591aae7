"""The house keeps itself: layers, what each room must never touch, lengths, names. Plain `ast`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "apaycli"
FILES = sorted(SOURCE.rglob("*.py"))
FILE_LINES_MAX = 350
FUNCTION_LINES_MAX = 70

LAYERS = {
    "errors": 0, "money": 0, "clock": 0, "text": 0, "files": 0, "crashpoints": 0, "pace": 0, "__init__": 0,
    "core": 1, "pastes": 1, "explanations": 1,
    "config": 2, "stockfile": 2, "messagefile": 2, "botapi": 2, "apayapi": 2, "hookpost": 2, "store": 2, "sandbox": 2,
    "programs": 2,
    "merchant": 3, "backups": 3, "sending": 3, "reconciling": 3, "campaign": 3, "listen": 3, "checks": 3, "books": 3,
    "cli": 4,
    "__main__": 5,
}  # fmt: skip
SAME_ROOM = {
    "backups_kept": "backups",
    "backups_opening": "backups",
    "backups_restore": "backups",
    "backups_scratch": "backups",
    "config_places": "config",
    "config_environ": "config",
    "config_files": "config",
    "files_folder": "files",
    "files_lock": "files",
    "files_together": "files",
    "files_trust": "files",
    "config_secrets": "config",
    "config_values": "config",
    "stockedit": "stockfile",
    "programs_supervisor": "programs",
    "stock_values": "stockfile",
}
MAY_IMPORT_SANDBOX = {"cli/sandbox.py", "cli/demo.py", "cli/rehearse.py"}

_IO = {"asyncio", "logging", "socket", "sqlite3", "subprocess", "httpx", "aiohttp", "urllib", "os", "sys", "pathlib"}
NEVER = {
    "core": _IO | {"time", "datetime", "random", "secrets", "threading", "rich", "typer"},
    "config": {"sqlite3", "httpx", "aiohttp", "socket", "asyncio"},
    "stockfile": {"sqlite3", "httpx", "aiohttp", "socket", "asyncio"},
    "botapi": {"sqlite3", "rich", "typer"},
    "store": {"httpx", "aiohttp", "urllib", "socket", "rich", "typer"},
    "sending": {"sqlite3", "httpx", "aiohttp", "rich", "typer"},
    "listen": {"sqlite3", "httpx", "aiohttp", "rich", "typer", "sys"},
    "checks": {"sqlite3", "httpx", "aiohttp", "rich", "typer", "sys"},
    "books": {"sqlite3", "httpx", "aiohttp", "rich", "typer", "sys", "os"},
    "cli": {"sqlite3", "httpx", "aiohttp", "urllib", "socket"},
}
# The world is handed in: time, chance and processes are touched in these files alone.
ONLY_IN = {
    "time": {
        "clock.py",
        "cli/env.py",
        "sending.py",
        "reconciling.py",
        "cli/demo.py",
        "cli/rehearse.py",
        "botapi/http_httpx.py",
    },
    "secrets": {"cli/env.py"},
    "subprocess": {"cli/own_process.py", "backups.py"},
    "httpx": {"botapi/http_httpx.py"},
}
NO_FLOAT_IN = {"core", "money", "stockfile", "books", "store"}
BANNED_NAMES = ("purchase", "bill", "txn", "precheckout")
BANNED_MODULES = ("utils", "helpers", "common", "manager", "base")


def room_of(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    return SAME_ROOM.get(first, first)


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports_of(path: Path) -> Iterator[str]:
    """Every imported module, dotted, wherever in the file the import stands."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute"
            yield node.module or ""


def rooms_imported(path: Path) -> Iterator[str]:
    for module in imports_of(path):
        parts = module.split(".")
        if parts[0] == "apaycli":
            first = parts[1] if len(parts) > 1 else "__init__"
            yield SAME_ROOM.get(first, first)


each_file = pytest.mark.parametrize("path", FILES, ids=name_of)


@each_file
def test_every_room_is_on_the_plan(path: Path) -> None:
    assert room_of(path) in LAYERS


@each_file
def test_imports_point_down_only(path: Path) -> None:
    room = room_of(path)
    wrong = {other for other in rooms_imported(path) if other != room and LAYERS[other] >= LAYERS[room]}
    assert not wrong, f"{name_of(path)} imports {wrong}"


@each_file
def test_the_sandbox_shares_nothing_with_the_client(path: Path) -> None:
    rooms = set(rooms_imported(path)) - {"__init__"}
    if room_of(path) == "sandbox":
        assert rooms <= {"sandbox", "clock", "errors", "money", "text"}
    elif "sandbox" in rooms:
        assert name_of(path) in MAY_IMPORT_SANDBOX


@each_file
def test_no_room_touches_what_it_must_not_know(path: Path) -> None:
    modules = {module.split(".")[0] for module in imports_of(path)}
    assert not modules & NEVER.get(room_of(path), set())
    if room_of(path) != "sandbox":
        for module, files in ONLY_IN.items():
            assert module not in modules or name_of(path) in files, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) == "core"], ids=name_of)
def test_the_core_neither_waits_nor_speaks(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        assert not isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.Global)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) in NO_FLOAT_IN], ids=name_of)
def test_no_float_comes_near_money(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"line {node.lineno}"
        assert not (isinstance(node, ast.Name) and node.id == "float"), f"line {node.lineno}"


@each_file
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= FILE_LINES_MAX
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"


@each_file
def test_every_module_says_what_it_knows(path: Path) -> None:
    if path.name == "__init__.py" and path.parent != SOURCE:
        assert path.read_text("utf-8") == ""
    else:
        assert ast.get_docstring(tree_of(path)), "the module has no docstring"


@each_file
def test_names_are_the_fields(path: Path) -> None:
    assert path.stem not in BANNED_MODULES
    for node in ast.walk(tree_of(path)):
        names = [getattr(node, "name", None), getattr(node, "id", None), getattr(node, "arg", None)]
        for name in (name.lower() for name in names if isinstance(name, str)):
            words = name.strip("_").split("_")
            assert not set(words) & set(BANNED_NAMES), f"{name} in {name_of(path)}"
            if isinstance(node, ast.ClassDef):
                assert not name.endswith(("utils", "helper", "manager"))


@each_file
def test_nothing_is_printed_or_logged_by_another_way(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print"
    assert "logging" not in set(imports_of(path)) or room_of(path) == "sandbox"
