"""The once-for-all space against the counts that were published for its networks."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.space import load_space
from tests.design.inverted import inverted

SPACE = load_space("ofa_mobilenet_v3")
GOLDEN = Path(__file__).parent / "golden" / "ofa_mobilenet_v3.txt"
# Their hidden layer is a convolution without bias, ours is fully connected with one.
HIDDEN_BIAS = 1280


def published() -> Iterator[tuple[dict[str, Any], int, int]]:
    """Choices, parameters and MACs of each network."""
    for line in GOLDEN.read_text().splitlines()[2:]:
        *choices, parameters, multiply_adds = line.split()
        depths, kernels, expansions = ([int(part) for part in choice.split("-")] for choice in choices)
        answers = {f"s{s}.depth": depth for s, depth in enumerate(depths, start=1)}
        for slot in range(20):
            block = f"s{slot // 4 + 1}b{slot % 4}"
            answers |= {f"{block}.kernel": kernels[slot], f"{block}.expansion": expansions[slot]}
        yield answers, int(parameters), int(multiply_adds)


def _recorded(answers: dict[str, Any], name: str, _: Any) -> Any:
    return answers[name]


def test_parameters_and_macs_are_the_published_ones() -> None:
    rows = list(published())
    assert len(rows) == 36
    for answers, parameters, multiply_adds in rows:
        graph = lower(SPACE.draw(partial(_recorded, answers)))
        assert (params(graph) - HIDDEN_BIAS, macs(graph)) == (parameters, multiply_adds)


def test_its_size_is_the_published_one() -> None:
    """Cai et al. 2020 (arXiv 1908.09791) give this product, about 2 x 10^19."""
    assert SPACE.size() == (9**2 + 9**3 + 9**4) ** 5


@given(data=st.data())
def test_a_block_that_is_not_there_is_not_asked_about(data: st.DataObject) -> None:
    asked: dict[str, Any] = {}

    def choose(name: str, options: Any) -> Any:
        asked[name] = data.draw(st.sampled_from(options))
        return asked[name]

    arch = SPACE.draw(choose)
    depths = [len(stage.blocks) for stage in arch.stages[1:]]
    assert len(asked) == 5 + 2 * sum(depths)
    for s, stage in enumerate(arch.stages[1:], start=1):
        assert [inverted(block).kernel for block in stage.blocks] == [
            asked[f"s{s}b{b}.kernel"] for b in range(len(stage.blocks))
        ]


def test_the_options_are_all_that_may_be_asked() -> None:
    names = list(SPACE.options())
    assert len(names) == 45
    assert names[:4] == ["s1.depth", "s1b0.kernel", "s1b0.expansion", "s1b1.kernel"]
