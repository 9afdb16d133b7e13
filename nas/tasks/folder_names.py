"""What names of files and folders say in data with annotations: the role, the split, and which belong together."""

import os
import re

from nas.nets.data.reading.names import SplitName, is_plain_folder, normal_name, split_of

Key = tuple[str, ...]
# Folders whose names say only what kind of files they hold.
_MASK_FOLDERS = frozenset(
    {"masks", "mask", "annot", "annots", "annotation", "annotations", "labels", "label", "gt", "groundtruth"}
    | {"ground_truth", "ground truth", "segmentationclass", "segmentationclassaug", "segmentationclassraw"}
    | {"segmentation", "segmentations", "segmaps", "targets"}
)
_OTHER_FOLDERS = frozenset({"xml", "xmls", "bboxes", "boxes", "txt", "json", "leftimg8bit"})
_MASK_ENDS = ("_annotations", "_annot", "_labels", "_masks", "_mask", "_gt", "annotations", "annot", "labels", "masks")
MASK_STEM_ENDS = ("_segmentation", "_annotation", "_labels", "_label", "_masks", "_mask", "-mask", "_seg", "_gt")
# CamVid's own end is so short that it says something in a folder of masks only.
ENDS_IN_MASK_FOLDERS = (*MASK_STEM_ENDS, "_l")


def is_mask_folder(name: str) -> bool:
    """Tell whether a folder is named as one of masks or other annotations.

    >>> [is_mask_folder(name) for name in ("masks", "trainannot", "SegmentationClass", "train", "bandmasks")]
    [True, True, True, False, False]
    """
    return name.casefold() in _MASK_FOLDERS or _split_before_end(name) is not None


def _split_before_end(name: str) -> SplitName | None:
    """Return the split of names like `trainannot` and `val_masks`."""
    lower = name.casefold()
    ends = (end for end in _MASK_ENDS if lower.endswith(end))
    return next((split for end in ends if (split := split_of(lower.removesuffix(end)))), None)


def key_of(path: str) -> Key:
    """Return what an image and its annotation have in common: their folders without those of a role, and the stem.

    >>> key_of("images/train/a.jpg") == key_of("train/labels/a.txt") == key_of("trainannot/a.png") == ("train", "a")
    True
    """
    *folders, name = normal_name(path).split("/")
    return (*filter(None, map(_meaning, folders)), os.path.splitext(name)[0])


def _meaning(folder: str) -> str:
    """Return what a folder adds to a path: nothing if it names a role, one spelling for each split."""
    if folder.casefold() in _MASK_FOLDERS | _OTHER_FOLDERS or is_plain_folder(folder):
        return ""
    return split_of(folder) or _split_before_end(folder) or folder


def strip_mask_end(key: Key, ends: tuple[str, ...] = MASK_STEM_ENDS) -> Key | None:
    """Return the key of the image of a mask that is called like `X_mask`; None if it is not."""
    *folders, stem = key
    end = next((end for end in ends if stem.casefold().endswith(end)), None)
    return (*folders, stem[: -len(end)]) if end and len(stem) > len(end) else None


def split_in_path(path: str) -> SplitName | None:
    """Return the split that the last folder that names one says.

    >>> split_in_path("images/val2017/a.jpg"), split_in_path("train.jpg")
    ('val', None)
    """
    folders = reversed(path.split("/")[:-1])
    return next((split for name in folders if (split := split_of(name) or _split_before_end(name))), None)


def split_in_name(name: str) -> SplitName | None:
    """Return the one split that a file's name spells as one of its words.

    >>> [split_in_name(name) for name in ("instances_val2017.json", "train.txt", "result.json", "train_val.json")]
    ['val', 'train', None, 'train']
    """
    stem = os.path.splitext(name)[0]
    whole = split_of(stem)
    found = {split for word in re.split(r"[\W\d_]+", stem) if word and (split := split_of(word))}
    return whole or (found.pop() if len(found) == 1 else None)
