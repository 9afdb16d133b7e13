import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.nets.score import score, wilson


@pytest.mark.parametrize(
    ("correct", "count", "interval"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", Table I, method 3.
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0000, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_gives_newcombes_figures(correct: int, count: int, interval: tuple[float, float]) -> None:
    assert wilson(correct, count) == pytest.approx(interval, abs=5e-5)


@given(st.integers(1, 5000), st.data())
def test_wilson_holds_the_fraction_and_mirrors(count: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, count))
    low, high = wilson(correct, count)
    assert 0 <= low <= correct / count + 1e-12
    assert correct / count - 1e-12 <= high <= 1
    assert (1 - high, 1 - low) == pytest.approx(wilson(count - correct, count), abs=1e-12)


def test_score_of_known_losses() -> None:
    found = score(torch.tensor([0.5, 1.5, 1.0, 3.0]), torch.tensor([True, False, True, True]))
    assert (found.accuracy, found.loss, found.count) == (0.75, 1.5, 4)
