"""Accelerators and the instance types that have them."""

import pytest

from steelyard.catalog.accelerators import Accelerator, accelerators, peak_flops
from steelyard.catalog.instances import InstanceType, instance_types

BY_NAME = {one.name: one for one in accelerators()}
INSTANCES = {one.name: one for one in instance_types()}


@pytest.mark.parametrize(
    ("device", "peak"),
    [("NVIDIA A10G", 70e12), ("NVIDIA L4", 121e12), ("NVIDIA L40S", 362e12), ("NVIDIA A100-SXM4-40GB", 312e12),
     ("NVIDIA A100-SXM4-80GB", 312e12), ("NVIDIA H100 80GB HBM3", 989e12), ("NVIDIA H200", 989e12)],
)  # fmt: skip
def test_a_device_is_known_by_the_name_that_nvml_gives_it(device: str, peak: float) -> None:
    assert peak_flops(device, "bf16") == peak


@pytest.mark.parametrize("name", ["NVIDIA A10", "NVIDIA L40", "NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", ""])
def test_an_unknown_device_has_no_peak(name: str) -> None:
    assert peak_flops(name, "bf16") is None


@pytest.mark.parametrize(("device", "precision"), [("NVIDIA H100 80GB HBM3", "fp32"), ("Tesla T4", "bf16")])
def test_a_precision_without_a_source_has_no_peak(device: str, precision: str) -> None:
    assert peak_flops(device, precision) is None


def test_the_accelerators_that_people_rent_are_all_there() -> None:
    assert set(BY_NAME) == {"T4", "V100", "A10G", "L4", "L40S", "A100-40GB", "A100-80GB", "H100", "H200", "B200", "B300", "RTX-PRO-6000"}


@pytest.mark.parametrize("one", accelerators(), ids=lambda one: one.name)
def test_an_accelerator_offers_less_than_its_name_says_and_each_figure_has_a_source(one: Accelerator) -> None:
    assert one.source
    assert bool(one.usable_source) == bool(one.usable_gib)
    if one.usable_gib:
        low, high = one.usable_gib
        assert 0 < low <= high < one.memory_mib / 1024
    assert all(rate > 0 for rate in (one.bandwidth_gb_s, *one.tflops.values()))


@pytest.mark.parametrize("one", [one for one in accelerators() if one.mig], ids=lambda one: one.name)
def test_a_mig_profile_stays_on_its_card_and_does_not_overlap_itself(one: Accelerator) -> None:
    for profile in one.mig or ():
        ends = [start + profile.memory_slices for start in profile.starts]
        assert max(ends) <= 8
        assert all(end <= start for end, start in zip(ends, profile.starts[1:], strict=False))


@pytest.mark.parametrize(
    ("profile", "most"), [("1g.10gb", 7), ("1g.20gb", 4), ("2g.20gb", 3), ("3g.40gb", 2), ("4g.40gb", 1), ("7g.80gb", 1)]
)
def test_an_h100_holds_as_many_of_a_profile_as_nvidia_says(profile: str, most: int) -> None:
    assert {one.name: len(one.starts) for one in BY_NAME["H100"].mig or ()}[profile] == most


def test_a_b200_has_no_profile_with_the_memory_of_another_card() -> None:
    assert {one.name for one in BY_NAME["B200"].mig or ()} == {"1g.23gb", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb"}


@pytest.mark.parametrize(
    ("name", "accelerator", "count", "price"),
    [("p5.48xlarge", "H100", 8, 55_040_000), ("p4d.24xlarge", "A100-40GB", 8, 21_957_642), ("p4de.24xlarge", "A100-80GB", 8, 27_447_050),
     ("g5.xlarge", "A10G", 1, 1_006_000), ("g6f.2xlarge", "L4", 0.25, 475_000)],
)  # fmt: skip
def test_an_instance_type_has_its_accelerator_and_its_exact_price(name: str, accelerator: str, count: float, price: int) -> None:
    one = INSTANCES[name]
    assert one.accelerator is not None
    assert (one.accelerator.name, one.accelerator_count, one.price_micro_hour) == (accelerator, count, price)


@pytest.mark.parametrize("name", ["p5e.48xlarge", "trn2.48xlarge"])
def test_a_price_that_is_not_known_is_none_and_never_wins(name: str) -> None:
    assert INSTANCES[name].price_micro_hour is None
    assert INSTANCES[name].price_micro_per_accelerator is None
    assert INSTANCES[name].never_chosen


@pytest.mark.parametrize(("name", "why"), [("g6f.large", "fraction"), ("p5.4xlarge", "Karpenter"), ("dl1.24xlarge", "listed only"),
                                           ("p5e.48xlarge", "price unknown"), ("p5.48xlarge", "")])  # fmt: skip
def test_what_no_plan_takes_says_why(name: str, why: str) -> None:
    assert (why in INSTANCES[name].never_chosen) if why else INSTANCES[name].never_chosen == ""


@pytest.mark.parametrize("one", instance_types(), ids=lambda one: one.name)
def test_every_row_of_the_table_is_read_whole(one: InstanceType) -> None:
    assert one.source
    assert one.accelerator_count is None or one.accelerator_count > 0
    assert one.price_micro_hour is None or one.price_micro_hour > 0
    assert one.memory is None or one.memory > 1024**3
