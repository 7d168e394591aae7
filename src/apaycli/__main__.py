"""The program's entry. Answers `--version` before anything heavy is imported; the rest is `cli/app.py`."""

import gc
import os
import sys


def main() -> None:
    gc.set_threshold(50_000)  # importing makes many objects and no garbage: 5 of 75 ms of a start
    arguments = sys.argv[1:]
    if arguments and set(arguments) <= {"--version", "-V", "--json"} and arguments != ["--json"]:
        sys.exit(_say_version(as_json="--json" in arguments))
    from apaycli.cli.app import main as run

    sys.exit(run(arguments))


def _say_version(*, as_json: bool) -> int:
    """Nobody may be there to read it: then there is nothing to do."""
    try:
        code = _version(as_json=as_json)
        sys.stdout.flush()
    except (AttributeError, OSError):
        os._exit(0 if sys.stdout is None else 2)
    return code


def _version(*, as_json: bool) -> int:
    from apaycli import __version__

    if not as_json:
        sys.stdout.write(f"apay {__version__}\n")
        return 0
    import json
    import sqlite3

    from apaycli.store.migrations import SCHEMA_VERSION

    document = {
        "apay": __version__,
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "ledger_schema": SCHEMA_VERSION,
    }
    sys.stdout.write(json.dumps(document) + "\n")
    return 0


if __name__ == "__main__":
    main()
