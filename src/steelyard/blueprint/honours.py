"""Which engine honours which field. No field is accepted and ignored: what an engine does not honour yet, it says.

A test holds the table complete: every field of every kind stands in it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from steelyard.blueprint.devices import Gpu
from steelyard.blueprint.part import Document
from steelyard.blueprint.platform import PriceHere
from steelyard.blueprint.reading import Blueprint
from steelyard.findings import Finding

Engine = Literal["here", "kubernetes", "rehearsal"]

ENGINES: tuple[Engine, ...] = ("here", "kubernetes", "rehearsal")

_RUNS: dict[Engine, frozenset[str]] = {"here": frozenset({"Train"}), "kubernetes": frozenset(), "rehearsal": frozenset()}

_NOBODY: frozenset[Engine] = frozenset()
_HERE: frozenset[Engine] = frozenset({"here"})


def _row(*, here: str = "", nobody: str = "") -> Mapping[str, frozenset[Engine]]:
    return dict.fromkeys(here.split(), _HERE) | dict.fromkeys(nobody.split(), _NOBODY)


_COMMON = "team gpu cpu memory spot priority image env secrets storage max_duration max_price labels"

HONOURS: Mapping[str, Mapping[str, frozenset[Engine]]] = {
    "Platform": _row(
        here="kind name target prices",
        nobody="cluster region zones nodes devices instances spot reservations limits storage monitoring registry outputs",
    ),
    "Team": _row(here="kind name", nobody="quota borrow lend share budget work members isolation"),
    "Train": _row(
        here="kind name team model script data recipe epochs tokens steps sequence batch learning_rate seed framework workers precision "
        "checkpoint output gpu cpu memory env storage max_duration max_price labels",
        nobody="deadline spot priority image secrets",
    ),
    "Serve": _row(nobody=f"kind name {_COMMON} model models adapters engine quantization context traffic slo replicas access"),
    "Rag": _row(nobody=f"kind name {_COMMON} documents answer embedder store chunk search refresh"),
    "Batch": _row(nobody=f"kind name {_COMMON} model input prompt output deadline"),
    "Notebook": _row(nobody=f"kind name {_COMMON} idle"),
}
"""By kind and field: the engines that do what it says."""


def _any_devices(gpu: Gpu) -> bool:
    """auto, none, or a bare count: this machine has the devices it has."""
    return all(device.name is None and device.memory is None and device.share is None for device in gpu.alternatives)


def _only_folders(mounts: Mapping[str, str]) -> bool:
    return all("/" in source or source.startswith((".", "~")) for source in mounts.values())


PARTLY: Mapping[tuple[str, str, Engine], tuple[Callable[[Any], bool], str]] = {
    ("Platform", "prices", "here"): (lambda prices: isinstance(prices, PriceHere), "only the price of this machine: {hour: $0.35}"),
    ("Train", "recipe", "here"): (lambda recipe: recipe != "qlora", "all but qlora"),
    ("Train", "framework", "here"): (lambda framework: framework == "ray", "only ray"),
    ("Train", "precision", "here"): (lambda precision: precision in ("auto", "fp32", "bf16"), "only auto, fp32 and bf16"),
    ("Train", "gpu", "here"): (_any_devices, "only auto, 0 or a count"),
    ("Train", "storage", "here"): (_only_folders, "only folders of this machine"),
}
"""Fields that an engine honours for some values: which, and in words."""


def runs(kind: str, engine: Engine) -> bool:
    """Whether `engine` runs workloads of `kind` today."""
    return kind in _RUNS[engine]


def runs_here(kind: str) -> bool:
    """Whether this machine runs workloads of `kind` today."""
    return runs(kind, "here")


def honoured_by(kind: str, field: str) -> tuple[str, ...]:
    """The engines that honour a field, each with its reservation: ("here (only ray)",)."""
    engines = [engine for engine in ENGINES if engine in HONOURS[kind][field]]
    return tuple(f"{engine} ({PARTLY[kind, field, engine][1]})" if (kind, field, engine) in PARTLY else engine for engine in engines)


def unenforced(document: Document, engine: Engine, blueprint: Blueprint | None = None) -> tuple[Finding, ...]:
    """A note for each field that the person set and `engine` does not honour; with places when `blueprint` holds the document.

    A workload of a kind that `engine` does not run at all gives one note, at its kind.
    """
    if document.kind not in ("Platform", "Team") and not runs(document.kind, engine):
        return (_note(document, "kind", f"a {document.kind} does not run {_where(engine)} yet", blueprint),)
    fields = [field for field in type(document).model_fields if field in document.model_fields_set]
    notes = [(field, _shortfall(document, field, engine)) for field in fields]
    return tuple(_note(document, field, f"{field}: {text}", blueprint) for field, text in notes if text)


def honoured_nowhere(document: Document, blueprint: Blueprint | None = None) -> tuple[Finding, ...]:
    """A note for each field that the person set and no engine honours; one note for a kind that none runs."""
    if document.kind not in ("Platform", "Team") and not any(runs(document.kind, engine) for engine in ENGINES):
        return (_note(document, "kind", f"a {document.kind} is not run by any engine yet", blueprint),)
    fields = [field for field in type(document).model_fields if field in document.model_fields_set and not HONOURS[document.kind][field]]
    return tuple(_note(document, field, f"{field}: not enforced by any engine yet", blueprint) for field in fields)


def _shortfall(document: Document, field: str, engine: Engine) -> str:
    """Why `engine` does not do what the field says; empty when it does."""
    if engine not in HONOURS[document.kind][field]:
        return f"not enforced {_where(engine)} yet"
    honoured, words = PARTLY.get((document.kind, field, engine), (lambda _value: True, ""))
    return "" if honoured(getattr(document, field)) else f"not enforced {_where(engine)} yet for this value; {words}"


def _where(engine: Engine) -> str:
    return "here" if engine == "here" else f"by {engine}"


def _note(document: Document, field: str, message: str, blueprint: Blueprint | None) -> Finding:
    place = blueprint.place(document, field) if blueprint else None
    excerpt = blueprint.excerpt(document, field) if blueprint else ""
    return Finding(
        "not-enforced-yet",
        "note",
        f"{document.kind} {document.name}",
        message,
        place=place,
        excerpt=excerpt,
        next_step=f"steelyard explain {document.kind}" + ("" if field == "kind" else f".{field}"),
    )
