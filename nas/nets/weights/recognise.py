"""`recognised`: the network that a file of weights holds; `adopted`: a network with all that its weights bring."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import Architecture, Block, InvertedResidual, Stage
from nas.design.edits.simplify import numbered, with_blocks
from nas.design.files import with_families
from nas.design.graph import lower
from nas.design.known import KNOWN_NAMES, known
from nas.design.op import Conv
from nas.errors import InvalidArchitecture, NasError
from nas.nets.weights.checkpoint import Checkpoint, State, read_checkpoint
from nas.nets.weights.dense_weights import DENSE_LAYOUTS, find_dense, is_of
from nas.nets.weights.foreign import Naming, classes_of, layout_of, translate
from nas.nets.weights.traits import Traits, find_traits, timm_name, told_classes
from nas.nets.weights.weights_file import fitted

_REMEDY = "Give the network, a name or an architecture.json, and this file with --weights."
# Of networks whose widths cannot be read off their tensors one by one.
_PUBLISHED_WIDTHS = (1, 0.75, 0.5, 0.25, 0.35, 1.25, 1.4, 1.5, 2)
_HUNDREDTHS = [*range(100, 4, -5), *range(105, 305, 5)]


class RecognisedWeights(Struct, frozen=True):
    """A network that weights are of, and what to know about them.

    `name` is the known network's, without its width. `fresh` are tensors that the file lacks. `library` is whose names
    it has; "nas" are our own. `labels` are its classes, if the file says them.
    """

    architecture: Architecture
    notes: tuple[str, ...]
    library: Naming
    name: str = ""
    fresh: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def recognised(path: Path, given: Traits | None = None) -> RecognisedWeights:
    """The network of a file of torchvision's, timm's or EfficientNet-PyTorch's, or of one that we wrote.

    Names tell the library, shapes the network and its widths. What no tensor says comes from the library, the file's
    path, a `config.json` beside it, or is `given`. Raises NasError with what does not fit.
    """
    checkpoint = read_checkpoint(path)
    layout = layout_of(checkpoint.state)
    if layout is None or (layout == "nas" and "architecture" not in checkpoint.header):
        raise NasError(f"{path}: does not say which network its weights are of. {_REMEDY}")
    seed = _own(path, checkpoint) if layout == "nas" else _foreign(path, checkpoint, layout)
    return replace(seed, architecture=(given or Traits()).over(seed.architecture))


def adopted(path: Path, spelt: str, arch: Architecture, given: Traits | None = None) -> RecognisedWeights:
    """The network ARCH for the weights of a file: with their normalisation, epsilon, padding and number of classes.

    `spelt` is its name. If the file is of a known network of that name and width, widths and shortcuts are the
    library's: timm's mobilenet_v3_small-0.5 keeps a stem of 16 channels. Raises NasError with what does not fit.
    """
    checkpoint = read_checkpoint(path)
    state, layout = _weights(checkpoint), layout_of(checkpoint.state)
    classes = classes_of(checkpoint.state) or arch.classes
    if layout is None or layout == "nas":
        arch, notes = _as_written(checkpoint, arch), checkpoint.notes
        seed = RecognisedWeights(arch, notes, layout or "nas", labels=_labels(checkpoint))
    else:
        seed = _adopt_foreign(path, checkpoint, layout, spelt, arch)
    arch = replace((given or Traits()).over(seed.architecture), classes=classes)
    return replace(seed, architecture=arch, fresh=fitted(path, state, arch).fresh)


def _adopt_foreign(
    path: Path, checkpoint: Checkpoint, layout: Naming, spelt: str, arch: Architecture
) -> RecognisedWeights:
    try:
        seed = _foreign(path, checkpoint, layout)
    except NasError:  # an architecture of one's own, trained under another library's names
        found = find_traits(path, layout, arch.norm_eps, checkpoint.hints)
        return RecognisedWeights(found.traits.over(arch), (*checkpoint.notes, found.note), layout)
    same = bool(seed.name) and spelt.startswith(seed.name) and _outputs(seed.architecture) == _outputs(arch)
    if same:
        return replace(seed, architecture=replace(seed.architecture, resolution=arch.resolution))
    found = find_traits(path, layout, arch.norm_eps, checkpoint.hints)
    return replace(seed, architecture=found.traits.over(arch))


def _document(checkpoint: Checkpoint) -> bytes:
    """The architecture in the header, in JSON; empty if there is none."""
    return with_families(checkpoint.header.get("architecture", "").encode())


def _weights(checkpoint: Checkpoint) -> State:
    return {name: value for name, value in checkpoint.state.items() if not name.startswith("optimizer.")}


def _own(path: Path, checkpoint: Checkpoint) -> RecognisedWeights:
    try:
        arch = msgspec.json.decode(_document(checkpoint), type=Architecture)
    except msgspec.DecodeError as error:
        raise InvalidArchitecture(f"{path}: the architecture in its header is none ({error}). {_REMEDY}") from error
    fitted(path, _weights(checkpoint), arch)
    return RecognisedWeights(
        arch, (f"{path.name} says the network that it is of.",), "nas", "", (), _labels(checkpoint)
    )


def _as_written(checkpoint: Checkpoint, arch: Architecture) -> Architecture:
    """An architecture with what our own file says of its weights."""
    try:
        told = msgspec.json.decode(_document(checkpoint), type=Architecture)
    except msgspec.DecodeError:
        return arch
    return Traits(told.mean, told.std, told.norm_eps, told.padding).over(arch)


def _labels(checkpoint: Checkpoint) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(checkpoint.header.get("classes", "[]"), type=tuple[str, ...])
    except msgspec.DecodeError:
        return ()


def _foreign(path: Path, checkpoint: Checkpoint, layout: Naming) -> RecognisedWeights:
    state = checkpoint.state
    if layout == "timm" and (named := timm_name(path)) and "blur" in named:
        raise NasError(
            f"{path}: is named after timm's {named}, whose strides are smoothed by filters that no tensor shows "
            "and that are not known here: the same weights would give other outputs."
        )
    name, shaped = _nearest(path, state, layout)
    arch = replace(shaped, classes=max(2, classes_of(state) or 1000))
    loaded = fitted(path, state, arch)
    fresh = loaded.fresh
    found = find_traits(path, layout, arch.norm_eps, checkpoint.hints)
    notes = [f"{path.name} holds weights of {_spelling(name, arch)}, as {layout} names them.", found.note]
    if fresh:
        notes.append(f"Its classifier is missing or another: {loaded.missing} are made anew.")
    labels = told_classes(path, arch.classes)
    return RecognisedWeights(found.traits.over(arch), (*notes, *checkpoint.notes), layout, name, fresh, labels)


def _nearest(path: Path, state: State, layout: Naming) -> tuple[str, Architecture]:
    """The known network whose blocks these are, with the widths that the tensors have."""
    if layout in DENSE_LAYOUTS:
        return find_dense(path, state, layout)
    families = {name: _like(state, known(name), layout, name) for name in KNOWN_NAMES}
    fitting = {name: arch for name, arch in families.items() if arch is not None}
    if not fitting:
        raise NasError(
            f"{path}: holds weights as {layout} names them, but of none of {', '.join(KNOWN_NAMES)}. {_REMEDY}"
        )
    reasons: dict[str, NasError] = {}
    # Lite1 and Lite2 have the same blocks: whose own widths these are comes first.
    for name, arch in sorted(fitting.items(), key=lambda item: _outputs(item[1]) != _outputs(known(item[0]))):
        try:
            fitted(path, state, arch)
            return name, arch
        except NasError as error:
            reasons[name] = error
    raise min(reasons.values(), key=lambda error: "does not have" in str(error))


def _like(state: State, base: Architecture, layout: Naming, name: str) -> Architecture | None:
    """A network like `base` with the widths of these tensors; None if it has other blocks."""
    if all(isinstance(block, InvertedResidual) for _, _, block in numbered(base)):
        return _shaped(state, base, layout, name)
    found = translate(state, base)
    layers = {f"{node.name}.conv.weight" for node in lower(base).nodes if isinstance(node.op, Conv)}
    if not layers - {"head_classifier.conv.weight"} <= found.keys():
        return None
    stem = found["stem.conv.weight"].shape[0]  # which some keep while all else is scaled
    multiples = (known(f"{name}-{width}") for width in _PUBLISHED_WIDTHS)
    widened = (replace(arch, stem=replace(arch.stem, width=stem)) for arch in multiples)
    return next((arch for arch in widened if is_of(state, arch)), None)


def _shaped(state: State, base: Architecture, layout: Naming, name: str) -> Architecture | None:
    """A network like `base` with the widths of these tensors; None if it has other blocks."""
    outputs = {
        node: value.shape
        for node, value in ((n.removesuffix(".conv.weight"), v) for n, v in translate(state, base).items())
        if value.ndim == 4
    }
    blocks = [(s, b, block) for s, b, block in numbered(base) if isinstance(block, InvertedResidual)]
    whole = all(_matches(outputs, f"s{s}b{b}", block) for s, b, block in blocks)
    if not whole or not {"stem", "head_conv"} <= outputs.keys():
        return None
    arch = replace(
        base,
        stem=replace(base.stem, width=outputs["stem"][0]),
        stages=tuple(
            replace(stage, width=outputs[f"s{s}b0_project"][0], blocks=_unjoined(stage))
            for s, stage in enumerate(base.stages)
        ),
        head=replace(base.head, width=outputs["head_conv"][0], hidden=_hidden(state, base)),
    )
    for s, b, block in blocks:
        expanded = None if block.expanded is None else outputs[f"s{s}b{b}_expand"][0]
        squeezed = None if block.squeezed is None else outputs[f"s{s}b{b}_se.reduce.weight"][0]
        found = replace(block, expanded=expanded, residual=_joined(arch, s, b, name), squeezed=squeezed)
        arch = with_blocks(arch, s, b, found)
    return arch


def _unjoined(stage: Stage) -> tuple[Block, ...]:
    return tuple(replace(block, residual=False) for block in stage.blocks if isinstance(block, InvertedResidual))


def _hidden(state: State, base: Architecture) -> int | None:
    weight = translate(state, base).get("head_hidden.linear.weight")
    known = base.head.hidden is None or weight is None or weight.ndim != 2
    return base.head.hidden if known or weight is None else weight.shape[0]


def _matches(outputs: Mapping[str, tuple[int, ...]], block: str, wanted: InvertedResidual) -> bool:
    """Whether a block has these parts and this kernel."""
    parts = {"expand": wanted.expanded is not None, "depthwise": True, "project": True}
    if any((f"{block}_{part}" in outputs) != there for part, there in parts.items()):
        return False
    squeezed = f"{block}_se.reduce.weight" in outputs
    return squeezed == wanted.se and outputs[f"{block}_depthwise"][-1] == wanted.kernel


def _joined(arch: Architecture, s: int, b: int, name: str) -> bool:
    """Whether a block has a shortcut: in all three libraries if it keeps size and width, but for MnasNet's first."""
    stage = arch.stages[s]
    before = stage.width if b else arch.stages[s - 1].width if s else arch.stem.width
    plain = s == 0 and name in ("mnasnet_a1", "mnasnet_b1")
    return (b > 0 or stage.stride == 1) and before == stage.width and not plain


def _outputs(arch: Architecture) -> tuple[tuple[int, ...], int | None]:
    """What a width multiplier decides, without the stem, which some keep."""
    return tuple(stage.width for stage in arch.stages), arch.head.width


def _spelling(name: str, arch: Architecture) -> str:
    """A network's name with its width, like `mobilenet_v2-0.5`."""
    found = next(_widths_like(name, arch), None)
    if found is None:
        return f"{name} with widths of its own"
    stem = known(found).stem.width
    return found if stem == arch.stem.width else f"{found} with a stem of {arch.stem.width}"


def _widths_like(name: str, arch: Architecture) -> Iterator[str]:
    for hundredths in _HUNDREDTHS:
        spelt = f"{name}-{hundredths / 100:g}"
        if _outputs(known(spelt)) == _outputs(arch):
            yield spelt
