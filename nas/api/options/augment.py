"""The augmentations of `--augment`, as people write them: `crop,flip,mixup`, or `none`."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import get_args

from nas.design.dense.head import TaskName
from nas.errors import NasError
from nas.jobs import AugmentName
from nas.nets.training.augment.augmentation import augmentation_of, unmixed

_NAMES: tuple[AugmentName, ...] = get_args(AugmentName)
_NONE = "none"
_FLIPS = ("flip", "vertical-flip")


def read_augment(text: str | None) -> tuple[AugmentName, ...] | None:
    """Return the augmentations that a text names, in the order in which they are made; None if there is no text.

    Raises NasError for a name that is none, with the nearest that is one.

    >>> read_augment("mixup, crop")
    ('crop', 'mixup')
    >>> read_augment("none")
    ()
    """
    if text is None:
        return None
    given = [part.strip() for part in text.split(",")]
    if given == [_NONE]:
        return ()
    for name in given:
        _require_known(name, text)
    return tuple(name for name in _NAMES if name in given)


def _require_known(name: str, text: str) -> None:
    if name == _NONE:
        raise NasError(f"--augment {text}: none stands alone. Leave it out, or the other names.")
    if name not in _NAMES:
        near = get_close_matches(name, _NAMES, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise NasError(
            f"--augment {text!r}: {name!r} is no augmentation. {hint}Take some of {', '.join(_NAMES)}, or none."
        )


def describe_left_out(
    names: tuple[AugmentName, ...] | None, mirror: bool, task: TaskName = "classification"
) -> Iterator[str]:
    """Yield sentences about what was asked for and is left out, as the data's images or its labels do not allow it."""
    flips = [name for name in names or () if name in _FLIPS]
    if flips and not mirror:
        why = "this data's images are grey or of digits, which are not mirrored"
        yield f"--augment {','.join(flips)} is left out: {why}."
    asked = names or ()
    kept = unmixed(augmentation_of(asked)).names
    mixing = [name for name in asked if name not in kept]
    if mixing and task != "classification":
        yield f"--augment {','.join(mixing)} is left out: of {task} no label would say what is in the image then."
