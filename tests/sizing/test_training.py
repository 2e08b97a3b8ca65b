"""What a training needs: by part, never less for more work, and refused where nothing here can carry it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.blueprint import Train
from steelyard.catalog.models import SMOLLM2_135M, ModelCard, nano_gpt
from steelyard.findings import Place
from steelyard.runtime.dimensions import NanoGPTConfig
from steelyard.runtime.nano_gpt import NanoGPT
from steelyard.sizing import Figure, Layout, size
from steelyard.sizing.distributed import train_memory
from steelyard.sizing.train_layout import TrainLayout
from steelyard.sizing.training import WORKER_CHOICES

PLACE = Place("training.yaml", 2, 1)


def train(**fields: Any) -> Train:
    return Train(**({"name": "a", "model": "nano-gpt", "gpu": 0} | fields))


def layouts(workload: Train, card: ModelCard | None = None) -> tuple[Layout, ...]:
    return size(workload, card).layouts


def memory(workload: Train, card: ModelCard | None = None) -> Figure:
    (layout,) = layouts(workload, card)
    figure = layout.memory_per_worker
    assert figure is not None
    return figure


def rules(workload: Train, card: ModelCard | None = None) -> list[str]:
    return [finding.rule for finding in size(workload, card, PLACE).findings]


@pytest.mark.parametrize("config", [NanoGPTConfig(), NanoGPTConfig(context=64), NanoGPTConfig(layers=1, width=32, heads=2, context=16)])
def test_the_formula_of_the_nano_gpt_counts_the_parameters_of_the_real_model(config: NanoGPTConfig) -> None:
    assert config.parameters == sum(parameter.numel() for parameter in NanoGPT(config).parameters())


@given(
    workers=st.sampled_from([1, 2, 4]), each=st.integers(1, 64), sequence=st.integers(2, 2048), precision=st.sampled_from(["fp32", "bf16"])
)
def test_the_parts_sum_to_the_whole_and_each_figure_has_its_interval(workers: int, each: int, sequence: int, precision: str) -> None:
    (layout,) = layouts(train(workers=workers, batch=each * workers, sequence=sequence, precision=precision))
    whole = layout.memory_per_worker
    assert whole is not None
    assert set(layout.memory) == {"weights", "gradients", "optimizer", "activations", "runtime"}
    assert whole.likely == sum(part.likely for part in layout.memory.values())
    for figure in (*layout.memory.values(), whole):
        assert 0 < figure.low <= figure.likely <= figure.high
        assert figure.source


@given(sequence=st.integers(2, 4000), more=st.integers(1, 4000), batch=st.integers(1, 64))
def test_a_longer_sequence_never_needs_less(sequence: int, more: int, batch: int) -> None:
    short, long = (memory(train(workers=1, batch=batch, sequence=length)) for length in (sequence, sequence + more))
    assert long.likely >= short.likely
    assert long.high >= short.high


@given(batch=st.integers(1, 200), more=st.integers(1, 200))
def test_a_larger_batch_never_needs_less(batch: int, more: int) -> None:
    assert memory(train(workers=1, batch=batch + more)).likely >= memory(train(workers=1, batch=batch)).likely


@given(each=st.integers(1, 16))
def test_more_workers_on_the_same_batch_never_need_less_together(each: int) -> None:
    totals = [memory(train(workers=workers, batch=8 * each)).likely * workers for workers in (1, 2, 4, 8)]
    assert totals == sorted(totals)


def test_adapters_need_less_than_all_weights() -> None:
    lora, full = (memory(train(model=SMOLLM2_135M.name, recipe=recipe, data="x", workers=1), SMOLLM2_135M) for recipe in ("lora", "full"))
    assert lora.likely < full.likely
    assert full.likely - lora.likely == 12 * (134_515_008 - 460_800)


def test_the_weights_of_the_nano_gpt_are_four_bytes_a_parameter() -> None:
    (layout,) = layouts(train(workers=1, sequence=64))
    assert layout.memory["weights"].likely == 4 * NanoGPTConfig(context=64).parameters


def test_a_script_has_memory_that_nobody_knows() -> None:
    (layout,) = layouts(Train(name="a", script="train.py", gpu=0, workers=1))
    assert not layout.memory_known
    assert layout.memory_per_worker is None
    assert layout.disk is None


def test_a_model_without_dimensions_has_memory_that_nobody_knows() -> None:
    (layout,) = layouts(train(model="./mine", recipe="full", data="x", workers=1))
    assert layout.memory_per_worker is None


@pytest.mark.parametrize("keep", [1, 3])
def test_the_disk_holds_the_checkpoints_that_are_kept_one_more_and_the_output(keep: int) -> None:
    (layout,) = layouts(train(workers=1, checkpoint={"keep": keep}))
    parameters = nano_gpt(128).parameters
    assert parameters is not None
    assert layout.disk == 12 * parameters * (keep + 1) + 4 * parameters


@pytest.mark.parametrize(("recipe", "card", "batch"), [("pretrain", None, 32), ("full", SMOLLM2_135M, 4)])
def test_what_is_not_written_is_the_recipes_own(recipe: str, card: ModelCard | None, batch: int) -> None:
    (layout,) = layouts(train(model=card.name if card else "nano-gpt", recipe=recipe, data="x", workers=2), card)
    assert (layout.batch, layout.sequence) == (batch, 128)


@pytest.mark.parametrize(("gpu", "devices"), [(0, {"cpu"}), ("auto", {"gpu", "cpu"}), (2, {"gpu"})])
def test_the_devices_that_were_asked_for_are_the_ones_that_are_tried(gpu: int | str, devices: set[str]) -> None:
    assert {layout.device for layout in layouts(train(gpu=gpu))} == devices


def test_automatic_precision_is_bf16_on_a_gpu_and_fp32_on_a_cpu() -> None:
    assert {(layout.device, layout.precision) for layout in layouts(train(gpu="auto"))} == {("gpu", "bf16"), ("cpu", "fp32")}


@pytest.mark.parametrize(("gpu", "workers"), [(3, {3}), ("2..4", {2, 3, 4}), ([1, 4], {1, 4}), ("auto", set(WORKER_CHOICES))])
def test_a_number_of_devices_is_the_number_of_workers(gpu: Any, workers: set[int]) -> None:
    assert {layout.workers for layout in layouts(train(gpu=gpu)) if layout.device == "gpu"} == workers


def test_workers_that_disagree_with_the_devices_are_told_so() -> None:
    need = size(train(gpu=2, workers=4), None, PLACE)
    (finding,) = need.findings
    assert (finding.rule, finding.severity, finding.place) == ("fields-conflict", "error", PLACE)
    assert rules(train(gpu="2..4", workers=4)) == []


def test_only_workers_that_share_the_batch_equally_are_tried() -> None:
    assert [layout.workers for layout in layouts(train(batch=6))] == [1, 2]


@pytest.mark.parametrize(("workers", "batch", "nearest"), [(3, 32, 33), (4, 2, 4), (2, 5, 4)])
def test_a_batch_that_cannot_be_shared_names_the_nearest_that_can(workers: int, batch: int, nearest: int) -> None:
    (finding,) = size(train(workers=workers, batch=batch), None, PLACE).findings
    assert (finding.rule, finding.severity, finding.next_step) == ("batch-not-divisible", "error", f"batch: {nearest}")


def test_devices_that_cannot_share_the_batch_are_told_so() -> None:
    need = size(train(gpu=3, batch=32), None)
    assert need.layouts == ()
    assert [finding.rule for finding in need.findings] == ["batch-not-divisible"]


def test_a_sequence_beyond_the_model_names_its_limit() -> None:
    workload = train(model=SMOLLM2_135M.name, recipe="lora", data="x", sequence=8193)
    (finding,) = size(workload, SMOLLM2_135M).findings
    assert (finding.rule, finding.next_step) == ("sequence-too-long", "sequence: 8192")
    assert rules(train(model=SMOLLM2_135M.name, recipe="lora", data="x", sequence=8192), SMOLLM2_135M) == []


@pytest.mark.parametrize(
    ("fields", "step"),
    [
        ({"model": "x/y", "recipe": "qlora", "data": "x"}, "recipe: lora"),
        ({"model": "x/y", "recipe": "pretrain"}, "model: nano-gpt; or recipe: lora goes on from yours"),
        ({"model": "nano-gpt", "recipe": "lora", "data": "x"}, "recipe: pretrain"),
    ],
)
def test_what_does_not_run_here_has_no_layout_and_names_what_does(fields: dict[str, Any], step: str) -> None:
    need = size(train(**fields), None, PLACE)
    assert need.layouts == ()
    assert [(finding.rule, finding.next_step, finding.place) for finding in need.findings] == [("not-supported-here", step, PLACE)]


@pytest.mark.parametrize("recipe", ["lora", "full"])
def test_fine_tuning_needs_data(recipe: str) -> None:
    assert rules(train(model="x/y", recipe=recipe)) == ["missing-field"]


def test_a_sound_training_has_no_finding() -> None:
    assert rules(train(workers=2, batch=32)) == []


def test_on_a_gpu_what_comes_and_goes_is_counted_as_plan_counts_it() -> None:
    here = layouts(train(model=SMOLLM2_135M.name, recipe="full", data="pairs.jsonl", gpu=2, batch=8, sequence=512), SMOLLM2_135M)
    on_gpu = next(layout for layout in here if layout.device == "gpu")
    architecture = SMOLLM2_135M.architecture
    assert architecture is not None
    shared = TrainLayout(data=2, tensor=1, pipeline=1, sharding="ddp", checkpointing="none", micro_batch=4, sequence=512, recipe="full")
    counted = train_memory(architecture, shared, 2)
    for part in ("activations", "logits", "buffers", "runtime"):
        assert on_gpu.memory[part] == counted[part]
    assert on_gpu.memory["weights"].likely == 4 * 134_515_008
