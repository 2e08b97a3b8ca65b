"""From classes to YAML that reads back as equal classes."""

from __future__ import annotations

from typing import Any

import yaml

from steelyard.blueprint.part import Document
from steelyard.blueprint.reading import Blueprint

_TAIL = ("gpu", "cpu", "memory", "spot", "priority", "image", "env", "secrets", "storage", "max_duration", "max_price", "labels")
"""Fields that all workloads have stand after what makes the kind."""


def ordered_fields(kind: type[Document]) -> list[str]:
    """The fields of a kind in the order in which people write them: kind, name, team, its own, those of all workloads."""
    tail = [field for field in kind.model_fields if field in _TAIL and "team" in kind.model_fields]
    head = [field for field in ("kind", "name", "team") if field in kind.model_fields]
    return [*head, *(field for field in kind.model_fields if field not in (*head, *tail)), *tail]


def plain(document: Document) -> dict[str, Any]:
    """What a person would write for `document`: only the fields that were set, in human units."""
    values = document.model_dump(exclude_unset=True) | {"kind": document.kind}
    return {field: _lists(values[field]) for field in ordered_fields(type(document)) if field in values and values[field] is not None}


def _lists(value: Any) -> Any:
    """Tuples as lists, all the way down; what is not set left out."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items() if item is not None}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


def to_yaml(blueprint: Blueprint) -> str:
    """The whole blueprint as one YAML text; `read_text` of it gives an equal blueprint."""
    texts = [_document(plain(document)) for document in blueprint.documents]
    return "---\n".join(texts)


def _document(values: dict[str, Any]) -> str:
    text: str = yaml.dump(values, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=None)
    return text
