"""The program for a board: the device floor as one zip file that its Python runs."""

import io
import zipfile
from functools import cache
from pathlib import Path

import nas.device

# Written for any Python, so that an old one says what is wrong instead of where its parser stopped.
_MAIN = """\
import sys

if sys.version_info < (3, 9):
    sys.stdout.write('{"type": "error", "kind": "python-old", "text": "%s"}\\n' % sys.version.split()[0])
    sys.exit(0)

from nas.device.runner import main

main()
"""
# The same files make the same bytes, whenever and wherever they were checked out.
_DATE = (1980, 1, 1, 0, 0, 0)


@cache
def parcel() -> bytes:
    """The zip file: `nas.device` and what starts it."""
    folder = Path(nas.device.__file__).parent
    sources = {f"nas/device/{path.name}": path.read_text() for path in sorted(folder.glob("*.py"))}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in {"__main__.py": _MAIN, "nas/__init__.py": "", **sources}.items():
            file.writestr(zipfile.ZipInfo(name, _DATE), text, zipfile.ZIP_DEFLATED)
    return content.getvalue()
