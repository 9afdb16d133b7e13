"""One picture: its header, and its pixels as all of `nas` sees them.

Upright by its EXIF orientation, transparent parts over white, its centre, then brought to size by a bilinear filter
that is antialiased when it shrinks (Pillow's BILINEAR, torch's `interpolate` with antialias). Its centre is the largest
part in its middle that has the aspect of the network's input: the picture is scaled until it just covers the input, and
what overlaps is cut off at both ends. For a square network that is its central square. Training, evaluation and
deployment share this rule.
"""

import hashlib
import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from typing import BinaryIO

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageOps

from nas.design.size import Size, central_part, height_width
from nas.nets.data.file_reader import DISK, FileReader
from nas.nets.data.reading.depth import Depth, Extremes, choose_depth, extremes
from nas.nets.data.reading.sniff import PICTURE_ENDINGS, ending_of, format_in, is_readable

DEEP_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_GREY_MODES = frozenset({"1", "L", "LA", "La"}) | DEEP_MODES
_COLOUR_MODES = frozenset({"RGB", "RGBA", "RGBa", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX"})
_MANY_FRAMES = frozenset({"GIF", "PNG", "WEBP", "TIFF", "AVIF"})  # an MPO's other frames are of the same scene
# What is decoded whole may have so many pixels (512 MB in four channels). A JPEG is decoded at reduced scale, but a
# progressive one needs its coefficients whole: 3 bytes a pixel.
MOST_PIXELS = 128_000_000
MOST_JPEG_PIXELS = 400_000_000
MOST_DEEP_PIXELS = 64_000_000  # scaled in float32
BROKEN = "images could not be read"
TOO_LARGE = "images are larger than can be decoded safely (128 megapixels, JPEG 400, more than 8 bits 64)"
_REDUCED_FROM = 16_000_000
_PILLOW_NAMES = {"HEIC": "HEIF"}
_GROUND = (255, 255, 255)
# Everything that a broken file was seen to raise from a decoder.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    MemoryError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


# Without a handler what a decoder says of a broken file would go to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class ImageHeader(Struct, frozen=True):
    """What a picture's header says: its shorter side in pixels, grey or not, more than 8 bits, several frames."""

    format: str
    shorter: int
    grey: bool
    deep: bool
    frames: bool


class Pixels(Struct, frozen=True):
    """A picture uint8 [H, W] or [H, W, 3].

    `layer` is a digest of a picture with transparent parts as it came; it is empty for others.
    """

    values: NDArray[np.uint8]
    layer: bytes


def read_head(path: str, reader: FileReader = DISK) -> ImageHeader | str:
    """Return what a picture's header says, or the reason why the file is left out."""
    try:
        with reader.open(path) as file:
            kind = format_in(file, path)
            if kind is None:
                return _no_picture(path)
            if not is_readable(kind):
                return f"{kind} images, for which no decoder is installed"
            with open_picture(file, kind) as image:
                return _head(image, kind)
    except DECODER_ERRORS:
        return BROKEN


def _no_picture(path: str) -> str:
    """Return why a file without a picture's content is left out: broken if its ending promises one."""
    ending = ending_of(path)
    if ending in PICTURE_ENDINGS:
        return BROKEN
    return f"{ending} files that hold no image" if ending else "files without an ending that hold no image"


def _head(image: Image.Image, kind: str) -> ImageHeader | str:
    width, height = image.size
    most = MOST_JPEG_PIXELS if image.format in ("JPEG", "MPO") else MOST_PIXELS
    most = MOST_DEEP_PIXELS if image.mode in DEEP_MODES else most
    if width * height > most:
        return TOO_LARGE
    if width * height <= 0 or image.mode not in _GREY_MODES | _COLOUR_MODES:
        return BROKEN
    frames = kind in _MANY_FRAMES and image.format != "MPO" and bool(getattr(image, "is_animated", False))
    return ImageHeader(kind, min(width, height), image.mode in _GREY_MODES, image.mode in DEEP_MODES, frames)


def read_extremes(path: str, kind: str, reader: FileReader = DISK) -> Extremes | None:
    """Return the extremes of a picture of more than 8 bits; None if it cannot be decoded."""
    try:
        with reader.open(path) as file, open_picture(file, kind) as image:
            return extremes(np.asarray(image))
    except DECODER_ERRORS:
        return None


def read_depth(deep: Iterable[tuple[str, str]], mixed: bool, reader: FileReader = DISK) -> Depth | None:
    """Return the rule for all pictures of more than 8 bits, by path and format; None if none can be decoded.

    `mixed` if others of the data set have 8 bits.
    """
    found = [values for path, kind in deep if (values := read_extremes(path, kind, reader))]
    return choose_depth(reduce(Extremes.joined, found), mixed) if found else None


def read_pixels(
    path: str, kind: str, size: Size, mode: str, depth: Depth | None, reader: FileReader = DISK
) -> Pixels | None:
    """Return the centre of a picture at this size, in mode L or RGB; None if it cannot be decoded."""
    try:
        with reader.open(path) as file:
            return decode_picture(file, kind, size, mode, depth)
    except OSError:
        return None


def decode_picture(file: BinaryIO, kind: str, size: Size, mode: str, depth: Depth | None) -> Pixels | None:
    """Return the centre of a picture in an open file at this size; None if it cannot be decoded."""
    try:
        with open_picture(file, kind) as image:
            # A JPEG at reduced scale; the filter still does the last half. Which side is its height is not known yet.
            image.draft(None, (2 * max(height_width(size)),) * 2)
            flat, layer = flatten(_shrunk(turn_upright(image), size), depth)
            return Pixels(np.asarray(centre(flat if flat.mode == mode else flat.convert(mode), size)), layer)
    except DECODER_ERRORS:
        return None


@contextmanager
def open_picture(file: str | BinaryIO, kind: str) -> Iterator[Image.Image]:
    """A picture of a known format; its size is checked against our own limit instead of Pillow's."""
    with _UNLIMITED, _quiet(), Image.open(file, formats=[_PILLOW_NAMES.get(kind, kind)]) as image:
        yield image


class _Unlimited:
    """A context without Pillow's own limit of pixels, for several threads at once: the last one restores it."""

    def __init__(self) -> None:
        self._lock, self._inside, self._limit = threading.Lock(), 0, Image.MAX_IMAGE_PIXELS

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                Image.MAX_IMAGE_PIXELS = self._limit


_UNLIMITED = _Unlimited()


@contextmanager
def _quiet() -> Iterator[None]:
    """A context in which decoders warn of nothing. Filters are of the process: other threads leave them alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def turn_upright(image: Image.Image) -> Image.Image:
    """Return an image turned as its EXIF orientation says; as it is if its EXIF block is broken."""
    image.load()
    try:
        ImageOps.exif_transpose(image, in_place=True)  # else it copies images that are upright already
    except DECODER_ERRORS:
        return image
    return image


def _shrunk(image: Image.Image, size: Size) -> Image.Image:
    """Return a very large image reduced by a whole factor, to at least twice the size, to save memory."""
    height, width = height_width(size)
    factor = min(image.height // (2 * height), image.width // (2 * width))
    if factor < 2 or image.width * image.height < _REDUCED_FROM or image.mode in {"1", "P", "PA"} | DEEP_MODES:
        return image
    return image.reduce(factor)


def flatten(image: Image.Image, depth: Depth | None) -> tuple[Image.Image, bytes]:
    """Return an image of 8 bits whose transparent parts became white, and a digest of it before that, if it has any."""
    if image.mode in DEEP_MODES:
        rule = depth or Depth(0.0, 65535.0, True)
        return Image.fromarray(rule.scale(np.asarray(image))), b""
    if not image.has_transparency_data:
        return image, b""
    layer = image.convert("RGBA")
    if layer.getchannel("A").getextrema() == (255, 255):
        return layer.convert("RGB"), b""
    ground = Image.new("RGBA", layer.size, (*_GROUND, 255))
    return Image.alpha_composite(ground, layer).convert("RGB"), hashlib.blake2b(layer.tobytes(), digest_size=8).digest()


def centre(image: Image.Image, size: Size) -> Image.Image:
    """Return the centre of an image at this size: the crop rule of training, evaluation and deployment.

    It is cut first, as a filter would else look at pixels beyond its edges.
    """
    rows, columns = central_part((image.height, image.width), size)
    cut = image.crop((columns.start, rows.start, columns.stop, rows.stop))
    height, width = height_width(size)
    return cut if cut.size == (width, height) else cut.resize((width, height), Image.Resampling.BILINEAR)
