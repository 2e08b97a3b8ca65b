"""Every kind of option and placement, for what treats them alike."""

from __future__ import annotations

from typing import TypeAlias

from steelyard.planning.batch import BatchOption
from steelyard.planning.option import Placement
from steelyard.planning.plain import PlainOption
from steelyard.planning.serving import ServeOption
from steelyard.planning.training import TrainOption

AnyOption: TypeAlias = ServeOption | TrainOption | BatchOption | PlainOption
AnyPlacement: TypeAlias = Placement[ServeOption] | Placement[TrainOption] | Placement[BatchOption] | Placement[PlainOption]
