"""`models`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from steelyard.cli.output import Column, Format, OutputOption, next_command, percent, show, show_data, write
from steelyard.units import format_bytes
from steelyard.verbs import models as verbs

BYTES = 2
"""Of an element in BF16."""
BAR = 40
"""Characters of the longest bar."""

Name = Annotated[str | None, typer.Argument(metavar="NAME", help="A model of the catalogue, a config.json, or its folder.",
                                            show_default=False)]  # fmt: skip

def short(count: int) -> str:
    """A count of parameters as people say it: `8.03B`, `135M`."""
    for scale, letter in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= scale:
            return f"{count / scale:.3g}{letter}"
    return str(count)


COLUMNS = (
    Column("NAME", "name"), Column("PARAMETERS", "parameters", short, right=True),
    Column("ACTIVE", "active", short, right=True), Column("WEIGHTS", "weights_bytes", format_bytes, right=True),
    Column("ATTENTION", "attention"), Column("KV/TOKEN", "kv_bytes_per_token", format_bytes, right=True),
    Column("CONTEXT", "context", lambda count: f"{count:,}", right=True), Column("LAYERS", "layers", wide=True, right=True),
    Column("WIDTH", "width", wide=True, right=True), Column("HEADS", "heads", wide=True, right=True),
    Column("KV HEADS", "kv_heads", wide=True, right=True), Column("HEAD DIM", "head_dim", wide=True, right=True),
    Column("EXPERTS", "experts", wide=True, right=True), Column("FAMILY", "family", wide=True),
)  # fmt: skip


def models(name: Name = None, output: OutputOption = Format.table) -> None:
    """List the models of the catalogue, or show one: its parameters by part, and what its KV cache takes.

    A model that is not in the catalogue is read from its own config.json. Bytes are for BF16, two for each element.

    Examples:
      steelyard models
      steelyard models Llama-3.1-8B
      steelyard models ./my-model/config.json
    """
    if name is None:
        show([record(page) for page in verbs.models()], COLUMNS, output)
        next_command("steelyard models Llama-3.1-8B")
        return
    page = verbs.model(name)
    if output in (Format.json, Format.yaml):
        show_data(record(page), output)
    elif output in (Format.name, Format.wide):
        show([record(page)], COLUMNS, output)
    else:
        write("".join(f"{line}\n" for line in page_lines(page)))


def record(page: verbs.ModelPage) -> dict[str, Any]:
    """The model as plain data."""
    one = page.architecture
    return {
        "name": one.name, "family": one.family, "parameters": one.parameters, "active": one.active, "weights_bytes": BYTES * one.parameters,
        "attention": one.attention, "kv_bytes_per_token": None if one.encoder else BYTES * one.kv_elements(1), "context": one.context,
        "layers": one.layers, "width": one.width, "heads": one.heads, "kv_heads": one.kv_heads, "head_dim": one.head_dim,
        "vocabulary": one.vocabulary, "experts": one.experts, "experts_per_token": one.experts_per_token,
        "windows": list(one.windows), "parts": dict(one.parts), "source": page.source,
    }


def page_lines(page: verbs.ModelPage) -> Iterator[str]:
    """One model for people: its parameters by part as bars, and its KV cache by context."""
    one = page.architecture
    yield f"{one.name}   {one.family}   {short(one.parameters)} parameters, {short(one.active)} for each token"
    shared = f"{one.kv_heads} for keys and values" if one.latent is None else f"{one.latent} elements cached a token and layer"
    heads = f"{one.heads} heads of {one.head_dim}, {shared} ({one.attention})"
    yield f"{one.layers} layers of width {one.width}   {heads}   vocabulary {one.vocabulary:,}   context {one.context:,}"
    yield ""
    yield f"weights     {format_bytes(BYTES * one.parameters)} in BF16"
    largest = max(one.parts.values())
    for part, count in one.parts.items():
        if count:
            bar = "█" * max(1, round(BAR * count / largest))
            yield f"  {part:<11}{format_bytes(BYTES * count):>10}  {percent(count / one.parameters):>4}  {bar}"
    if not one.encoder:
        yield ""
        windows = [size for size in one.windows if size is not None]
        sliding = f", {len(windows)} of {one.layers} layers see {windows[0]:,} tokens" if windows else ""
        yield f"KV cache    of one sequence in BF16{sliding}"
        for tokens in dict.fromkeys((1, min(1024, one.context), min(8192, one.context), one.context)):
            yield f"  {tokens:>9,} tokens {format_bytes(BYTES * one.kv_elements(tokens)):>10}"
    yield ""
    yield f"source      {page.source}"
