"""torchvision's detector and segmenter as the oracle: the same weights give the same outputs, boxes and all."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from torch import Tensor, nn

from nas.design.architecture import Architecture
from nas.design.dense.anchors import decode_boxes, lay_anchors
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import NasError
from nas.nets.network import with_weights
from nas.nets.weights.recognise import adopted, recognised
from nas.nets.weights.weights_file import load_weights
from nas.ship.original import find_original
from tests.nets.test_foreign import scrambled

SSDLITE, LRASPP = "ssdlite320_mobilenet_v3_large", "lraspp_mobilenet_v3_large"


def made(models: ModuleType, name: str, classes: int = 7) -> nn.Module:
    """One of torchvision's, with random weights."""
    torch.manual_seed(0)
    room = models.detection if name == SSDLITE else models.segmentation
    return scrambled(getattr(room, name)(weights=None, weights_backbone=None, num_classes=classes))


def written(path: Path, network: nn.Module) -> Path:
    torch.save(network.state_dict(), path)
    return path


def outputs(arch: Architecture, path: Path, images: Tensor) -> tuple[Tensor, ...]:
    """Ours, of images that are normalised already."""
    network = with_weights(lower(arch), load_weights(path, arch).state).eval()
    network.rescaled = None
    with torch.inference_mode():
        return network.outputs(images)


@pytest.fixture(scope="module")
def detector(torchvision_models: ModuleType) -> Any:
    return made(torchvision_models, SSDLITE)


@pytest.mark.parametrize("size", [(160, 160), (96, 224)])
def test_ssdlite_gives_torchvisions_outputs_at_any_size(size: tuple[int, int], detector: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "ssd.pth", detector)
    found = recognised(path)
    assert found.architecture == known(SSDLITE, 7)
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    arch = replace(found.architecture, resolution=size)
    scores, boxes = outputs(arch, path, images)
    with torch.inference_mode():
        theirs = detector.head(list(detector.backbone(images).values()))
    torch.testing.assert_close(scores, theirs["cls_logits"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(boxes, theirs["bbox_regression"], rtol=1e-4, atol=1e-5)
    assert min(float(scores.std()), float(boxes.std())) > 1e-3
    _agree_on_boxes(detector, arch, boxes, size)


def _agree_on_boxes(detector: Any, arch: Architecture, boxes: Tensor, size: tuple[int, int]) -> None:
    from torchvision.models.detection.image_list import ImageList

    maps = lower(arch).anchors
    features = [torch.zeros(1, 1, one.rows, one.columns) for one in maps]
    (theirs,) = detector.anchor_generator(ImageList(torch.zeros(1, 3, *size), [size]), features)
    sides = np.array([size[1], size[0]] * 2, np.float32)
    anchors = lay_anchors(maps)
    corners = decode_boxes(np.zeros_like(anchors), anchors) * sides
    np.testing.assert_allclose(corners, theirs.numpy(), rtol=1e-5, atol=1e-3)
    expected = detector.box_coder.decode_single(boxes[0], theirs)
    np.testing.assert_allclose(decode_boxes(boxes[0].numpy(), anchors) * sides, expected.numpy(), rtol=1e-4, atol=1e-2)


def test_lraspp_gives_torchvisions_outputs(torchvision_models: ModuleType, tmp_path: Path) -> None:
    theirs = made(torchvision_models, LRASPP)
    path = written(tmp_path / "lraspp.pth", theirs)
    found = recognised(path)
    assert found.architecture == known(LRASPP, 7)
    images = torch.randn(2, 3, 97, 130, generator=torch.Generator().manual_seed(1))
    (logits,) = outputs(replace(found.architecture, resolution=(97, 130)), path, images)
    with torch.inference_mode():
        expected = theirs(images)["out"]
    assert logits.shape == (2, 7, 97, 130)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert float(expected.std()) > 1e-2


def test_adopted_keeps_the_size_that_was_asked_for(detector: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "ssd.pth", detector)
    spelt = f"{SSDLITE}-1-192x256"
    assert adopted(path, spelt, known(spelt)).architecture == replace(known(SSDLITE, 7), resolution=(192, 256))


def test_a_detector_of_another_shape_is_refused(detector: Any, tmp_path: Path) -> None:
    state = {name: value for name, value in detector.state_dict().items() if ".extra.3." not in name}
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(NasError, match="holds weights as torchvision SSDLite names them, but of none of"):
        recognised(tmp_path / "cut.pth")


@pytest.mark.parametrize("name", [SSDLITE, LRASPP])
def test_find_original_gives_the_outputs_that_ours_have(
    name: str, torchvision_models: ModuleType, tmp_path: Path
) -> None:
    path = written(tmp_path / "weights.pth", made(torchvision_models, name))
    found = recognised(path)
    original = find_original(path, found)
    assert original is not None
    assert original.name == f"torchvision's {name}"
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    ours = outputs(replace(found.architecture, resolution=64), path, images)
    for one, other in zip(ours, original(images), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
