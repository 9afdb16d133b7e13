"""What a file is, by its first bytes: the content decides, never the ending."""

import importlib
import os
from functools import cache
from typing import BinaryIO

from PIL import Image, features

from nas.nets.data.file_reader import DISK, FileReader

_BYTES = 32
# Signatures as their formats' specifications give them: (offset, bytes, Pillow's name of the format).
_SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (8, b"WEBP", "WEBP"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (0, b"\xffO\xffQ", "JPEG2000"),
    (0, b"qoif", "QOI"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"8BPS", "PSD"),
    (0, b"%PDF", "PDF"),
)
_AVIF = frozenset({b"avif", b"avis"})
_HEIF = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_RAW_ENDINGS = frozenset({".nef", ".cr2", ".cr3", ".arw", ".dng", ".orf", ".raf", ".rw2", ".pef", ".srw"})
# Old formats without a signature that could be trusted: here the ending has to say it.
_BY_ENDING = {".tga": "TGA", ".ico": "ICO", ".pcx": "PCX", ".sgi": "SGI", ".dds": "DDS"}
_READABLE = frozenset(
    {"JPEG", "PNG", "GIF", "TIFF", "WEBP", "JPEG2000", "QOI", "BMP", "PPM", "AVIF", "PSD", *_BY_ENDING.values()}
)
# Endings that promise a picture: a file that has one and holds none is broken.
PICTURE_ENDINGS = frozenset(_BY_ENDING) | {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif", ".jp2", ".j2k", ".jxl", ".qoi", ".psd"),
}
_BUILT = {"WEBP": "webp", "JPEG2000": "jpg_2000", "AVIF": "avif"}


def ending_of(path: str) -> str:
    """Return a path's ending in lower case, with the dot; empty if there is none."""
    return os.path.splitext(path)[1].lower()


def format_in(file: BinaryIO, path: str) -> str | None:
    """Return the picture format of an open file, None if it holds none; leaves the file at its beginning."""
    found, ending = _format(file.read(_BYTES)), ending_of(path)
    file.seek(0)
    if found == "TIFF" and ending in _RAW_ENDINGS:
        return "camera raw"  # a TIFF whose first picture is a thumbnail
    return found or _BY_ENDING.get(ending)


def _format(head: bytes) -> str | None:
    for offset, signature, name in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature and (name != "WEBP" or head.startswith(b"RIFF")):
            return name
    if head[4:8] == b"ftyp":
        brands = {head[start : start + 4] for start in (8, *range(16, _BYTES, 4))}
        return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIF else None
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "BMP"
    return "PPM" if head[:1] == b"P" and head[1:2] in b"123456fF" and head[2:3].isspace() else None


def is_picture(path: str, reader: FileReader = DISK) -> bool:
    """Tell whether a file is a picture, of a kind that can be decoded here or not."""
    try:
        with reader.open(path) as file:
            return format_in(file, path) not in (None, "PDF")
    except OSError:
        return False


@cache
def is_readable(name: str) -> bool:
    """Tell whether pictures of a format can be decoded here, by what Pillow was built with."""
    Image.init()
    built = features.check(_BUILT[name]) if name in _BUILT else name in Image.OPEN
    return register_heif() if name == "HEIC" else name in _READABLE and bool(built)


@cache
def register_heif() -> bool:
    """Let Pillow decode HEIC if its decoder is installed; tell whether it is."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except (ImportError, OSError, AttributeError):
        return False
    return True
