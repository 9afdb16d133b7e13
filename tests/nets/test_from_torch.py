"""A model of another library, from Python."""

from pathlib import Path
from types import ModuleType

import pytest
import torch

import nas


def test_from_torch_takes_a_model_of_another_library_with_its_weights(
    torchvision_models: ModuleType, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = torchvision_models.mobilenet_v3_small(num_classes=7).eval()
    arch = nas.from_torch(model, tmp_path / "w.safetensors")
    assert (arch.classes, arch.norm_eps) == (7, 0.001)
    image = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        found, expected = nas.module(arch, tmp_path / "w.safetensors")(image), model(image)
    torch.testing.assert_close(found, expected)


def test_from_torch_says_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(nas.NasError, match="does not say which network its weights are of"):
        nas.from_torch(torch.nn.Linear(3, 4), tmp_path / "w.safetensors")
