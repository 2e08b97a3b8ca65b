"""Which layout is taken, why another is not, and that it is the same each time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.blueprint import Blueprint, Train
from steelyard.findings import Finding
from steelyard.planning import Choice, Offer, Plan, weigh
from steelyard.planning.weighing import RAY_MEMORY, host_memory
from steelyard.sizing import size

GB = 10**9


def offer(**changes: Any) -> Offer:
    values: dict[str, Any] = {"name": "here", "cpus": 8, "memory": 32 * GB, "gpus": (), "gpu_memory": None, "price_micro_hour": None,
                              "price_source": "unknown"}
    return Offer(**(values | changes))


def train(**fields: Any) -> Train:
    return Train(**({"name": "a", "model": "nano-gpt"} | fields))


def plan_of(workload: Train, machine: Offer) -> Plan:
    return weigh(Blueprint(workloads=(workload,)), [size(workload, None)], machine)


def chosen(workload: Train, machine: Offer) -> Choice:
    (choice,) = plan_of(workload, machine).choices
    return choice


def refused(workload: Train, machine: Offer) -> Finding:
    plan = plan_of(workload, machine)
    assert plan.choices == ()
    assert not plan.feasible
    (finding,) = plan.findings
    return finding


@pytest.mark.parametrize(
    ("gpus", "device", "workers"), [(0, "cpu", 1), (1, "gpu", 1), (2, "gpu", 2), (4, "gpu", 4), (3, "gpu", 2), (6, "gpu", 4)]
)
def test_devices_come_before_cpus_with_one_worker_each(gpus: int, device: str, workers: int) -> None:
    choice = chosen(train(), offer(gpus=("NVIDIA L4",) * gpus, gpu_memory=24 * GB if gpus else None))
    assert (choice.layout.device, choice.layout.workers, choice.gpus_per_worker) == (device, workers, 1 if gpus else 0)


def test_workers_share_the_cores_equally_unless_it_is_written() -> None:
    assert chosen(train(gpu=0, workers=2), offer(cpus=8)).cpus_per_worker == 4
    assert chosen(train(gpu=0, workers=3), offer(cpus=8)).cpus_per_worker == 2
    assert chosen(train(gpu=0, workers=2, cpu=1), offer(cpus=8)).cpus_per_worker == 1


def test_what_a_device_cannot_hold_goes_to_the_cpu() -> None:
    assert chosen(train(), offer(gpus=("NVIDIA T4",), gpu_memory=GB // 2)).layout.device == "cpu"


def test_a_gpu_that_was_asked_for_and_is_not_there_is_refused() -> None:
    finding = refused(train(gpu=2), offer())
    assert (finding.rule, finding.severity, finding.next_step) == ("no-such-device", "error", "gpu: 0 trains on the CPU")


def test_more_workers_than_cores_are_refused_with_the_number_that_fits() -> None:
    finding = refused(train(gpu=0, workers=4), offer(cpus=2))
    assert (finding.rule, finding.next_step) == ("not-enough-cpus", "workers: 2")
    assert refused(train(gpu=0, workers=4, cpu=3), offer(cpus=8)).next_step == "workers: 2"
    assert refused(train(gpu=0, workers=2, cpu=9), offer(cpus=8)).next_step == "cpu: 4"


def test_too_little_memory_is_refused_with_every_part() -> None:
    finding = refused(train(gpu=0, workers=2), offer(memory=GB))
    assert finding.rule == "does-not-fit"
    for part in ("weights", "gradients", "optimizer", "activations", "runtime"):
        assert part in finding.message


def test_what_the_person_wrote_takes_the_place_of_the_estimate() -> None:
    workload = train(gpu=0, workers=2, memory="3GB")
    layout = chosen(workload, offer()).layout
    assert host_memory(workload, layout) == 6 * GB + RAY_MEMORY
    finding = refused(workload, offer(memory=7 * GB))
    assert (finding.rule, "as written" in finding.message) == ("does-not-fit", True)


def test_an_unknown_need_is_not_judged_and_stays_unknown() -> None:
    workload = Train(name="a", script="train.py", gpu=0, workers=1)
    choice = chosen(workload, offer(memory=1))
    assert host_memory(workload, choice.layout) is None


def test_a_device_of_unknown_memory_is_taken() -> None:
    assert chosen(train(), offer(gpus=("NVIDIA L4",))).layout.device == "gpu"


def test_every_layout_that_lost_is_evidence() -> None:
    finding = refused(train(), offer(cpus=8, memory=GB))
    assert "1 worker needs a GPU each, and this machine has no GPU" in finding.evidence
    assert finding.rule == "does-not-fit"
    assert finding.message.startswith("a: 1 worker needs ")
    assert "8 workers need" in finding.evidence


def test_a_highest_price_that_cannot_be_held_is_a_warning_and_no_obstacle() -> None:
    plan = plan_of(train(gpu=0, max_price="$5"), offer())
    assert plan.feasible
    assert [(finding.rule, finding.severity) for finding in plan.findings] == [("price-unknown", "warning")]
    assert plan_of(train(gpu=0, max_price="$5"), offer(price_micro_hour=350_000)).findings == ()


def test_an_error_of_sizing_makes_the_plan_infeasible() -> None:
    plan = plan_of(train(gpu=0, workers=3, batch=32), offer())
    assert [finding.rule for finding in plan.findings] == ["batch-not-divisible"]
    assert not plan.feasible


@given(cpus=st.integers(1, 64), gpus=st.integers(0, 9), memory=st.integers(1, 256), workers=st.sampled_from(["auto", 1, 2, 4]))
def test_the_same_input_gives_the_same_plan_and_never_more_than_there_is(cpus: int, gpus: int, memory: int, workers: int | str) -> None:
    machine = offer(cpus=cpus, memory=memory * GB, gpus=("NVIDIA L4",) * gpus, gpu_memory=24 * GB if gpus else None)
    first, second = (plan_of(train(workers=workers), machine) for _ in range(2))
    assert first == second
    assert first.feasible == bool(first.choices)
    for choice in first.choices:
        assert choice.layout.workers * choice.cpus_per_worker <= cpus
        assert choice.layout.workers * choice.gpus_per_worker <= gpus
