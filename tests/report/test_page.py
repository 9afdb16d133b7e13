import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from nas.algorithms.budgets import BudgetUse
from nas.algorithms.pipeline.records import Shelved, Spent, Taken, Trial
from nas.algorithms.planning.run_plan import PLAN_FILE, Amounts, PlannedStage, RunPlan
from nas.design.files import write_json
from nas.errors import InvalidRun, NasError
from nas.report.pages.page import write_report
from tests.report.sample import HOSTILE, RECORDS, Reader, result, write_run, write_several


def read(run: Path) -> Reader:
    return Reader(write_report(run).read_text())


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", ended=result())


def test_the_report_lies_in_the_run_folder(ended: Path) -> None:
    assert write_report(ended) == ended / "report.html"


def test_the_headline_says_accuracy_time_and_target(ended: Path) -> None:
    words = read(ended).words
    assert "95.0 % accuracy in 14.50 ms, within the target of 15 ms" in words
    assert "14.2 to 15.9 ms in the middle 80 % of 50 runs, repeatable to 0.1 ms) with onnxruntime on a machine" in words
    assert "95 % interval 92.0 to 97.0 %" in words


def test_a_missed_target_is_said(tmp_path: Path) -> None:
    assert "NOT within the target of 15 ms" in read(write_run(tmp_path, ended=result(measured_ms=15.1))).words


def test_every_figure_is_there(ended: Path) -> None:
    assert read(ended).figures == ["trade-off", "latency-by-op", "predicted-measured", "widths", "proposals"]


def test_nothing_is_loaded_from_elsewhere(ended: Path) -> None:
    page = read(ended)
    assert page.links == []
    assert not page.tags & {"link", "iframe", "img", "object", "embed"}
    assert "@import" not in ended.joinpath("report.html").read_text().split("<script>")[0]


def test_plotly_is_inlined_once(ended: Path) -> None:
    text = write_report(ended).read_text()
    assert text.count("plotly.js v") == 1
    assert 4e6 < len(text) < 6e6


def test_the_shipped_ending_comes_first_and_is_marked(ended: Path) -> None:
    rows = read(ended).tables["baselines"]
    assert [row[0] for row in rows[1:]] == ["found, inherited (shipped)", "found, scratch", "mobilenet_v3_large-1.2"]
    sizes, times = ["96 px", "3.00 M", "90.0 M"], ["14.3 ms", "14.5 ms"]
    assert rows[1][1:] == [*sizes, *times, "97.0 %", "96.0 %", "95.0 %", "92.0 to 97.0 %"]


def test_the_classes_are_listed_from_the_worst(ended: Path) -> None:
    page = read(ended)
    assert page.tables["classes"][1:] == [["dog", "89.0 %"], ["cat", "97.0 %"]]
    assert "Balanced accuracy, the mean over the classes, is 93.0 %" in page.words
    assert "On the validation split it had 97.0 % when trained and has 96.0 % as exported." in page.words


def test_a_baseline_that_ships_is_marked_and_compared_with_what_was_found(tmp_path: Path) -> None:
    ended = replace(result(), ending="mobilenet_v3_large-1.2", accuracy=0.96)
    page = read(write_run(tmp_path / "run", ended=ended))
    assert [cells[0] for cells in page.tables["baselines"] if "(shipped)" in cells[0]] == [
        "mobilenet_v3_large-1.2 (shipped)"
    ]
    told = "The shipped network, the baseline mobilenet_v3_large-1.2, is 1.0 points above the best network found,"
    assert told in page.words


def test_overlapping_intervals_are_called_undecided(ended: Path) -> None:
    words = read(ended).words
    assert "1.0 points above the best baseline, mobilenet_v3_large-1.2" in words
    assert "this run alone does not show which of them is better" in words


def test_costs_are_told_by_stage(ended: Path) -> None:
    assert read(ended).tables["cost"][1:] == [
        ["latency table", "", "1 min 0 s"],
        ["block search", "3 trials (1 complete, 1 pruned, 1 infeasible)", "30 s"],
        ["NetAdapt", "1 proposals, 1 accepted", "5 s"],
        ["the whole run", "", "11 min 40 s"],
    ]


def test_evaluator_sampler_and_recipe_are_said(ended: Path) -> None:
    settings = {"target_ms": 15, "evaluator": "supernet", "sampler": "predictor", "recipe": "paper"}
    (ended / "settings.json").write_text(json.dumps(settings))
    assert "Evaluator supernet, sampler predictor. Recipe paper." in read(ended).words


@pytest.mark.parametrize(
    ("augment", "told"), [(["crop", "mixup"], "changed by crop, mixup."), ([], "changed by nothing.")]
)
def test_an_augmentation_other_than_the_recipes_is_said(augment: list[str], told: str, ended: Path) -> None:
    assert "Training images are changed" not in read(ended).words
    (ended / "settings.json").write_text(json.dumps({"target_ms": 15, "augment": augment}))
    assert f"Recipe modern. Training images are {told}" in read(ended).words


def test_the_one_resolution_of_training_judging_and_shipping_is_said(ended: Path) -> None:
    assert "Trained in the end, judged and shipped at 96 px." in read(ended).words


def test_shared_weights_of_an_earlier_run_are_said(tmp_path: Path) -> None:
    taken = Taken("shared-weights", "w", Shelved("0" * 64, (1, 2), 0.9, 125.0, "2026-11-22T07:00:00+00:00"))
    run = write_run(tmp_path, (*RECORDS, taken, Spent("spent-9", 1.0, "shared weights")), result())
    (run / "settings.json").write_text('{"target_ms": 15}')
    page = read(run)
    assert "of a run that finished them on 2026-11-22T07:00:00+00:00 in 2 min 5 s" in page.words
    assert ["shared weights", "taken from an earlier run", "1 s"] in page.tables["cost"]


def test_the_search_is_drawn_over_its_evaluations(tmp_path: Path) -> None:
    more = [replace(RECORDS[2], key="trial-3", number=3), replace(RECORDS[2], key="trial-4", number=4)]
    assert "progress" in read(write_run(tmp_path, (*RECORDS, *more), result())).figures


def test_several_targets_are_one_table_that_leads_to_their_pages(tmp_path: Path) -> None:
    page = read(write_several(tmp_path, (15.0, 25.0)))
    assert "2 of 3 targets met" in page.words
    assert [row[0] for row in page.tables["targets"]] == ["target", "15 ms", "25 ms"]
    assert page.tables["targets"][1][1:3] == ["14.5 ms", "14.3 ms"]
    assert page.tables["targets"][1][-1] == "mobilenet_v3_large-1.2: 94.0 % (91.0 to 96.0 %)"
    assert page.links == ["15ms/report.html", "25ms/report.html"]
    assert "No network reaches 20 ms." in page.words
    assert page.figures == ["trade-off"]
    assert page.tables["cost"][-1] == ["the whole run", "", "11 min 40 s"]
    for name in page.links:
        assert "95.0 % accuracy in 14.50 ms" in Reader((tmp_path / name).read_text()).words


LIMIT = BudgetUse("parameters", "parameters", 3_500_000, 3_000_000)


def test_limits_beside_latency_are_said_with_what_ships(tmp_path: Path, ended: Path) -> None:
    page = read(write_run(tmp_path / "limited", RECORDS, replace(result(), budgets=(LIMIT,))))
    assert "Limits: 3,000,000 of at most 3,500,000 parameters." in page.words
    assert "Limits:" not in read(ended).words


def test_several_targets_say_the_limits_of_each_network(tmp_path: Path) -> None:
    run = write_several(tmp_path, (15.0, 25.0))
    assert "Each network has" not in read(run).words
    for name in ("15ms", "25ms"):
        write_json(run / name / "result.json", replace(result(), budgets=(LIMIT,)))
    assert "Each network has at most 3,500,000 parameters." in read(run).words


def test_an_unfinished_run_with_several_targets_shows_what_there_is(tmp_path: Path) -> None:
    page = read(write_several(tmp_path, (15.0,), ended=False))
    assert "1 of 3 targets met so far" in page.words
    assert "Start the same command" in page.words
    assert read(write_several(tmp_path / "new", (), ended=False)).figures == []


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    page = read(write_run(tmp_path, ended=result(classes=("cat", HOSTILE), data=HOSTILE)))
    assert page.links == []
    assert "img" not in page.tags
    assert page.words.count(HOSTILE) == 4


def test_a_hostile_name_in_a_figure_stays_text(tmp_path: Path) -> None:
    named = [record for record in RECORDS if not isinstance(record, Trial)][-1]
    assert named.key == "baseline-mobilenet_v3_large-1.2"
    run = write_run(tmp_path, (replace(named, name=HOSTILE),), result())
    assert read(run).links == []
    assert HOSTILE not in (run / "report.html").read_text()


def test_an_unfinished_run_shows_what_there_is(tmp_path: Path) -> None:
    page = read(write_run(tmp_path))
    assert "Unfinished run: 3 trials, 1 NetAdapt steps, 3 final networks" in page.words
    assert page.figures == ["trade-off", "predicted-measured", "widths", "proposals"]
    assert page.tables["networks"][1][:2] == ["scratch", "ending"]


def test_an_unfinished_run_takes_its_target_from_its_settings(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    (run / "settings.json").write_text('{"command": "search", "target_ms": 7.5}')
    assert "Unfinished run for 7.5 ms: 3 trials" in read(run).words
    assert '"x0":7.5' in (run / "report.html").read_text()


def test_a_run_that_has_just_begun_is_a_page(tmp_path: Path) -> None:
    page = read(write_run(tmp_path, records=()))
    assert "Unfinished run: 0 trials" in page.words
    assert page.figures == []


def test_a_run_of_infeasible_trials_alone_is_a_page(tmp_path: Path) -> None:
    assert read(write_run(tmp_path, records=tuple(r for r in RECORDS if r.key == "trial-2"))).figures == ["trade-off"]


def test_a_torn_last_line_is_ignored(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    journal = run / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    assert "3 trials, 1 NetAdapt steps, 2 final networks" in read(run).words


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (run / "journal.jsonl").write_bytes(b"".join([lines[0], b"{}\n", *lines[1:]]))
    with pytest.raises(InvalidRun, match=r"journal\.jsonl, line 2"):
        write_report(run)


def test_a_damaged_result_is_named(ended: Path) -> None:
    (ended / "result.json").write_text('{"target_ms": "soon"}')
    with pytest.raises(InvalidRun, match=r"result\.json"):
        write_report(ended)


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_what_is_no_run_folder_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        NasError, match=rf"{name}: is no run folder, there is no journal\.jsonl in it\. Name the folder"
    ):
        write_report(tmp_path / name)


def test_what_was_planned_stands_beside_what_it_cost(ended: Path) -> None:
    stages = (
        PlannedStage("measuring", 20),
        PlannedStage("latency table", 50),
        PlannedStage("NetAdapt", 40),
        PlannedStage("reserve", 10),
    )
    made = RunPlan(Amounts(1000, 3, 1, 8, 0.01, 4), stages, 240)
    (ended / PLAN_FILE).write_bytes(msgspec.json.encode(made))
    assert read(ended).tables["cost"][1:] == [
        ["latency table", "", "1 min 0 s", "50 s"],
        ["block search", "3 trials (1 complete, 1 pruned, 1 infeasible)", "30 s", ""],
        ["NetAdapt", "1 proposals, 1 accepted", "5 s", "40 s"],
        ["the whole run", "", "11 min 40 s", "1 min 40 s"],
    ]


def test_the_memory_of_every_stage_stands_beside_what_was_planned(ended: Path) -> None:
    (ended / PLAN_FILE).write_bytes(
        msgspec.json.encode(RunPlan(Amounts(1, 1, 1, 1, 1, 1), (PlannedStage("NetAdapt", 40, 2048),)))
    )
    with (ended / "journal.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(Spent("memory", 0.0, "NetAdapt", 1536)) + b"\n")
    rows = read(ended).tables["cost"]
    assert rows[0][-2:] == ["most memory", "planned"]
    assert [row[-2:] for row in rows[1:]] == [["", ""], ["", ""], ["1.5 GB", "2.0 GB"], ["1.5 GB", "2.0 GB"]]


def test_where_weights_were_given_the_comparison_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ended=result())
    (run / "settings.json").write_text('{"target_ms": 15, "command": "netadapt", "weights": "my net.pth 12ab34cd"}')
    words = read(run).words
    assert "inherits from weights that were given, my net.pth." in words
    assert "step 0 is the network that was given" in words
