"""How the documentation is built: `make docs`, or `sphinx-build -W docs docs/_build`."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from option_tables import fill_tables  # noqa: E402 - found by the path above

import nas  # noqa: E402

project = "nas"
copyright = "the authors of nas, Apache-2.0"
version = release = nas.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"nas {version}"

myst_heading_anchors = 3  # GitHub makes the same anchors of headings
default_role = "code"  # what docstrings have in single backticks
autodoc_typehints = "none"  # types of options carry their whole description
autodoc_member_order = "bysource"
maximum_signature_line_length = 100
napoleon_google_docstring, napoleon_numpy_docstring = True, False
nitpicky = False


def setup(app: Sphinx) -> None:
    """Fill the tables of options when a page that has them is read."""
    app.connect("source-read", lambda _, name, source: source.__setitem__(0, fill_tables(source[0])))
