"""The data set `scenes`: what its splits share, what a digit on it looks like, and that it is the same every time."""

import numpy as np
import pytest
import torch

from nas.nets.data import scenes
from nas.nets.data.dataset import Data, Labelled, load_data
from nas.nets.data.scenes import BAND, PARTS, SIDE, ScenesPart, cut, deal, draw_scenes, make_planes, make_scenes, paint


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@pytest.fixture(scope="module")
def data() -> Data:
    return load_data("scenes", seed=0)


def test_load_data_gives_scenes_of_colour_at_64_pixels(data: Data) -> None:
    assert [len(part) for part in (data.train, data.val, data.test)] == [4000, 1000, 2000]
    assert data.train.images.shape == (4000, 3, SIDE, SIDE)
    assert data.classes == tuple("0123456789")
    assert (data.name, data.size, data.photos) == ("scenes", 64, True)


def test_load_data_gives_every_class_of_scenes_as_many_images(data: Data) -> None:
    for part, each in ((data.train, 400), (data.val, 100), (data.test, 200)):
        assert torch.bincount(part.labels).tolist() == [each] * 10


def test_thinned_scenes_keep_every_class(data: Data) -> None:
    """The search looks at evenly spaced images of the validation split."""
    assert torch.bincount(data.val.thinned(100).labels).tolist() == [10] * 10


def test_load_data_gives_scenes_of_the_whole_range_in_different_light(data: Data) -> None:
    images = data.val.images
    assert (int(images.min()), int(images.max())) == (0, 255)
    assert float(images.float().mean((1, 2, 3)).std()) > 15


def test_load_data_gives_the_scenes_that_were_studied(data: Data) -> None:
    """Mean pixels of each split; decoders of photographs differ by less than one level."""
    means = [float(part.images.numpy().mean()) for part in (data.train, data.val, data.test)]
    assert means == pytest.approx([69.98, 55.26, 77.75], abs=0.5)


def test_make_scenes_gives_the_same_images_again_and_others_for_another_seed(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "PARTS", tuple(ScenesPart(4, part.share, part.bands) for part in PARTS))
    one, same, other = make_scenes(), make_scenes(), make_scenes(1)
    keys = [found.parts()["train"].keys for found in (one, same, other)]
    assert np.array_equal(keys[0], keys[1])
    assert not np.isin(keys[0], keys[2]).any()
    assert np.array_equal(other.labels, one.labels)


def test_load_data_gives_the_same_scenes_for_every_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "PARTS", tuple(ScenesPart(4, part.share, part.bands) for part in PARTS))
    assert load_data("scenes", seed=0).digest == load_data("scenes", seed=1).digest


def test_deal_gives_no_digit_to_two_splits_and_every_digit_to_one() -> None:
    members = generator().permutation(181)
    dealt = [set(deal(members, part).tolist()) for part in PARTS]
    assert sum(len(part) for part in dealt) == 181
    assert set.union(*dealt) == set(range(181))


def test_deal_repeats_every_digit_equally_often() -> None:
    for part in PARTS:
        counts = np.bincount(deal(np.arange(181), part))
        counts = counts[counts > 0]
        assert counts.sum() == part.each
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("part", PARTS)
def test_cut_shows_the_bands_of_its_split_only(part: ScenesPart, monkeypatch: pytest.MonkeyPatch) -> None:
    """On photographs whose pixels say their band, all pixels of all crops say one of the split, at either size."""
    monkeypatch.setattr(scenes, "_GAINS", (1.0, 1.0))
    bands = np.repeat(np.arange(5, dtype=np.uint8), BAND)
    photos = np.broadcast_to(bands[None, None, :, None], (2, 200, 5 * BAND, 3)).copy()
    assert set(np.unique(cut(make_planes(photos), part.bands, 300, generator()))) == set(part.bands)


def test_bands_are_of_one_split_each() -> None:
    assert sorted(band for part in PARTS for band in part.bands) == [0, 1, 2, 3, 4]


def test_make_planes_gives_the_means_of_two_by_two_pixels() -> None:
    photo = generator().integers(0, 256, (1, 6, 8, 3)).astype(np.uint8)
    same, halved = make_planes(photo)
    assert np.array_equal(same, photo)
    expected = photo.reshape(1, 3, 2, 4, 2, 3).astype(int).sum((2, 4)) // 4
    assert np.array_equal(halved[:, ::2, ::2], expected)


def test_draw_gives_a_full_square_the_ink_of_its_size() -> None:
    """A glyph of 6x6 full cells covers (6/8 of the size)^2, wherever and at whatever angle it lies."""
    glyphs = np.zeros((200, 8, 8), np.float32)
    glyphs[:, 1:7, 1:7] = 1
    area = draw_scenes(glyphs, generator()).sum((1, 2))
    smallest, largest = ((6 / 8 * size) ** 2 for size in scenes._SIZES)
    assert smallest * 0.95 < area.min() < smallest * 1.3
    assert largest * 0.8 < area.max() < largest * 1.05


def test_draw_lays_a_digit_upright_and_not_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "_ANGLE", 0.0)
    monkeypatch.setattr(scenes, "_SIZES", (64.0, 64.0))
    glyph = np.zeros((1, 8, 8), np.float32)
    glyph[0, 1:4, 4:7] = 1
    [ink] = draw_scenes(glyph, generator())
    assert ink[12:28, 36:52].min() == 1
    ink[7:33, 31:57] = 0
    assert ink.max() == 0


def test_paint_changes_only_what_the_ink_covers() -> None:
    scene, ink = np.full((3, SIDE, SIDE, 3), 120, np.uint8), np.zeros((3, SIDE, SIDE), np.float32)
    ink[:, 10:20, 10:20] = 1
    paint(scene, ink, generator())
    assert (scene[ink == 0] == 120).all()
    inside = scene[:, 10:20, 10:20].astype(float).mean((1, 2, 3))
    least = scenes._CONTRASTS[0] - scenes._TINT
    assert (inside >= 120 + least).all()


def test_load_data_takes_the_splits_that_a_source_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [(np.full((20, 1, 4, 4), value, np.uint8), np.arange(20) % 2) for value in (1, 2, 3)]
    source = Labelled(("a", "b"), *parts[0], test=parts[2], val=parts[1])
    monkeypatch.setattr(scenes, "make_scenes", lambda: source)
    found = load_data("scenes", seed=5)
    assert [int(part.images.float().mean()) for part in (found.train, found.val, found.test)] == [1, 2, 3]
    assert [len(part) for part in (found.train, found.val, found.test)] == [20, 20, 20]


def test_scenes_are_not_mirrored_while_training() -> None:
    data = load_data("scenes")
    assert data.photos
    assert not data.mirror
