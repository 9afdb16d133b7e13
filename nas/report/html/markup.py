"""HTML pieces. Every text that comes from outside goes through `escape`; what is returned is safe to put on a page."""

from collections.abc import Iterable, Sequence
from html import escape

Markup = str  # HTML that is already escaped


def cell(text: object, mark: str = "", span: int = 1) -> Markup:
    """A table cell of escaped text; `mark` is its class."""
    attributes = (f' class="{mark}"' if mark else "") + (f' colspan="{span}"' if span > 1 else "")
    return f"<td{attributes}>{escape(str(text))}</td>"


def heads(names: Iterable[str]) -> Markup:
    """A row of column heads."""
    return "<tr>" + "".join(f'<th scope="col">{escape(name)}</th>' for name in names) + "</tr>"


def row(cells: Iterable[Markup], mark: str = "") -> Markup:
    """A table row of finished cells."""
    return (f'<tr class="{mark}">' if mark else "<tr>") + "".join(cells) + "</tr>"


def table(head: Markup, rows: Sequence[Markup], name: str) -> Markup:
    """A table that scrolls by itself where the screen is narrow."""
    body = "\n".join(rows)
    return f'<div class="scroll"><table id="{name}"><thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table></div>'


def section(title: str, *parts: Markup) -> Markup:
    """A titled part of the page."""
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


def paragraph(text: str, mark: str = "") -> Markup:
    """A paragraph of escaped text."""
    return (f'<p class="{mark}">' if mark else "<p>") + escape(text) + "</p>"


def link(text: str, page: str) -> Markup:
    """A link to a page beside this one."""
    return f'<a href="{escape(page)}">{escape(text)}</a>'
