"""Which picture is the mask of which: by folders, or by names like `X_mask`."""

import os
from collections import defaultdict

from nas.tasks.folder_names import ENDS_IN_MASK_FOLDERS, MASK_STEM_ENDS, Key, is_mask_folder, strip_mask_end
from nas.tasks.source import Source

NO_MASK = "images without a mask"
NO_IMAGE_OF_MASK = "masks without an image"
SEVERAL_MASKS = "images with several masks, so that it is not clear which counts"
INSTANCES = "masks of instances (SegmentationObject), not of classes"


def find_pairs(source: Source) -> dict[str, list[str]]:
    """Return the masks of every image that has some, by path.

    Masks are pictures in folders like masks/, trainannot/ or SegmentationClass/ that are called like an image outside
    of them, with or without an end like _mask, or pictures beside an image that are called so.
    """
    if not _may_have_masks(source):
        return {}
    images, masks = _tell_apart(source)
    found: dict[str, list[str]] = {}
    for key, paths in images.items():
        if len(paths) == 1 and key in masks:
            found[paths[0]] = masks[key]
    return found


def _may_have_masks(source: Source) -> bool:
    """Tell whether any folder or file is called like masks; a million files are asked for that only."""
    folders = {os.path.dirname(path) for path in source.pictures.paths}
    named = any(is_mask_folder(name) for folder in folders for name in source.relative(folder).split("/"))
    return named or any(os.path.splitext(path)[0].casefold().endswith(MASK_STEM_ENDS) for path in source.pictures.paths)


def leave_unpaired(source: Source, pairs: dict[str, list[str]]) -> None:
    """Count the images without masks and the masks without an image."""
    used = {mask for masks in pairs.values() for mask in masks}
    for path in source.pictures.paths:
        if path in pairs or path in used:
            continue
        folders = source.relative(path).casefold().split("/")[:-1]
        if "segmentationobject" in folders:
            source.left_out.add(INSTANCES, path)
        else:
            source.left_out.add(NO_IMAGE_OF_MASK if any(map(is_mask_folder, folders)) else NO_MASK, path)


def _tell_apart(source: Source) -> tuple[dict[Key, list[str]], dict[Key, list[str]]]:
    """Return images and masks by what they have in common."""
    images: dict[Key, list[str]] = defaultdict(list)
    masks: dict[Key, list[str]] = defaultdict(list)
    for path in source.pictures.paths:
        key = source.pictures.key(path)
        folders = source.relative(path).split("/")[:-1]
        if "segmentationobject" in (folder.casefold() for folder in folders):
            continue
        (masks if any(map(is_mask_folder, folders)) else images)[key].append(path)
    for key in [key for key in images if (bare := strip_mask_end(key)) is not None and bare in images]:
        masks[key] += images.pop(key)
    for key in list(masks):
        bare = strip_mask_end(key, ENDS_IN_MASK_FOLDERS)
        if key not in images and bare is not None and bare in images:
            masks[bare] += masks.pop(key)
    return images, masks
