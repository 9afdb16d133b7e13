"""Erasing, mixup and CutMix: areas, shares and labels that belong together."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.nets.training.augment.augmentation import Augmentation
from nas.nets.training.augment.boxes import draw_sides, mask_boxes
from nas.nets.training.augment.erasing import AREAS, erase
from nas.nets.training.augment.mixing import blend, blend_labels, draw_weights, mix_images

SIZE = (24, 40)


def test_mask_boxes_covers_the_pixels_whose_centres_are_inside() -> None:
    """Of 4 rows and 8 columns, the box from the second to the fourth column and the lower half."""
    found = mask_boxes(torch.tensor([[2.5 / 8, 0.75]]), torch.tensor([[3 / 8, 0.5]]), (4, 8))
    expected = torch.zeros(1, 1, 4, 8, dtype=torch.bool)
    expected[:, :, 2:, 1:4] = True
    assert torch.equal(found, expected)


@given(st.integers(0, 10**6), st.floats(0.001, 1), st.floats(1, 10))
def test_draw_sides_gives_boxes_of_the_area_that_fit(seed: int, area: float, widest: float) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        sides = draw_sides(torch.full((32,), area), widest)
    assert float(sides.max()) <= 1
    torch.testing.assert_close(sides.prod(1), torch.full((32,), area), rtol=1e-4, atol=0)
    ratio = (sides[:, 0] / sides[:, 1]).log().abs()
    assert float(ratio.exp().max()) <= widest * 1.001


@given(st.integers(0, 10**6))
def test_erase_sets_one_box_to_the_mean_and_leaves_the_rest(seed: int) -> None:
    """To a row and a column the area is what is asked for, and every box is whole."""
    images = torch.ones(16, 3, *SIZE)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found = erase(images, 1.0)
    gone = found == 0
    assert torch.equal(found[~gone], images[~gone])
    rows, columns = gone[:, 0].any(2).sum(1), gone[:, 0].any(1).sum(1)
    assert torch.equal(rows * columns, gone[:, 0].sum((1, 2)))
    assert torch.equal(gone[:, 0], gone[:, 1])
    assert float(((rows - 1) * (columns - 1)).max()) <= AREAS[1] * SIZE[0] * SIZE[1]
    assert float(((rows + 1) * (columns + 1)).min()) >= AREAS[0] * SIZE[0] * SIZE[1]


@pytest.mark.parametrize(("probability", "least", "most"), [(0.0, 0, 0), (0.25, 60, 140), (1.0, 400, 400)])
def test_erase_is_as_likely_as_asked_for(probability: float, least: int, most: int) -> None:
    torch.manual_seed(0)
    erased = (erase(torch.ones(400, 1, 24, 24), probability) == 0).flatten(1).any(1).sum()
    assert least <= int(erased) <= most


BOTH = Augmentation(mixup=0.2, cutmix=1.0)


@pytest.mark.parametrize("used", [Augmentation(mixup=0.2), Augmentation(cutmix=1.0), BOTH])
def test_mix_images_gives_labels_the_shares_of_the_pixels(used: Augmentation) -> None:
    """Each image is one value, that of its label; so the mean of a mixed one is the mean of its labels."""
    torch.manual_seed(0)
    labels = torch.arange(12)
    images, shares = mix_images(labels.view(-1, 1, 1, 1).expand(12, 3, *SIZE).float(), labels, 15, used)
    assert images.shape == (12, 3, *SIZE)
    torch.testing.assert_close(shares.sum(1), torch.ones(12))
    torch.testing.assert_close(images.mean((1, 2, 3)), shares @ torch.arange(15.0))
    assert float(shares.min()) >= 0
    assert int((shares > 0).sum(1).max()) == 2
    assert len({round(share, 4) for share in shares.amax(1).tolist()}) > 4, "every image draws its own"


def test_mix_images_without_mixing_gives_what_it_was_given() -> None:
    images, labels = torch.rand(4, 3, 8, 8), torch.arange(4)
    state = torch.get_rng_state()
    found = mix_images(images, labels, 4, Augmentation(crop=0.5))
    assert found[0] is images
    assert found[1] is labels
    assert torch.equal(torch.get_rng_state(), state)


def test_a_share_of_one_is_the_image_itself_and_zero_the_other() -> None:
    images, others = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    labels, theirs = torch.tensor([0, 1]), torch.tensor([2, 0])
    weights = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
    found = blend(images, others, weights)
    assert torch.equal(found, torch.stack([images[0], others[1]]))
    assert blend_labels(labels, theirs, weights, 3).tolist() == [[1, 0, 0], [1, 0, 0]]


def test_mixup_draws_from_the_beta_distribution() -> None:
    """Of Beta(a, a) the mean is 1/2 and the variance 1 / (4 (2a + 1))."""
    torch.manual_seed(0)
    shares = draw_weights(4000, SIZE, Augmentation(mixup=0.2)).flatten()
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(shares.var()) == pytest.approx(1 / (4 * 1.4), abs=0.01)


def test_cutmix_cuts_a_box_and_one_half_of_the_images_where_mixup_has_the_other() -> None:
    torch.manual_seed(0)
    weights = draw_weights(400, SIZE, Augmentation(cutmix=1.0))
    assert set(weights.flatten().tolist()) == {0.0, 1.0}
    gone = weights[:, 0] == 0
    assert torch.equal(gone.any(2).sum(1) * gone.any(1).sum(1), gone.sum((1, 2)))
    of_both = draw_weights(400, SIZE, BOTH)
    blended = ((of_both > 0) & (of_both < 1)).flatten(1).any(1).sum()
    assert 130 < int(blended) < 230
