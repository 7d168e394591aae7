#!/usr/bin/env python3
"""Sets up the private `.venv` beside this file and runs the project's commands in it.

It knows: which Python is new enough and where another may be; which tools can install `requirements-dev.lock`;
whether the `.venv` that is there is the right one; what to tell a person when something is missing.
It must never know: what apay does, or an address of a package registry (those are the user's own settings).
It writes nothing but `.venv`, and nothing at all when it cannot go on.

An old Python must get a clear sentence, not a SyntaxError. So this file parses on Python 2.7 (types in comments,
`%` formatting), imports at the top only what every Python has, and checks the version before anything else.

A half-made `.venv` does no harm: one set-up at a time, by a lock that the installer inherits, so that it outlives a
killed parent; and a stamp that is removed first and written last. Without a matching stamp everything starts over.
"""

from __future__ import print_function

import difflib
import hashlib
import os
import re
import shutil
import subprocess
import sys

OTHER_PYTHONS = ("3.14", "3.13", "3.12", "3.11", "3.15")  # tried in this order when this one is too old
PYTHON_BY_UV = ["uv", "run", "--no-project", "--quiet", "--python", ">=3.11", "python"]
TEST_WORKERS = "2"
# Tests whose processes are killed, or that run copies of the source, say nothing about which lines were reached.
UNCOVERED_TESTS = ("crash", "soak", "mutants", "powercut", "fuzz", "data")
COVERAGE_BARS = (  # of branches and lines, in percent: what decides about money and keeps it, and the rest
    ["--include=*/core/*,*/store/*", "--fail-under=100"],
    ["--omit=*/core/*,*/store/*", "--fail-under=95"],
)
OUTPUT_LINES_MAX, OUTPUT_COLUMNS_MAX = 6, 160  # of the installer's last words, after a failure
EXIT_USAGE, EXIT_MISSING, EXIT_FAILED, EXIT_INTERRUPTED = 2, 69, 70, 130

ROOT = os.path.dirname(os.path.realpath(__file__))
LOCK = os.path.join(ROOT, "requirements-dev.lock")
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "apay-set-up")
BIN, EXE = (os.path.join(VENV, "Scripts"), ".exe") if os.name == "nt" else (os.path.join(VENV, "bin"), "")
PYTHON = os.path.join(BIN, "python" + EXE)

# pip before uv: pip belongs to this very Python and reads the pip.conf in which people keep their mirror, proxy and
# certificate; uv reads none of it. ensurepip's pip before the system's: every Python 3.11 brings the same. uv is
# quicker (3 s against 12 s), but this happens once.
INSTALLERS = ("ensurepip", "uv", "pip")

# PIP_USER, PIP_TARGET, UV_SYSTEM_PYTHON and their like would install elsewhere: of the user's settings for pip and uv
# only those are kept that say how to reach a registry. FORCED overrules a pip.conf as well; it turns hashes off
# because the project itself has none, and the command line turns them on for the lock.
KEPT_WORDS = ("INDEX", "LINK", "HOST", "CERT", "PROXY", "TIMEOUT", "RETRIES", "CACHE", "CONFIG", "KEYRING", "TLS")
DROPPED = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
FORCED = {"PIP_USER": "0", "PIP_REQUIRE_HASHES": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_NO_INPUT": "1"}

CAUSES = (  # (pattern in the installer's output, cause, hint); the first that fits
    ("no space left", "the disk is full", "make room (the environment takes 170 MB) and run this again"),
    ("not match the hashes|hash mismatch", "a download is not what the lock names", "do not use that mirror or cache"),
    ("certificate|sslerror", "the registry's certificate was refused", "behind a proxy set SSL_CERT_FILE and PIP_CERT"),
    (
        "resolution|not known|getaddrinfo|dns error|unreachable|timed out|refused|new connection|proxy|sending request",
        "the package registry cannot be reached",
        "check the network; behind a proxy set HTTPS_PROXY, with a mirror of your own PIP_INDEX_URL or UV_INDEX_URL",
    ),
    ("no matching distribution|no wheels|no usable wheels", "a package is not to be had", "take Python 3.11 to 3.14"),
    ("", "the installer failed", "its last words are above"),
)


class SetUpError(Exception):
    def __init__(self, code, what, hint, details=""):  # type: (int, str, str, str) -> None
        Exception.__init__(self, what)
        self.code, self.what, self.hint, self.details = code, what, hint, details


def say(text):  # type: (str) -> None
    sys.stderr.write(text + "\n")
    sys.stderr.flush()  # an old Python keeps it back


def old_python_error(version, executable, platform):  # type: (tuple[int, ...], str, str) -> SetUpError
    what = "apay needs Python 3.11 or newer, and this is %s (%s)" % (".".join(map(str, version)), executable)
    hint = "install python3.11 or newer, or uv, which brings one; Debian 12 and newer: apt-get install -y python3-venv"
    if platform == "win32":
        hint = "install one from python.org or with `winget install Python.Python.3.13`, then `py bootstrap.py demo`"
    elif platform == "darwin":
        hint = "`brew install python@3.13`, then `python3.13 bootstrap.py demo`; or install uv, which brings a Python"
    return SetUpError(EXIT_MISSING, what, hint)


def is_new_enough(command):  # type: (list[str]) -> bool
    """Whether `command` starts a Python that will do; a name on PATH may be an empty shim."""
    check = command + ["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    with open(os.devnull, "r+") as nowhere:
        try:
            return subprocess.call(check, stdin=nowhere, stdout=nowhere, stderr=nowhere) == 0
        except OSError:
            return False


def go_on_with_another_python(arguments):  # type: (list[str]) -> int
    candidates = [["python" + version] for version in OTHER_PYTHONS] + [["python3"], ["py", "-3"], PYTHON_BY_UV]
    for command in candidates:
        if is_new_enough(command):
            say("bootstrap: Python %d.%d is too old, going on with `%s`" % (sys.version_info[:2] + (command[0],)))
            return run_to_its_end(command + [os.path.realpath(__file__)] + arguments)
    raise old_python_error(sys.version_info[:3], sys.executable, sys.platform)


def expected_stamp():  # type: () -> str
    """Changes with everything that `.venv` depends on: what to install, the Python it borrows, where it lies."""
    content = hashlib.sha256()
    for path in (LOCK, os.path.join(ROOT, "pyproject.toml")):
        with open(path, "rb") as file:
            content.update(hashlib.sha256(file.read()).digest())
    return "%s Python %s %r %r\n" % (content.hexdigest(), sys.version.split()[0], sys.base_prefix, ROOT)


def is_ready(stamp):  # type: (str) -> bool
    """True for a finished set-up with this stamp whose Python has not been removed since."""
    try:
        with open(STAMP, encoding="utf-8") as file:
            return file.read() == stamp and os.path.exists(PYTHON)
    except (OSError, UnicodeError):
        return False


def choose_installers(there):  # type: (set[str]) -> list[str]
    """Those to try, in order, of the modules and programs that are there. Nothing goes without the venv module."""
    return [name for name in INSTALLERS if name in there] if "venv" in there else []


def find_installers():  # type: () -> list[str]
    from importlib.util import find_spec

    modules = {name for name in ("venv", "ensurepip", "pip") if find_spec(name)}
    found = choose_installers(modules | ({"uv"} if shutil.which("uv") else set()))
    if found:
        return found
    is_systems_own = os.path.realpath("/usr/bin/python3") == os.path.realpath(sys.executable)
    package = "python3-venv" if is_systems_own else "python%d.%d-venv" % sys.version_info[:2]
    raise no_installer_error(package, bool(shutil.which("apt-get")), os.name != "nt" and os.geteuid() == 0)


def no_installer_error(package, has_apt, is_root):  # type: (str, bool, bool) -> SetUpError
    what = "this Python cannot make an environment: it has no ensurepip and no pip, and there is no uv"
    hint = "%sapt-get install -y %s" % ("" if is_root else "sudo ", package)
    return SetUpError(EXIT_MISSING, what, hint if has_apt else "install pip for this Python, or uv, and run this again")


def clean_environment(environ):  # type: (dict[str, str]) -> dict[str, str]
    kept = {}
    for name, value in environ.items():
        if not name.upper().startswith(("PIP_", "UV_")) or any(word in name.upper() for word in KEPT_WORDS):
            kept[name] = value
    return dict(kept, **FORCED)


def take_turn():  # type: () -> int
    """Waits until no other set-up is at work here; returns a descriptor to close when done. This very file is locked,
    so that no other is left behind. Where there are no locks (Windows, some network file systems) nobody waits."""
    turn = os.open(os.path.realpath(__file__), os.O_RDONLY)
    try:
        import fcntl

        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another set-up of .venv to end")
        fcntl.flock(turn, fcntl.LOCK_EX)
    except (ImportError, OSError):
        pass
    return turn


def remove_venv():  # type: () -> None
    """The stamp goes first: a removal that is cut short must not leave a `.venv` that looks ready."""
    if os.path.isdir(VENV) and not os.path.islink(VENV):
        names = set(os.listdir(VENV))
        if names and not names & {"pyvenv.cfg", "bin", "include", "lib", "lib64", "share", "Scripts", "Lib", "Include"}:
            raise SetUpError(EXIT_FAILED, VENV + " is no environment", "move it away and run this again")
        if os.path.exists(STAMP):
            os.remove(STAMP)
        shutil.rmtree(VENV)
    elif os.path.lexists(VENV):
        os.remove(VENV)


def run_quietly(command, turn):  # type: (list[str], int) -> tuple[int, str]
    """The exit code and all that `command` said. It inherits the turn."""
    env, fds = clean_environment(dict(os.environ)), () if os.name == "nt" else (turn,)
    none, pipe, err = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT
    done = subprocess.run(command, cwd=ROOT, env=env, pass_fds=fds, stdin=none, stdout=pipe, stderr=err, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def failure(output):  # type: (str) -> SetUpError
    """The error for an installer's output, with its cause if that is a known one."""
    lines = [line[:OUTPUT_COLUMNS_MAX] for line in output.splitlines() if line.strip()]
    details = "\n".join(lines[-OUTPUT_LINES_MAX:])
    _, cause, hint = next(known for known in CAUSES if re.search(known[0], output, re.IGNORECASE))
    return SetUpError(EXIT_FAILED, "cannot set up .venv: " + cause, hint, details)


def make_venv(installers, turn):  # type: (list[str], int) -> list[str]
    """Makes an empty `.venv`, without pip because Debian's venv may refuse to; returns the command that installs."""
    os.mkdir(VENV)
    code, output = run_quietly([sys.executable, "-m", "venv", "--without-pip", VENV], turn)
    for installer in installers if code == 0 else ():
        if installer == "uv":
            return ["uv", "pip", "install", "--python", PYTHON]
        if installer == "pip":
            return [sys.executable, "-m", "pip", "--python", PYTHON, "install"]
        code, output = run_quietly([PYTHON, "-I", "-m", "ensurepip"], turn)
        if code == 0:
            return [PYTHON, "-I", "-m", "pip", "install"]
    raise failure(output)


def install(command, arguments, turn):  # type: (list[str], list[str], int) -> None
    code, output = run_quietly(command + arguments, turn)
    if code != 0 and "initialize cache" in output:  # uv's word for a home that cannot be written
        code, output = run_quietly(command + ["--no-cache"] + arguments, turn)
    if code != 0:
        raise failure(output)


def build(stamp, installers, turn):  # type: (str, list[str], int) -> None
    """Only wheels that the lock names are installed, so nothing unhashed is fetched and nothing is compiled; then
    the project itself, editable, by the flit_core from the lock and without the network."""
    remove_venv()
    try:
        command = make_venv(installers, turn)
        install(command, ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", LOCK], turn)
        install(command, ["--no-deps", "--no-index", "--no-build-isolation", "-e", ROOT], turn)
        with open(STAMP, "w", encoding="utf-8") as file:
            file.write(stamp)
    except SetUpError:
        shutil.rmtree(VENV, ignore_errors=True)
        raise


def set_up():  # type: () -> None
    stamp = expected_stamp()
    if is_ready(stamp):
        return
    installers = find_installers()
    turn = take_turn()
    try:
        if not is_ready(stamp):
            say("setting up .venv (%s, about 15 s)" % ("anew" if os.path.lexists(STAMP) else "first time"))
            build(stamp, installers, turn)
    finally:
        os.close(turn)


def in_venv(words):  # type: (list[str]) -> list[str]
    return [os.path.join(BIN, words[0] + EXE)] + words[1:]


def run_to_its_end(command):  # type: (list[str]) -> int
    """Ctrl-C reaches the command as well; it decides what that means, and we wait for it."""
    process = subprocess.Popen(command)
    while True:
        try:
            code = process.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            pass


def run(words):  # type: (list[str]) -> int
    """Becomes the program words[0] of `.venv`, so that signals and exit codes need no go-between (but on Windows)."""
    set_up()
    command = in_venv(words)
    return run_to_its_end(command) if os.name == "nt" else os.execv(command[0], command)


def run_tests(arguments):  # type: (list[str]) -> int
    """Paths may be given from where the user stands; pytest itself runs in the project's folder."""
    found = [os.path.abspath(word) if os.path.exists(word.split("::")[0]) else word for word in arguments]
    os.chdir(ROOT)
    return run(["pytest", "-n", "0" if "--pdb" in arguments else TEST_WORKERS] + found)


def run_crash(arguments):  # type: (list[str]) -> int
    """--kills N is what pytest takes; --seed S plays one chapter again and again."""
    return run_tests([os.path.join(ROOT, "tests", "crash", "test_crash_kills.py")] + arguments)


def run_soak(arguments):  # type: (list[str]) -> int
    """--minutes N, --rate R buyers a second, --seed S. One line of numbers; 1 where a payment or an answer is wrong."""
    return run(["python", os.path.join(ROOT, "tests", "soak", "soak_run.py")] + arguments)


def run_coverage(arguments):  # type: (list[str]) -> int
    """Which lines and branches the tests reach, child processes included; 1 where it is less than what we keep to."""
    set_up()
    os.chdir(ROOT)
    tests = [os.path.join("tests", name) for name in sorted(os.listdir("tests")) if name not in UNCOVERED_TESTS]
    tests = [path for path in tests if os.path.isdir(path) or (path.endswith(".py") and "test_" in path)]
    steps = [["coverage", "erase"]]
    steps += [
        ["coverage", "run", "-m", "pytest", "-n", TEST_WORKERS, "--seeds=20", "--machine-steps=2000"]
        + tests
        + arguments
    ]
    steps += [["coverage", "combine", "--quiet"]]
    for step in steps:
        code = run_to_its_end(in_venv(step))
        if code != 0:
            return code
    short = [room for room in COVERAGE_BARS if run_to_its_end(in_venv(["coverage", "report"] + room)) != 0]
    say("bootstrap: coverage is short of the bar" if short else "bootstrap: coverage is good")
    return 1 if short else 0


def run_check(arguments):  # type: (list[str]) -> int
    """Everything a reviewer would run; goes on after a failure, so that one run shows them all."""
    if arguments not in ([], ["--no-tests"]):
        raise SetUpError(EXIT_USAGE, "check takes no arguments but --no-tests", "")
    set_up()
    os.chdir(ROOT)
    steps = [["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--strict"]]
    steps += [] if arguments else [["pytest", "-n", TEST_WORKERS]]
    failed = [" ".join(step) for step in steps if run_to_its_end(in_venv(step)) != 0]
    say("bootstrap: check failed: " + ", ".join(failed) if failed else "bootstrap: check passed")
    return 1 if failed else 0


COMMANDS = (  # (name, its arguments, what it does, function: arguments -> exit code); one line adds a command
    ("demo", "", "play a purchase from invoice to receipt, offline", lambda rest: run(["apay", "demo"] + rest)),
    ("test", "[pytest arguments]", "run the tests", run_tests),
    ("check", "[--no-tests]", "run ruff, mypy --strict and the tests", run_check),
    ("coverage", "[pytest arguments]", "which lines and branches the tests reach", run_coverage),
    ("crash", "[--kills N]", "end apay N times with kill -9, and compare the books", run_crash),
    ("soak", "[--minutes N]", "sell for N minutes under every kind of trouble, and compare the books", run_soak),
    ("apay", "[arguments]", "run apay itself", lambda rest: run(["apay"] + rest)),
    (
        "setup",
        "",
        "set up .venv, as every command does when need be",
        lambda _: run(["python", "-c", "print('.venv is ready')"]),
    ),
)


def help_text():  # type: () -> str
    lines = ["  %-25s %s" % (name + " " + arguments, what) for name, arguments, what, _ in COMMANDS]
    return "\n".join(["usage: python3 bootstrap.py COMMAND [arguments]", ""] + lines)


def dispatch(arguments):  # type: (list[str]) -> int
    word = arguments[0] if arguments else ""
    functions = {command[0]: command[3] for command in COMMANDS}
    if word in ("-h", "--help", "help"):
        print(help_text())
        return 0
    if word not in functions:
        near = difflib.get_close_matches(word, list(functions), 1)
        what = "there is no command %r" % word if word else "which command?"
        raise SetUpError(EXIT_USAGE, what, "did you mean %s?" % near[0] if near else "", help_text())
    if sys.version_info < (3, 11):
        return go_on_with_another_python(arguments)
    for name in DROPPED:
        os.environ.pop(name, None)
    if sys.prefix == VENV:  # an activated .venv must not replace itself
        return run_to_its_end([getattr(sys, "_base_executable", sys.executable), __file__] + arguments)
    return functions[word](arguments[1:])


def main(arguments):  # type: (list[str]) -> int
    try:
        return dispatch(arguments)
    except SetUpError as problem:
        error = problem
    except OSError as problem:
        what = "%s: %s" % (problem.filename or VENV, problem.strerror)
        error = SetUpError(EXIT_FAILED, what, "run this in a whole checkout, in a folder where you may write")
    except KeyboardInterrupt:
        error = SetUpError(EXIT_INTERRUPTED, "interrupted", "")
    hint = "\nbootstrap: hint: " + error.hint if error.hint else ""
    say((error.details and error.details + "\n") + "bootstrap: error: " + error.what + hint)
    return error.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
