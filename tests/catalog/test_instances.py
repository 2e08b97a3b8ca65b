"""The two tables of EC2 instance types."""

import pytest

from steelyard.catalog.instances import InstanceType, all_types, cpu_types, instance_types

GIB = 1024**3
BY_NAME = {one.name: one for one in cpu_types()}


def test_a_type_without_accelerators_says_so_and_can_be_chosen() -> None:
    one = BY_NAME["m7i.2xlarge"]
    assert (one.accelerator, one.accelerator_name, one.accelerator_count, one.accelerator_memory) == (None, "", 0, None)
    assert (one.cpus, one.memory, one.arch, one.network_gbit_s, one.ebs_gbit_s) == (8, 32 * GIB, "amd64", 3.125, 10)
    assert (one.price_micro_hour, one.price_micro_per_accelerator, one.never_chosen) == (403_200, None, "")


@pytest.mark.parametrize("family", ["m7i", "c7i", "r7i", "m7a", "c7a", "r7a", "m6i", "m7g", "t3"])
def test_the_families_that_people_rent_are_all_there(family: str) -> None:
    sizes = [one for one in cpu_types() if one.family == family]
    assert len(sizes) >= 3
    assert [one.cpus or 0 for one in sizes] == sorted({one.cpus or 0 for one in sizes})


@pytest.mark.parametrize("one", cpu_types(), ids=lambda one: one.name)
def test_every_row_has_a_source_with_a_date_a_price_and_a_cpu_architecture(one: InstanceType) -> None:
    assert "2026-07-20" in one.source
    assert one.price_micro_hour
    assert one.arch == ("arm64" if one.family == "m7g" else "amd64")
    assert one.network_gbit_s
    assert one.ebs_gbit_s


@pytest.mark.parametrize("family", ["m7i", "r7a", "m7g"])
def test_a_vcpu_costs_the_same_in_every_size_of_a_family(family: str) -> None:
    prices = {round((one.price_micro_hour or 0) / (one.cpus or 1)) for one in cpu_types() if one.family == family}
    assert max(prices) - min(prices) <= 1


def test_only_the_types_with_accelerators_are_those_that_gpus_lists() -> None:
    assert all(one.accelerator_name for one in instance_types())
    assert all_types() == (*instance_types(), *cpu_types())
    assert len({one.name for one in all_types()}) == len(all_types())
