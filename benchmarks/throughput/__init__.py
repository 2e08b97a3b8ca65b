"""Training throughput of blueprint 01 through `steelyard run`, against the same model in a plain `torchrun` script."""
