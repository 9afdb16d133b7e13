"""Lists of a split's images, and lists of class names, one a line."""

import os

from nas.nets.data.reading.names import SplitName, split_of
from nas.tasks.documents import read_lines
from nas.tasks.source import Source

_DEEPEST = 3  # folders above a file of names
_NAME_FILES = ("classes.txt", "class_names.txt", "labels.txt", "names.txt", "obj.names", "_darknet.labels")
IN_TWO_LISTS = "names in the lists of two splits, left out of one"
KEPT_FIRST: tuple[SplitName, ...] = ("val", "test", "train")  # what is evaluated keeps an image that is trained on too


def find_lists(source: Source, folder: str) -> dict[SplitName, str]:
    """Return the text files that are named like splits, in folders of a name like `imagesets/main`.

    `trainval` counts as the training split only if there is no `train`.
    """
    found: dict[SplitName, str] = {}
    for path in source.ending_with(".txt"):
        inside, name = os.path.split(source.relative(path))
        split = split_of(os.path.splitext(name)[0])
        if split is None or not f"/{inside}".casefold().endswith(f"/{folder}".removesuffix("/")):
            continue
        if split not in found or "trainval" in os.path.basename(found[split]).casefold():
            found[split] = path
    return found


def read_split_lists(source: Source, lists: dict[SplitName, str]) -> dict[str, SplitName]:
    """Return the split of every stem that the lists name; one of two splits stays in that which is evaluated."""
    found: dict[str, SplitName] = {}
    for split in (split for split in KEPT_FIRST if split in lists):
        for line in read_lines(lists[split]):
            words = line.split()
            if not words or (len(words) == 2 and words[1] == "-1"):  # the lists of one class: not in this image
                continue
            if found.setdefault(words[0], split) != split:
                source.left_out.add(IN_TWO_LISTS, f"{lists[split]}: {words[0]}")
    return found


def read_class_names(source: Source) -> tuple[str, ...]:
    """Return the names of a file like classes.txt not too deep in the folders; empty if there is none."""
    for path in sorted(source.documents.paths, key=lambda path: path.count("/")):
        inside = source.relative(path)
        if os.path.basename(path).casefold() in _NAME_FILES and inside.count("/") <= _DEEPEST:
            return tuple(name for line in read_lines(path) if (name := line.strip()))
    return ()
