"""The verb `models`: what is known of a model, by its name or from its own configuration."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from steelyard.catalog.architecture import Architecture, read_architecture
from steelyard.catalog.known import known_models
from steelyard.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A model's architecture, and where it is from."""

    architecture: Architecture
    source: str


def models() -> tuple[ModelPage, ...]:
    """Every model of the catalogue, by name."""
    return tuple(ModelPage(model.architecture(), model.source) for _name, model in sorted(known_models().items()))


def model(name: str) -> ModelPage:
    """A model of the catalogue, by its name or the part after the slash, or a `config.json`, or a folder that has one."""
    path = Path(name)
    if path.is_dir() or path.suffix == ".json":
        return read(path / "config.json" if path.is_dir() else path)
    known = known_models()
    found = [key for key in known if name.lower() in (key.lower(), key.lower().partition("/")[2])]
    if len(found) != 1:
        near = found or nearest(name, tuple(known))
        raise NotFoundError(f"no model {name} in the catalogue" + (f"; near: {', '.join(near)}" if near else ""),
                            next_step=f"steelyard models {near[0]}" if near else "steelyard models")
    return ModelPage(known[found[0]].architecture(), known[found[0]].source)


def nearest(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Up to three names that someone may have meant: they contain it, or are spelled alike."""
    word = name.lower()
    containing = [key for key in known if word in key.lower()]
    by_last_part = {key.lower().partition("/")[2]: key for key in known}
    alike = difflib.get_close_matches(word.rpartition("/")[2], by_last_part, n=3, cutoff=0.5)
    return tuple(dict.fromkeys([*containing, *(by_last_part[part] for part in alike)]))[:3]


def read(file: Path) -> ModelPage:
    """The model that a `config.json` describes."""
    try:
        config = json.loads(file.read_text())
    except OSError as error:
        raise NotFoundError(f"{file} cannot be read: {error.strerror}", next_step=f"ls -l {file.parent}") from error
    except ValueError as error:
        raise NotFoundError(f"{file} is not JSON: {error}", next_step=f"python -m json.tool {file}") from error
    if not isinstance(config, dict):
        raise NotFoundError(f"{file} is not a configuration: it holds no object", next_step='{"model_type": "llama", ...}')
    return ModelPage(read_architecture(str(file), config), str(file))
