"""The models of the catalogue: their configurations as published, in `data/models.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from steelyard.catalog.architecture import Architecture, read_architecture

DATA = Path(__file__).parent / "data" / "models.json"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the catalogue, not yet interpreted."""

    name: str
    config: Mapping[str, Any]
    published: int
    """Its parameter count as published; a head that is tied to the embedding counts once."""
    source: str

    def architecture(self) -> Architecture:
        return read_architecture(self.name, self.config)


    @property
    def native(self) -> str:
        """The format of its published weights, as the configuration names it (`fp8`, `mxfp4`, `awq`); 16 bits where it says nothing."""
        return str((self.config.get("quantization_config") or {}).get("quant_method") or "none")


@cache
def known_models() -> Mapping[str, KnownModel]:
    """Every model of the catalogue by its name."""
    models = json.loads(DATA.read_text())["models"]
    return {name: KnownModel(name, model["config"], model["published"], model["source"]) for name, model in models.items()}
