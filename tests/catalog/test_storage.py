"""Storage: how fast an instance reads from it, and at which price."""

from dataclasses import replace

import pytest

from steelyard.catalog.instances import all_types
from steelyard.catalog.storage import Storage, storages

BY_NAME = {one.name: one for one in storages()}
INSTANCES = {one.name: one for one in all_types()}


@pytest.mark.parametrize("one", storages(), ids=lambda one: one.name)
def test_each_has_an_interval_in_order_or_none_and_sources(one: Storage) -> None:
    assert one.shared_by
    assert one.price_source
    if one.read_mb_s is None:
        assert one.read_source == "none"
        return
    low, likely, high = one.read_mb_s
    assert 0 < low <= likely <= high
    assert one.read_source != "none"
    assert one.client_limit_mb_s is not None
    assert one.per_tib or high <= one.client_limit_mb_s


def test_the_kinds_that_people_use_are_all_there() -> None:
    assert set(BY_NAME) == {"efs", "fsx-lustre-125", "fsx-lustre-250", "fsx-lustre-500", "fsx-lustre-1000", "s3-boto3", "s3-streamer",
                            "s3-mountpoint", "ebs-gp3", "ebs-io2", "nvme"}  # fmt: skip


def test_prices_are_whole_micro_dollars() -> None:
    assert (BY_NAME["efs"].price_micro_gb_month, BY_NAME["efs"].price_micro_gb_read) == (300_000, 30_000)
    assert (BY_NAME["s3-streamer"].price_micro_gb_month, BY_NAME["s3-streamer"].price_micro_million_requests) == (23_000, 400_000)
    assert (BY_NAME["ebs-gp3"].price_micro_mb_s_month, BY_NAME["ebs-gp3"].included_mb_s) == (40_000, 125)
    assert (BY_NAME["nvme"].price_micro_gb_month, BY_NAME["ebs-io2"].price_micro_gb_read) == (0, None)


def test_an_instance_reads_no_more_than_its_way_carries() -> None:
    small, large = INSTANCES["m7i.large"], INSTANCES["p5.48xlarge"]
    assert BY_NAME["s3-streamer"].reads(small) == (97.625, 97.625, 97.625)  # 0.781 Gbit/s
    assert BY_NAME["s3-streamer"].reads(large) == (625, 3769, 12_500)
    assert BY_NAME["ebs-io2"].reads(small) == (1049, 1250, 1250)  # 10 Gbit/s to EBS
    assert BY_NAME["ebs-io2"].reads(replace(small, ebs_gbit_s=None)) == (1049, 2105, 4194)


def test_a_larger_file_system_is_faster_until_the_client_is_at_its_limit() -> None:
    lustre, instance = BY_NAME["fsx-lustre-500"], INSTANCES["p5.48xlarge"]
    assert lustre.reads(instance, tib=2.4) == (1200, 1200, 3120)
    assert lustre.reads(instance, tib=100) == (12_500, 12_500, 12_500)
    assert lustre.reads(instance) is None


def test_a_rate_that_nobody_states_is_unknown() -> None:
    assert BY_NAME["nvme"].reads(INSTANCES["p5.48xlarge"]) is None
