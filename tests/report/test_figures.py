import pytest

from nas.algorithms.pipeline.records import Finished, Measured, Step, Trial
from nas.report.figures.latency_figures import latency_by_op, predicted_measured, widths
from nas.report.figures.progress import best_so_far
from nas.report.figures.trade_off import trade_off
from nas.report.folder import RunContents
from tests.report.sample import ESTIMATE, RECORDS, trial

TRIALS = tuple(record for record in RECORDS if isinstance(record, Trial))
RUN = RunContents(
    name="run",
    trials=TRIALS,
    steps=tuple(record for record in RECORDS if isinstance(record, Step)),
    measured=tuple(record for record in RECORDS if isinstance(record, Measured)),
    finished=tuple(record for record in RECORDS if isinstance(record, Finished)),
)


def named(figure: object) -> dict[str, dict[str, object]]:
    """The traces of a figure by their name in the legend."""
    return {trace["name"]: trace.to_plotly_json() for trace in figure.data}  # type: ignore[attr-defined]


def test_every_trial_is_a_point_of_the_trade_off() -> None:
    traces = named(trade_off(RUN, 15.0))
    assert (traces["trial"]["x"], traces["trial"]["y"]) == ([16.0], [90.0])
    assert (traces["trial, stopped early"]["x"], traces["trial, stopped early"]["y"]) == ([12.0], [60.0])
    assert "outside the band, not trained (1, 1 beyond the axis)" in traces


def test_an_infeasible_trial_within_the_axis_is_drawn_under_all_others() -> None:
    traces = named(trade_off(RUN, 25.0))
    assert traces["outside the band, not trained (1)"]["x"] == [30.0]
    assert traces["outside the band, not trained (1)"]["y"] == [pytest.approx(100 * (0.6 - 0.06 * 0.35))]


def test_netadapt_steps_are_joined_in_order() -> None:
    trace = named(trade_off(RUN, 15.0))["NetAdapt step"]
    assert (trace["mode"], trace["x"]) == ("lines+markers", [16.0, 14.0])


def test_the_target_is_a_line() -> None:
    figure = trade_off(RUN, 15.0)
    assert [(shape["x0"], shape["x1"]) for shape in figure.layout.shapes] == [(15.0, 15.0)]
    assert not trade_off(RUN, None).layout.shapes


def test_final_networks_carry_their_interval() -> None:
    trace = named(trade_off(RUN, 15.0))["final"]
    assert trace["y"] == [93.0, 95.0]
    assert trace["error_y"]["array"] == pytest.approx([2.0, 2.0])  # type: ignore[index]
    assert trace["error_y"]["arrayminus"] == pytest.approx([3.0, 3.0])  # type: ignore[index]


def test_the_bars_add_up_to_the_estimate() -> None:
    figure = latency_by_op(ESTIMATE)
    assert sum(sum(trace["x"]) for trace in figure.data) == pytest.approx(ESTIMATE.ms)
    traces = named(figure)
    assert traces["depthwise"]["y"] == ["s0b0"]
    assert traces["stem and head"]["y"] == ["stem", "head"]


def test_every_network_that_was_timed_is_compared_with_its_prediction() -> None:
    traces = named(predicted_measured(RUN.finished, RUN.measured, 0.05))
    assert traces["final"]["y"] == [14.5, 14.5]
    assert traces["baseline"]["y"] == [14.7]
    assert traces["between steps"]["x"] == [14.0]
    cone = traces["error bound ±5.0\N{NO-BREAK SPACE}%"]
    corners = zip(cone["x"], cone["y"], strict=True)  # type: ignore[call-overload]
    assert [y / x for x, y in corners] == pytest.approx([1.05, 1.05, 0.95, 0.95])


def test_widths_are_shaded_by_what_is_left() -> None:
    [trace] = widths([("s1b0.expansion", [96, 72, 48])], [0, 1, 2]).data
    assert list(trace["z"][0]) == [100.0, 75.0, 50.0]
    assert list(trace["text"][0]) == [96, 72, 48]


def test_the_best_so_far_never_falls_and_leaves_out_what_was_not_finished() -> None:
    accuracies = (0.5, 0.7, 0.6, 0.8)
    trials = [trial(number, 10.0, "complete", value) for number, value in enumerate(accuracies)]
    traces = named(best_so_far([*trials, trial(4, 10.0, "pruned", 0.9), trial(5, 10.0, "infeasible", None)]))
    assert list(traces["evaluation"]["y"]) == pytest.approx([50, 70, 60, 80])  # type: ignore[call-overload]
    assert list(traces["best so far"]["y"]) == pytest.approx([50, 70, 70, 80])  # type: ignore[call-overload]
    assert list(traces["best so far"]["x"]) == [1, 2, 3, 4]  # type: ignore[call-overload]
