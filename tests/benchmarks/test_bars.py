"""Bars say pass or miss, and the recipes that are shipped can be read."""

from pathlib import Path

import pytest

import benchmarks
from benchmarks.bars import Bar, Cell, judge, read_recipe

LEAST = Bar("throughput", "", "x", at_least=0.95)
MOST = Bar("telemetry", "", "%", at_most=1.0)
FILES = sorted(Path(benchmarks.__file__).parent.glob("*/bars.toml"))


@pytest.mark.parametrize(("bar", "value", "reached"), [
    (LEAST, 0.95, True), (LEAST, 0.949, False), (LEAST, None, False),
    (MOST, 1.0, True), (MOST, 1.01, False), (MOST, 0.0, True), (MOST, None, False),
])
def test_a_bar_is_reached_on_its_edge_and_never_by_what_is_not_known(bar: Bar, value: float | None, reached: bool) -> None:
    assert bar.reached(value) is reached


def test_one_missed_bar_is_a_failure_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge([Cell(LEAST, 0.97), Cell(MOST, None, "nothing recorded")]) == 1
    good, bad = capsys.readouterr().out.splitlines()
    assert good.split() == ["pass", "throughput", "0.97", "x", ">=", "0.95"]
    assert bad.split() == ["MISS", "telemetry", "-", "<=", "1", "nothing", "recorded"]


def test_all_bars_reached_is_a_success() -> None:
    assert judge([Cell(LEAST, 1.0), Cell(MOST, 0.2)]) == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_every_shipped_bar_has_one_limit_and_says_what_it_is(file: Path) -> None:
    recipe = read_recipe(file)
    assert recipe.bars
    assert all((bar.at_least is None) != (bar.at_most is None) for bar in recipe.bars.values())
    assert all(bar.what for bar in recipe.bars.values())
    assert all(isinstance(count, int) and count > 0 for count in recipe.counts.values())


def test_the_bars_are_those_that_were_promised() -> None:
    promised = {
        "throughput": ">= 0.95", "telemetry": "<= 1", "help": "<= 0.2", "validate": "<= 0.5", "first-step": "<= 60",
        "weights": "<= 1", "kv-pool": "<= 3", "training-median": "<= 10", "training-p90": "<= 25", "false-fits": "<= 1",
        "false-refusals": "<= 10",
        "tpot": "<= 0.8", "ttft": "<= 0.6", "coverage": ">= 90", "coverage-beside": ">= 0", "interval-tpot-low": ">= 85",
        "interval-tpot-high": "<= 95", "interval-ttft-low": ">= 85", "interval-ttft-high": "<= 95", "roofline": "<= 0",
        "serve": "<= 0.7", "thousand": "<= 15", "optimum": "<= 1.03",
    }  # fmt: skip
    assert {bar.name: bar.text for file in FILES for bar in read_recipe(file).bars.values()} == promised
