"""Read data sets made wrong by chance: no traceback, no silent loss, nothing that takes long.

    python experiments/inputs/fuzz.py --count 5000 [--first 0]

Each seed makes one input: a folder of classes, of splits, with a table of labels, or an .npz; then bytes are changed,
files cut, renamed, replaced or linked. It has to be read, or refused in a sentence that names a path of it. If it is
read, every file that was put there is an image of a split or counted as left out.
"""

import argparse
import io
import json
import random
import signal
import sys
import tempfile
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from nas.errors import InvalidData
from nas.nets.data import folder as reader
from nas.nets.data.dataset import Data, load_data
from nas.nets.data.reading.tree import HIDDEN

# Seeds that once failed: they always run first.
KEPT: tuple[int, ...] = (875,)
SECONDS = 60
FORMATS = ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "TGA", "ICO", "MPO", "QOI"]
MODES = ["RGB", "L", "RGBA", "LA", "P", "1", "CMYK", "I;16", "F", "I"]
ENDINGS = [".png", ".jpg", ".JPG", ".jfif", ".gif", ".tif", ".webp", ".avif", "", ".data", ".heic", ".dng", ".tga"]
SPLITS = [("train", "val"), ("Train", "Test"), ("training", "validation", "test"), ("train",), ("train", "dev", "eval")]
NOISE = [".DS_Store", "Thumbs.db", "._0.png", ".ipynb_checkpoints/0.png", "__MACOSX/._1.png", "@eaDir/2.png"]


def encode(rng: random.Random) -> bytes:
    """A picture of a random format and mode, with a random orientation."""
    mode, kind, stream = rng.choice(MODES), rng.choice(FORMATS), io.BytesIO()
    side = rng.choice([1, 2, 9, 24, 31])
    values = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, (side, rng.choice([side, 40]), 3))
    image = Image.fromarray(values.astype(np.uint8))
    if mode in ("I;16", "F", "I"):
        kinds = {"I;16": np.uint16, "F": np.float32, "I": np.int32}
        image, kind = Image.fromarray((values[..., 0] * 200).astype(kinds[mode])), "TIFF"
    elif mode == "LA":
        image = image.convert("RGBA").convert("LA")
    else:
        image = image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = rng.randrange(0, 10)
    try:
        image.save(stream, kind, exif=exif)
    except (OSError, ValueError, KeyError, TypeError):
        stream = io.BytesIO()
        image.convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def mutate(content: bytes, rng: random.Random) -> bytes:
    """The content, changed in one of many ways, or as it is."""
    found = bytearray(content)
    how = rng.randrange(12)
    if how == 0:
        return bytes(found[: rng.randrange(len(found) + 1)])
    if how == 1:
        return rng.randbytes(rng.randrange(200))
    if how == 2:
        return b"<html><body>404</body></html>"
    if how < 8:
        spread = len(found) if how < 5 else min(len(found), 64)  # headers are where sizes are
        for _ in range(rng.randrange(1, 6)):
            found[rng.randrange(spread)] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
    if how == 8:
        place = rng.randrange(len(found))
        found[place:place] = rng.randbytes(rng.randrange(1, 30))
    return bytes(found)


def put(folder: Path, count: int, rng: random.Random) -> list[Path]:
    """Pictures and other files in a folder, some mutated."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"{number}{rng.choice(ENDINGS)}"
        content = encode(rng)
        path.write_bytes(mutate(content, rng) if rng.random() < 0.3 else content)
        paths.append(path)
    if rng.random() < 0.2:
        paths.append(folder / rng.choice(["notes.txt", "list.xml", "readme"]))
        paths[-1].write_text("0 0 1 1")
    if rng.random() < 0.1:
        paths.append(folder / "link.png")
        paths[-1].symlink_to(rng.choice([paths[0], folder.parent, Path("/nowhere/at/all")]))
    return paths


def noise(root: Path, rng: random.Random) -> None:
    """Files that systems leave, anywhere; they count as nothing."""
    folders = [root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]
    for _ in range(rng.randrange(4)):
        path = rng.choice(folders) / rng.choice(NOISE)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(rng.randbytes(40))


def class_folders(root: Path, rng: random.Random) -> int:
    """Class folders; how many files they have."""
    return sum(
        len(put(root / name, rng.randrange(4, 9), rng)) for name in ("cat", "dog", "né", "日本")[: rng.randrange(2, 5)]
    )


def split_folders(root: Path, rng: random.Random) -> int:
    """Splits with class folders; how many files they have."""
    names = rng.choice(SPLITS)
    return sum(len(put(root / split / name, rng.randrange(4, 8), rng)) for split in names for name in ("cat", "dog"))


def table(root: Path, rng: random.Random) -> int:
    """Images with a table of labels, itself mutated now and then; how many files have a row."""
    paths = [path for path in put(root / "images", rng.randrange(10, 16), rng) if not path.is_symlink()]
    rows = [{"file_name": f"images/{path.name}", "label": ("cat", "dog")[k % 2]} for k, path in enumerate(paths)]
    if rng.random() < 0.5:
        content, name = "\n".join(map(json.dumps, rows)).encode(), "metadata.jsonl"
    else:
        lines = ["path,label", *(f"{row['file_name']},{row['label']}" for row in rows)]
        content, name = "\n".join(lines).encode(), "labels.csv"
    mutated = rng.random() < 0.3
    (root / name).write_bytes(mutate(content, rng) if mutated else content)
    return -1 if mutated or (root / "images" / "link.png").is_symlink() else len(paths)


NUMBERS = [np.uint8, np.uint8, np.uint16, np.int64, np.float32, np.float16, np.float64, bool, complex]
FORMS: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda labels: labels,
    lambda labels: labels[:, None],
    lambda labels: labels.astype(np.float32),
    lambda labels: np.eye(3)[labels],
    lambda labels: np.array(["a", "b", "c"])[labels],
    lambda labels: labels + 1,
    lambda labels: labels.astype(object),
]


def arrays(root: Path, rng: random.Random) -> int:
    """An .npz of any number type and order, with mutated members or bytes; how many images it has, -1 if mutated."""
    values = np.random.default_rng(rng.getrandbits(32))
    spelling = rng.choice(["x_{} y_{}", "{}_images {}_labels", "X_{} Y_{}"])
    shape = (8, 8, *rng.choice([(), (), (1,), (3,), (3,), (4,)]))
    shape, kind, form = rng.choice([shape, shape, (3, 8, 8), (8, 11, 3)]), rng.choice(NUMBERS), rng.choice(FORMS)
    top = rng.choice([1, 255]) if np.dtype(kind).kind == "f" else 255
    found: dict[str, np.ndarray] = {}
    for split in rng.choice(SPLITS):
        images, labels = spelling.format(split, split).split()
        count = rng.randrange(6, 20)
        pixels = values.integers(0, 256, (count, *shape), dtype=np.uint8)
        found[images] = pixels if kind is np.uint8 else (pixels * (top / 255)).astype(kind)
        found[labels] = form(np.arange(count) % 3)
    total, mutated = sum(len(array) for array in found.values()) // 2, False
    with zipfile.ZipFile(root / "data.npz", "w") as archive:
        for name, array in found.items():
            stream = io.BytesIO()
            np.save(stream, array)
            content = stream.getvalue()
            changed = rng.random() < 0.1
            mutated |= changed
            archive.writestr(f"{name}.npy", mutate(content, rng) if changed else content)
    if rng.random() < 0.3:
        mutated = True
        (root / "data.npz").write_bytes(mutate((root / "data.npz").read_bytes(), rng))
    return -1 if mutated else total


MAKERS: list[Callable[[Path, random.Random], int]] = [class_folders, split_folders, table, arrays]


def lost(data: Data, put_there: int) -> int:
    """How many files are neither read nor counted."""
    assert data.description is not None
    left = sum(row.count for row in data.description.left_out if row.reason != HIDDEN)
    return put_there - sum(data.description.splits.values()) - left


def attempt(seed: int, root: Path) -> str:
    """What became of a seed's input; raises whatever a reader must not raise."""
    rng = random.Random(seed)
    maker = rng.choice(MAKERS)
    put_there = maker(root, rng)
    noise(root, rng)
    reader._MOST_BROKEN = rng.choice([0.01, 1.0])  # as it is, and so that more than the refusal is tried
    spec = root / "data.npz" if maker is arrays else root
    try:
        data = load_data(str(spec), seed)
    except InvalidData as error:
        if str(root) not in str(error):
            raise AssertionError(f"names no path: {error}") from error
        return f"{maker.__name__}: refused"
    if put_there >= 0 and lost(data, put_there):
        raise AssertionError(f"{lost(data, put_there)} of {put_there} files lost: {data.description}")
    return f"{maker.__name__}: read"


def run(attempt: Callable[[int, Path], str], kept: tuple[int, ...]) -> None:
    """Run the seeds that the command line names, those kept first, and print the counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError(f"more than {SECONDS} s")))
    counts, failed = Counter[str](), []
    for seed in (*kept, *range(asked.first, asked.first + asked.count)):
        with tempfile.TemporaryDirectory() as folder:
            signal.alarm(SECONDS)
            try:
                counts[attempt(seed, Path(folder))] += 1
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding
                failed.append(seed)
                print(f"seed {seed}:", traceback.format_exc(limit=-3), file=sys.stderr)
            signal.alarm(0)
    for outcome, count in sorted(counts.items()):
        print(f"{outcome:<24}{count:>7}")
    print(f"{'failed':<24}{len(failed):>7}  {failed[:20]}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    run(attempt, KEPT)
