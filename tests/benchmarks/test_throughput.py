"""What is computed from pairs of runs."""

import ast
from dataclasses import replace

import pytest

from benchmarks.bars import Bar
from benchmarks.throughput.measured import Measured, Pair, cells, losing
from benchmarks.throughput.running import PLAIN as SCRIPT
from benchmarks.throughput.running import blueprint_with
from steelyard.blueprint import Train, read

THROUGHPUT = Bar("throughput", "", "x", at_least=0.95)
TELEMETRY = Bar("telemetry", "", "%", at_most=1.0)
PLAIN = Measured("plain", (0.1, 0.1, 0.1), 30.0, 4096, (900_000, 200_000, 200_000), (5.0, 4.0, 3.0))
OURS = replace(PLAIN, who="steelyard", durations_us=(1_900_000, 200_000, 210_000), recorder_us=(90_000, 1_000, 640),
               all_ranks_us=(3_800_000, 400_000, 420_000), losses=(5.0, 4.0, 3.001))


def test_only_steady_steps_count() -> None:
    assert PLAIN.tokens_per_second(2) == pytest.approx(4096 / 0.2)
    assert OURS.recorder_percent(2) == pytest.approx(0.2)
    assert Pair(OURS, PLAIN).ratio(2) == pytest.approx(400 / 410)


def test_the_telemetry_of_a_plain_run_is_unknown_and_not_zero() -> None:
    assert PLAIN.recorder_percent(2) is None


def test_the_median_of_seven_pairs_has_an_interval_and_the_losing_pair_is_told() -> None:
    slow = replace(OURS, durations_us=(0, 250_000, 250_000), recorder_us=(0, 9_000, 9_000))
    pairs = [Pair(OURS, PLAIN)] * 6 + [Pair(slow, PLAIN)]
    throughput, telemetry = cells(pairs, 2, THROUGHPUT, TELEMETRY)
    assert throughput.value == pytest.approx(400 / 410)
    assert throughput.note == "98.4% interval 0.800 to 0.976"
    assert telemetry.note.startswith("at most 2.195 %")
    assert throughput.passed
    assert telemetry.passed
    ratio, share = losing(pairs, 2, THROUGHPUT, TELEMETRY)
    assert ratio.startswith("pair 7: 0.800 x")
    assert share == "pair 7: telemetry 2.195 %"


def test_one_pair_proves_nothing_about_the_spread() -> None:
    assert "too few" in cells([Pair(OURS, PLAIN)], 2, THROUGHPUT, TELEMETRY)[0].note


def test_the_largest_difference_of_losses_shows_whether_both_did_the_same() -> None:
    assert Pair(OURS, PLAIN).loss_difference() == pytest.approx(0.001)
    with pytest.raises(ValueError, match="shorter"):
        Pair(OURS, replace(PLAIN, losses=(5.0,))).loss_difference()


def test_a_result_keeps_every_step_and_the_last_loss() -> None:
    kept = OURS.data(2)
    assert kept["durations_us"] == OURS.durations_us
    assert kept["last_loss"] == 3.001
    assert "losses" not in kept


def test_the_measured_blueprint_differs_from_01_in_its_steps_only() -> None:
    with blueprint_with(37) as file:
        (train,) = read(file).workloads
    assert isinstance(train, Train)
    assert (train.name, train.steps, train.workers, train.batch) == ("ray-training", 37, 2, 32)


def test_the_plain_script_takes_the_model_from_steelyard_and_nothing_else() -> None:
    nodes = list(ast.walk(ast.parse(SCRIPT.read_text())))
    imported = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    ours = {name for name in imported if name.split(".")[0] in ("steelyard", "benchmarks")}
    assert ours == {"steelyard.runtime.dimensions", "steelyard.runtime.nano_gpt"}
