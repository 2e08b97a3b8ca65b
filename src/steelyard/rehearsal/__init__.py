"""A private real control plane with simulated or real nodes."""
