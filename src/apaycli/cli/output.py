"""Two streams: stdout is the result, stderr is talk.

Knows terminals: whether a stream is one, whether colour is wanted there, tables for people and tab-separated
rows for programs. Text of strangers arrives here already shown (`text.show`) or is shown here (`cell`).
Never rich's markup, and never rich for JSON.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TextIO

from apaycli.text import json_text, redact, show

Color = Literal["auto", "always", "never"]
Style = Literal["bold", "dim", "red", "green", "yellow"]
_CODES: Mapping[Style, str] = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Output:
    """Where a command writes. `quiet` silences talk, never errors and never results."""

    def __init__(
        self,
        stdout: TextIO,
        stderr: TextIO,
        environ: Mapping[str, str],
        *,
        color: Color = "auto",
        quiet: bool = False,
        verbose: int = 0,
        as_json: bool = False,
    ) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.environ = environ
        self.color = color
        self.quiet = quiet
        self.verbose = verbose
        self.as_json = as_json

    def out(self, line: str) -> None:
        """One line of the result."""
        self.stdout.write(line + "\n")

    def flush(self) -> None:
        self.stdout.flush()

    def document(self, value: Any) -> None:
        """The whole result as one JSON document."""
        self.out(json_text(value, indent=2 if self.is_terminal(self.stdout) else None))

    def say(self, line: str) -> None:
        """Talk, for a person who watches."""
        if not self.quiet:
            self._talk(self.fitted(redact(line), self.stderr) + "\n")

    def advise(self, command: str) -> None:
        """A command to copy: on a line of its own, and never broken to fit a terminal."""
        if not self.quiet:
            self._talk(f"  {redact(command)}\n")

    def _talk(self, text: str) -> None:
        """Talk that cannot be written (a full disk, a closed terminal) is lost; the work goes on."""
        try:
            self.stderr.write(text)
            self.stderr.flush()
        except BrokenPipeError:
            raise  # its reader has seen enough
        except OSError:
            pass

    def detail(self, line: str) -> None:
        """Talk for `-v`."""
        if self.verbose:
            self.say(line)

    def warn(self, sentence: str) -> None:
        self.say(self.paint("apay: warning: ", "yellow", self.stderr) + show(sentence, 1000))

    def error(self, message: str, hint: str | None, code: str, problems: Sequence[str] = ()) -> None:
        """What, why and what to do; with `--json` one object. Never silenced."""
        message, problems = redact(message), [redact(problem) for problem in problems]
        if self.as_json:
            self._error_document(message, hint, code, problems)
            return
        lines = [self.paint("apay: error: ", "red", self.stderr) + show(message, 2000)]
        lines += [f"  {show(problem, 1000)}" for problem in problems]
        lines += [f"apay: hint: {hint}"] if hint else []
        self.last_words("".join(line + "\n" for line in lines))

    def interrupted(self, message: str) -> None:
        """What a signal has ended, and what is left of it. With `--json` one object."""
        if self.as_json:
            self._error_document(redact(message), None, "interrupted", ())
        elif not self.quiet:
            self.last_words(f"apay: {redact(show(message, 1000))}\n")

    def _error_document(self, message: str, hint: str | None, code: str, problems: Sequence[str]) -> None:
        error: dict[str, Any] = {"code": code, "message": message, "hint": hint}
        if problems:
            error["problems"] = problems
        self.last_words(json_text({"error": error}) + "\n")

    def last_words(self, text: str) -> None:
        """To stderr; where even that is lost, the exit code says it."""
        with suppress(OSError):
            self.stderr.write(text)
            self.stderr.flush()

    def is_terminal(self, stream: TextIO) -> bool:
        return bool(getattr(stream, "isatty", lambda: False)())

    def colored(self, stream: TextIO) -> bool:
        """--color, then NO_COLOR, then FORCE_COLOR, then TERM, then the stream itself. Empty means unset."""
        if self.color != "auto":
            return self.color == "always"
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR"):
            return True
        return self.environ.get("TERM") != "dumb" and self.is_terminal(stream)

    def paint(self, text: str, style: Style, stream: TextIO) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colored(stream) else text

    def _stack(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows that are wider than the terminal: one field a line, the first one on top."""
        for row in rows:
            self.out(self.paint(row[0], "bold", self.stdout))
            for header, value in zip(headers[1:], row[1:], strict=True):
                self.paragraph(f"{header.lower()}: {value or '-'}", "    ")

    def fitted(self, line: str, stream: TextIO, indent: str = "  ") -> str:
        """The line as it is, or on a terminal broken between words, so that a phone shows whole words."""
        columns = _columns()
        if not self.is_terminal(stream) or len(line) <= columns:
            return line
        import textwrap

        lines = textwrap.wrap(line, columns, subsequent_indent=indent, break_on_hyphens=False)
        return "\n".join(lines)

    def paragraph(self, text: str, indent: str = "        ") -> None:
        """Indented lines of the result, broken between words to fit the terminal."""
        import textwrap

        for line in textwrap.wrap(text, _columns(), initial_indent=indent, subsequent_indent=indent):
            self.out(line)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table on a terminal, tab-separated rows without headers elsewhere."""
        cells = [[cell(value) for value in row] for row in rows]
        if not self.is_terminal(self.stdout):
            for row in cells:
                self.out("\t".join(row))
            return
        widest = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
        if sum(widest) + 2 * len(widest) > _columns():
            self._stack(headers, cells)
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(
            file=self.stdout,
            highlight=False,
            markup=False,
            color_system="standard" if self.colored(self.stdout) else None,  # rich's no_color would leave bold
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        for header in headers:
            table.add_column(header)
        for row in cells:
            table.add_row(*(Text(value) for value in row))
        console.print(table)


def _columns() -> int:
    import shutil

    return max(30, shutil.get_terminal_size().columns)


def cell(value: object) -> str:
    return "" if value is None else show(str(value))


def standard_output(environ: Mapping[str, str], **options: Any) -> Output:
    """The process's own streams; a character that they cannot encode is replaced, never an error."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            with suppress(OSError):  # it flushes first; what that meets, the next write meets as well
                reconfigure(errors="replace")
    return Output(sys.stdout, sys.stderr, environ, **options)
