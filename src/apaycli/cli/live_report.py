"""The findings of check-live as one page: to show a partner, or to keep.

Knows how the page looks; never what a finding means. Everything that is put in is escaped.
"""

from collections.abc import Sequence
from html import escape

from apaycli.checks.model import Finding
from apaycli.clock import render_instant

_STYLE = """
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; --line: #8884; }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } p.sum { font-size: 1.1rem; }
section { border-top: 1px solid var(--line); padding: .6rem 0; break-inside: avoid; }
h2 { font-size: 1rem; margin: 0; display: inline; } b { display: inline-block; min-width: 4.5rem; }
.pass b { color: var(--good); } .fail b { color: var(--bad); } .warn b, .manual b { color: var(--open); }
section p { margin: .2rem 0 0 4.5rem; overflow-wrap: anywhere; } time { opacity: .7; }
@media (max-width: 30rem) { section p { margin-left: 0; } }
"""


def render_report(
    findings: Sequence[tuple[str, Finding]], bot: str, mode: str, checked_at: int, *, partial: bool = False
) -> str:
    """A whole HTML document without scripts, that reads on a phone and prints. `partial`: not all of the checklist."""
    counts = {name: sum(f.outcome == name for _, f in findings) for name in ("pass", "warn", "fail", "manual")}
    ready = not counts["fail"] and not counts["manual"]
    verdict = "Ready for real money" if ready and mode == "live" else "Everything passes" if ready else "Not ready yet"
    if partial:
        verdict = "A part of the checklist"
    sums = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    rows = "\n".join(_row(name, finding, checked_at) for name, finding in findings)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>apay check-live</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(bot)}: live checklist</h1>\n"
        f'<p class="sum"><strong>{verdict}</strong>: {sums}; {escape(mode)} mode,'
        f" {render_instant(checked_at)}</p>\n{rows}\n</body></html>\n"
    )


def _row(name: str, finding: Finding, checked_at: int) -> str:
    at = render_instant(finding.seen_at if finding.seen_at is not None else checked_at)
    step = f"<p>Next: {escape(finding.next_step)}</p>" if finding.next_step else ""
    return (
        f'<section class="{finding.outcome}"><b>{finding.outcome}</b><h2>{escape(name)}</h2>'
        f"<p>{escape(finding.seen)} <time>{at}</time></p>{step}</section>"
    )
