"""`augment_images`: a batch of training images as network inputs, each changed by draws of its own."""

from torch import Tensor

from nas.design.size import Size, height_width, make_size
from nas.nets.training.augment.augmentation import Augmentation
from nas.nets.training.augment.erasing import erase
from nas.nets.training.augment.jitter import jitter_colours
from nas.nets.training.augment.rand_augment import DrawnOperations, compose_views, draw_operations, recolour
from nas.nets.training.augment.views import ImageSize, draw_crops, draw_views, sample_crops, sample_views
from nas.nets.training.batches import cut_to_aspect, normalise, resized


def augment_images(images: Tensor, resolution: Size, augmentation: Augmentation, mirror: bool) -> Tensor:
    """Return network inputs [N, 3, H, W] of images uint8 [N, C, S, T]; without any change those of `inputs`.

    Where images may not be mirrored, flips are left out. Mixing comes after it (see `mix_images`). All is drawn from
    torch's global generator on the CPU, so that a seed gives the same batch on any device.
    """
    return augment_seen(images, resolution, augmentation, mirror, reflect=mirror)[0]


def augment_seen(
    images: Tensor, resolution: Size, augmentation: Augmentation, mirror: bool, reflect: bool
) -> tuple[Tensor, Tensor | None]:
    """The same, and the views [N, 3, 3] through which the images are seen, if they are moved at all.

    Beyond an image's edge is its mirror image if `reflect` is true, else the pixels of the edge go on.
    """
    drawn = None
    if augmentation.randaugment:
        drawn = draw_operations(len(images), augmentation.randaugment)
    pixels = cut_to_aspect(images, resolution).float()
    pixels, views = _moved(pixels, height_width(resolution), augmentation, mirror, reflect, drawn)
    if augmentation.jitter:
        pixels = jitter_colours(pixels, augmentation.jitter)
    if drawn is not None:
        pixels = recolour(pixels, drawn)
    found = normalise(pixels)
    return (erase(found, augmentation.erasing) if augmentation.erasing else found), views


def _moved(
    pixels: Tensor,
    size: ImageSize,
    augmentation: Augmentation,
    mirror: bool,
    reflect: bool,
    drawn: DrawnOperations | None,
) -> tuple[Tensor, Tensor | None]:
    """The images at this size after all that moves pixels, and the views that do."""
    flips = mirror and augmentation.flip, mirror and augmentation.vertical_flip
    if not (augmentation.shift or augmentation.crop or any(flips) or drawn):
        return resized(pixels, make_size(*size)), None
    views = draw_views(len(pixels), augmentation.shift, *flips)
    if augmentation.crop:
        views = views @ draw_crops(len(pixels), augmentation.crop)
    if drawn is not None:
        views = compose_views(views, drawn, size)
    sample = sample_crops if augmentation.crop else sample_views
    source = pixels if augmentation.crop or pixels.shape[-1] <= size[1] else resized(pixels, make_size(*size))
    return sample(source, views, size, "reflection" if reflect else "border"), views
