"""The weight gradient in strips is the gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from nas.nets.depthwise import depthwise


@settings(max_examples=60)
@given(
    kernel=st.sampled_from((3, 5, 7)),
    stride=st.sampled_from((1, 2)),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    channels=st.integers(1, 40),
    count=st.integers(1, 3),
    last=st.booleans(),
)
def test_values_and_gradients_are_those_of_the_convolution(
    kernel: int, stride: int, height: int, width: int, channels: int, count: int, last: bool
) -> None:
    generator = torch.Generator().manual_seed(height)
    layout = torch.channels_last if last else torch.contiguous_format
    images = torch.randn(count, channels, height, width, generator=generator).to(memory_format=layout).requires_grad_()
    weight = torch.randn(channels, 1, kernel, kernel, generator=generator).requires_grad_()
    exact = [value.detach().double().requires_grad_() for value in (images, weight)]
    oracle = F.conv2d(exact[0], exact[1], stride=stride, padding=kernel // 2, groups=channels)
    out = depthwise(images, weight, stride)
    gradient = torch.randn(out.shape, generator=generator)
    found = torch.autograd.grad(out, (images, weight), gradient)
    expected = torch.autograd.grad(oracle, exact, gradient.double())
    torch.testing.assert_close(out.double(), oracle, rtol=1e-4, atol=1e-4)
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), two, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("which", [0, 1])
def test_only_what_is_asked_for_is_computed(which: int) -> None:
    values = [torch.ones(1, 4, 6, 6), torch.ones(4, 1, 5, 5)]
    values[which].requires_grad_()
    torch.autograd.backward(depthwise(values[0], values[1], 1).sum())
    assert values[which].grad is not None
    assert values[1 - which].grad is None
