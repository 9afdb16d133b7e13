"""Values as a notebook shows them."""

import html
from collections.abc import Mapping


def as_html(rows: Mapping[str, str]) -> str:
    """A table of names and texts.

    >>> as_html({"a": "<1>"})
    '<table><tr><th style="text-align:left">a</th><td>&lt;1&gt;</td></tr></table>'
    """
    lines = (
        f'<tr><th style="text-align:left">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>'
        for name, text in rows.items()
    )
    return f"<table>{''.join(lines)}</table>"
