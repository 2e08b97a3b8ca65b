"""The base classes of everything a person writes.

A `Document` is one YAML document (`kind`, `name`); a `Part` is a mapping inside one. Both are frozen and take no other
fields than their own. A document made from Python that is wrong raises `BlueprintError` with every problem at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from steelyard.blueprint.devices import AUTO
from steelyard.blueprint.fields import Bytes, Duration, GpuRequest, MountPath, Name, Price, Prose, Real, Text, Texts, Variable
from steelyard.blueprint.problems import Problem, problems_of
from steelyard.errors import BlueprintError


@dataclass(frozen=True, slots=True)
class Conflict:
    """Fields that cannot stand together, or one that cannot be missing. `field` is where to look; empty: the whole mapping."""

    field: str
    message: str


def at_most_one(given: Mapping[str, Any], *fields: str) -> Iterator[Conflict]:
    """A conflict at each of `fields` after the first that is given."""
    present = [field for field in fields if field in given]
    for field in present[1:]:
        yield Conflict(field, f"'{present[0]}' and '{field}' exclude each other; keep one")


def at_least_one(given: Mapping[str, Any], *fields: str) -> Iterator[Conflict]:
    """A conflict when none of `fields` is given."""
    if not any(field in given for field in fields):
        yield Conflict("", f"one of {', '.join(map(repr, fields))} is needed")


def short_form(**shape: Any) -> Callable[[dict[str, Any]], None]:
    """For `json_schema_extra`: the field also takes what the JSON Schema `shape` says, instead of a mapping."""

    def widen(schema: dict[str, Any]) -> None:
        kept = {key: schema.pop(key) for key in list(schema) if key in ("$ref", "anyOf", "allOf", "type")}
        schema["anyOf"] = [shape, *kept.get("anyOf", [kept])]

    return widen


class Part(BaseModel):
    """A mapping inside a document."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, arbitrary_types_allowed=True)

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:  # noqa: ARG003  (what a class without conflicts says)
        """What is wrong between the fields in `given` (as written or as typed: compare with plain words only)."""
        return iter(())

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for conflict in self.conflicts({field: getattr(self, field) for field in self.model_fields_set}):
            raise PydanticCustomError("conflict", "{message}", {"message": conflict.message, "path": _path(conflict)})
        return self


def _path(conflict: Conflict) -> tuple[str, ...]:
    return (conflict.field,) if conflict.field else ()


class Document(Part):
    """One YAML document."""

    kind: str = Field(description="What this document is.")
    name: Name = Field(description="What it is called: small letters, digits and '-', at most 40.", examples=["chat"])

    def __init__(self, /, **fields: Any) -> None:
        """Take human text or typed values; raise `BlueprintError` with every problem."""
        try:
            super().__init__(**fields)
        except ValidationError as error:
            who = f"{type(self).__name__} {fields.get('name', '')}".strip()
            raise BlueprintError([problem.finding(who) for problem in _all(type(self), fields, error)]) from None

    @classmethod
    def check(cls, fields: Mapping[str, Any]) -> tuple[Self | None, tuple[Problem, ...]]:
        """The document that `fields` make, or None and every problem with its path: for readers that know places."""
        document = cls.__new__(cls)
        try:
            BaseModel.__init__(document, **fields)
        except ValidationError as error:
            return None, tuple(_all(cls, fields, error))
        return document, ()


def _all(cls: type[Document], fields: Mapping[str, Any], error: ValidationError) -> Iterator[Problem]:
    """The problems of single fields, then those between fields, which pydantic would hide behind them."""
    single = tuple(problems_of(cls, error))
    yield from single
    misspelled = any(problem.rule == "unknown-field" and len(problem.path) == 1 for problem in single)
    for conflict in cls.conflicts(fields):
        if conflict.field or not misspelled:  # what seems to be missing may be there under a wrong word
            yield Problem(
                "fields-conflict",
                _path(conflict),
                conflict.message,
                f"all fields: steelyard explain {cls.__name__}",
                at_key=bool(conflict.field),
            )


class Workload(Document):
    """What all workloads have in common."""

    team: Name | None = Field(None, description="The team that runs it and pays for it.", examples=["nlp"])
    gpu: GpuRequest = Field(
        AUTO,
        description="Devices: a kind, a memory, a count, a share, alternatives, auto, or 0 for none.",
        examples=["H100:8", "24GB..", "L40S:4..8", "L4:1/4", "H100:1g.10gb", ["H100:8", "A100:80GB:8"], "auto", 0],
    )
    cpu: Real | None = Field(None, description="CPU cores of one worker or replica; derived when left out.", examples=[4])
    memory: Bytes | None = Field(None, description="Host memory of one worker or replica; derived when left out.", examples=["32GB"])
    spot: Literal["auto", "never", "only"] = Field("auto", description="Whether interruptible capacity may be used.", examples=["never"])
    priority: Literal["low", "normal", "high"] = Field("normal", description="Who goes first inside the team.", examples=["high"])
    image: Text | None = Field(None, description="A container image instead of Steelyard's own.", examples=["ghcr.io/acme/train:1.4"])
    env: Mapping[Variable, Prose] = Field({}, description="Environment variables. Never a secret.", examples=[{"LOG_LEVEL": "info"}])
    secrets: Texts = Field(
        (), description="Names of secrets that become environment variables; names, never values.", examples=[["hf-token"]]
    )
    storage: Mapping[MountPath, Text] = Field(
        {}, description="Mount path: name of a storage of the Platform, or a folder on this machine.", examples=[{"/data": "datasets"}]
    )
    max_duration: Duration | None = Field(None, description="The workload is stopped after this time.", examples=["3 days"])
    max_price: Price | None = Field(
        None, description="The plan must be able to keep it; the workload is stopped when it is reached.", examples=["$500"]
    )
    labels: Mapping[Text, Prose] = Field(
        {}, description="Your own labels, kept in the ledger and on every object.", examples=[{"experiment": "ablation-3"}]
    )
