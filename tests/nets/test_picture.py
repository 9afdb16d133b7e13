"""One picture as all of nas sees it: upright, over white, of 8 bits, cut and resized by one rule."""

import resource
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from nas.errors import InvalidData
from nas.nets.data.dataset import Data, load_data
from nas.nets.data.pictures import read_pictures
from nas.nets.data.reading import sniff
from nas.nets.data.reading.depth import Extremes, choose_depth
from nas.nets.data.reading.picture import ImageHeader, read_head, read_pixels
from nas.nets.training.batches import resized
from tests.nets.pictures import classes, fill, picture

TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def pixels(path: Path, size: int, mode: str = "RGB") -> NDArray[np.uint8]:
    head = read_head(str(path))
    assert isinstance(head, ImageHeader)
    found = read_pixels(str(path), head.format, size, mode, None)
    assert found is not None
    return found.values


def everything(data: Data) -> NDArray[np.uint8]:
    """All images of a data set [N, C, S, S]."""
    return np.concatenate([part.images.numpy() for part in (data.train, data.val, data.test)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "MPO"])
@pytest.mark.parametrize("orientation", TURNS)
def test_read_pixels_turns_an_image_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = np.zeros((32, 32, 3), dtype=np.uint8)
    upright[:16, :16], upright[16:, :16] = 220, 110
    turn = TURNS[orientation]
    image = Image.fromarray(upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    (image if turn is None else image.transpose(turn)).save(tmp_path / "phone", kind, exif=exif)
    assert np.abs(pixels(tmp_path / "phone", 32).astype(int) - upright).mean() < 4


def test_read_pixels_takes_an_image_with_a_broken_orientation_as_it_is(tmp_path: Path) -> None:
    picture(0).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(8))
    plain = picture(0)
    plain.save(tmp_path / "b.jpg")
    assert np.array_equal(pixels(tmp_path / "a.jpg", 24), pixels(tmp_path / "b.jpg", 24))


@pytest.mark.parametrize("size", [(40, 40), (64, 40), (41, 90)])
@pytest.mark.parametrize("side", [16, 40, 60])
def test_read_pixels_cuts_the_central_square_and_resizes_as_torch_does(
    tmp_path: Path, size: tuple[int, int], side: int
) -> None:
    (width, height), shorter = size, min(size)
    whole = np.asarray(picture(0, size))
    picture(0, size).save(tmp_path / "a.png")
    left, top = (width - shorter) // 2, (height - shorter) // 2
    square = torch.from_numpy(whole[top : top + shorter, left : left + shorter].copy()).permute(2, 0, 1)[None].float()
    ours = torch.from_numpy(pixels(tmp_path / "a.png", side).copy()).permute(2, 0, 1)[None].float()
    assert (ours - resized(square, side)).abs().max() <= 1.01  # Pillow rounds after each of two passes


def test_read_pixels_of_a_large_jpeg_hardly_differs_from_decoding_it_whole(tmp_path: Path) -> None:
    large = picture(0, (15, 10)).resize((3000, 2000), Image.Resampling.BICUBIC)
    large.save(tmp_path / "a.jpg", quality=95)
    whole = Image.open(tmp_path / "a.jpg").crop((500, 0, 2500, 2000)).resize((64, 64), Image.Resampling.BILINEAR)
    gap = np.abs(pixels(tmp_path / "a.jpg", 64).astype(int) - np.asarray(whole))
    assert gap.mean() < 1
    assert gap.max() <= 6


@pytest.mark.parametrize(("ending", "most_mb"), [(".jpg", 150), (".png", 700)])
def test_load_data_reads_aerial_photographs_within_bounds_of_memory(tmp_path: Path, ending: str, most_mb: int) -> None:
    classes(tmp_path, 5)
    Image.new("RGB", (12_000, 8_000), (40, 160, 60)).save(tmp_path / "dog" / f"aerial{ending}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = load_data(str(tmp_path))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < most_mb
    flat = [image for image in everything(data) if np.ptp(image, axis=(1, 2)).max() == 0]
    assert np.abs(np.array([image[:, 0, 0] for image in flat], dtype=int) - (40, 160, 60)).max() <= 2
    assert data.notes == ()


def sixteen(shade: int, seed: int) -> NDArray[np.uint16]:
    return (np.random.default_rng(seed).integers(0, 6000, (24, 24)) + shade).astype(np.uint16)


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_load_data_scales_16_bit_images_by_one_rule(tmp_path: Path, ending: str) -> None:
    for label, name in enumerate(("bright", "dark")):
        (tmp_path / name).mkdir()
        for seed in range(10):
            Image.fromarray(sixteen(20_000 * (1 - label), seed)).save(tmp_path / name / f"{seed}{ending}")
    data = load_data(str(tmp_path))
    wanted = {(sixteen(shade, seed) >> 8).astype(np.uint8).tobytes() for shade in (0, 20_000) for seed in range(10)}
    assert {image.tobytes() for image in everything(data)} == wanted
    assert data.notes[0] == "20 images have more than 8 bits: values 0 to 65535 become 0 to 255, in all of them alike."


def test_load_data_scales_one_16_bit_image_like_its_8_bit_neighbours(tmp_path: Path) -> None:
    for label, name in enumerate(("bright", "dark")):
        (tmp_path / name).mkdir()
        for seed in range(1, 10):
            eight = (sixteen(20_000 * (1 - label), seed) >> 8).astype(np.uint8)
            Image.fromarray(eight).save(tmp_path / name / f"{seed}.png")
    Image.fromarray(sixteen(0, 0)).save(tmp_path / "dark" / "0.png")
    assert (sixteen(0, 0) >> 8).astype(np.uint8).tobytes() in {
        image.tobytes() for image in everything(load_data(str(tmp_path)))
    }


def test_load_data_scales_fractions_by_one_rule(tmp_path: Path) -> None:
    for label, name in enumerate(("bright", "dark")):
        (tmp_path / name).mkdir()
        for seed in range(10):
            values = sixteen(20_000 * (1 - label), seed).astype(np.float32) / 65535
            Image.fromarray(values).save(tmp_path / name / f"{seed}.tif")
    images = read_pictures(str(tmp_path)).images
    assert isinstance(images, np.ndarray)
    assert np.array_equal(images[10, 0], np.rint(sixteen(0, 0).astype(np.float32) / 65535 * 255))


@pytest.mark.parametrize(
    ("found", "mixed", "low", "high"),
    [
        (Extremes(0, 200, True), False, 0, 255),
        (Extremes(0, 200, True), True, 0, 65535),
        (Extremes(0, 1000, True), False, 0, 1023),
        (Extremes(0, 4000, True), False, 0, 4095),
        (Extremes(0, 5000, True), False, 0, 65535),
        (Extremes(-1000, 3000, True), False, -1000, 3000),
        (Extremes(0, 1, False), False, 0, 1),
        (Extremes(0, 255, False), True, 0, 255),
        (Extremes(0, 65000, False), False, 0, 65535),
        (Extremes(-1, 1, False), False, -1, 1),
        (Extremes(270, 1e6, False), False, 270, 1e6),
    ],
)
def test_choose_depth_of_usual_ranges(found: Extremes, mixed: bool, low: float, high: float) -> None:
    rule = choose_depth(found, mixed)
    assert (rule.low, rule.high) == (low, high)
    if rule.whole:
        assert rule.scale(np.array([low, high], dtype=np.uint16)).tolist() == [0, 255]
    else:
        assert rule.scale(np.array([low, high, np.nan, np.inf, -np.inf])).tolist() == [0, 255, 0, 255, 0]


@pytest.mark.parametrize("kind", ["LA", "RGBA", "P", "key"])
def test_load_data_lays_transparent_icons_over_white(tmp_path: Path, kind: str) -> None:
    """All colour is black: the shape is in what is transparent only."""
    rng = np.random.default_rng(0)
    shapes = rng.integers(0, 2, (20, 16, 16)).astype(np.uint8)
    for number, shape in enumerate(shapes):
        folder = tmp_path / ("disc" if number % 2 else "bar")
        folder.mkdir(exist_ok=True)
        save_icon(shape, kind, folder / f"{number}.png")
    data = load_data(str(tmp_path))
    found = {image[0].tobytes() for image in everything(data)}
    assert found == {(255 * (1 - shape)).astype(np.uint8).tobytes() for shape in shapes}
    assert data.notes == ("20 images have transparent parts; they are laid over white.",)
    assert data.train.images.shape[1] == (1 if kind in ("LA", "key") else 3)


def save_icon(shape: NDArray[np.uint8], kind: str, path: Path) -> None:
    alpha, black = Image.fromarray(255 * shape), Image.fromarray(0 * shape)
    if kind == "P":
        image = Image.fromarray(shape, "P")
        image.putpalette([0, 0, 0, 0, 0, 0])
        image.save(path, transparency=0)
    elif kind == "key":
        Image.fromarray(200 * (1 - shape)).save(path, transparency=200)
    else:
        Image.merge(kind, [*[black] * (len(kind) - 1), alpha]).save(path)


def test_load_data_says_that_white_icons_are_equal_over_white(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(20):
        folder = tmp_path / ("disc" if number % 2 else "bar")
        folder.mkdir(exist_ok=True)
        alpha = Image.fromarray(rng.integers(0, 256, (16, 16)).astype(np.uint8))
        Image.merge("LA", [Image.new("L", (16, 16), 255), alpha]).save(folder / f"{number}.png")
    notes = load_data(str(tmp_path)).notes
    assert notes[0] == "20 images have transparent parts; they are laid over white. 19 of them then equal another."


def test_load_data_reads_what_a_file_is_not_what_it_is_called(tmp_path: Path) -> None:
    fill(tmp_path / "cat", 40, ".JPG")
    dog = fill(tmp_path / "dog", 6, ".jpg", first=100)
    for seed in range(106, 110):
        picture(seed).save(dog / f"{seed}.jfif", "JPEG")
        picture(seed + 10).save(dog / f"{seed}.avif")
        picture(seed + 20).save(dog / f"download{seed}", "JPEG")
        picture(seed + 30).save(dog / f"{seed}.png", "WEBP")
        picture(seed + 40).save(dog / f"{seed}.data", "BMP")
    for number in range(10):
        (dog / f"IMG_{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    for number in range(2):
        (dog / f"{number}.txt").write_text("a note")
    data = load_data(str(tmp_path))
    assert data.description is not None
    assert [sum(counts) for counts in zip(*data.description.counts.values(), strict=True)] == [40, 26]
    assert data.notes == (
        "Left out: 10 HEIC images, for which no decoder is installed: dog/IMG_0.HEIC, dog/IMG_1.HEIC, dog/IMG_2.HEIC "
        "and 7 more.",
        "Left out: 2 .txt files that hold no image: dog/0.txt, dog/1.txt.",
    )


def test_load_data_names_a_class_whose_images_cannot_be_decoded(tmp_path: Path) -> None:
    fill(tmp_path / "cat", 10)
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "IMG_0.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    with pytest.raises(InvalidData, match=r"dog: holds no images.*Left out: 1 HEIC images, for which no decoder"):
        load_data(str(tmp_path))


def test_is_readable_uses_a_decoder_of_heic_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    decoder = SimpleNamespace(register_heif_opener=lambda: registered.append("HEIF"))
    monkeypatch.setitem(sys.modules, "pillow_heif", decoder)
    for function in (sniff.is_readable, sniff.register_heif):
        function.cache_clear()
    assert sniff.is_readable("HEIC")
    assert registered == ["HEIF"]
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for function in (sniff.is_readable, sniff.register_heif):
        function.cache_clear()
    assert not sniff.is_readable("HEIC")


def test_load_data_says_that_only_the_first_of_several_pictures_is_used(tmp_path: Path) -> None:
    classes(tmp_path, 10)
    frames = [picture(seed) for seed in range(50, 53)]
    frames[0].save(tmp_path / "cat" / "moving.gif", save_all=True, append_images=frames[1:])
    assert load_data(str(tmp_path)).notes == ("1 files hold several pictures or pages; the first of each is used.",)


@pytest.mark.parametrize(("largest", "stored"), [(None, 256), (128, 128), (384, 384), (1024, 512)])
def test_load_data_stores_what_is_used_at_most(tmp_path: Path, largest: int | None, stored: int) -> None:
    for label, name in enumerate(("warp", "weft")):
        (tmp_path / name).mkdir()
        for seed in range(3):
            picture(10 * label + seed, (700, 512)).save(tmp_path / name / f"{seed}.png")
    data = load_data(str(tmp_path), largest=largest)
    assert data.size == stored
    assert data.sides == (512, 512, 512)
    reduced = "Images with a shorter side of 512 px (the median) are stored at 256 px: finer detail is lost."
    assert data.notes == ((reduced,) if largest is None else ())


@pytest.mark.parametrize(("images", "stored"), [(20, False), (19, True)])
def test_load_data_keeps_on_disk_what_memory_does_not_hold_at_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int, stored: bool
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("nas.nets.data.pictures.MOST_IN_MEMORY", images * 3 * 24**2)
    data = load_data(str(classes(tmp_path / "photos", 10)))
    assert data.size == 24
    assert isinstance(data.train.source, torch.Tensor) is not stored
    assert len([note for note in data.notes if note.startswith("20 images stay encoded in ")]) == stored
