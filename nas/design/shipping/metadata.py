"""`describe_model`: what a model file says of itself, so that it can be used without the run that made it."""

import json
import struct
from collections.abc import Mapping, Sequence

import msgspec

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.size import describe_size

_ALIGNMENT = 8  # of the data behind a safetensors header


def describe_model(arch: Architecture, classes: Sequence[str], version: str) -> dict[str, str]:
    """Texts by name: `mean`, `std`, `resolution`, `tool` and, if known, `classes` in the order of the outputs.

    Where a network does more than to classify, also its `task` and the names of its `outputs`; of a detector the
    `anchors`, map by map, from which `lay_anchors` makes those that its boxes are told of. The first of their classes
    is the background.

    Lists are JSON; the resolution is the side of a square, else like `192x320`, height first. Every model file takes
    float32 images [1, 3, height, width] of RGB pixels from 0 to 1 after (pixel - mean) / std, with the mean and
    deviation that its weights were trained with. They are not folded into the first convolution: zeros are padded
    around the normalised image, and a fold of the mean would change its rim.
    """
    texts = {
        "mean": json.dumps(list(arch.mean)),
        "std": json.dumps(list(arch.std)),
        "resolution": describe_size(arch.resolution),
        "tool": f"nas {version}",
    }
    named = {"classes": json.dumps(list(classes), ensure_ascii=False)} if classes else {}
    return texts | _describe_dense(arch) | named


def _describe_dense(arch: Architecture) -> dict[str, str]:
    if arch.task == "classification":
        return {}
    graph = lower(arch)
    texts = {"task": arch.task, "outputs": json.dumps([output.name for output in graph.outputs])}
    return texts | ({"anchors": msgspec.json.encode(graph.anchors).decode()} if graph.anchors else {})


def describe_weights(arch: Architecture, classes: Sequence[str], version: str) -> dict[str, str]:
    """The same for a file of weights, and the `architecture` that they are of as JSON."""
    return describe_model(arch, classes, version) | {"architecture": msgspec.json.encode(arch).decode()}


def with_header(data: bytes, texts: Mapping[str, str]) -> bytes:
    """A safetensors file with these texts in its header; its tensors stay as they are, and so does any other file."""
    if data[8:9] != b"{":
        return data
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    written = json.dumps({"__metadata__": {**header.pop("__metadata__", {}), **texts}, **header}).encode()
    written += b" " * (-len(written) % _ALIGNMENT)
    return struct.pack("<Q", len(written)) + written + data[8 + length :]
