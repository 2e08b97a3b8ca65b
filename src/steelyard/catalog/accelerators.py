"""Peak arithmetic of accelerators, for MFU: dense FLOP/s without sparsity, as their makers state them."""

from __future__ import annotations

PEAK_BF16_FLOPS = {
    "NVIDIA A10G": 70e12,  # NVIDIA A10G data sheet
    "NVIDIA L4": 121e12,  # NVIDIA L4 data sheet, half of the figure with sparsity
    "NVIDIA L40S": 362e12,  # NVIDIA L40S data sheet, half of the figure with sparsity
    "NVIDIA A100-SXM4-40GB": 312e12,  # NVIDIA A100 data sheet
    "NVIDIA A100-SXM4-80GB": 312e12,  # NVIDIA A100 data sheet
    "NVIDIA H100 80GB HBM3": 989e12,  # NVIDIA H100 SXM data sheet, half of the figure with sparsity
    "NVIDIA H200": 989e12,  # NVIDIA H200 data sheet, half of the figure with sparsity
}
"""By NVML's name of the whole device; other builds of the same chip (PCIe, NVL) and MIG slices have other peaks."""


def peak_flops(device_name: str, precision: str) -> float | None:
    """FLOP/s of one device whose NVML name is `device_name` (`NVIDIA H100 80GB HBM3`), or None when it is not known."""
    return PEAK_BF16_FLOPS.get(device_name) if precision == "bf16" else None
