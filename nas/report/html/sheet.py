"""The sheet that pages are written on: one self-contained HTML document with its figures."""

from base64 import b64encode
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from nas.report.html.markup import Markup
from nas.report.html.style import CSS


def document(name: str, title: str, body: Markup, figures: bool = True) -> str:
    """The whole text of a page; plotly.js is in it once if it has `figures`, nothing is loaded from elsewhere."""
    script = f"<script>{get_plotlyjs()}</script>" if figures else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}: nas report</title><style>{CSS}</style>\n"
        f"{script}</head>\n<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def embedded(figure: go.Figure, name: str, caption: str) -> Markup:
    """A figure without toolbar; its script needs the one plotly.js at the top of the page."""
    options = {"displayModeBar": False, "responsive": True}
    drawn = figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, default_height="auto", config=options)
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"


def photo(caption: str, jpeg: bytes) -> Markup:
    """A JPEG that is part of the page."""
    source = f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
    text = escape(caption)
    return f'<figure><img src="{source}" alt="{text}" style="max-width: 100%"><figcaption>{text}</figcaption></figure>'
