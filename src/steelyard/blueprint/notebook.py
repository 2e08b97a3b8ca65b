"""`kind: Notebook`: a place for a person to work."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from steelyard.blueprint.fields import Duration
from steelyard.blueprint.part import Workload


class Notebook(Workload):
    """A place for a person to work, with a device or a share of one."""

    kind: Literal["Notebook"] = "Notebook"
    idle: Duration | None = Field(None, description="It sleeps after so long without use.", examples=["1h"])
