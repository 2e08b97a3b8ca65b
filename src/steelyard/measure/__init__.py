"""Load, calibration and evaluation of what runs."""
