"""Baselines of detectors and segmenters are detectors and segmenters."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.algorithms.finish.final_training import baselines
from nas.algorithms.finish.start_baseline import start_baseline
from nas.algorithms.finish.width_baseline import scaling, width_baseline
from nas.algorithms.pipeline.context import Context
from nas.design.architecture import Architecture
from nas.design.dense.head import DenseHead
from nas.design.dense.union import LrAspp, SsdLite
from nas.design.edits.edit import edited
from nas.design.known import known
from nas.jobs import Teacher

Open = Callable[..., Context]
DETECTOR, SEGMENTER = known("ssdlite_mobilenet_v3_small-0.75-96", 10), known("lraspp_mobilenet_v3_small-0.5-96x128", 10)


@pytest.mark.parametrize("arch", [DETECTOR, SEGMENTER], ids=["detector", "segmenter"])
def test_published_baselines_have_the_head_of_the_found_network(
    arch: Architecture, tmp_path: Path, open_context: Open
) -> None:
    assert isinstance(arch.dense, DenseHead)
    rows = baselines(open_context(tmp_path / "run", target_ms=9.0), arch)
    backbones = ("mobilenet_v3_large", "mobilenet_v3_small")
    assert [row.name.rpartition("-")[0] for row in rows] == [f"{arch.dense.kind}_{name}" for name in backbones]
    for row in rows:
        name, _, width = row.name.rpartition("-")
        size = "96" if arch is DETECTOR else "96x128"
        assert row.architecture == known(f"{name}-{float(width):.2f}-{size}", 10)


def test_names_of_heads_are_not_given_another(tmp_path: Path, open_context: Open) -> None:
    ctx = open_context(tmp_path / "run", target_ms=9.0, published=("ssdlite_mobilenet_v2",))
    [row] = baselines(ctx, DETECTOR)
    assert row.name.startswith("ssdlite_mobilenet_v2-")


def test_a_width_multiplier_scales_extra_maps_as_published_detectors_do() -> None:
    arch = known("ssdlite_mobilenet_v3_small-1-96", 10)
    half, tenth = (edited(arch, scaling(arch, width)).dense for width in (0.5, 0.1))
    assert half == known("ssdlite_mobilenet_v3_small-0.5-96").dense == SsdLite((256, 128, 128, 64))
    assert tenth == known("ssdlite_mobilenet_v3_small-0.1-96").dense == SsdLite((48, 24, 24, 16))


def test_a_width_multiplier_leaves_the_branches_of_a_segmenter_as_published_ones_have_them() -> None:
    arch = known("lraspp_mobilenet_v3_small-1-96", 10)
    assert edited(arch, scaling(arch, 0.25)).dense == known("lraspp_mobilenet_v3_small-0.25-96").dense == LrAspp()


@pytest.mark.parametrize("name", ["ssdlite_mobilenet_v3_small-1-96", "lraspp_mobilenet_v3_small-1-96"])
def test_baselines_from_a_start_network_keep_its_head(name: str, tmp_path: Path, open_context: Open) -> None:
    start = known(name, 10)
    ctx = open_context(tmp_path / "run", target_ms=0.4)
    weights = ctx.work.folder / "start.safetensors"
    weights.write_text("start")
    found = replace(known(name.replace("-1-", "-0.5-"), 10), resolution=64)
    [narrow] = width_baseline(ctx, Teacher(start, weights), found)
    [small] = start_baseline(ctx, start, weights)
    for row in (narrow, small):
        assert row.architecture.task == start.task
    assert isinstance(start.dense, DenseHead)
    assert isinstance(narrow.architecture.dense, DenseHead)
    assert list(narrow.architecture.dense.widths) == list(start.dense.widths)
    assert small.architecture == replace(start, resolution=small.architecture.resolution)
