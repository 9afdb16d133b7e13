"""Samples as a person checks them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from nas.report.pages.samples import samples_page
from nas.tasks.drawing import choose_samples, colour_of, draw_box_samples, draw_boxes, draw_mask_samples, lay_mask
from nas.tasks.segmentation.sample import VOID
from tests.tasks.made import coco_box, detect, only_sample, save_coco, save_image, save_mask, segment
from tests.tasks.test_masks import stripes


def test_draw_boxes_draws_the_edges_within_the_box(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([20, 25, 30, 15], 7)])
    sample = only_sample(tmp_path, "coco")
    drawn = np.asarray(draw_boxes(Image.new("RGB", (64, 48)), sample.boxes, sample.labels, [""]))
    rows, columns = np.nonzero((drawn == colour_of(1)).all(axis=2))
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (20, 25, 49, 39)
    assert not drawn[30, 35].any()


def test_draw_boxes_makes_large_images_smaller_with_their_boxes(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "a.jpg", (64, 48))
    save_coco(tmp_path, [coco_box([32, 0, 32, 48])])
    sample = only_sample(tmp_path, "coco")
    drawn = draw_boxes(Image.new("RGB", (1280, 960)), sample.boxes, sample.labels, [""])
    assert drawn.size == (640, 480)


def test_lay_mask_mixes_the_colour_of_a_class_and_white_for_void() -> None:
    black = Image.new("RGB", (64, 48))
    laid = np.asarray(lay_mask(black, stripes(0, VOID)))
    np.testing.assert_allclose(laid[0, 0], 0.55 * np.array(colour_of(0)), atol=1)
    assert laid[0, 63].tolist() == [140, 140, 140]


def test_choose_samples_takes_more_of_larger_splits() -> None:
    chosen = choose_samples({"train": list(range(90)), "val": list(range(100, 130))})
    assert len(chosen) == 12
    assert [split for split, _ in chosen].count("train") == 9
    assert choose_samples({"val": [7]}) == [("val", 7)]


def test_draw_box_samples_shows_images_with_boxes_upright(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([1, 2, 30, 20])], orientation=6)
    data, source = detect(tmp_path, "coco")
    [drawn] = draw_box_samples(source, data)
    assert drawn.caption == "images/a.jpg (train): 1 boxes"
    assert Image.open(io.BytesIO(drawn.jpeg)).size == (48, 64)


def test_draw_mask_samples_names_the_classes_that_are_shown(tmp_path: Path) -> None:
    for name, mask in (("a", stripes(0, 2, 255)), ("b", stripes(1))):
        save_image(tmp_path / "images" / f"{name}.jpg")
        save_mask(tmp_path / "masks" / f"{name}.png", mask)
    data, source = segment(tmp_path)
    assert [one.caption for one in draw_mask_samples(source, data)] == [
        "images/a.jpg (train): 0, 2", "images/b.jpg (train): 1"
    ]  # fmt: skip


def test_samples_page_escapes_what_comes_from_files() -> None:
    page = samples_page("<b>", "<i>", [("<u>", "rgb(1, 2, 3)")], [('"><script>', b"jpeg")])
    assert "<script" not in page
    assert not [tag for tag in ("<b>", "<i>", "<u>") if tag in page]
    assert "&quot;&gt;&lt;script&gt;" in page
