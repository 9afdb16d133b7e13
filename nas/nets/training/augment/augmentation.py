"""`Augmentation`: how strongly training images are changed, and what the names in `--augment` stand for."""

from collections.abc import Iterable
from typing import get_args

from msgspec import Struct
from msgspec.structs import replace

from nas.jobs import AugmentName


class Augmentation(Struct, frozen=True):
    """How strongly training images are changed, a field for each name in `--augment`; zero leaves a change out.

    `shift` moves an image by up to this share of its side and scales it by up to 1 ± as much. `crop` is the least share
    of its area that a random resized crop keeps. `jitter` is the largest change of brightness, contrast and saturation;
    hue turns by a quarter of it. `randaugment` is the share of the largest strength. `erasing` is how likely it is that
    a part of an image is erased. `mixup` and `cutmix` are the parameters of the Beta distribution of their shares.
    """

    shift: float = 0.0
    crop: float = 0.0
    flip: bool = False
    vertical_flip: bool = False
    jitter: float = 0.0
    randaugment: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    @property
    def names(self) -> tuple[AugmentName, ...]:
        """The names of the changes that are made, in the order in which they are made.

        >>> Augmentation(flip=True, crop=0.5).names
        ('crop', 'flip')
        """
        return tuple(name for name in get_args(AugmentName) if getattr(self, _field(name)))


# Crops as in Szegedy et al. 2015 (section 6); RandAugment at 9 of 30, as Cubuk et al. 2020 train ResNet-50; mixup in
# 0.1 to 0.4 as in Zhang et al. 2018 (section 3.1); CutMix's share is uniform, as in Yun et al. 2019 (section 3.1);
# erasing half as often as Zhong et al. 2020 do, for it is one change among several; jitter as strong as is usual.
_USUAL = Augmentation(
    shift=0.1,
    crop=0.08,
    flip=True,
    vertical_flip=True,
    jitter=0.4,
    randaugment=0.3,
    erasing=0.25,
    mixup=0.2,
    cutmix=1.0,
)


def augmentation_of(names: Iterable[AugmentName]) -> Augmentation:
    """Return the augmentation that makes these changes at their usual strengths and no others."""
    return Augmentation(**{_field(name): getattr(_USUAL, _field(name)) for name in names})


def unmixed(augmentation: Augmentation) -> Augmentation:
    """The same without what puts two images into one, or takes parts of one away: no label says what is there then."""
    return replace(augmentation, erasing=0.0, mixup=0.0, cutmix=0.0)


def _field(name: AugmentName) -> str:
    return name.replace("-", "_")


STANDARD = augmentation_of(("shift", "flip"))
"""What suits short trainings."""

DENSE = replace(augmentation_of(("crop", "flip", "jitter")), crop=0.3)
"""What suits detectors and segmenters: objects of other sizes and in other places."""

STRONG = augmentation_of(("crop", "flip", "randaugment", "erasing", "mixup", "cutmix"))
"""What suits long trainings, in which a network would else learn its images by heart."""
