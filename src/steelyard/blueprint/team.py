"""`kind: Team`: who works here, with which quota and budget."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from steelyard.blueprint.fields import CountFromZero, DeviceName, Member, Name, Percent, PriceAMonth, Real, flag, one_or_many
from steelyard.blueprint.part import Document, Part, short_form

Quota = Mapping[DeviceName, CountFromZero]
"""Devices by kind; `gpu` counts all of them."""


class Budget(Part):
    """Money of a calendar month."""

    amount: PriceAMonth = Field(description="Of a calendar month; micro-dollars in Python.", examples=["$20k/month"])
    warn: Percent = Field(Decimal("0.8"), description="The team is warned at this part of the amount.", examples=["80%"])
    stop: Percent = Field(Decimal(1), description="Nothing new is admitted from this part of the amount on.", examples=["100%"])


@functools.cache
def _quota() -> TypeAdapter[Quota]:
    return TypeAdapter(Quota)


def _loan(value: object) -> bool | Quota:
    """`true`, `false`, or at most so many devices by kind."""
    return _quota().validate_python(value) if isinstance(value, Mapping) else flag(value)


def _budget(value: object) -> object:
    return value if isinstance(value, Mapping | Budget) else {"amount": value}


Loan = Annotated[bool | Quota, BeforeValidator(_loan)]


class Team(Document):
    """Who works here, with which quota and budget."""

    kind: Literal["Team"] = "Team"
    name: Name = Field(description="The team's name, which workloads refer to.", examples=["nlp"])
    quota: Quota = Field({}, description="Devices that the team is sure of, by kind; `gpu` counts all.", examples=[{"gpu": 16, "H100": 8}])
    borrow: Loan = Field(True, description="Whether the team may use what others leave, or how much of it.", examples=[True, {"gpu": 8}])
    lend: Loan = Field(True, description="Whether others may use what the team leaves, or how much of it.", examples=[True, {"gpu": 8}])
    share: Real = Field(1.0, description="The team's weight when capacity is shared out.", examples=[2])
    budget: Annotated[Budget, BeforeValidator(_budget)] | None = Field(
        None,
        description="Money of a calendar month: warned at 80%, nothing new admitted at 100%.",
        examples=["$20k/month", {"amount": "$20k/month", "warn": "70%"}],
        json_schema_extra=short_form(type="string"),
    )
    work: Literal["research", "training", "production"] = Field(
        "research", description="What the team does: decides who may preempt whom.", examples=["production"]
    )
    members: Annotated[tuple[Member, ...], BeforeValidator(one_or_many)] = Field(
        (), description="Who belongs to it, as groups and users of the cluster.", examples=[["group:nlp-engineers", "user:ana"]]
    )
    isolation: Literal["strict", "shared"] = Field(
        "strict", description="Whether other teams' workloads can be reached.", examples=["shared"]
    )
