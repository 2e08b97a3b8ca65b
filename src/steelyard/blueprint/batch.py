"""`kind: Batch`: a model over a whole data set, once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from steelyard.blueprint.fields import Duration, Prose, Text, Texts
from steelyard.blueprint.part import Workload


class Batch(Workload):
    """A model over a whole data set, once."""

    kind: Literal["Batch"] = "Batch"
    model: Text = Field(description="A name of the catalogue, or a folder.", examples=["Qwen/Qwen2.5-7B-Instruct"])
    input: Texts = Field(description="Files, globs, s3:// or a storage name.", examples=["datasets/tickets/*.parquet"])
    prompt: Prose | None = Field(
        None, description="What each row is put into; {column} stands for its value.", examples=["Classify: {text}"]
    )
    output: Text | None = Field(None, description="Where the answers go: a folder, or a storage name.", examples=["datasets/labels"])
    deadline: Duration | None = Field(None, description="The plan must be able to keep it.", examples=["6h"])
