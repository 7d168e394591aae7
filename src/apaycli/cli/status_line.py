"""The line at the foot of a terminal while `apay listen` runs.

Knows how to draw one line over itself and to make room for others. Draws nothing where nobody watches. What
it says comes from events alone.
"""

import shutil

from apaycli.cli.output import Output
from apaycli.listen import events
from apaycli.money import render_money
from apaycli.text import show

_CLEAR = "\r\x1b[2K"


class StatusLine:
    """`today ₹998.00 | 2 unit(s) held | contact 3 s ago | slowest answer 12 ms`: what matters most comes first."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.watched = output.is_terminal(output.stderr) and not output.as_json and not output.quiet
        self._standing: events.Standing | None = None
        self._slowest_milliseconds: int | None = None

    def note(self, event: events.Event) -> None:
        if isinstance(event, events.Standing):
            self._standing = event
        elif isinstance(event, events.Answered):
            self._slowest_milliseconds = max(self._slowest_milliseconds or 0, event.milliseconds)
        elif isinstance(event, events.Stopped):
            self._standing = None

    def clear(self) -> None:
        if self.watched and self._standing is not None:
            self._write(_CLEAR)

    def draw(self) -> None:
        if self.watched and self._standing is not None:
            columns = shutil.get_terminal_size().columns
            self._write(_CLEAR + self.text(self._standing)[: columns - 1])

    def text(self, standing: events.Standing) -> str:
        contact = "no contact yet"
        if standing.last_contact_at is not None:
            contact = f"contact {render_span(standing.at - standing.last_contact_at)} ago"
        takings = " + ".join(render_money(amount, show(currency, 12)) for currency, amount in standing.takings.items())
        parts = [f"today {takings or 'nothing yet'}", f"{standing.units_held} unit(s) held", contact]
        if self._slowest_milliseconds is not None:
            parts.append(f"slowest answer {self._slowest_milliseconds} ms")
        return " | ".join(parts)

    def _write(self, text: str) -> None:
        self._output.stderr.write(text)
        self._output.stderr.flush()


def render_span(milliseconds: int) -> str:
    """`3 h 12 min`, `5 min`, `12 s`."""
    seconds = milliseconds // 1000
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
