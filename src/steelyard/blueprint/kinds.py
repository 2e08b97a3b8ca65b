"""The seven kinds, by name."""

from __future__ import annotations

from steelyard.blueprint.batch import Batch
from steelyard.blueprint.notebook import Notebook
from steelyard.blueprint.part import Document
from steelyard.blueprint.platform import Platform
from steelyard.blueprint.rag import Rag
from steelyard.blueprint.serve import Serve
from steelyard.blueprint.team import Team
from steelyard.blueprint.train import Train

KINDS: dict[str, type[Document]] = {kind.__name__: kind for kind in (Platform, Team, Train, Serve, Rag, Batch, Notebook)}
"""In the order in which people meet them."""
