"""The images of a store: decoded when they are read, by threads, and ahead of the steps of a training."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nas.design.size import Size, height_width, least_size
from nas.errors import InvalidData
from nas.nets.data.reading.picture import decode_picture
from nas.nets.data.store.part import PREVIEW, StorePart
from nas.nets.data.store.threads import decoders
from nas.nets.data.style import Style

_AHEAD = 2  # batches that are decoded while a step computes
_ERRORS = (OSError, ValueError, LookupError, TypeError, pa.ArrowException)


class Store:
    """The parts of a store, opened; of each image 17 bytes are in memory, the rest is on the disk."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        """Raises InvalidData if a part is cut or gone."""
        self.folder, self._names = folder, names
        self._parts = [_open(folder / name) for name in names]
        self._ends = np.cumsum([len(part) for part in self._parts])
        self.headers = tuple(part.header for part in self._parts)

    def __len__(self) -> int:
        """How many images."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes open the store themselves."""
        return Store, (self.folder, self._names)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of numbers, of all images."""
        return np.concatenate([part.column(name) for part in self._parts])

    def name(self, row: int) -> str:
        """Return the name of an image."""
        part, place = self._find(row)
        return part.name(place)

    def previews(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return previews [N, 3, 16, 16]."""
        found = np.empty((len(rows), 3, PREVIEW, PREVIEW), np.uint8)
        numbers = np.searchsorted(self._ends, rows, side="right")
        for number in np.unique(numbers):
            inside = np.flatnonzero(numbers == number)
            places = rows[inside] - (self._ends[number - 1] if number else 0)
            found[inside] = self._parts[number].previews(places).transpose(0, 3, 1, 2)
        return found

    def decode(self, row: int, style: Style, resolution: Size) -> NDArray[np.uint8]:
        """Return an image [C, H, W]; raises InvalidData if it cannot be decoded any more."""
        part, place = self._find(row)
        try:
            pixels = decode_picture(BytesIO(part.image(place)), part.format(place), resolution, style.mode, style.depth)
        except OSError:
            pixels = None
        if pixels is None:
            raise InvalidData(
                f"{self.folder}: image {row} cannot be read any more. Remove the folder: it is made anew."
            )
        return style.planes(pixels.values)

    def _find(self, row: int) -> tuple[StorePart, int]:
        number = int(np.searchsorted(self._ends, row, side="right"))
        return self._parts[number], row - (int(self._ends[number - 1]) if number else 0)


def _open(path: Path) -> StorePart:
    try:
        return StorePart(path)
    except _ERRORS as error:
        raise InvalidData(f"{path}: cannot be read ({error}). Remove its folder: it is made anew.") from error


class EncodedImages:
    """Some images of a store in some order, all brought to one form when they are read."""

    def __init__(self, store: Store, style: Style, rows: NDArray[np.int64]) -> None:
        self._store, self._style, self._rows = store, style, rows

    def __len__(self) -> int:
        """How many images."""
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Count, channels, height and width."""
        return len(self._rows), *self._style.shape

    @property
    def keys(self) -> NDArray[np.uint64]:
        """Digests of the encoded images."""
        return np.asarray(self._store.column("key")[self._rows], dtype=np.uint64)

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Whether an image is of one colour all over."""
        return np.asarray(self._store.column("plain")[self._rows], dtype=bool)

    def name(self, index: int) -> str:
        """Return the name of an image."""
        return self._store.name(int(self._rows[index]))

    def pick(self, indices: NDArray[np.int64]) -> "EncodedImages":
        """Return a part of these images, in this order."""
        return EncodedImages(self._store, self._style, self._rows[indices])

    def small(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return previews of images."""
        return self._store.previews(self._rows[indices])

    def read(self, indices: NDArray[np.int64], resolution: Size | None = None) -> NDArray[np.uint8]:
        """Return images uint8 [N, C, H, W]: of the style's size, or at `resolution` if that is less."""
        return _finish(*self._begin(indices, resolution))

    def stream(self, wanted: Iterable[tuple[NDArray[np.int64], Size | None]]) -> Iterator[NDArray[np.uint8]]:
        """Iterate over batches as `read` returns them; the next ones are decoded while one is used."""
        waiting: deque[tuple[NDArray[np.uint8], list[Future[None]]]] = deque()
        try:
            for indices, resolution in wanted:
                waiting.append(self._begin(indices, resolution))
                if len(waiting) > _AHEAD:
                    yield _finish(*waiting.popleft())
            while waiting:
                yield _finish(*waiting.popleft())
        finally:
            for future in (future for _, futures in waiting for future in futures):
                future.cancel()

    def _begin(
        self, indices: NDArray[np.int64], resolution: Size | None
    ) -> tuple[NDArray[np.uint8], list[Future[None]]]:
        """Have images decoded into an array; return it with what has to be waited for."""
        size = least_size(self._style.size, resolution or self._style.size)
        found = np.empty((len(indices), self._style.shape[0], *height_width(size)), dtype=np.uint8)

        def read(number: int, row: int) -> None:
            found[number] = self._store.decode(row, self._style, size)

        rows = self._rows[indices].tolist()
        return found, [decoders().submit(read, number, row) for number, row in enumerate(rows)]


def _finish(found: NDArray[np.uint8], futures: list[Future[None]]) -> NDArray[np.uint8]:
    for future in futures:
        future.result()
    return found
