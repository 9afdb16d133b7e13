import pickle

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.nets.data.dataset import Split, load_data, stratified


def test_digits_are_split_by_class() -> None:
    data = load_data("digits", seed=0)
    assert [len(part) for part in (data.train, data.val, data.test)] == [1079, 359, 359]
    assert data.classes == tuple("0123456789")
    assert data.size == 8
    assert not data.photos
    whole = torch.bincount(torch.cat([data.train.labels, data.val.labels, data.test.labels]))
    assert whole.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # the UCI repository's counts
    for part in (data.val, data.test):
        assert torch.bincount(part.labels).min() >= 34


def test_load_data_fills_sides_of_images_stored_as_they_came() -> None:
    assert load_data("digits").sides == (8, 8, 8)


def test_digits_use_the_whole_range() -> None:
    images = load_data("digits").train.images
    assert (int(images.min()), int(images.max())) == (0, 255)


def test_the_seed_decides_the_splits() -> None:
    one, same, other = (load_data("digits", seed) for seed in (0, 0, 1))
    assert one.digest == same.digest != other.digest
    assert torch.equal(one.val.images, same.val.images)


@given(st.lists(st.integers(2, 30), min_size=2, max_size=6), st.floats(0.01, 0.99), st.integers(0, 9))
def test_a_stratified_split_parts_every_class(counts: list[int], fraction: float, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    kept, held = stratified(labels, fraction, seed)
    assert sorted([*kept, *held]) == list(range(len(labels)))
    for label, count in enumerate(counts):
        taken = int((labels[held] == label).sum())
        assert 1 <= taken <= count - 1
        assert abs(taken - fraction * count) <= 1


@given(st.integers(1, 60), st.integers(1, 80))
def test_a_thinned_split_is_evenly_spaced(size: int, count: int) -> None:
    """As a class has its images one after the other, it keeps its share, but for one image."""
    numbers = torch.arange(size)
    thinned = Split(numbers[:, None, None, None], numbers).thinned(count)
    assert torch.equal(thinned.images.flatten(), thinned.labels)
    assert len(thinned) == min(size, count)
    first = thinned.labels < size // 2
    assert abs(int(first.sum()) - len(thinned) * (size // 2) / size) < 1
    assert bool((thinned.labels.diff() > 0).all())


def test_a_split_travels_as_arrays_that_are_not_copied() -> None:
    split = load_data("digits").val
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(split, protocol=5, buffer_callback=buffers.append)
    assert len(head) < 1000
    read_only = [memoryview(buffer.raw().tobytes()) for buffer in buffers]
    arrived = pickle.loads(head, buffers=read_only)  # noqa: S301
    assert torch.equal(arrived.images, split.images)
    assert torch.equal(arrived.labels, split.labels)
    addresses = {np.frombuffer(buffer, np.uint8).ctypes.data for buffer in read_only}
    assert {arrived.images.data_ptr(), arrived.labels.data_ptr()} == addresses
