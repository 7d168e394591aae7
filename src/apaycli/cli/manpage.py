"""The manual as a man page: the commands' own help, written in roff.

Knows roff's few marks and how to walk a tree of commands. Never a fact about a command: those are in its help.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apaycli.cli.help_topics import Page

_PARAGRAPHS = re.compile(r"\n\s*\n")
_SECTIONS = {"exit-codes": "EXIT STATUS", "environment": "ENVIRONMENT", "files": "FILES", "json": "JSON"}
_SHARED = ("--config", "--live", "--json", "--quiet", "--verbose", "--color", "--no-input", "--strict", "--debug")


def render_man_page(group: Any, version: str, pages: Mapping[str, "Page"]) -> str:
    """`group` is the command tree as click has it (typer brings its own copy, so no type of it is named here)."""
    return "\n".join(_lines(group, version, pages)) + "\n"


def _lines(group: Any, version: str, pages: Mapping[str, "Page"]) -> Iterator[str]:
    yield f'.TH APAY 1 "" "apay {_text(version)}" "User Commands"'
    yield ".SH NAME"
    yield "apay \\- sell in Telegram through A\\-Pay: invoices, answers in time, receipts that are never lost"
    yield ".SH SYNOPSIS"
    yield "\\fBapay\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]"
    yield ".SH DESCRIPTION"
    yield from _prose(group.help)
    yield ".SH COMMANDS"
    for path, command in _leaves(group, "apay"):
        yield from _command(path, command)
    yield ".SH OPTIONS OF EVERY COMMAND"
    _, first = next(_leaves(group, "apay"))
    yield from _options(first, shared=True)
    for name, page in pages.items():
        yield f".SH {_SECTIONS[name]}"
        yield from _page(page)
    yield ".SH SEE ALSO"
    yield "\\fBapay help\\fR, \\fBapay explain\\fR; the folder docs of the project."


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, a group before its own, in the order of the help."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield path, command
        return
    if path != "apay" and (command.invoke_without_command or not subcommands):
        yield path, command
    for name, subcommand in subcommands.items():
        yield from _leaves(subcommand, f"{path} {name}")


def _command(path: str, command: Any) -> Iterator[str]:
    arguments = [_text(param.make_metavar(_context(command))) for param in command.params if _is_argument(param)]
    yield f'.SS "{_text(path)}"'
    yield " ".join([f"\\fB{_text(path)}\\fR", *(f"\\fI{argument}\\fR" for argument in arguments), "[\\fIOPTIONS\\fR]"])
    yield ".PP"
    yield from _prose(command.help)
    yield from _options(command, shared=False)


def _options(command: Any, *, shared: bool) -> Iterator[str]:
    context = _context(command)
    for param in command.params:
        names = [*param.opts, *param.secondary_opts]
        if _is_argument(param) or param.hidden or "--help" in names:
            continue
        if shared != bool(set(names) & set(_SHARED)):
            continue
        record = param.get_help_record(context)
        if record is not None:
            yield ".TP"
            yield f"\\fB{_text(record[0])}\\fR"
            yield _line(record[1])


def _is_argument(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def _context(command: Any) -> Any:
    return command.context_class(command, info_name=command.name)


def _page(page: "Page") -> Iterator[str]:
    for row in page.rows:
        yield ".TP"
        yield f"\\fB{_text(row.name)}\\fR" + (f" ({_text(row.value)})" if row.value else "")
        yield _line(row.meaning)
    for note in page.notes:
        yield ".PP"
        yield _line(note)


def _prose(text: str | None) -> Iterator[str]:
    """Paragraphs; lines that begin with blanks are examples and stay as they are."""
    for number, paragraph in enumerate(_PARAGRAPHS.split((text or "").replace("\b", "").strip("\n"))):
        if number:
            yield ".PP"
        if paragraph.startswith("  "):
            yield from (".nf", ".RS")
            yield from (_line(line.strip()) for line in paragraph.splitlines())
            yield from (".RE", ".fi")
        else:
            yield _line(" ".join(paragraph.split()))


def _line(text: str) -> str:
    """A line of text; a dot or an apostrophe at its beginning would be taken for a command."""
    shown = _text(" ".join(text.split()))
    return "\\&" + shown if shown[:1] in {".", "'"} else shown


def _text(text: str) -> str:
    """Backslashes and the dash that is typed; quotes, because a heading stands in them; roff itself is ASCII."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("`", "\\(ga")
    return "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in text)
