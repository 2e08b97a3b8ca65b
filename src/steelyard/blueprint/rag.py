"""`kind: Rag`: questions answered from documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from steelyard.blueprint.fields import Count, CountFromZero, Duration, Name, Text, Texts
from steelyard.blueprint.part import Conflict, Part, Workload, short_form


class Chunk(Part):
    """How documents are cut, in characters."""

    size: Count = Field(800, description="Length of a piece.", examples=[800])
    overlap: CountFromZero = Field(100, description="What neighbouring pieces share; less than the size.", examples=[100])

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        size, overlap = given.get("size", 800), given.get("overlap", 100)
        if overlap >= size:
            yield Conflict("overlap" if "overlap" in given else "size", f"pieces of {size} characters cannot overlap by {overlap}")


class Search(Part):
    """How pieces are found."""

    kind: Literal["vector", "keyword", "hybrid"] = Field("hybrid", description="By meaning, by words, or by both.", examples=["hybrid"])
    top: Count = Field(8, description="Pieces that reach the model.", examples=[8])
    rerank: Text = Field("none", description="A model that orders what was found, or none.", examples=["none"])


def _search(value: object) -> object:
    return value if isinstance(value, Mapping | Search) else {"kind": value}


class Rag(Workload):
    """Questions answered from documents: cut, embedded, stored, found, and told by a Serve."""

    kind: Literal["Rag"] = "Rag"
    documents: Texts = Field(description="Files, globs or s3:// of the documents.", examples=["s3://acme-docs/**/*.md"])
    answer: Name | None = Field(
        None, description="Name of the Serve that words the answers; without it only pieces are found.", examples=["chat"]
    )
    embedder: Text = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        description="The model that embeds documents and questions.",
        examples=["sentence-transformers/all-MiniLM-L6-v2"],
    )
    store: Literal["qdrant"] = Field("qdrant", description="Where the vectors live.", examples=["qdrant"])
    chunk: Chunk = Field(
        default_factory=Chunk, description="How documents are cut, in characters.", examples=[{"size": 800, "overlap": 100}]
    )
    search: Annotated[Search, BeforeValidator(_search)] = Field(
        default_factory=Search,
        description="How pieces are found.",
        examples=["hybrid", {"kind": "hybrid", "top": 8, "rerank": "none"}],
        json_schema_extra=short_form(enum=["vector", "keyword", "hybrid"]),
    )
    refresh: Duration | None = Field(None, description="How often documents are looked at again.", examples=["1h"])
