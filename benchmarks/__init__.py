"""Measurements against bars, and the full counts of `make prove`. How to repeat and read them: docs/benchmarks.md."""
