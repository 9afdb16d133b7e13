"""What names of files and folders mean: splits in any common spelling, hidden parts, one Unicode form."""

import re
import unicodedata
from typing import Literal

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
BACKGROUND = "background"
"""The class of what is no object."""

_SPELLINGS: dict[SplitName, frozenset[str]] = {
    "train": frozenset({"train", "training", "trn", "trainval", "trainvalid"}),
    "val": frozenset({"val", "valid", "validation", "validate", "validating", "vali", "dev", "devel", "development"}),
    "test": frozenset({"test", "tests", "testing", "tst", "eval", "evaluation", "evaluating", "holdout"}),
}
_TWO_WORDS = (["hold", "out"], ["train", "val"], ["train", "valid"])
_FILLERS = frozenset(
    {"set", "split", "data", "dataset", "images", "image", "imgs", "img", "photos", "pictures", "folder", "dir"}
)
_JOINED = re.compile(r"(?P<split>[a-z]+?)(?:set|split|data|images|imgs)?")
# Folders whose only meaning is that images are in them.
_PLAIN_FOLDERS = frozenset({"images", "image", "imgs", "img", "photos", "pictures", "data", "jpegimages"})
_HIDDEN = frozenset(
    {
        "__macosx",
        "__pycache__",
        "@eadir",
        "#recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "thumbs.db",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "icon\r",
    }
)


def normal_name(name: str) -> str:
    """Return a name in composed Unicode form (NFC), so that names from all systems compare equal, and printable."""
    return unicodedata.normalize("NFC", name.encode(errors="surrogateescape").decode(errors="replace"))


def is_hidden(name: str) -> bool:
    """Tell whether systems and tools write such files or folders for themselves.

    >>> [is_hidden(name) for name in (".ipynb_checkpoints", "._a.jpg", "Thumbs.db", "cat")]
    [True, True, True, False]
    """
    return name.startswith(".") or name.casefold() in _HIDDEN


def is_plain_folder(name: str) -> bool:
    """Tell whether a folder's name says only that it holds images, like `images`."""
    return name.casefold() in _PLAIN_FOLDERS


def split_of(name: str) -> SplitName | None:
    """Return the split that a name spells in any case, or None.

    >>> [split_of(name) for name in ("Train", "VALID", "test_images", "trainset", "train2017", "cat", "trainer")]
    ['train', 'val', 'test', 'train', 'train', None, None]
    """
    words = [word for word in re.split(r"[^a-z]+", normal_name(name).casefold()) if word and word not in _FILLERS]
    joined = "".join(words) if words in _TWO_WORDS else words[0] if len(words) == 1 else ""
    found = _JOINED.fullmatch(joined)
    if found is None:
        return None
    return next((split for split, known in _SPELLINGS.items() if found["split"] in known), None)
