"""Peaks of devices, by the names that NVML gives them."""

import pytest

from steelyard.catalog.accelerators import PEAK_BF16_FLOPS, peak_flops


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"), ("NVIDIA A100-SXM4-80GB", "A100"), ("NVIDIA A10G", "A10G"), ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40S"), ("NVIDIA H200", "H200"),
    ],
)  # fmt: skip
def test_a_device_is_known_by_its_name(name: str, kind: str) -> None:
    assert peak_flops(name, "bf16") == PEAK_BF16_FLOPS[kind]


@pytest.mark.parametrize("name", ["Tesla T4", "NVIDIA A10", "NVIDIA L40", ""])
def test_an_unknown_device_has_no_peak(name: str) -> None:
    assert peak_flops(name, "bf16") is None


def test_a_precision_without_a_source_has_no_peak() -> None:
    assert peak_flops("NVIDIA H100 80GB HBM3", "fp32") is None
