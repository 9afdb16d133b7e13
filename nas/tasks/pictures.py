"""Pictures of any size as they are seen: upright by EXIF, whole, in colour."""

from msgspec import Struct
from PIL import Image, UnidentifiedImageError

from nas.nets.data.reading.depth import Depth
from nas.nets.data.reading.picture import (
    BROKEN,
    DECODER_ERRORS,
    flatten,
    open_picture,
    read_head,
    turn_upright,
)
from nas.nets.data.reading.sniff import format_in

_ORIENTATION = 0x0112  # EXIF: 1 is upright, 2 to 4 mirrored or upside down, 5 to 8 on its side
_ON_ITS_SIDE = 5


class UprightSize(Struct, frozen=True):
    """The size of a picture in pixels as it is seen, upright, and its EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int = 1

    @property
    def seen(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        return self.width, self.height

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height before the picture is turned."""
        return (self.height, self.width) if self.orientation >= _ON_ITS_SIDE else (self.width, self.height)


def read_upright_size(path: str) -> UprightSize | str:
    """Return the size of a picture by its header, or the reason why the file is left out."""
    head = read_head(path)
    if isinstance(head, str):
        return head
    try:
        with open_picture(path, head.format) as image:
            return _size_of(image)
    except DECODER_ERRORS:
        return BROKEN


def _size_of(image: Image.Image) -> UprightSize:
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except DECODER_ERRORS:
        found = 1
    orientation = found if isinstance(found, int) and 1 <= found <= 8 else 1
    width, height = image.size
    if orientation >= _ON_ITS_SIDE and image.format != "TIFF":  # Pillow gives the size of an upright TIFF
        width, height = height, width
    return UprightSize(width, height, orientation)


def read_upright(path: str, depth: Depth | None = None, enough_px: int | None = None) -> Image.Image:
    """Return a whole picture, upright, as RGB; raises OSError if it cannot be decoded.

    `depth` is the rule for more than 8 bits. A JPEG may come at reduced scale, but with both sides above `enough_px`.
    """
    with open_picture(path, _format_of(path)) as image:
        try:
            if enough_px:
                image.draft(None, (enough_px, enough_px))
            return flatten(turn_upright(image), depth)[0].convert("RGB")
        except DECODER_ERRORS as error:
            raise OSError(f"{path}: cannot be decoded ({error})") from error


def read_plain(path: str) -> Image.Image:
    """Return a whole picture as it is stored, neither turned nor converted; raises OSError if it cannot be decoded."""
    with open_picture(path, _format_of(path)) as image:
        try:
            image.load()
            found = image.copy()
        except DECODER_ERRORS as error:
            raise OSError(f"{path}: cannot be decoded ({error})") from error
        found.format = image.format
        return found


def _format_of(path: str) -> str:
    with open(path, "rb") as file:
        found = format_in(file, path)
    if found is None:
        raise UnidentifiedImageError(f"{path}: is no picture")
    return found
