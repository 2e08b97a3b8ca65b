"""What a kind or a field is: its type, default, examples, and who honours it. From the classes, so that it cannot drift."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from steelyard.blueprint.fields import Says
from steelyard.blueprint.honours import honoured_by
from steelyard.blueprint.kinds import KINDS
from steelyard.blueprint.part import Document
from steelyard.blueprint.problems import in_line, part_of
from steelyard.blueprint.words import nearest_field, nearest_kind
from steelyard.blueprint.writing import ordered_fields
from steelyard.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Explanation:
    """One kind (`Train`) or field (`Train.checkpoint`); `fields` are those below it."""

    path: str
    description: str
    type: str = ""
    default: str = ""
    examples: tuple[str, ...] = ()
    honoured: tuple[str, ...] = ()
    fields: tuple[Explanation, ...] = ()

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def text(self) -> str:
        """For a terminal."""
        lines = [f"{self.path}    {self.type}", f"  {self.description}"] if self.type else [f"{self.path}    {self.description}"]
        if self.type:
            lines += ["", f"  default   {self.default}"]
            lines += [f"  {'example' if not index else '':<10}{self.name}: {example}" for index, example in enumerate(self.examples)]
            lines.append(f"  honoured  {', '.join(self.honoured) or 'not enforced by any engine yet'}")
        width = max((len(field.name) for field in self.fields), default=0)
        lines += ["", *(f"  {field.name:<{width}}  {field.description}" for field in self.fields)] if self.fields else []
        return "\n".join(lines)


def explain(path: str = "") -> Explanation:
    """`Train`, `Train.gpu`, `Train.checkpoint.every`; without a path, all kinds. NotFoundError names the nearest."""
    if not path:
        kinds = tuple(Explanation(name, _summary(kind)) for name, kind in KINDS.items())
        return Explanation("blueprint", "documents that begin with kind and name", fields=kinds)
    word, *steps = path.split(".")
    if word not in KINDS:
        raise _not_found(word, nearest_kind(word, KINDS), "kind", "")
    kind = KINDS[word]
    explained = Explanation(word, _summary(kind), fields=tuple(_field(word, kind, name, word) for name in ordered_fields(kind)))
    for step in steps:
        below = next((field for field in explained.fields if field.name == step), None)
        if below is None:
            names = [field.name for field in explained.fields]
            raise _not_found(step, nearest_field(step, names), f"field of {explained.path}", f"{explained.path}.")
        explained = below
    return explained


def _not_found(word: str, meant: str | None, what: str, prefix: str) -> NotFoundError:
    hint = f"; did you mean '{meant}'?" if meant else ""
    step = f"steelyard explain {prefix}{meant}" if meant else f"steelyard explain {prefix.rstrip('.')}".rstrip()
    return NotFoundError(f"'{word[:60]}' is not a {what}{hint}", next_step=step)


def _summary(kind: type[Document]) -> str:
    return (kind.__doc__ or "").strip()


def _field(word: str, owner: type[BaseModel], name: str, prefix: str, honoured: tuple[str, ...] | None = None) -> Explanation:
    """One field of `owner` and what is below it; a field of a part is honoured where the part is."""
    field = owner.model_fields[name]
    by = honoured_by(word, name) if honoured is None else honoured
    part, _ = part_of(field)
    path = f"{prefix}.{name}"
    return Explanation(
        path,
        field.description or "What this document is.",
        type_words(field),
        default_words(field),
        tuple(in_line(example) for example in field.examples or ()) or _choices(field),
        by,
        tuple(_field(word, part, below, path, by) for below in part.model_fields) if part else (),
    )


def _choices(field: FieldInfo) -> tuple[str, ...]:
    return tuple(map(str, typing.get_args(field.annotation))) if typing.get_origin(field.annotation) is typing.Literal else ()


def type_words(field: FieldInfo) -> str:
    """What a field takes, in words."""
    said = next((item.words for item in field.metadata if isinstance(item, Says)), None)
    words = said or _words(field.annotation)
    return f"{_short_form(field)}{words}"


def _short_form(field: FieldInfo) -> str:
    return "a text, or " if callable(field.json_schema_extra) else ""


def _words(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return _plain_words(annotation)
    if origin is Annotated:
        return next((item.words for item in arguments[1:] if isinstance(item, Says)), None) or _words(arguments[0])
    if origin is typing.Literal:
        return " | ".join(map(str, arguments))
    words = [_words(argument) for argument in arguments if argument not in (type(None), ...)]
    form = {Mapping: "a mapping: {0} to {1}", tuple: "a list: {0}"}.get(origin)
    return form.format(*words) if form else ", or ".join(words)


def _plain_words(annotation: type) -> str:
    if issubclass(annotation, BaseModel):
        return "{" + ", ".join(annotation.model_fields) + "}"
    return {bool: "true or false", str: "a text"}[annotation]


def default_words(field: FieldInfo) -> str:
    """The default as a person would write it."""
    if field.is_required():
        return "required"
    if field.default_factory_takes_validated_data:
        return "derived"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "not set"
    whole: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    written = TypeAdapter[Any](whole).dump_python(value)
    if isinstance(written, dict):
        written = {key: item for key, item in written.items() if item is not None}
    return in_line(written) if written not in ({}, ()) else "none"
