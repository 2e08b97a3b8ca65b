"""The full counts: fuzzing, kills, benchmarks. `make prove` calls this."""
