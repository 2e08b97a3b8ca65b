"""Peak arithmetic of accelerators, for MFU: dense FLOP/s without sparsity, as their makers state them."""

from __future__ import annotations

PEAK_BF16_FLOPS = {
    "A10G": 70e12,  # NVIDIA A10G data sheet
    "L4": 121e12,  # NVIDIA L4 data sheet, half of the figure with sparsity
    "L40S": 362e12,  # NVIDIA L40S data sheet, half of the figure with sparsity
    "A100": 312e12,  # NVIDIA A100 data sheet
    "H100": 989e12,  # NVIDIA H100 SXM data sheet, half of the figure with sparsity
    "H200": 989e12,  # NVIDIA H200 data sheet, half of the figure with sparsity
}


def peak_flops(device_name: str, precision: str) -> float | None:
    """FLOP/s of one device whose NVML name is `device_name` (`NVIDIA H100 80GB HBM3`), or None when it is not known."""
    if precision != "bf16":
        return None
    words = device_name.replace("-", " ").split()
    return next((peak for kind, peak in PEAK_BF16_FLOPS.items() if kind in words), None)
