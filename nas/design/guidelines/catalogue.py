"""All guidelines by name."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from nas.design.guidelines import block_shapes, mobilenet_v3, shufflenet_v2
from nas.design.guidelines.guideline import Guideline
from nas.errors import NasError

_MAKERS: dict[str, Callable[[], Guideline]] = {
    "equal-widths": shufflenet_v2.equal_widths,
    "groups": shufflenet_v2.groups,
    "fragmentation": shufflenet_v2.fragmentation,
    "element-wise": shufflenet_v2.element_wise,
    "h-swish": mobilenet_v3.hswish,
    "last-stage": mobilenet_v3.last_stage,
    "stem": mobilenet_v3.stem,
    "squeeze-excite": mobilenet_v3.squeeze_excite,
    "kernel-size": block_shapes.kernel_size,
    "kernel-at-equal-macs": block_shapes.kernel_at_equal_macs,
    "width-grid": block_shapes.width_grid,
}
GUIDELINE_NAMES = tuple(_MAKERS)


def make_guidelines(only: Sequence[str] = ()) -> list[Guideline]:
    """The guidelines of these names, or all, in their usual order; raises NasError for a name that none has.

    >>> [one.name for one in make_guidelines(["stem", "groups"])]
    ['groups', 'stem']
    """
    for name in only:
        if name not in _MAKERS:
            near = get_close_matches(name, GUIDELINE_NAMES, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise NasError(f"--only {name}: is no guideline.{meant} There are {', '.join(GUIDELINE_NAMES)}.")
    return [make() for name, make in _MAKERS.items() if not only or name in only]
