"""The program's entry. Answers `--version` before anything heavy is imported; the rest is `cli/app.py`."""

import gc
import signal
import sys
from contextlib import suppress


def main() -> None:
    gc.set_threshold(50_000)  # importing makes many objects and no garbage: 5 of 75 ms of a start
    try:
        from apaycli.cli.ending import leave

        leave(_run(sys.argv[1:]))
    except KeyboardInterrupt:  # before there was anything to interrupt, or once more at the end
        sys.exit(128 + signal.SIGINT)


def _run(arguments: list[str]) -> int:
    if arguments and set(arguments) <= {"--version", "-V", "--json"} and arguments != ["--json"]:
        return _say_version(as_json="--json" in arguments)
    from apaycli.cli.app import main as run

    return run(arguments)


def _say_version(*, as_json: bool) -> int:
    """Without a stdout, or with a reader who has gone, there is nothing to do."""
    from apaycli.cli.ending import output_lost

    try:
        if sys.stdout is not None:
            _version(as_json=as_json)
            sys.stdout.flush()
    except BrokenPipeError:
        return 0
    except OSError as error:
        lost = output_lost(error)
        with suppress(AttributeError, OSError):
            sys.stderr.write(f"apay: error: {lost.message}\n")
        return lost.exit_code
    return 0


def _version(*, as_json: bool) -> None:
    from apaycli import __version__

    if not as_json:
        sys.stdout.write(f"apay {__version__}\n")
        return
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


if __name__ == "__main__":
    main()
