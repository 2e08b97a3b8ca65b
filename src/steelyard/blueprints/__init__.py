"""Blueprints that are ready to run; `steelyard init NAME` copies one."""
