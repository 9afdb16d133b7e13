"""Published networks: exact counts, and the width rule that reproduces the MobileNetV3 paper's Table 9."""

import pytest

from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.known import KNOWN_NAMES, known
from nas.errors import InvalidArchitecture

# MobileNetV3 (arXiv 1905.02244v5) Table 9: name, millions of multiply-adds, millions of parameters, as printed.
TABLE_9 = [
    ("mobilenet_v3_large-1.25", 356, 7.5),
    ("mobilenet_v3_large", 217, 5.4),
    ("mobilenet_v3_large-0.75", 155, 4.0),
    ("mobilenet_v3_large-0.5", 69, 2.6),
    ("mobilenet_v3_large-0.35", 40, 2.2),
    ("mobilenet_v3_large-1-256", 282, 5.4),
    ("mobilenet_v3_large-1-192", 160, 5.4),
    ("mobilenet_v3_large-1-160", 112, 5.4),
    ("mobilenet_v3_large-1-128", 73, 5.4),
    ("mobilenet_v3_large-1-96", 43, 5.4),
    ("mobilenet_v3_small", 57, 2.5),
    ("mobilenet_v3_small-0.75", 44, 2.0),
    ("mobilenet_v3_small-0.5", 21, 1.6),
    ("mobilenet_v3_small-0.35", 12, 1.4),
    ("mobilenet_v3_small-1-160", 30, 2.5),
    ("mobilenet_v3_small-1-96", 12, 2.5),
]


@pytest.mark.parametrize(
    ("name", "expected_params", "expected_macs"),
    [
        ("mobilenet_v3_large", 5_483_032, 216_589_760),
        ("mobilenet_v3_small", 2_542_856, 56_510_400),
        ("mobilenet_v2", 3_504_872, 300_774_272),
        ("mnasnet", 4_383_312, 314_415_872),
        ("efficientnet_lite0", 4_652_008, 385_187_552),
        ("efficientnet_lite1", 5_416_680, 600_185_232),
        ("efficientnet_lite2", 6_092_072, 859_736_272),
        ("mobilenet_v3_large-0.75", 3_993_528, 154_560_624),
        ("mobilenet_v3_small-0.75", 2_041_872, 43_399_344),
    ],
)
def test_counts_are_exactly_the_published_ones(name: str, expected_params: int, expected_macs: int) -> None:
    graph = lower(known(name))
    assert (params(graph), macs(graph)) == (expected_params, expected_macs)


@pytest.mark.parametrize(("name", "mmacs", "mparams"), TABLE_9)
def test_width_and_resolution_follow_table_9(name: str, mmacs: int, mparams: float) -> None:
    graph = lower(known(name))
    assert macs(graph) / 1e6 == pytest.approx(mmacs, abs=1.0)
    assert params(graph) / 1e6 == pytest.approx(mparams, abs=0.1)


# MobileNetV2's released checkpoints, millions of multiply-adds (its 1280 head is scaled only above 1).
@pytest.mark.parametrize(("width", "mmacs"), [(1.4, 582), (1.3, 509), (1.0, 300), (0.75, 209), (0.5, 97), (0.35, 59)])
def test_v2_widths_follow_the_released_checkpoints(width: float, mmacs: int) -> None:
    assert macs(lower(known(f"mobilenet_v2-{width}"))) / 1e6 == pytest.approx(mmacs, abs=1.0)


# torchvision's figures of its MNASNets: parameters, billions of multiply-adds.
@pytest.mark.parametrize(
    ("width", "count", "gmacs"),
    [(0.5, 2_218_512, 0.104), (0.75, 3_170_208, 0.215), (1.0, 4_383_312, 0.314), (1.3, 6_282_256, 0.526)],
)
def test_mnasnet_widths_are_torchvisions(width: float, count: int, gmacs: float) -> None:
    graph = lower(known(f"mnasnet-{width}"))
    assert params(graph) == count
    assert macs(graph) / 1e9 == pytest.approx(gmacs, abs=6e-4)


def test_v2_head_grows_only_above_one() -> None:
    assert known("mobilenet_v2-0.5").head.width == 1280
    assert known("mobilenet_v2-1.4").head.width == 1792


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_spelling_with_ones_is_the_plain_network(name: str) -> None:
    assert known(f"{name}-1.0-{known(name).resolution}") == known(name)


@pytest.mark.parametrize(
    "name", ["mobilenet_v4", "mobilenet_v3_large-", "mobilenet_v3_large-0-224", "mobilenet_v2-1-5"]
)
def test_another_name_gets_a_sentence(name: str) -> None:
    with pytest.raises(InvalidArchitecture, match=name):
        known(name)
