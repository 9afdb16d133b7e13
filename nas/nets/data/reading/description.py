"""`Description`: what was understood of a data set, as a value and as one line."""

from collections.abc import Mapping

from msgspec import Struct

from nas.design.dense.head import TaskName
from nas.design.size import Size, describe_size
from nas.nets.data.reading.left_out import LeftOut

_MOST_CLASSES = 5  # named in the line


class Description(Struct, frozen=True):
    """What was understood of a data set. `counts` holds the images of each class, by split; sides are in pixels.

    `split_off` names the splits that the source does not have: they were split off the training images. `images` holds
    the images by split if one may show several classes. The background of detection is not one of `classes`.
    """

    task: TaskName
    layout: str
    classes: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    left_out: tuple[LeftOut, ...]
    stored_resolution: Size
    sides: tuple[int, int, int]
    split_off: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    mirror: bool = True
    images: Mapping[str, int] = {}

    @property
    def splits(self) -> dict[str, int]:
        """The number of images of each split."""
        return dict(self.images) or {split: sum(counts) for split, counts in self.counts.items()}

    @property
    def line(self) -> str:
        """One line for a log: layout, classes, images of each split, stored size, and what was left out."""
        shown = ", ".join(self.classes[:_MOST_CLASSES]) + (", ..." if len(self.classes) > _MOST_CLASSES else "")
        splits = ", ".join(
            f"{count} {split}{' (split off)' if split in self.split_off else ''}"
            for split, count in self.splits.items()
        )
        left = f"; left out: {', '.join(f'{row.count} {row.reason}' for row in self.left_out)}" if self.left_out else ""
        return (
            f"{self.layout}; {len(self.classes)} classes ({shown}); images: {splits}; stored at "
            f"{describe_size(self.stored_resolution)} px, the median shorter side is {self.sides[1]} px{left}."
        )
