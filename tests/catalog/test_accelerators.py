"""Peaks of devices, by the names that NVML gives them."""

import pytest

from steelyard.catalog.accelerators import PEAK_BF16_FLOPS, peak_flops


@pytest.mark.parametrize("name", PEAK_BF16_FLOPS)
def test_a_device_is_known_by_the_name_that_nvml_gives_it(name: str) -> None:
    assert name.startswith("NVIDIA ")
    assert peak_flops(name, "bf16") == PEAK_BF16_FLOPS[name]


@pytest.mark.parametrize("name", ["Tesla T4", "NVIDIA A10", "NVIDIA L40", "NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", ""])
def test_an_unknown_device_has_no_peak(name: str) -> None:
    assert peak_flops(name, "bf16") is None


def test_a_precision_without_a_source_has_no_peak() -> None:
    assert peak_flops("NVIDIA H100 80GB HBM3", "fp32") is None
