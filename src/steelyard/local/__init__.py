"""The engine of this machine: runs on Ray and PyTorch, here or on an existing Ray cluster."""
