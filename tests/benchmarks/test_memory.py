"""Points of memory that can be used, a split that does not depend on what they say, and peers that say what they publish."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.memory.__main__ import TOOLS, row_of
from benchmarks.memory.frameworks import built
from benchmarks.memory.judging import OURS, Row, errors, false_fits, false_refusals, figures, percentile_90, version
from benchmarks.memory.ours import layout_of, training
from benchmarks.memory.peers import Prediction, accelerate_serving, accelerate_training, planner_serving
from benchmarks.memory.points import HERE, LARGE_SOURCE, Point, architecture, counts, key, read_points, side
from steelyard.sizing.distributed import CAREFUL

SERVING, TRAINING = read_points("serving"), read_points("training")
POINTS = SERVING + TRAINING
H100 = {
    "source": "s", "version": "0.19.0", "model": "m", "as": "meta-llama/Llama-3.1-8B", "quantization": "none", "kv_dtype": "auto",
    "tensor": "1", "pipeline": "1", "card": "H100-80GB", "device_gib": "79.19", "utilization": "0.95", "max_model_len": "8192",
    "max_num_seqs": "", "max_num_batched_tokens": "", "weights_gib": "14.99", "pool_gib": "58.11", "outcome": "fit",
}
TRAINED = H100 | {
    "recipe": "lora", "precision": "bf16", "checkpointing": "full", "sharding": "ddp", "data": "1", "micro_batch": "1", "sequence": "512",
    "lora_rank": "16", "lora_targets": "query,value", "engine": "",
}


def served(**changes: str) -> Point:
    return Point("serving", 2, "judging", H100 | changes)


def test_there_are_as_many_points_as_were_promised() -> None:
    assert len(POINTS) >= 150
    assert sum(point.text("outcome") == "oom" for point in POINTS) >= 30


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_every_point_has_a_source_and_a_model_that_is_known_or_says_that_it_is_not(point: Point) -> None:
    assert point.text("source").startswith("https://")
    assert point.text("outcome") in ("fit", "oom", "impossible", "")
    assert point.architecture is not None or point.text("note")


def test_no_point_was_taken_twice() -> None:
    repeated = Counter(tuple(point.fields.items()) for point in SERVING)
    assert max(repeated.values()) == 1


def test_every_side_has_points_of_several_sources_for_serving_and_for_training() -> None:
    for points in (SERVING, TRAINING):
        assert all(sizes["points"] > 10 and sizes["sources"] > 2 for sizes in counts(points).values())


def test_a_small_source_stands_on_one_side_and_a_large_one_is_split_by_model() -> None:
    small, large = {"source": "a", "as": "x"}, {"source": "b", "as": "y"}
    sizes = {"a": LARGE_SOURCE, "b": LARGE_SOURCE + 1}
    assert (key(small, sizes), key(large, sizes)) == ("a", "b#y")


@given(st.text())
def test_a_side_follows_from_the_name_alone(name: str) -> None:
    assert side(name) == side(name)
    assert side(name) in ("tuning", "judging", "held")


def test_about_a_fifth_is_held_back_and_a_half_of_the_rest_judges() -> None:
    found = Counter(side(f"source {number}") for number in range(2_000))
    assert found["held"] == pytest.approx(400, abs=80)
    assert found["judging"] == pytest.approx(800, abs=100)


PUBLISHED = {"qwen-7b": 7.721, "qwen-14b": 14.167, "qwen-72b": 72.288, "gemma-7b": 8.538, "gemma-2b": 2.506}


@pytest.mark.parametrize(("name", "billions"), PUBLISHED.items())
def test_configurations_that_are_here_have_as_many_parameters_as_was_published(name: str, billions: float) -> None:
    assert architecture(name).parameters / 1e9 == pytest.approx(billions, rel=0.001)


def test_every_configuration_that_is_here_is_used_and_has_a_source() -> None:
    stored = json.loads((HERE / "configs.json").read_text())
    assert set(stored) <= {point.text("as") for point in POINTS}
    assert all(one["source"] for one in stored.values())


def test_accelerate_counts_parameters_by_their_type_and_four_times_for_adam() -> None:
    point = served()
    said = accelerate_serving(point, architecture(point.text("as")))
    assert said.weights == pytest.approx(14.96, abs=0.01)
    trained = Point("training", 2, "judging", H100 | {"quantization": "", "data": "2", "sharding": "zero3"})
    total = accelerate_training(trained, architecture(point.text("as"))).total
    assert said.weights is not None
    assert total == pytest.approx(2 * said.weights)


@pytest.mark.parametrize(
    ("name", "tensor", "tokens", "each"),
    [("meta-llama/Llama-3.1-8B", "1", 459_509, 131_072), ("Qwen/Qwen2.5-7B-Instruct", "1", 1_049_789, 57_344)],
)
def test_the_planner_says_what_its_own_report_says_it_says(name: str, tensor: str, tokens: int, each: int) -> None:
    """Predicted tokens of its accuracy report, "Sensitivity: Context Length"."""
    said = planner_serving(served(tensor=tensor, **{"as": name}), architecture(name))
    assert said.pool is not None
    assert said.pool * 2**30 / each == pytest.approx(tokens, rel=0.001)


def test_errors_are_of_points_that_can_be_compared_only() -> None:
    said = {OURS: Prediction(weights=15.74, pool=50.0, fits=True)}
    new, old, unknown = (Row(served(version=text), said) for text in ("0.19.0", "0.16.0", ""))
    assert errors([new, old, unknown], "weights", OURS) == [pytest.approx(5.0, abs=0.01)] * 3
    assert errors([new, old, unknown], "kv-pool", OURS) == [pytest.approx(-13.96, abs=0.01)]
    assert errors([new], "training", OURS) == []


def test_a_wrong_yes_and_a_wrong_no_are_counted_apart() -> None:
    yes, no = ({OURS: Prediction(fits=answer)} for answer in (True, False))
    rows = [Row(served(outcome=outcome), said) for outcome in ("fit", "oom") for said in (yes, no)]
    assert [row.point.text("outcome") for row in false_fits(rows, OURS)] == ["oom"]
    assert [row.point.text("outcome") for row in false_refusals(rows, OURS)] == ["fit"]
    assert figures(rows, OURS)["false-refusals"] == 50


def test_nothing_said_is_neither_right_nor_wrong() -> None:
    assert figures([Row(served(), {})], OURS) == dict.fromkeys(
        ("weights", "kv-pool", "training-median", "training-p90", "false-fits", "false-refusals"))  # fmt: skip


@pytest.mark.parametrize(("values", "found"), [([], None), ([3.0], 3.0), ([float(value) for value in range(1, 11)], 9.0)])
def test_nine_tenths_are_not_beyond_their_percentile(values: list[float], found: float | None) -> None:
    assert percentile_90(values) == found


@pytest.mark.parametrize(("text", "found"), [("0.19.0", (0, 19)), ("0.5.0.post1", (0, 5)), ("torch 2.0", ()), ("", ())])
def test_a_version_is_read_where_one_is_stated(text: str, found: tuple[int, ...]) -> None:
    assert version(served(version=text)) == found


NOT_EXPRESSED = ({"checkpointing": "selective"}, {"checkpointing": ""}, {"micro_batch": ""})


@pytest.mark.parametrize("changes", NOT_EXPRESSED)
def test_a_setting_that_a_layout_cannot_express_is_not_compared(changes: dict[str, str]) -> None:
    assert layout_of(Point("training", 2, "judging", TRAINED)) is not None
    assert layout_of(Point("training", 2, "judging", TRAINED | changes)) is None


def test_a_full_training_in_bf16_has_no_master_copy_and_mixed_precision_has() -> None:
    layouts = [layout_of(Point("training", 2, "judging", TRAINED | {"recipe": "full", "precision": name})) for name in ("bf16", "mixed")]
    assert [layout.framework.master for layout in layouts if layout] == [False, True]


def test_a_framework_that_ties_no_head_builds_one() -> None:
    tied = architecture("meta-llama/Llama-3.2-3B")
    heads = [built(Point("training", 2, "judging", TRAINED | {"engine": name}), tied).parts["head"] for name in ("litgpt", "peft")]
    assert heads == [tied.parts["embeddings"], 0]


def test_each_tool_says_something_of_a_served_point_and_nothing_of_an_unknown_model() -> None:
    assert set(row_of(served()).said) == set(TOOLS)
    assert row_of(served(**{"as": ""})).said == {}


def more_than_likely(point: Point) -> float | None:
    """The measured peak over what is likely."""
    model, measured = point.architecture, point.number("peak_gib")
    said = training(point, model) if model and measured else None
    return measured / said.total if measured and said and said.total else None


def test_a_training_is_said_to_fit_where_nine_in_ten_tuning_runs_would_if_each_engine_counts_the_same() -> None:
    found = [(point.text("engine"), more) for point in TRAINING if point.side == "tuning" and (more := more_than_likely(point))]
    sizes = Counter(engine for engine, _ in found)

    def confidence(margin: float) -> float:
        return sum((more <= margin) / sizes[engine] for engine, more in found) / len(sizes)

    assert len(sizes) == 4
    assert confidence(CAREFUL - 0.01) < 0.9 <= confidence(CAREFUL + 0.005)
