"""`find_dense`: which of torchvision's detectors and segmenters a file of weights is of."""

from pathlib import Path

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import NasError
from nas.nets.weights.checkpoint import State
from nas.nets.weights.foreign import Naming, classes_of, translate
from nas.nets.weights.weights_file import shapes

DENSE_LAYOUTS: dict[Naming, tuple[str, ...]] = {
    "torchvision SSDLite": (
        "ssdlite320_mobilenet_v3_large",
        "ssdlite_mobilenet_v3_large",
        "ssdlite_mobilenet_v3_small_reduced",
        "ssdlite_mobilenet_v3_small",
    ),
    "torchvision LR-ASPP": (
        "lraspp_mobilenet_v3_large",
        "lraspp_mobilenet_v3_large_reduced",
        "lraspp_mobilenet_v3_small",
        "lraspp_mobilenet_v3_small_reduced",
    ),
}


def find_dense(path: Path, state: State, layout: Naming) -> tuple[str, Architecture]:
    """The detector or segmenter, as torchvision builds it, whose tensors these are."""
    classes = classes_of(state)
    for name in DENSE_LAYOUTS[layout]:
        arch = known(name, classes)
        if is_of(state, arch):
            return name, arch
    raise NasError(
        f"{path}: holds weights as {layout} names them, but of none of {', '.join(DENSE_LAYOUTS[layout])}. "
        "Give the network, a name or an architecture.json, and this file with --weights."
    )


def is_of(state: State, arch: Architecture) -> bool:
    """Whether tensors are those of a network, but for its classifier."""
    found = {name: tuple(value.shape) for name, value in translate(state, arch).items()}
    wanted = {name: shape for name, shape in shapes(lower(arch)).items() if not name.startswith("head_classifier")}
    return all(found.get(name) == shape for name, shape in wanted.items())
