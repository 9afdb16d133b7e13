"""Published networks: exact counts, and the width rule that reproduces the MobileNetV3 paper's Table 9."""

import pytest
from msgspec.structs import replace

from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.known import KNOWN_NAMES, known
from nas.design.op import Add, Conv
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
        ("mobilenet_v1", 4_231_976, 568_740_352),
        ("mobilenet_v3_large_minimal", 3_924_288, 209_136_704),
        ("mobilenet_v3_small_minimal", 2_044_736, 52_288_448),
        ("mobilenet_v4_conv_small", 3_774_024, 186_005_568),
        ("mobilenet_v4_conv_medium", 9_715_512, 827_649_984),
        ("mnasnet_a1", 3_887_038, 311_579_072),
        ("mnasnet_b1", 4_383_312, 314_415_872),
        ("mnasnet_small", 2_030_264, 68_339_184),
        ("shufflenet_v1_g3", 1_865_728, 137_460_672),
        ("shufflenet_v2-0.5", 1_366_792, 40_476_448),
        ("shufflenet_v2", 2_278_604, 144_907_992),
        ("shufflenet_v2-1.5", 3_503_624, 295_759_392),
        ("shufflenet_v2-2", 7_393_996, 583_253_464),
        ("squeezenet_1_0", 1_248_424, 818_924_576),
        ("squeezenet_1_1", 1_235_496, 349_151_936),
        ("xception", 22_855_952, 8_357_403_496),
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


# Howard et al. 2017, Tables 6 and 7: millions of multiply-adds and of parameters.
@pytest.mark.parametrize(
    ("name", "mmacs", "mparams"),
    [
        ("mobilenet_v1-0.75", 325, 2.6),
        ("mobilenet_v1-0.5", 149, 1.3),
        ("mobilenet_v1-0.25", 41, 0.5),
        ("mobilenet_v1-1-192", 418, 4.2),
        ("mobilenet_v1-1-160", 290, 4.2),
        ("mobilenet_v1-1-128", 186, 4.2),
        ("mobilenet_v1-0.5-160", 76, 1.32),
    ],
)
def test_v1_widths_and_resolutions_follow_its_tables(name: str, mmacs: int, mparams: float) -> None:
    graph = lower(known(name))
    assert macs(graph) / 1e6 == pytest.approx(mmacs, abs=1.0)
    assert params(graph) / 1e6 == pytest.approx(mparams, abs=0.06)


# Zhang et al. 2018, Tables 1 and 2: millions of multiply-adds, of batch norms too, which are not counted here.
@pytest.mark.parametrize(
    ("name", "mmacs"),
    [
        ("shufflenet_v1_g1", 143),
        ("shufflenet_v1_g2", 140),
        ("shufflenet_v1_g3", 137),
        ("shufflenet_v1_g4", 133),
        ("shufflenet_v1_g8", 137),
        ("shufflenet_v1_g3-0.5", 38),
        ("shufflenet_v1_g3-1.5", 292),
        ("shufflenet_v1_g3-2", 524),
    ],
)
def test_shufflenets_are_of_the_published_complexity(name: str, mmacs: int) -> None:
    assert macs(lower(known(name))) / 1e6 == pytest.approx(mmacs, abs=1.5)


# The published code's table of MnasNet-A1: millions of multiply-adds and of parameters.
@pytest.mark.parametrize(("width", "mmacs", "mparams"), [(1.4, 591.5, 6.1), (0.75, 226.7, 2.9), (0.5, 105.2, 2.1)])
def test_mnasnet_a1_widths_follow_the_published_code(width: float, mmacs: float, mparams: float) -> None:
    graph = lower(known(f"mnasnet_a1-{width}"))
    assert macs(graph) / 1e6 == pytest.approx(mmacs, rel=0.03)
    assert params(graph) / 1e6 == pytest.approx(mparams, abs=0.06)


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("width", [0.25, 0.5, 0.75, 1.5, 2])
def test_shufflenet_groups_divide_every_width(groups: int, width: float) -> None:
    for node in lower(known(f"shufflenet_v1_g{groups}-{width}-64")).nodes:
        if isinstance(node.op, Conv):
            assert node.op.in_width % node.op.groups == node.op.out_width % node.op.groups == 0


def test_mnasnet_is_another_name_of_b1() -> None:
    assert known("mnasnet-0.5-96") == known("mnasnet_b1-0.5-96")


def test_a_resolution_that_leaves_nothing_gets_a_sentence() -> None:
    small = replace(known("squeezenet_1_0"), resolution=12)
    with pytest.raises(InvalidArchitecture, match="s2b0_pool leaves nothing of a map of 1 x 1 pixels: give a larger"):
        lower(small)


def test_bypasses_are_around_every_other_module() -> None:
    sums = [node.name for node in lower(known("squeezenet_1_0_bypass")).nodes if isinstance(node.op, Add)]
    assert sums == ["s0b1_add", "s2b0_add", "s3b1_add", "s5b0_add"]  # modules 3, 5, 7 and 9 of the paper's figure 2


def test_v2_head_grows_only_above_one() -> None:
    assert known("mobilenet_v2-0.5").head.width == 1280
    assert known("mobilenet_v2-1.4").head.width == 1792


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_spelling_with_ones_is_the_plain_network(name: str) -> None:
    assert known(f"{name}-1.0-{known(name).resolution}") == known(name)


@pytest.mark.parametrize(
    "name", ["mobilenet_v5", "mobilenet_v3_large-", "mobilenet_v3_large-0-224", "mobilenet_v2-1-5"]
)
def test_another_name_gets_a_sentence(name: str) -> None:
    with pytest.raises(InvalidArchitecture, match=name):
        known(name)
