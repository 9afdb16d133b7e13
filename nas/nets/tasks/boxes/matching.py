"""`match_anchors`: what every anchor should say of the objects of its image (Liu et al. 2016, section 2.2)."""

import torch
from msgspec import Struct
from torch import Tensor

from nas.nets.tasks.boxes.anchors import encode_corners, find_corners, measure_overlaps

_LEAST_OVERLAP = 0.5  # of an anchor and an object, or of an anchor and an ignored box


class AnchorTargets(Struct, frozen=True, eq=False):
    """Of every anchor its class int64 [N, A], 0 for the background; offsets [N, A, 4]; whether it is left out [N, A].

    Offsets of the background are 0. Only the background is `ignored`.
    """

    classes: Tensor
    offsets: Tensor
    ignored: Tensor

    @property
    def positive(self) -> Tensor:
        """Which anchors [N, A] have an object."""
        return self.classes > 0


def match_anchors(labels: Tensor, anchors: Tensor) -> AnchorTargets:
    """Return the targets of anchors [A, 4] for labels [N, M, 8] (see `detection.Detection`).

    An anchor has the object that it overlaps most, if by half; the anchor that an object overlaps most has that object
    in any case, the last of several. That is torchvision's `SSDMatcher`.
    """
    corners = find_corners(anchors)
    has_area = (labels[..., 2:4] > labels[..., :2]).all(-1)
    boxed, ignored = (labels[..., 4] > 0) & has_area, labels[..., 5] > 0
    images, rows = torch.nonzero(boxed & ~ignored, as_tuple=True)
    objects = labels[images, rows]
    chosen = _choose_objects(measure_overlaps(objects[:, :4], corners), images, len(labels))
    known = torch.cat([objects, labels.new_zeros(1, labels.shape[-1])])[chosen]
    classes = known[..., 4].long()
    boxes = torch.where((classes > 0)[..., None], known[..., :4], corners)
    lying = _lie_on(labels, boxed & ignored, corners)
    return AnchorTargets(classes, encode_corners(boxes, anchors), lying & (classes == 0))


def _choose_objects(overlap: Tensor, images: Tensor, count: int) -> Tensor:
    """Return the number of every anchor's object [count, A], of all K by overlap [K, A] and image [K]; K for none."""
    objects, anchors = overlap.shape
    numbers = torch.arange(objects, device=overlap.device)
    by_image = images[:, None].expand_as(overlap)
    most = overlap.new_full((count, anchors), -1.0).scatter_reduce(0, by_image, overlap, "amax")
    firsts = torch.where(overlap == most[images], numbers[:, None], objects)
    none = numbers.new_full((count, anchors), objects)
    chosen = torch.where(most >= _LEAST_OVERLAP, none.scatter_reduce(0, by_image, firsts, "amin"), none)
    places = images * anchors + overlap.max(1).indices
    forced = numbers.new_full((count * anchors,), -1).scatter_reduce(0, places, numbers, "amax").view_as(chosen)
    return torch.where(forced >= 0, forced, chosen)


def _lie_on(labels: Tensor, wanted: Tensor, corners: Tensor) -> Tensor:
    """Return whether each anchor [N, A] lies on a wanted [N, M] box."""
    images, rows = torch.nonzero(wanted, as_tuple=True)
    boxes, anchors = torch.nonzero(measure_overlaps(labels[images, rows, :4], corners) >= _LEAST_OVERLAP, as_tuple=True)
    found = torch.zeros(len(labels), len(corners), dtype=torch.bool, device=labels.device)
    found[images[boxes], anchors] = True
    return found
