"""The JSON Schema of a blueprint, for editors: each document of a file is one of the kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from steelyard.blueprint.explaining import default_words
from steelyard.blueprint.kinds import KINDS
from steelyard.blueprint.part import Document
from steelyard.blueprint.problems import part_of


def schema() -> dict[str, Any]:
    """One schema for every document of a file, chosen by `kind`. Human units are strings with a pattern, or plain numbers."""
    definitions: dict[str, Any] = {}
    for name, kind in KINDS.items():
        definitions |= _definitions(name, kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Steelyard blueprint",
        "description": "One document of a blueprint; several stand in one file, parted by ---.",
        "type": "object",
        "required": ["kind", "name"],
        "properties": {"kind": {"enum": list(KINDS), "description": "What this document is."}},
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in KINDS],
        "$defs": dict(sorted(definitions.items())),
    }


def _definitions(name: str, kind: type[Document]) -> dict[str, Any]:
    """The schema of one kind and of the parts in it."""
    own: dict[str, Any] = kind.model_json_schema()
    definitions: dict[str, Any] = own.pop("$defs", {}) | {name: own}
    for owner in _classes(kind):
        _describe(owner, definitions[owner.__name__])
    own["required"] = ["kind", *own["required"]]
    own["properties"]["kind"] = {"const": name, "description": own["description"]}
    return definitions


def _classes(owner: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """`owner` and the classes of the parts below it."""
    yield owner
    for field in owner.model_fields.values():
        part, _ = part_of(field)
        if part is not None:
            yield from _classes(part)


def _describe(owner: type[BaseModel], shape: dict[str, Any]) -> None:
    """Make the schema of one class what an editor should show: no titles, no null, defaults as a person writes them."""
    shape.pop("title", None)
    for name, field in owner.model_fields.items():
        described = shape["properties"][name]
        described.pop("title", None)
        described.pop("default", None)
        options = [option for option in described.pop("anyOf", []) if option != {"type": "null"}]
        described |= options[0] if len(options) == 1 else {"anyOf": options} if options else {}
        default = default_words(field)
        told = "" if default in ("required", "not set", "none") else f" Default: {default}."
        described["description"] = f"{field.description}{told}"
