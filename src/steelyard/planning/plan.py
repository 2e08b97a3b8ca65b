"""What can be had, what was chosen, and the whole of it."""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.blueprint import Blueprint, Train
from steelyard.findings import Finding
from steelyard.sizing import Layout


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that workloads can be placed on. Here there is one: this machine."""

    name: str
    cpus: int
    memory: int
    """Bytes of the host."""
    gpus: tuple[str, ...]
    """Names of its devices, one an entry."""
    gpu_memory: int | None
    """Bytes of one device, or None when it has none or cannot be asked."""
    price_micro_hour: int | None
    """None is unknown, never free."""
    price_source: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A workload's layout on an offer."""

    workload: Train
    layout: Layout
    offer: Offer
    cpus_per_worker: int
    gpus_per_worker: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All choices, with what is worth telling. An error among the findings means that the plan cannot be carried out."""

    blueprint: Blueprint
    choices: tuple[Choice, ...]
    findings: tuple[Finding, ...]

    @property
    def feasible(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)
