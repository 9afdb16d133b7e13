"""`make_scenes`: handwritten digits on photographs, a data set of 64 pixels that needs no download."""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.dataset import Labelled

SIDE = 64
"""Side of the images in pixels."""

BAND = 128
"""Columns of a photograph that belong to one split; each photograph has five such bands."""

_Floats = NDArray[np.floating[Any]]
_Indices = NDArray[np.int64]
_Pixels = NDArray[np.uint8]

# Range of a digit's size in pixels and largest angle in degrees. These and the ranges of light are chosen so that
# networks learn in minutes and differ: see experiments/resolution/scenes_difficulty.txt.
_SIZES = (32.0, 60.0)
_ANGLE = 15.0
# By how much a digit is lighter than what it covers, of 255, and how far each of its colours may be from that.
_CONTRASTS = (60.0, 150.0)
_TINT = 30.0
# Photographs are darkened, each colour by itself: then all digits can be light.
_GAINS = (0.3, 0.7)
# Pixels over which the edge of a stroke fades, as in a sharp photograph.
_EDGE = 1.5
# Share of a cell's ink at which a stroke ends.
_LEVEL = 0.5
# Images composed at once: more would not fit a processor's cache.
_CHUNK = 128


class ScenesPart(Struct, frozen=True):
    """What one split is made of."""

    each: int
    """Images of every class."""
    share: tuple[float, float]
    """Its handwritten digits: from this to this share of those of every class."""
    bands: tuple[int, ...]
    """Its bands of both photographs."""


TRAIN = ScenesPart(400, (0.0, 0.5), (0, 2, 4))
VAL = ScenesPart(100, (0.5, 0.7), (1,))
TEST = ScenesPart(200, (0.7, 1.0), (3,))
PARTS = (TRAIN, VAL, TEST)


def make_scenes(seed: int = 0) -> Labelled:
    """Return 4,000, 1,000 and 2,000 images of a digit on a photograph: to train, to validate and to test on.

    Splits share neither a handwritten digit nor a pixel of a photograph. The same seed gives the same images.
    """
    from sklearn.datasets import load_digits, load_sample_images

    generator = np.random.Generator(np.random.PCG64(seed))
    bunch, planes = load_digits(), make_planes(np.stack(load_sample_images().images))
    glyphs, order = (bunch.images / 16).astype(np.float32), shuffle(len(bunch.target), generator)
    made = []
    for part in PARTS:
        labels = np.repeat(np.arange(10), part.each)
        picked = np.concatenate([deal(order[bunch.target[order] == k], part) for k in range(10)])
        made.append((compose(glyphs[picked], planes, part.bands, generator), labels))
    (images, labels), val, test = made
    layout = "handwritten digits on photographs"
    return Labelled(tuple("0123456789"), images, labels, test=test, val=val, layout=layout, mirror=False)


def deal(members: _Indices, part: ScenesPart) -> _Indices:
    """Return the split's digits of one class, repeated until there is one for every image."""
    first, last = (round(share * len(members)) for share in part.share)
    return np.resize(members[first:last], part.each)


def shuffle(count: int, generator: np.random.Generator) -> _Indices:
    """Return a random order; numpy promises the stream of `random` more firmly than that of `permutation`."""
    return np.argsort(generator.random(count))


def make_planes(photos: _Pixels) -> _Pixels:
    """Return [2, P, H, W, 3]: the photographs, and the means of 2x2 pixels from which every second one is taken."""
    wide = photos.astype(np.uint16)
    wide[:, :-1] += wide[:, 1:]
    wide[:, :, :-1] += wide[:, :, 1:]
    return np.stack([photos, (wide // 4).astype(np.uint8)])


def compose(glyphs: _Floats, planes: _Pixels, bands: tuple[int, ...], generator: np.random.Generator) -> _Pixels:
    """Return images [N, 3, S, S] of one digit each, `glyphs` [N, 8, 8] from 0 to 1, on crops of the bands."""
    images = np.empty((len(glyphs), 3, SIDE, SIDE), np.uint8)
    for first in range(0, len(glyphs), _CHUNK):
        some = glyphs[first : first + _CHUNK]
        scenes = cut(planes, bands, len(some), generator)
        paint(scenes, draw_scenes(some, generator), generator)
        images[first : first + _CHUNK] = scenes.transpose(0, 3, 1, 2)
    return images


def cut(planes: _Pixels, bands: tuple[int, ...], count: int, generator: np.random.Generator) -> _Pixels:
    """Return crops [N, S, S, 3] of the bands at full or half size, maybe mirrored, in other light."""
    where, gains = generator.random((count, 6)), between(_GAINS, generator.random((count, 3)))
    crops = np.stack([crop(planes, bands, *one) for one in where.tolist()]).reshape(count, SIDE, -1)
    lit: _Pixels = (crops * np.tile(gains, SIDE)[:, None]).astype(np.uint8)
    return lit.reshape(count, SIDE, SIDE, 3)


def crop(
    planes: _Pixels, bands: tuple[int, ...], zoom: float, photo: float, band: float, top: float, left: float, way: float
) -> _Pixels:
    """Return the crop [S, S, 3] that six numbers from 0 to 1 stand for."""
    step = 1 + int(2 * zoom)
    reach = step * SIDE
    first = int(top * (planes.shape[2] - reach + 1))
    start = bands[int(band * len(bands))] * BAND + int(left * (BAND - reach + 1))
    plane = planes[step - 1, int(photo * planes.shape[1])]
    found: _Pixels = plane[first : first + reach : step, start : start + reach : step]
    return found if way < 0.5 else found[:, ::-1]


def draw_scenes(glyphs: _Floats, generator: np.random.Generator) -> _Floats:
    """Return the ink [N, S, S] from 0 to 1 of every digit at a random place, size and angle."""
    where = generator.random((4, len(glyphs), 1, 1))
    size, angle = between(_SIZES, where[0]), np.radians(between((-_ANGLE, _ANGLE), where[1]))
    centres = [size / 2 + between((0.0, 1.0), part) * (SIDE - size) for part in where[2:]]
    pixels = np.arange(SIDE, dtype=np.float32) + np.float32(0.5)
    down, right = pixels[:, None] - centres[0], pixels[None] - centres[1]
    cell = size / 8
    sine, cosine = np.sin(angle) / cell, np.cos(angle) / cell
    values = sample_bilinear(glyphs, down * cosine - right * sine, down * sine + right * cosine)
    return np.clip(np.float32(0.5) + (values - np.float32(_LEVEL)) * (cell / np.float32(_EDGE)), 0, 1)


def sample_bilinear(glyphs: _Floats, down: _Floats, right: _Floats) -> _Floats:
    """Return bilinear values of the glyphs at these distances [N, S, S] from their centres, in cells; 0 outside."""
    padded = np.pad(glyphs, ((0, 0), (1, 1), (1, 1)))
    side = padded.shape[-1]
    middle = np.float32((side - 1) / 2)
    # Just below: rounded, a distance must not reach the last row, which has none after it.
    reach = middle - np.float32(0.01)
    inside = np.flatnonzero((np.abs(down) < reach) & (np.abs(right) < reach))
    rows, columns = down.ravel()[inside] + middle, right.ravel()[inside] + middle
    row, column = np.floor(rows), np.floor(columns)
    corner = inside // SIDE**2 * side**2 + row.astype(np.int64) * side + column.astype(np.int64)
    above, below = (_blend(padded.take(at), padded.take(at + 1), columns - column) for at in (corner, corner + side))
    values = np.zeros(down.shape, np.float32)
    values.ravel()[inside] = _blend(above, below, rows - row)
    return values


def _blend(one: _Floats, other: _Floats, share: _Floats) -> _Floats:
    return one + share * (other - one)


def paint(scenes: _Pixels, ink: _Floats, generator: np.random.Generator) -> None:
    """Lay the ink [N, S, S] onto the scenes [N, S, S, 3] in a colour lighter than what it covers."""
    drawn, inked = generator.random((len(ink), 4)), np.flatnonzero(ink)
    scene, share = inked // SIDE**2, ink.ravel()[inked]
    pixels = scenes.reshape(-1, 3)[inked].astype(np.float32)
    sums = np.stack([np.bincount(scene, share * channel, len(ink)) for channel in pixels.T], 1)
    covered = sums / np.bincount(scene, share, len(ink))[:, None]
    lighter = between(_CONTRASTS, drawn[:, :1]) + between((-_TINT, _TINT), drawn[:, 1:])
    colours = np.clip(covered + lighter, 0, 255).astype(np.float32)
    scenes.reshape(-1, 3)[inked] = np.rint(_blend(pixels, colours[scene], share[:, None]))


def between(bounds: tuple[float, float], drawn: NDArray[np.float64]) -> _Floats:
    """Return numbers between the bounds for numbers from 0 to 1."""
    return (bounds[0] + (bounds[1] - bounds[0]) * drawn).astype(np.float32)
