"""`--max-parameters` and `--max-macs`: how they are written, kept and told, and how they end if nothing meets them."""

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import fields, replace

import nas
from nas.algorithms.budgets import BUDGET_NAMES, BudgetUse, budgets_of
from nas.algorithms.netadapt.proposals import narrowest
from nas.api.options.keywords import read_options
from nas.api.options.limits import spell_limits
from nas.api.options.structs import NetAdaptOptions, RunOptions, SearchOptions
from nas.api.running import runs
from nas.cli.text.run_text import describe_result
from nas.design.known import known
from nas.design.space import load_space
from nas.units import parse_count
from tests.cli.test_resume import NETADAPT, SEARCH, began, call
from tests.report.sample import result
from tests.report.test_front import front

__all__ = ["began"]
START, SPACE = known("mobilenet_v3_small-1.00-96", 2), load_space("mobilenet_v3_small")


@pytest.mark.parametrize("text", ["", "0", "-1", "2.5m", "2,5M", "many", "nan", "inf", "0.0001k", "1e99", "2.5MM", "M"])
def test_parse_count_refuses_what_is_no_count(text: str) -> None:
    with pytest.raises(nas.NasError, match=r"write it like 2500000, 2\.5M, 300M or 1\.2G"):
        parse_count(text)


@pytest.mark.parametrize(("text", "number"), [("2.3M", 2_300_000), ("1e6", 1_000_000), ("999.9", 999), (" 5 k ", 5000)])
def test_parse_count_is_exact_and_rounds_down(text: str, number: int) -> None:
    assert parse_count(text) == number


def test_every_budget_has_its_option() -> None:
    assert {f"max_{name}" for name in BUDGET_NAMES} <= {field.name for field in fields(RunOptions)}
    given = {f"max_{name}": "1.5M" for name in BUDGET_NAMES}
    for kind, more in ((SearchOptions, {}), (NetAdaptOptions, {"source": "mobilenet_v3_small"})):
        assert read_options(kind, {"target_latency": "5ms", **more, **given}).limits == dict.fromkeys(
            BUDGET_NAMES, 1_500_000
        )
        assert read_options(kind, {"target_latency": "5ms", **more}).limits == {}


@pytest.mark.parametrize("number", [2_500_000, 2.5e6, np.int64(2_500_000), np.float64(2_500_000), "2.5M"], ids=repr)
def test_a_limit_from_python_is_a_number_or_a_text(number: object) -> None:
    given = spell_limits({"target_latency": "5ms", "max_parameters": number})
    assert read_options(SearchOptions, given).limits == {"parameters": 2_500_000}


@pytest.mark.parametrize("number", [True, 0, -1, float("nan"), "few", [5]], ids=repr)
def test_a_wrong_limit_from_python_is_refused_before_anything_is_done(number: object) -> None:
    with pytest.raises(nas.NasError, match=r"max.macs"):
        nas.search("5ms", max_macs=number)


@pytest.mark.parametrize("command", [SEARCH, NETADAPT], ids=["search", "netadapt"])
def test_a_wrong_limit_is_exit_code_2(
    command: tuple[str, ...], began: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, works = call(monkeypatch, *command, "--data", "data.npz", "--out", "run", "--max-macs", "300 million")
    assert (code, works) == (2, [])
    assert "--max-macs: '300 million' is no number" in capsys.readouterr().err


@pytest.mark.parametrize("name", BUDGET_NAMES)
@pytest.mark.parametrize("command", [SEARCH, NETADAPT], ids=["search", "netadapt"])
def test_an_unreachable_limit_is_exit_code_1_before_anything_is_planned_or_trained(
    command: tuple[str, ...],
    name: str,
    began: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def never(*arguments: object) -> object:
        raise AssertionError("nothing is to be planned")

    monkeypatch.setattr(runs, "planned", never)
    least = SPACE.smallest(96, 2) if command == SEARCH else narrowest(START)
    reachable = int(budgets_of({name: 1})[0].cost(least))
    given = (*command, "--data", "data.npz", "--resolution", "96", "--out", "run", f"--max-{name}", str(reachable - 1))
    code, works = call(monkeypatch, *given)
    assert (code, works) == (1, [])
    assert f"Give --max-{name} of at least {reachable}" in capsys.readouterr().err
    assert not (began / "run" / "settings.json").exists()


@pytest.mark.parametrize("command", [SEARCH, NETADAPT], ids=["search", "netadapt"])
def test_limits_are_kept_for_resume_and_other_ones_are_refused(
    command: tuple[str, ...], began: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (*command, "--data", "data.npz", "--resolution", "96", "--out", "run")
    code, [(_, _, settings, *_)] = call(monkeypatch, *given, "--max-parameters", "1.8M", "--max-macs", "0.3G")
    assert (code, settings.limits) == (0, {"parameters": 1_800_000, "macs": 300_000_000})  # type: ignore[attr-defined]
    code, [(_, _, again, *_)] = call(monkeypatch, "resume", "run")
    assert (code, again) == (0, settings)
    assert json.loads((began / "run" / "asked.json").read_text())["options"]["max_parameters"] == "1.8M"
    capsys.readouterr()
    assert call(monkeypatch, *given, "--max-parameters", "2M")[0] == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--max-parameters was 1800000, now 2000000; --max-macs was 300000000, now not given" in said


def test_the_final_lines_say_each_limit_and_what_the_network_has(tmp_path: Path) -> None:
    uses = (BudgetUse("parameters", "parameters", 3_500_000, 3_000_000), BudgetUse("macs", "MACs", 1e8, 90_000_000))
    ended = replace(result(), budgets=uses)
    expected = "3,000,000 of at most 3,500,000 parameters, 90,000,000 of at most 100,000,000 MACs"
    assert expected in describe_result(ended, tmp_path).splitlines()
    assert "of at most" not in describe_result(result(), tmp_path)
    limited = replace(front(), limits="at most 3,500,000 parameters")
    assert "; each has at most 3,500,000 parameters:" in describe_result(limited, tmp_path)
