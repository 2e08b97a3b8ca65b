"""From what pydantic says to what a person can act on: a `Problem` with the path of the field, before it has a place."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from steelyard.blueprint.words import DERIVED, nearest, nearest_field
from steelyard.findings import Finding, Place

Path = tuple[str | int, ...]
"""Keys and indices from the document down to a field."""


_EXPECTED = {
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "a text",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong at `path`; `at_key` says that the key itself is, not its value."""

    rule: str
    path: Path
    message: str
    next_step: str = ""
    at_key: bool = False
    meant: str = ""
    """The field that an unknown word stands for, or that is missing."""

    def finding(self, document: str, place: Place | None = None, excerpt: str = "") -> Finding:
        """The problem as what is shown, once its place is known."""
        return Finding(self.rule, "error", document, self.message, next_step=self.next_step, place=place, excerpt=excerpt)


def problems_of(kind: type[BaseModel], error: ValidationError) -> Iterator[Problem]:
    """Every problem of one document of `kind`, but those between its own fields (see `Part.conflicts`).

    A field that is missing only because it is misspelled is told once.
    """
    details = [detail for detail in error.errors(include_url=False) if not _is_echo(detail)]
    problems = [_problem(kind, detail) for detail in details]
    misspelled = {(*problem.path[:-1], problem.meant) for problem in problems if problem.rule == "unknown-field"}
    for problem in problems:
        if problem.rule != "missing-field" or (*problem.path, problem.meant) not in misspelled:
            yield problem


def _is_echo(detail: ErrorDetails) -> bool:
    """A default that could not be derived because of another error; a conflict that the document finds itself."""
    return detail["type"] == "default_factory_not_called" or (detail["type"] == "conflict" and not detail["loc"])


def _problem(kind: type[BaseModel], detail: ErrorDetails) -> Problem:
    path, context = tuple(detail["loc"]), detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return unknown_field(kind, path)
        case "missing":
            return _missing(kind, path)
        case "conflict":
            return Problem("fields-conflict", (*path, *context["path"]), detail["msg"], _step(kind, path, None))
        case "literal_error":
            return _not_a_choice(kind, path, detail)
        case "value_error":
            return _wrong(kind, path, str(context["error"]))
        case _:
            return _wrong(kind, path, _type_message(detail))


def unknown_field(kind: type[BaseModel], path: Path) -> Problem:
    """A key that its mapping does not have, with the nearest that it has."""
    owner, where = owner_of(kind, path[:-1])
    word = str(path[-1])
    meant = nearest_field(word, owner.model_fields)
    hint = f"; did you mean '{meant}'?" if meant else f": {DERIVED[word]}" if word in DERIVED else ""
    named = kind.__name__ if owner is kind else f"'{where}' of {kind.__name__}"
    return Problem(
        "unknown-field",
        path,
        f"'{_short(word)}' is not a field of {named}{hint}",
        _step(kind, path[:-1], meant),
        at_key=True,
        meant=meant or "",
    )


def _missing(kind: type[BaseModel], path: Path) -> Problem:
    owner, where = owner_of(kind, path[:-1])
    named = kind.__name__ if owner is kind else f"'{where}' of {kind.__name__}"
    return Problem("missing-field", path[:-1], f"{named} needs '{path[-1]}'", _step(kind, path[:-1], str(path[-1])), meant=str(path[-1]))


def _not_a_choice(kind: type[BaseModel], path: Path, detail: ErrorDetails) -> Problem:
    choices = [choice.strip("'") for choice in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")]
    meant = nearest(str(detail["input"]).lower(), choices)
    hint = f"; did you mean '{meant}'?" if meant else ""
    message = f"'{_short(str(detail['input']))}' is not one of {', '.join(choices)}{hint}"
    return _wrong(kind, path, message, meant)


def _type_message(detail: ErrorDetails) -> str:
    expected = _EXPECTED.get(detail["type"])
    given = detail["input"]
    shown = "a mapping" if isinstance(given, dict) else "a list" if isinstance(given, list | tuple) else f"'{_short(str(given))}'"
    return f"{shown} stands where {expected} belongs" if expected else f"{shown}: {detail['msg'].lower()}"


def _wrong(kind: type[BaseModel], path: Path, message: str, meant: str | None = None) -> Problem:
    """A value that its field does not take."""
    fields = [part for part in path if isinstance(part, str) and part in owner_of(kind, path[: path.index(part)])[0].model_fields]
    name = fields[-1] if fields else ""
    step = f"example: {name}: {meant}" if meant else _step(kind, path[: path.index(name)] if name else (), name or None)
    return Problem("wrong-value", path, f"{name}: {message}" if name else message, step)


def _step(kind: type[BaseModel], path: Path, field: str | None) -> str:
    """An example of `field`, and where all fields are listed."""
    owner, where = owner_of(kind, path)
    every = f"all fields: steelyard explain {kind.__name__}" + (f".{where}" if owner is not kind else "")
    return f"example: {field}: {example_of(owner.model_fields[field])}        {every}" if field else every


def owner_of(kind: type[BaseModel], path: Path) -> tuple[type[BaseModel], str]:
    """The class whose fields stand at `path` (`kind` itself for other than a part), and the names of the fields down to it."""
    owner, keyed = kind, False
    names: list[str] = []
    for step in path:
        if keyed or isinstance(step, int) or step not in owner.model_fields:
            keyed = False  # this step is a key of a mapping, an index, or pydantic's own word
            continue
        part, keyed = part_of(owner.model_fields[step])
        if part is not None:
            owner, names = part, [*names, step]
    return owner, ".".join(names)


def part_of(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    """The class of the mapping that `field` holds, if any, and whether it is keyed by names of the person's own."""
    return _part_in(field.annotation)


def _part_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    keyed = typing.get_origin(annotation) is Mapping
    for argument in typing.get_args(annotation):
        part, below = _part_in(argument)
        if part is not None:
            return part, keyed or below
    return None, keyed


def example_of(field: FieldInfo) -> str:
    """The first example of a field, as YAML on one line."""
    return in_line((field.examples or [""])[0])


def in_line(value: object) -> str:
    """A value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {in_line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(in_line, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f'"{text}"' if text == "" or text[0] in "*&!{[" or ": " in text or " #" in text else text


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
