"""Elements of the console's pages; all text is escaped."""

import html
import time
from collections.abc import Iterable, Sequence

STYLE = """
:root { color-scheme: light dark; --line: #8884; --accent: #2468b0; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
header { display: flex; gap: 1rem; align-items: baseline; border-bottom: 1px solid var(--line); }
h1 { font-size: 1.2rem; } h2 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
a { color: var(--accent); } table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
pre { overflow: auto; max-height: 32rem; border: 1px solid var(--line); padding: .6rem; font-size: 12px; }
svg { width: 100%; height: 12rem; border: 1px solid var(--line); } polyline { fill: none; stroke: var(--accent); }
text { font-size: 11px; fill: currentColor; } .none { opacity: .6; }
"""


class Html(str):
    """A string of HTML."""


def escaped(value: object) -> Html:
    return value if isinstance(value, Html) else Html(html.escape("" if value is None else str(value)))


def page(title: str, parts: Iterable[Html]) -> bytes:
    """A page."""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escaped(title)}</title><style>{STYLE}</style>'
    header = f'<header><h1><a href="/">forecastle region</a></h1><span>{escaped(title)}</span></header>'
    return (head + header + "".join(parts) + "</html>").encode()


def link(target: str, text: object) -> Html:
    return Html(f'<a href="{html.escape(target)}">{escaped(text)}</a>')


def heading(text: str) -> Html:
    return Html(f"<h2>{escaped(text)}</h2>")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Html:
    """A table, or "none" if it has no rows."""
    if not rows:
        return Html('<p class="none">none</p>')
    head = "".join(f"<th>{escaped(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return Html(f"<table><tr>{head}</tr>{body}</table>")


def preformatted(lines: Sequence[str]) -> Html:
    return Html(f"<pre>{escaped(chr(10).join(lines))}</pre>")


def clock(moment: object) -> str:
    """A date and time in this machine's time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment)) if isinstance(moment, int | float) else ""


def curve(name: str, values: Sequence[float]) -> Html:
    """A line chart of values in order, with their minimum and maximum."""
    low, high = min(values), max(values)
    span = high - low or 1.0
    step = 1000 / max(1, len(values) - 1)
    points = " ".join(
        f"{index * step:.1f},{190 - 180 * (value - low) / span:.1f}" for index, value in enumerate(values)
    )
    ends = f'<text x="4" y="14">{escaped(name)}: {high:.6g}</text><text x="4" y="196">{low:.6g}</text>'
    return Html(
        f'<svg viewBox="0 0 1000 200" preserveAspectRatio="none"><polyline points="{points}" '
        f'vector-effect="non-scaling-stroke"/>{ends}</svg>'
    )
