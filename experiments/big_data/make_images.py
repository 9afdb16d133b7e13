"""Make a large data set of JPEGs: random crops of scikit-learn's two photographs, encoded anew.

    python experiments/big_data/make_images.py COUNT FOLDER [WIDTH HEIGHT [DISTINCT]]

Ten classes: the photograph and which fifth of it the crop's centre is in. Images are 400 x 300 pixels if not said.
After DISTINCT images (20,000) they come again, as files that differ by a comment: to encode more takes hours on a busy
machine, and to decode them costs the same.
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

QUALITY = 90
NAMES = [f"photo{photo}_band{band}" for photo in range(2) for band in range(5)]


def crop(photo: Image.Image, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Image.Image, int]:
    """A crop of 0.3 to 1 of a photograph's height, and the fifth of the photograph that its centre is in."""
    ratio = size[0] / size[1]
    height = rng.uniform(0.3, 1.0) * min(photo.height, photo.width / ratio)
    width = height * ratio
    left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
    image = photo.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))
    return image, int(5 * (left + width / 2) / photo.width)


def encoded(number: int, photos: list[Image.Image], size: tuple[int, int]) -> tuple[bytes, str]:
    """An image as a JPEG file, and its class."""
    image, band = crop(photos[number % 2], np.random.default_rng([7, number]), size)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue(), NAMES[5 * (number % 2) + band]


def with_comment(content: bytes, text: str) -> bytes:
    """The same JPEG with a comment right after its first marker."""
    comment = text.encode()
    return content[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + content[2:]


def main(count: int, folder: Path, width: int = 400, height: int = 300, distinct: int = 20_000) -> None:
    photos = [Image.fromarray(image) for image in load_sample_images().images]
    for name in NAMES:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for first in range(min(distinct, count)):
        content, name = encoded(first, photos, (width, height))
        for number in range(first, count, distinct):
            (folder / name / f"{number:07d}.jpg").write_bytes(with_comment(content, str(number)))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]))
