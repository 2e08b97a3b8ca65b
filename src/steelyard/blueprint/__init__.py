"""What a person writes: the seven kinds, read with their places, checked, described. YAML and Python are the same classes."""

from steelyard.blueprint.batch import Batch
from steelyard.blueprint.devices import Device, Gpu, Range
from steelyard.blueprint.kinds import KINDS
from steelyard.blueprint.notebook import Notebook
from steelyard.blueprint.part import Document, Workload
from steelyard.blueprint.platform import Limits, Monitoring, Platform, PriceHere, Storage
from steelyard.blueprint.rag import Chunk, Rag, Search
from steelyard.blueprint.reading import Blueprint, read, read_bytes, read_text
from steelyard.blueprint.serve import Serve, ServedModel, Slo, Traffic
from steelyard.blueprint.team import Budget, Quota, Team
from steelyard.blueprint.train import NANO_GPT, Checkpoint, Script, Train

__all__ = [
    "KINDS",
    "NANO_GPT",
    "Batch",
    "Blueprint",
    "Budget",
    "Checkpoint",
    "Chunk",
    "Device",
    "Document",
    "Gpu",
    "Limits",
    "Monitoring",
    "Notebook",
    "Platform",
    "PriceHere",
    "Quota",
    "Rag",
    "Range",
    "Script",
    "Search",
    "Serve",
    "ServedModel",
    "Slo",
    "Storage",
    "Team",
    "Traffic",
    "Train",
    "Workload",
    "read",
    "read_bytes",
    "read_text",
]
