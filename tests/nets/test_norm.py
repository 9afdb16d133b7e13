"""The joint norm and hard swish against the two modules of torch."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from nas.nets.norm import norm_hardswish

SHAPE = (8, 6, 5, 5)


def inputs(channels_last: bool) -> Tensor:
    images = 3 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return images.contiguous(memory_format=layout).requires_grad_()


def norm() -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(SHAPE[1], eps=1e-3)
    with torch.no_grad():
        made.weight.copy_(torch.linspace(0.5, 2, SHAPE[1]))
        made.bias.copy_(torch.linspace(-2, 2, SHAPE[1]))
    return made


def apart(norm: nn.BatchNorm2d, images: Tensor) -> Tensor:
    found: Tensor = nn.Hardswish()(norm(images))
    return found


def held_bytes(run: Callable[[nn.BatchNorm2d, Tensor], Tensor]) -> int:
    """Memory that the backward pass needs."""
    held: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        held[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    with saved_tensors_hooks(keep, lambda value: value):
        run(norm(), inputs(True) * 1)
    return sum(held.values())


@pytest.mark.parametrize("channels_last", [False, True])
def test_norm_hardswish_equals_both_modules_and_their_gradients(channels_last: bool) -> None:
    one, two = norm(), norm()
    given, expected = inputs(channels_last), inputs(channels_last)
    ours, theirs = norm_hardswish(one, given), apart(two, expected)
    assert torch.equal(ours, theirs)
    assert ours.is_contiguous(memory_format=torch.channels_last) == channels_last
    for name, value in one.named_buffers():
        assert torch.equal(value, two.get_buffer(name)), name
    gradient = torch.randn(SHAPE, generator=torch.Generator().manual_seed(2))
    torch.autograd.backward(ours, gradient)
    torch.autograd.backward(theirs, gradient)
    for found, wanted in ((given, expected), (one.weight, two.weight), (one.bias, two.bias)):
        assert found.grad is not None
        assert wanted.grad is not None
        torch.testing.assert_close(found.grad, wanted.grad, rtol=1e-4, atol=1e-5)


def test_norm_hardswish_holds_no_map_between_norm_and_activation() -> None:
    one_map = 4 * torch.Size(SHAPE).numel()
    assert held_bytes(norm_hardswish) < 1.5 * one_map
    assert held_bytes(apart) >= 2 * one_map


def test_norm_hardswish_averages_over_all_batches_if_the_momentum_says_so() -> None:
    one, two = norm(), norm()
    one.momentum = two.momentum = None
    for _ in range(2):
        torch.testing.assert_close(norm_hardswish(one, inputs(True)), apart(two, inputs(True)))
    assert one.num_batches_tracked is not None
    assert int(one.num_batches_tracked) == 2


def test_norm_hardswish_keeps_no_statistics_if_the_norm_has_none() -> None:
    one, two = (nn.BatchNorm2d(SHAPE[1], track_running_stats=False) for _ in range(2))
    assert torch.equal(norm_hardswish(one, inputs(True)), apart(two, inputs(True)))
    assert held_bytes(lambda _, images: norm_hardswish(one, images)) < 1.5 * 4 * torch.Size(SHAPE).numel()
