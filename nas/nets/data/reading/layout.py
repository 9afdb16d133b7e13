"""What a folder of images means: class folders, splits with class folders, or tables of labels."""

import os
from collections.abc import Mapping, Sequence

from msgspec import Struct

from nas.errors import InvalidData
from nas.nets.data.reading.left_out import LeftOuts, some
from nas.nets.data.reading.names import SPLITS, SplitName, is_plain_folder, split_of
from nas.nets.data.reading.sniff import is_picture
from nas.nets.data.reading.table import Table, read_tables
from nas.nets.data.reading.tables import Labels, read_split_tables, read_whole_tables
from nas.nets.data.reading.tree import Folder

NO_SPLIT = "folders with images that belong to no split"
BESIDE = "images beside the folders of classes or splits"
UNLABELLED = "unlabelled images of a split"
# Words that name a split but are usual names of a class too, as in valid and invalid, or bus and train.
_ALSO_CLASSES = frozenset({"valid", "train"})
_UNKNOWN = frozenset({"unknown", "unlabeled", "unlabelled", "all"})
_OTHER_TASKS = (
    ({"annotations", "jpegimages"}, "object detection (Pascal VOC)"),
    ({"images", "labels"}, "object detection (YOLO) or segmentation"),
    ({"images", "masks"}, "segmentation"),
    ({"images", "annotations"}, "object detection or segmentation"),
)
_MASKS = ("annot", "annotations", "_annotations", "masks", "_masks", "_labels")  # CamVid's trainannot


class Layout(Struct, frozen=True):
    """The labelled files of each split that there is; files of no split are in `train`."""

    name: str
    splits: Mapping[SplitName, Labels]
    notes: tuple[str, ...] = ()


def read_layout(root: Folder, left_out: LeftOuts) -> Layout:
    """Return what a folder means; raises InvalidData if that is ambiguous, with what to change."""
    named = _splits(root)
    others = [folder for folder in root.folders if split_of(folder.name) is None]
    tables, unusable = read_tables(root)
    _refuse_other_tasks(root, tables)
    if root.folders and not tables:
        _leave_loose(root, left_out)
    if "train" in named and (parts := _split_labels(root, named, others, tables, left_out)):
        return parts
    _refuse_bare_splits(root, named, others, unusable)
    if (classes := _classes(root, named)) and len(classes) > 1:
        _check_table_agrees(root, tables, classes)
        return Layout("class folders", {"train": class_labels(classes)}, (*_class_notes(named), *_inner_notes(classes)))
    if tables:
        return Layout(*read_whole_tables(root, tables, left_out))
    raise InvalidData(_nothing(root, classes, unusable))


def _refuse_other_tasks(root: Folder, tables: Sequence[Table]) -> None:
    """Refuse folders laid out for detection or segmentation, which would be read as classes."""
    names = {folder.name.casefold() for folder in root.folders}
    task = next((task for parts, task in _OTHER_TASKS if parts <= names and len(names) <= len(parts) + 3), None)
    if any(split_of(name.removesuffix(end)) for name in names for end in _MASKS if name.endswith(end)):
        task = "segmentation"
    if task is not None and not tables:
        raise InvalidData(
            f"{root.path}: is laid out for {task}, but holds no annotations that can be read (see nas data --task). "
            "For classification put the images of every class into a folder of its own."
        )


def _splits(root: Folder) -> dict[SplitName, Folder]:
    """Return the folders that are named like splits."""
    found: dict[SplitName, Folder] = {}
    for folder in root.folders:
        split = split_of(folder.name)
        if split is not None and split in found:
            both = f"{os.path.basename(found[split].path)!r} and {folder.name!r}"
            raise InvalidData(f"{root.path}: {both} both name the {split} split. Keep one, or rename the other.")
        if split is not None:
            found[split] = folder
    return found


def _split_labels(
    root: Folder,
    named: dict[SplitName, Folder],
    others: Sequence[Folder],
    tables: Sequence[Table],
    left_out: LeftOuts,
) -> Layout | None:
    """Return the labels of folders that are splits; None if train/ has none, so that it is no split."""
    found = {split: _labels_of(root, split, folder, tables, left_out) for split, folder in named.items()}
    if found["train"] is None:
        return None
    _leave_others(root, named, [folder for folder in others if folder.holds_any], left_out)
    for path in (path for split, folder in named.items() if found[split] is None for path in folder.paths()):
        left_out.add(UNLABELLED, path)
    labelled = {split: labels for split in SPLITS if (labels := found.get(split)) is not None}
    kinds = sorted({labels.kind for labels in labelled.values()})
    inner = _inner_notes([child for folder in named.values() for child in folder.folders])
    return Layout(
        f"{' and '.join(kinds)} in {', '.join(named[split].name + '/' for split in labelled)}", labelled, inner
    )


def _leave_others(
    root: Folder, named: Mapping[SplitName, Folder], beside: Sequence[Folder], left_out: LeftOuts
) -> None:
    """Count folders of images beside those of splits; raises InvalidData beside train/ alone, which may be a class."""
    if beside and len(named) == 1:
        names = ", ".join(folder.name for folder in beside[:3])
        raise InvalidData(
            f"{root.path}: {named['train'].name}/ holds labelled images as a split does, but beside it are folders "
            f"with images ({names}). Give the path of {named['train'].name}/ itself, or move the others away."
        )
    for folder in beside:
        left_out.add(NO_SPLIT, folder.path)


def _leave_loose(folder: Folder, left_out: LeftOuts) -> None:
    """Count the images right in a folder whose folders are classes or splits."""
    for path in (os.path.join(folder.path, name) for name in folder.files):
        if is_picture(path, folder.reader):
            left_out.add(BESIDE, path)


def _labels_of(
    root: Folder, split: SplitName, folder: Folder, tables: Sequence[Table], left_out: LeftOuts
) -> Labels | None:
    """Return the labelled files of a split's folder: by class folders, a table inside, or one beside it."""
    holders = [inner for inner in folder.folders if inner.holds_any]
    alone = len(holders) == 1 and _is_no_class(holders[0].name, split)
    if alone and not holders[0].holds_pictures:
        return _labels_of(root, split, holders[0], tables, left_out)
    if holders and not alone:
        _leave_loose(folder, left_out)
        return class_labels(folder.folders)
    return read_split_tables(root, split, folder, tables, left_out)


def _is_no_class(name: str, split: SplitName) -> bool:
    """Tell whether the only folder in a split is none of a class; Kaggle has test/unknown/ and test/test/."""
    return is_plain_folder(name) or (split != "train" and (name.casefold() in _UNKNOWN or split_of(name) == split))


def class_labels(folders: Sequence[Folder]) -> Labels:
    """Return the files of class folders; raises InvalidData if one holds no images of its own, only folders."""
    for folder in folders:
        _check_own_images(folder)
    pairs = [(path, folder.name) for folder in folders for path in folder.paths()]
    return Labels("class folders", tuple(sorted({folder.name for folder in folders})), tuple(pairs))


def _check_own_images(folder: Folder) -> None:
    inner = [child for child in folder.folders if child.holds_any]
    if not inner or folder.holds_pictures or (len(inner) == 1 and is_plain_folder(inner[0].name)):
        return
    names = ", ".join(child.name for child in inner[:3])
    raise InvalidData(
        f"{folder.path}: holds no images of its own, only folders ({names}), so it is not clear which of them are the "
        "classes. Give the folder that directly holds the class folders, or move the images up."
    )


def _classes(root: Folder, named: Mapping[SplitName, Folder]) -> list[Folder]:
    """Return the class folders right below the root: all folders if at least one holds images."""
    split_folders = [folder for folder in named.values() if folder.holds_any]
    doubtful = [folder for folder in split_folders if folder.name.casefold() not in _ALSO_CLASSES]
    others = [folder for folder in root.folders if split_of(folder.name) is None]
    if doubtful and others:
        raise InvalidData(
            f"{root.path}: {doubtful[0].name!r} is the name of a split, but beside it are folders with other names "
            f"({', '.join(folder.name for folder in others[:3])}). If those are the classes, move them into train/; if "
            f"{doubtful[0].name!r} is a class, rename it."
        )
    return list(root.folders) if any(folder.holds_any for folder in root.folders) else []


def _class_notes(named: Mapping[SplitName, Folder]) -> tuple[str, ...]:
    return tuple(
        f"{folder.name!r} is taken as a class, although it is also a split's name." for folder in named.values()
    )


def _inner_notes(classes: Sequence[Folder]) -> tuple[str, ...]:
    """Return a sentence if class folders hold images and also folders of images."""
    inner = [child.path for folder in classes if folder.holds_pictures for child in folder.folders if child.holds_any]
    return (f"Images in folders inside class folders count as of that class: {some(inner)}.",) if inner else ()


def _refuse_bare_splits(
    root: Folder, named: Mapping[SplitName, Folder], others: Sequence[Folder], unusable: Sequence[str]
) -> None:
    """Refuse folders that are all named like splits but cannot be used as such."""
    if not named or any(folder.holds_any for folder in others):
        return
    names = ", ".join(repr(folder.name) for folder in named.values())
    if "train" not in named:
        raise InvalidData(
            f"{root.path}: holds {names}, which are names of splits, but no training split. Call its folder 'train'."
        )
    tables = f" {unusable[0]}" if unusable else ""
    raise InvalidData(
        f"{root.path}: holds {names}, which are names of splits, but {named['train'].name}/ holds neither class "
        f"folders with images nor a table of labels.{tables} Put the images of every class into a folder of its own."
    )


def _check_table_agrees(root: Folder, tables: Sequence[Table], classes: Sequence[Folder]) -> None:
    """Refuse class folders beside a table whose labels are others: one of them is not meant."""
    names = {folder.name for folder in classes}
    for table in tables:
        labels = {row.label for row in table.rows if row.label is not None}
        if labels and not labels <= names:
            raise InvalidData(
                f"{table.file}: labels images {', '.join(sorted(labels)[:3])}, but the folders beside it are "
                f"{', '.join(sorted(names)[:3])}. Move away the table or the folders, whichever is not meant."
            )


def _nothing(root: Folder, classes: Sequence[Folder], unusable: Sequence[str]) -> str:
    """Return the sentence about a folder in which no classes were found."""
    if unusable:
        return unusable[0]
    if len(classes) == 1 and not classes[0].holds_pictures:
        return f"{root.path}: holds one folder of folders, {classes[0].name!r}. Give {classes[0].path} if it is meant."
    if len(classes) == 1:
        return f"{root.path}: holds one class, {classes[0].name!r}, but there is nothing to learn below two."
    if root.folders:
        return f"{root.path}: holds no images in its folders; a file's content decides whether it is one."
    held = "images, but no class folders" if root.holds_pictures else "no class folders"
    return f"{root.path}: holds {held}. Put the images of every class into a folder of its own."
