"""torchvision's own networks as the oracle: the same weights give the same outputs."""

from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from nas.design.known import NAMES, known
from nas.design.plan import lower
from nas.errors import NasError
from nas.nets.build import build
from nas.nets.weights import load_weights


def scrambled(network: torch.nn.Module) -> torch.nn.Module:
    """Norms that do something: at initialisation they are all ones and zeros, and hide a mistake."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5, generator=generator)  # type: ignore[union-attr]
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(0, 0.2, generator=generator)  # type: ignore[union-attr]
        if isinstance(module, torch.nn.Linear):
            module.weight.data.normal_(0, 0.1, generator=generator)
    return network.eval()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_same_weights_give_the_same_outputs(
    name: str, suffix: str, torchvision_models: ModuleType, tmp_path: Path
) -> None:
    theirs = scrambled(getattr(torchvision_models, name)())
    path = tmp_path / f"seed{suffix}"
    if suffix == ".pth":
        torch.save(theirs.state_dict(), path)
    else:
        save_file(theirs.state_dict(), path)
    arch = known(name)
    loaded = load_weights(path, arch)
    assert loaded.fresh == ()
    ours = build(lower(arch)).eval()
    ours.load_state_dict(loaded.state)
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = theirs(images)
        torch.testing.assert_close(ours(images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert float(expected.std()) > 1e-3


def test_another_number_of_classes_leaves_the_classifier_fresh(torchvision_models: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "seed.pth"
    torch.save(torchvision_models.mobilenet_v3_small().state_dict(), path)
    loaded = load_weights(path, known("mobilenet_v3_small", classes=10))
    assert loaded.fresh == ("head_classifier.linear.weight", "head_classifier.linear.bias")
    assert not set(loaded.fresh) & set(loaded.state)


def test_the_first_mismatch_is_named(torchvision_models: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "seed.pth"
    torch.save(torchvision_models.mobilenet_v3_small().state_dict(), path)
    with pytest.raises(NasError, match=r"seed\.pth: .*(stem|s0b0)"):
        load_weights(path, known("mobilenet_v3_large"))
