"""The compact text form of an architecture: a line a stage, a cell a block, to be laid beside the paper's table.

input 224
stem 16 hswish
stage 24 s2 | k3 e64 relu | k3 e72 relu res
head 960 1280 hswish
classes 1000
norm 0.001
"""

import re
from typing import Any

import msgspec

from nas.design.architecture import IMAGENET_MEAN, IMAGENET_STD, Architecture, Block, Stage
from nas.errors import InvalidArchitecture

_BLOCK = re.compile(r"k(?P<kernel>\d+)( e(?P<expanded>\d+))?(?P<se> se)? (?P<activation>[a-z0-9]+)(?P<residual> res)?")
_STAGE = re.compile(r"stage (?P<width>\d+) s(?P<stride>\d+) \| (?P<blocks>.+)")
_HEAD = re.compile(r"head (?P<width>\d+)( (?P<hidden>\d+))? (?P<activation>[a-z0-9]+)")


def to_text(arch: Architecture) -> str:
    """The text form, lines ended by a newline."""
    hidden = "" if arch.head.hidden is None else f" {arch.head.hidden}"
    lines = [
        f"input {arch.resolution}",
        f"stem {arch.stem.width} {arch.stem.activation}",
        *(_stage_text(stage) for stage in arch.stages),
        f"head {arch.head.width}{hidden} {arch.head.activation}",
        f"classes {arch.classes}",
        f"norm {arch.norm_eps!r}",
        *_pretrained_text(arch),
    ]
    return "\n".join(lines) + "\n"


def _pretrained_text(arch: Architecture) -> list[str]:
    """What comes with pretrained weights, where it is not ImageNet's mean and deviation and symmetric padding."""
    triples = {"mean": (arch.mean, IMAGENET_MEAN), "std": (arch.std, IMAGENET_STD)}
    lines = [f"{name} {' '.join(map(repr, value))}" for name, (value, usual) in triples.items() if value != usual]
    return lines if arch.padding == "symmetric" else [*lines, f"padding {arch.padding}"]


def _stage_text(stage: Stage) -> str:
    return " | ".join([f"stage {stage.width} s{stage.stride}", *(_block_text(block) for block in stage.blocks)])


def _block_text(block: Block) -> str:
    expanded = "" if block.expanded is None else f" e{block.expanded}"
    return f"k{block.kernel}{expanded}{' se' * block.se} {block.activation}{' res' * block.residual}"


def from_text(text: str) -> Architecture:
    """The architecture of a text form; InvalidArchitecture names the line or the value and the rule."""
    document: dict[str, Any] = {"stages": []}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            _read_line(line.strip(), document)
        except ValueError as error:
            raise InvalidArchitecture(f"line {number} ({line.strip()!r}): {error}.") from error
    try:
        return msgspec.convert(document, Architecture)
    except msgspec.ValidationError as error:
        raise InvalidArchitecture(f"{error}.") from error


def _read_line(line: str, document: dict[str, Any]) -> None:
    match line.split():
        case []:
            pass
        case ["input", size]:
            document["resolution"] = int(size)
        case ["stem", width, activation]:
            document["stem"] = {"width": int(width), "activation": activation}
        case ["stage", *_] if found := _STAGE.fullmatch(line):
            document["stages"].append(_read_stage(found))
        case ["head", *_] if found := _HEAD.fullmatch(line):
            hidden = found["hidden"]
            document["head"] = {
                "width": int(found["width"]),
                "hidden": None if hidden is None else int(hidden),
                "activation": found["activation"],
            }
        case ["classes", count]:
            document["classes"] = int(count)
        case ["norm", eps]:
            document["norm_eps"] = float(eps)
        case ["mean" | "std" as name, *values]:
            document[name] = [float(value) for value in values]
        case ["padding", kind]:
            document["padding"] = kind
        case _:
            raise ValueError("expected input, stem, stage, head, classes, norm, mean, std or padding as documented")


def _read_stage(found: re.Match[str]) -> dict[str, Any]:
    blocks = []
    for cell in found["blocks"].split(" | "):
        block = _BLOCK.fullmatch(cell)
        if block is None:
            raise ValueError(f"{cell!r} is no block like 'k3 e64 se relu res'")
        expanded = block["expanded"]
        blocks.append(
            {
                "kernel": int(block["kernel"]),
                "expanded": None if expanded is None else int(expanded),
                "se": block["se"] is not None,
                "activation": block["activation"],
                "residual": block["residual"] is not None,
            }
        )
    return {"width": int(found["width"]), "stride": int(found["stride"]), "blocks": blocks}
