"""Roff: what would be taken for a command of its own is made harmless."""

from typing import Annotated

import pytest
import typer

from apaycli.cli.manpage import render_man_page


def page(help_text: str) -> str:
    app = typer.Typer(rich_markup_mode=None)

    @app.callback()
    def group() -> None:
        """A group."""

    @app.command("sell", help=help_text)
    def sell(
        sku: str, quiet: Annotated[bool, typer.Option("--quiet")] = False, count: Annotated[int, typer.Option()] = 1
    ) -> None:
        pass

    return render_man_page(typer.main.get_command(app), "0.1", {})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (".so /etc/passwd", "\\&.so /etc/passwd"),
        ("'tis a sale", "\\&'tis a sale"),
        ("a\\fBb", "a\\efBb"),
        ("--to-file", "\\-\\-to\\-file"),
        ('say "duck"', "say \\(dqduck\\(dq"),
        ("₹499", "\\[u20B9]499"),
        ("one\nline", "one line"),
    ],
)
def test_text_stays_text(text: str, line: str) -> None:
    assert f"\n.PP\n{line}\n" in page(text)


def test_examples_keep_their_lines() -> None:
    assert "\n.nf\n.RS\napay sell duck\napay sell \\-\\-count 2\n.RE\n.fi\n" in page(
        "Sell.\n\nExamples:\n\n  apay sell duck\n  apay sell --count 2\n"
    )


def test_arguments_and_options_are_named_and_those_of_every_command_stand_apart() -> None:
    own, shared = page("Sell.").split(".SH OPTIONS OF EVERY COMMAND")
    assert '.SS "apay sell"\n' in own
    assert "\\fIsku\\fR" in own
    assert "\\-\\-count" in own
    assert "\\-\\-quiet" not in own
    assert "\\-\\-quiet" in shared
