"""The small protocol that all engines speak, so that every verb has one implementation."""

from steelyard.engine.protocol import Engine, Observed, Outcome, State, Step

__all__ = ["Engine", "Observed", "Outcome", "State", "Step"]
