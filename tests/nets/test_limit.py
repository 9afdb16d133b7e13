import torch

from nas.nets.data.dataset import Data, load_data
from nas.nets.data.limit import limited


def counts(data: Data) -> list[int]:
    return torch.bincount(data.train.labels).tolist()


def test_of_every_class_the_same_share_is_kept_and_the_other_splits_stay_whole() -> None:
    data = load_data("digits")
    few = limited(data, 300, seed=1)
    assert abs(len(few.train) - 300) <= 5
    assert max(counts(few)) - min(counts(few)) <= 2
    assert (few.val, few.test, few.classes) == (data.val, data.test, data.classes)
    assert few.digest != data.digest
    assert "training images are used" in few.notes[-1]


def test_the_seed_says_which() -> None:
    data = load_data("digits")
    one, same, other = (limited(data, 300, seed) for seed in (1, 1, 2))
    assert torch.equal(one.train.images, same.train.images)
    assert one.digest == same.digest != other.digest
    assert not torch.equal(one.train.images, other.train.images)


def test_all_are_kept_where_there_are_no_more() -> None:
    data = load_data("digits")
    assert limited(data, len(data.train), 0) is data
