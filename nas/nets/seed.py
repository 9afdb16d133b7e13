"""`recognised`: which published network a state dict of another library holds, to start from."""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.cost import params
from nas.design.known import NAMES, known
from nas.design.plan import lower
from nas.errors import NasError
from nas.nets.foreign import CLASSIFIERS, layout_of, translate
from nas.nets.weights import State, read_tensors, shapes

_WIDTHS = ("1", "0.35", "0.5", "0.75", "1.25", "1.3", "1.4")
_TIMM_EPS = 1e-5
_REMEDY = "Give the network with --from, a name or an architecture.json, and this file with --weights."
_PADDED = (
    "TensorFlow trained these weights and pads strided convolutions at the lower right only: they see the same pixels "
    "where all maps they halve have odd sides, as at --resolution 193 or 225, and half a pixel beside them elsewhere, "
    "which fine-tuning mends."
)


class Seed(Struct, frozen=True):
    """A network that weights were recognised as, and what to know about them."""

    architecture: Architecture
    notes: tuple[str, ...]


def recognised(path: Path) -> Seed:
    """The known network of a file of torchvision's, timm's or EfficientNet-PyTorch's.

    Shapes tell the network and its width, names the library; raises NasError where they tell none. What no tensor
    says, the norms' epsilon, is timm's own where the names are timm's, unless the file is called `tf_...`.
    """
    state = {name: value for name, value in read_tensors(path).items() if not name.endswith("num_batches_tracked")}
    state = {name.removeprefix("module."): value for name, value in state.items()}
    layout = layout_of(state)
    if layout is None:
        raise NasError(f"{path}: does not say which network its weights are of. {_REMEDY}")
    found = _fitting(state)
    if found is None:
        names = f"{', '.join(NAMES)} at the widths {', '.join(sorted(_WIDTHS, key=float))}"
        raise NasError(f"{path}: holds weights as {layout} names them, but of none of {names}. {_REMEDY}")
    name, arch = found
    if layout == "timm" and not path.name.startswith("tf_"):
        arch = replace(arch, norm_eps=_TIMM_EPS)
    padded = layout == "EfficientNet-PyTorch" or path.name.startswith("tf_")
    return Seed(arch, (f"{path.name} holds weights of {name}, as {layout} names them.", *[_PADDED] * padded))


def _fitting(state: State) -> tuple[str, Architecture] | None:
    """The first known network with exactly these tensors, and its name."""
    trained = sum(value.numel() for name, value in state.items() if ".running_" not in name)
    classes = next((len(state[name]) for name in CLASSIFIERS if name in state and state[name].ndim == 1), 1000)
    for name in (f"{name}-{width}" for name in NAMES for width in _WIDTHS):
        arch = known(name, max(2, classes))
        if params(lower(arch)) == trained and _shapes(state, arch) == shapes(lower(arch)):
            return name, arch
    return None


def _shapes(state: State, arch: Architecture) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in translate(state, arch).items()}
