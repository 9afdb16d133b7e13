"""The page of samples of a data set: images with what is annotated drawn on them."""

from collections.abc import Sequence
from html import escape

from nas.report.html.markup import Markup, paragraph
from nas.report.html.sheet import document, photo


def samples_page(
    name: str, summary: str, legend: Sequence[tuple[str, str]], images: Sequence[tuple[str, bytes]]
) -> str:
    """Return a page that loads nothing: what was read, classes with their CSS colours, and JPEGs with captions."""
    colours = " ".join(_mark(text, colour) for text, colour in legend)
    body = [paragraph(summary), f"<p>{colours}</p>", *(photo(caption, jpeg) for caption, jpeg in images)]
    return document(name, f"Samples of {name}", "\n".join(body), figures=False)


def _mark(text: str, colour: str) -> Markup:
    return f'<span style="border-left: 1em solid {colour}"> {escape(text)}</span>'
