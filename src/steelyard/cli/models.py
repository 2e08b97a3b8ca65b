"""`models`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from steelyard.cli.output import Column, Format, OutputOption, next_command, percent, show, show_data, text, write
from steelyard.sizing.serving import MEASURED_ON, Quantization
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
    Column("PUBLISHED", "published_format", wide=True), Column("AS PUBLISHED", "published_bytes", format_bytes, wide=True, right=True),
)  # fmt: skip


On = Annotated[str | None, typer.Option("--on", help="Weigh it on GPUs, served by vLLM: H100, A100:80GB:8.", show_default=False)]
Context = Annotated[int | None, typer.Option("--context", min=1, help="Tokens of a request; with --on.", show_default="4096")]
Weights = Annotated[Quantization | None, typer.Option("--quantization", help="How the weights are compressed; with --on.",
                                                      show_default="as published")]  # fmt: skip


def models(
    name: Name = None, on: On = None, context: Context = None, quantization: Weights = None,
    output: OutputOption = Format.table,
) -> None:
    """List the models of the catalogue, or show one: its parameters by part, what its KV cache takes, and how it fits on GPUs.

    A model that is not in the catalogue is read from its own config.json. Without --on, bytes are for BF16, two for each element, and
    of the weights also for the format that they are published in. With --on, exit status 1 says that it does not fit.

    Examples:
      steelyard models
      steelyard models Llama-3.1-8B
      steelyard models ./my-model/config.json
      steelyard models Llama-3.1-70B --on H100:4 --context 8192
    """
    if name is None:
        if on:
            raise typer.BadParameter("name a model to weigh: steelyard models Llama-3.1-8B --on H100")
        show([record(page) for page in verbs.models()], COLUMNS, output)
        next_command("steelyard models Llama-3.1-8B")
        return
    page = verbs.model(name)
    if on:
        weigh(page, verbs.fit(page.architecture, on, context, quantization or page.native or "none"), output)
        return
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
        "published_format": page.native, "published_bytes": page.published_bytes(), "published_unread": page.unread or None,
    }


def page_lines(page: verbs.ModelPage) -> Iterator[str]:
    """One model for people: its parameters by part as bars, and its KV cache by context."""
    one = page.architecture
    yield f"{one.name}   {one.family}   {short(one.parameters)} parameters, {short(one.active)} for each token"
    shared = f"{one.kv_heads} for keys and values" if one.latent is None else f"{one.latent} elements cached a token and layer"
    heads = f"{one.heads} heads of {one.head_dim}, {shared} ({one.attention})"
    yield f"{one.layers} layers of width {one.width}   {heads}   vocabulary {one.vocabulary:,}   context {one.context:,}"
    yield ""
    yield f"weights     {format_bytes(BYTES * one.parameters)} in BF16{as_published(page)}"
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
    if page.unread:
        yield unread_line(page)
    yield f"source      {page.source}"


def as_published(page: verbs.ModelPage) -> str:
    """The weights in the format that they are published in, where that is not 16 bits."""
    size = page.published_bytes()
    return "" if page.native is None or size is None else f", {format_bytes(size)} as published in {page.native.upper()}"


def unread_line(page: verbs.ModelPage) -> str:
    """What of the published format is not understood."""
    instead = "" if page.native else "; in 16 bits unless --quantization says otherwise"
    return f"not read    of the format of its weights: {text(page.unread)}{instead}"


def weigh(page: verbs.ModelPage, fit: verbs.Fit, output: Format) -> None:
    """Print how the model fits; exit status 1 where not even one request is likely to."""
    if output in (Format.json, Format.yaml):
        show_data(fit_record(page, fit), output)
    else:
        write("".join(f"{line}\n" for line in fit_lines(page, fit)))
    if not fit.fits:
        raise typer.Exit(1)


def fit_record(page: verbs.ModelPage, fit: verbs.Fit) -> dict[str, Any]:
    """The fit as plain data; bytes are of one device."""
    memory = fit.memory
    return {
        "name": page.architecture.name, "gpu": fit.accelerator.name, "devices": fit.devices, "quantization": fit.quantization,
        "published_format": page.native, "published_unread": page.unread or None,
        "device_memory": memory.device_memory, "parts": {part: asdict(figure) for part, figure in memory.parts.items()},
        "kv_pool": asdict(memory.pool), "kv_bytes_per_token": memory.kv_per_token, "context": fit.context,
        "requests": asdict(fit.requests), "longest_context": fit.longest, "fits": fit.fits,
    }


def fit_lines(page: verbs.ModelPage, fit: verbs.Fit) -> Iterator[str]:
    """The fit for people: the memory of one device by part, and what the rest of it holds."""
    memory, one = fit.memory, page.architecture
    shared = f", shared by {fit.devices} devices" if fit.devices > 1 else ""
    yield f"{one.name} on {fit.devices} x {fit.accelerator.name}{shared}   weights {weights_told(page, fit.quantization)}"
    if page.unread:
        yield unread_line(page)
    yield ""
    rows = [*memory.parts.items(), *([("KV cache", memory.pool)] if memory.pool.likely > 0 else [])]
    for part, figure in rows:
        bar = "█" * max(1, round(BAR * min(figure.likely / memory.device_memory, 2)))
        between = "" if figure.low == figure.high else f"   {gib(figure.low)} to {gib(figure.high)}"
        yield f"  {part:<12}{gib(figure.likely):>10}  {bar:<{BAR}}{between}".rstrip()
    yield f"  {'of':<12}{gib(memory.device_memory):>10}  {'·' * BAR}   usable, on each device"
    yield ""
    if not fit.fits:
        yield f"does not fit: {gib(memory.kv_of(one, fit.context) - memory.pool.likely)} short for one request of {fit.context:,} tokens"
    if not fit.longest:
        return
    yield f"requests    {fit.requests.likely:,} at once of {fit.context:,} tokens ({fit.requests.low:,} to {fit.requests.high:,})"
    yield f"context     {fit.longest:,} tokens at most in one request" + (", the model's own limit" if fit.longest == one.context else "")
    elsewhere = "" if fit.accelerator.name == MEASURED_ON else f", not validated on {fit.accelerator.name}"
    yield f"source      {memory.parts['activations'].source}{elsewhere}; weights from the {memory.parts['weights'].source}"


def weights_told(page: verbs.ModelPage, quantization: Quantization) -> str:
    """The format that is weighed, and the published one where that has fewer than 16 bits."""
    if page.native == quantization:
        return f"published in {quantization.upper()}"
    weighed = "in 16 bits" if quantization == "none" else f"in {quantization.upper()}"
    return weighed + (f", published in {page.native.upper()}" if page.native else "")


def gib(size: int) -> str:
    """Bytes as GiB, which people compare with a card's memory."""
    return f"{size / 1024**3:.1f} GiB"
