"""Masks that are pictures: class images with a void value, and images of colours with a palette file."""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image

from nas.errors import InvalidData
from nas.nets.data.reading.names import SPLITS, SplitName
from nas.tasks.folder_names import split_in_path
from nas.tasks.lists import find_lists, read_class_names, read_split_lists
from nas.tasks.pictures import UprightSize, read_plain, read_upright_size
from nas.tasks.placing import turn_mask
from nas.tasks.segmentation.coding import Coding, choose_coding
from nas.tasks.segmentation.colours import Palette, colour_codes, find_palette, name_colour
from nas.tasks.segmentation.haze import is_hazy
from nas.tasks.segmentation.pairs import SEVERAL_MASKS, find_pairs, leave_unpaired
from nas.tasks.segmentation.sample import VOID, Mask, MaskSample, SegmentationData
from nas.tasks.source import Source

BROKEN_MASK = "masks that cannot be decoded"
OTHER_MASK_SIZE = "masks of another size than their image"
HAZY = "masks with values between classes at the edges, as JPEG and interpolation leave them"
UNKNOWN_COLOURS = "masks with colours that the palette file lacks, more than 1 % of their pixels"
COLOURED = "masks of colours"
DEEP = "masks with values above 255, which may number instances"
UNLISTED_MASK = "images with a mask that no list in ImageSets/Segmentation names"
_FEW_COLOURS = 0.01
_MUCH_HAZE = 0.1
_LOOKED_AT = 5000  # masks whose values say what they mean
_COUNTED = 20  # masks whose most frequent colours are listed
_NO_CLASS = "masks with a value that is no class"
_Values = NDArray[np.uint8] | str


def read_mask_files(source: Source, void: int | None = None) -> SegmentationData:
    """Return the images of a folder with their masks; raises InvalidData if nothing says what the values mean."""
    pairs = find_pairs(source)
    leave_unpaired(source, pairs)
    sizes = _sizes(source, pairs)
    splits = _splits(source, list(sizes))
    decoder = _decoder(source, [mask for mask, _ in sizes.values()], void)
    samples: dict[SplitName, list[MaskSample]] = {}
    turned = []
    for path, (mask, size) in sizes.items():
        if path in splits:
            found = MaskSample(path, size.seen, mask, partial(_upright, decoder.decode, mask, size))
            samples.setdefault(splits[path], []).append(found)
            turned += [path] if size.orientation != 1 and size.stored == size.seen else []
    ordered = {split: tuple(samples[split]) for split in SPLITS if split in samples}
    warnings = (*decoder.warnings, *([_unsure(source, turned)] if turned else []))
    return SegmentationData(_layout(source, sizes), decoder.classes, ordered, decoder.notes, warnings)


def _layout(source: Source, sizes: dict[str, tuple[str, UprightSize]]) -> str:
    folders = list(dict.fromkeys(os.path.dirname(source.relative(mask)) or "." for mask, _ in sizes.values()))
    shown = ", ".join(f"{folder}/" for folder in folders[:3]) + (", ..." if len(folders) > 3 else "")
    return f"class images in {shown}"


def _sizes(source: Source, pairs: dict[str, list[str]]) -> dict[str, tuple[str, UprightSize]]:
    """Return the mask and the size of every image whose mask agrees with it."""
    found = {}
    for path, masks in pairs.items():
        size = read_upright_size(path)
        if isinstance(size, str):
            source.left_out.add(size, path)
        elif len(masks) > 1:
            source.left_out.add(SEVERAL_MASKS, path)
        elif isinstance(mask := read_upright_size(masks[0]), str):
            source.left_out.add(BROKEN_MASK, masks[0])
        elif mask.stored not in (size.seen, size.stored):
            source.left_out.add(OTHER_MASK_SIZE, masks[0])
        else:
            found[path] = masks[0], size
    if not found:
        raise InvalidData(f"{source.root}: no image there has a mask that can be used.{source.why()}")
    return found


def _splits(source: Source, paths: list[str]) -> dict[str, SplitName]:
    lists = find_lists(source, "imagesets/segmentation")
    if not lists:
        return {path: split_in_path(source.relative(path)) or "train" for path in paths}
    listed = read_split_lists(source, lists)
    found = {path: listed.get(source.pictures.key(path)[-1]) for path in paths}
    for path in (path for path, split in found.items() if split is None):
        source.left_out.add(UNLISTED_MASK, path)
    return {path: split for path, split in found.items() if split is not None}


class _Decoder(Struct, frozen=True):
    """What decodes a mask file as it is stored, the classes, notes and warnings."""

    decode: Callable[[str], Mask | str]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def _decoder(source: Source, masks: list[str], void: int | None) -> _Decoder:
    """Return how to decode masks by what up to 5,000 of them hold; raises InvalidData if nothing says what it means."""
    palette, count = find_palette(source), min(len(masks), _LOOKED_AT)
    looked_at = [masks[place * len(masks) // count] for place in range(count)]
    histograms = [_histogram(path) for path in looked_at]
    reasons = [one for one in histograms if isinstance(one, str)]
    counts = sum((one for one in histograms if isinstance(one, np.ndarray)), np.zeros(256, dtype=np.int64))
    if palette and (reasons.count(COLOURED) > count / 2 or not counts.any()):
        return _Decoder(partial(_by_palette, palette), palette.names, (f"Colours are read by {palette.file}.",))
    if reasons.count(COLOURED) > count / 2:
        raise InvalidData(_no_palette(source, looked_at))
    if not counts.any():
        raise InvalidData(f"{source.root}: none of {count} masks can be used: {_reasons(reasons)}")
    names = read_class_names(source) or (palette.rows if palette else ())
    try:
        coding = choose_coding(counts, names, void)
    except InvalidData as error:
        raise InvalidData(f"{source.root}: {error}") from error
    return _Decoder(partial(_by_values, coding), coding.classes, coding.notes, _warn_haze(reasons.count(HAZY), count))


def _histogram(path: str) -> NDArray[np.int64] | str:
    """Return how many pixels of a mask have each value [256], or the reason why it has none."""
    values = read_values(path)
    return values if isinstance(values, str) else np.bincount(values.reshape(-1), minlength=256)


def _warn_haze(hazy: int, count: int) -> tuple[str, ...]:
    if hazy <= _MUCH_HAZE * count:
        return ()
    return (
        f"{hazy} of {count} masks have values between classes at the edges and are left out; the others were probably "
        "made the same way, by interpolation, and their edges are wrong. Make all masks anew, resized by nearest.",
    )


def _reasons(reasons: list[str]) -> str:
    advice = " Save masks as PNG, and resize them without interpolation (nearest)." if HAZY in reasons else ""
    return f"{', '.join(sorted(set(reasons)))}.{advice}"


def read_values(path: str) -> _Values:
    """Return the values [H, W] of a class image as it is stored, or the reason why there are none."""
    try:
        image = read_plain(path)
    except (OSError, ValueError):
        return BROKEN_MASK
    if image.format == "JPEG":
        return HAZY
    values = _grey(image)
    return HAZY if not isinstance(values, str) and is_hazy(values) else values


def _grey(image: Image.Image) -> _Values:
    """Return a picture's values: numbers of its palette, grey levels, or one of three equal channels."""
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8)
    if image.mode in ("P", "L"):
        return np.asarray(image)
    if image.mode.startswith("I"):
        whole = np.asarray(image)
        return DEEP if whole.min() < 0 or whole.max() > VOID else whole.astype(np.uint8)
    if image.mode == "F":
        return DEEP
    planes = np.asarray(image.convert("RGB"))
    same = (planes[..., 0] == planes[..., 1]).all() and (planes[..., 1] == planes[..., 2]).all()
    return planes[..., 0] if same else COLOURED


def _by_values(coding: Coding, path: str) -> Mask | str:
    values = read_values(path)
    if isinstance(values, str):
        return values
    mask = coding.translate(values)
    return _NO_CLASS if mask is None else mask


def _by_palette(palette: Palette, path: str) -> Mask | str:
    try:
        codes = colour_codes(np.asarray(read_plain(path).convert("RGB")))
    except (OSError, ValueError):
        return BROKEN_MASK
    mask, known = np.full(codes.shape, VOID, dtype=np.uint8), np.zeros(codes.shape, dtype=bool)
    for code, number in palette.codes().items():
        here = codes == code
        mask[here], known[here] = number, True
    return UNKNOWN_COLOURS if (~known).mean() > _FEW_COLOURS else mask


def _no_palette(source: Source, masks: list[str]) -> str:
    """Return the sentence about masks of colours whose classes nothing names."""
    found: Counter[int] = Counter()
    for image in filter(None, map(_colours, masks[:_COUNTED])):
        codes, counts = np.unique(colour_codes(np.asarray(image)), return_counts=True)
        found.update(dict(zip(codes.tolist(), counts.tolist(), strict=True)))
    often = ", ".join(name_colour(code) for code, _ in found.most_common(5))
    return (
        f"{source.root}: the masks are images of colours, and no palette file says which class a colour is. The most "
        f"frequent are {often}. Write class_dict.csv beside the folders, a line for each class: name,r,g,b."
    )


def _colours(path: str) -> Image.Image | None:
    try:
        return read_plain(path).convert("RGB")
    except (OSError, ValueError):
        return None


def _upright(decode: Callable[[str], Mask | str], path: str, size: UprightSize) -> Mask | str:
    """Return a mask as its upright image is; one of the size of the image as stored is turned with it."""
    found = decode(path)
    if isinstance(found, str) or found.shape[::-1] == size.seen:
        return found
    if found.shape[::-1] != size.stored:
        return OTHER_MASK_SIZE
    return turn_mask(found, size.orientation)


def _unsure(source: Source, turned: list[str]) -> str:
    return (
        f"{len(turned)} images are turned or mirrored by EXIF, and their masks have the same size either way; the "
        f"masks are taken as upright: {source.relative(turned[0])}. Look at them with --samples."
    )
