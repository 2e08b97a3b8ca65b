"""The models of the catalogue: their configurations as published, in `data/models.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from steelyard.catalog.architecture import Architecture, read_architecture

DATA = Path(__file__).parent / "data" / "models.json"
Published = Literal["fp8", "awq", "gptq", "mxfp4", "nvfp4"]
"""Formats of weights with fewer than 16 bits."""
GROUP = 128
"""Weights that share a scale in AWQ and GPTQ, as sizing counts them."""
Understood = tuple[Published | None, str]
"""A format, None for 16 bits; and what is not understood or not counted of it, empty where all is."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the catalogue, not yet interpreted."""

    name: str
    config: Mapping[str, Any]
    published: int
    """Its parameter count as published; a head that is tied to the embedding counts once."""
    source: str

    def architecture(self) -> Architecture:
        return read_architecture(self.name, self.config)

    @property
    def native(self) -> Published | None:
        """The format of its published weights; None for 16 bits and for what is not understood."""
        return published_format(self.config)[0]


@cache
def known_models() -> Mapping[str, KnownModel]:
    """Every model of the catalogue by its name."""
    models = json.loads(DATA.read_text())["models"]
    return {name: KnownModel(name, model["config"], model["published"], model["source"]) for name, model in models.items()}


def published_format(config: Mapping[str, Any]) -> Understood:
    """The format of the weights that a `config.json` comes with.

    The fields of `quantization_config` are those of Hugging Face transformers, NVIDIA ModelOpt and compressed-tensors.
    """
    text = config.get("text_config")
    stated = config.get("quantization_config") or (text.get("quantization_config") if isinstance(text, Mapping) else None)
    if isinstance(stated, Mapping):
        return of_method(str(stated.get("quant_method")).lower(), stated) if stated else (None, "")
    return None, "its quantization_config is no object" if stated else ""


def of_method(method: str, stated: Mapping[str, Any]) -> Understood:
    """By `quant_method`. Older configurations of AWQ say `w_bit` and `q_group_size`."""
    match method:
        case "fp8" | "mxfp4":
            return method, ""
        case "awq" | "gptq":
            bits, group = stated.get("bits", stated.get("w_bit", 4)), stated.get("group_size", stated.get("q_group_size"))
            return four_bits(method, group) if bits == 4 else (None, f"quant_method {method} with {bits} bits")
        case "modelopt" | "modelopt_fp4" | "nvfp4":
            return of_modelopt(method, stated)
        case "compressed-tensors":
            return of_compressed_tensors(stated)
    return None, f"quant_method {method}"


def four_bits(method: Literal["awq", "gptq"], group: object) -> Understood:
    """Integers of 4 bits; the scales of another group than the usual one are not counted as they are."""
    return method, "" if group in (GROUP, None) else f"scales for each {group} weights, counted as for each {GROUP}"


def of_modelopt(method: str, stated: Mapping[str, Any]) -> Understood:
    """What ModelOpt calls `quant_algo`; the methods that are named after NVFP4 may leave it out."""
    algorithm = str(stated.get("quant_algo", None if method == "modelopt" else "NVFP4")).upper()
    match algorithm:
        case "NVFP4":
            return "nvfp4", ""
        case "FP8":
            return "fp8", ""
    return None, f"quant_method {method} with quant_algo {algorithm}"


def of_compressed_tensors(stated: Mapping[str, Any]) -> Understood:
    """By the bits, type and group of the weights, where all of `config_groups` have the same. Packed integers are stored as in GPTQ."""
    groups = stated.get("config_groups")
    weights = [group.get("weights") for group in groups.values() if isinstance(group, Mapping)] if isinstance(groups, Mapping) else []
    found = {tuple(str(one.get(field)) for field in ("num_bits", "type", "group_size")) for one in weights if isinstance(one, Mapping)}
    if len(found) != 1:
        said = "several kinds of weights" if found else "no config_groups that say how many bits"
        return None, f"quant_method compressed-tensors with {said}"
    ((bits, kind, group),) = found
    match bits, kind:
        case "8", "float":
            return "fp8", ""
        case "4", "int":
            return four_bits("gptq", int(group) if group.isdecimal() else group if group != "None" else None)
        case "4", "float" if group == "16":
            return "nvfp4", ""
    return None, f"quant_method compressed-tensors with weights of {bits} bits, type {kind}"
