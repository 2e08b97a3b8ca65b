"""What the library of a measured training decides about it: read in its source code, at the version of the row or the nearest stored one.

- litgpt: everything in BF16 (`bf16-true`), adapters too; the loss goes over pieces of 128 tokens in 16 bits (`lm_head_chunk_size`); no tied
  heads; bitsandbytes 0.42 is required, quantises the head too, and holds the inputs of its products; "nf4" has no double quantisation.
- fms-acceleration (`scripts/benchmarks`): transformers' Trainer with torch 2.4, whose AdamW is torch's foreach one, one micro-batch a
  step; `baseline-peft-bnb` is prepared by peft, `accelerated-peft-bnb` by own code that leaves norms and embeddings in 16 bits; `foak` has
  unsloth's loss; `refs/a100_80gb.csv` was run without autocast, but for 4 bits.
- fsdp_qlora (`train.py`): pure BF16, torch's AdamW, bitsandbytes of March 2024, nothing in FP32 beside the 4-bit matrices;
  its loop holds the logits until after the backward pass.
- peft (`method_comparison`): no autocast, full finetuning in pure BF16.
- torchtitan, December 2024: foreach AdamW (fused is off by default), one micro-batch a step.
- Qwen's `finetune.py`: torch 2.0, whose AdamW is the foreach one; GPTQ, whose scales of 16 bits for 128 weights are as large as
  double-quantised NF4's to 1%.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.memory.points import Point
from steelyard.catalog.architecture import Architecture
from steelyard.sizing.distributed import Framework

LITGPT = Framework(
    master=False, autocast=False, adapters_wide=False, loss="chunked", foreach=True, rest_wide=False, head_quantized=True, inputs_held=True
)
FSDP_QLORA = Framework(
    master=False, autocast=False, adapters_wide=False, loss="held", foreach=True, rest_wide=False, inputs_held=True
)
TORCHTITAN = Framework(foreach=True)
ONE_PASS = ("fms-hf-tuning", "torchtitan", "peft")
"""Engines that take one micro-batch in each step of the measured runs."""
UNTIED = ("litgpt",)


def framework_of(point: Point) -> Framework:
    """By engine and row. A row of a full training in plain `bf16` has no FP32 copy; `mixed` has."""
    engine, narrow = point.text("engine"), point.text("precision") == "bf16"
    if engine == "litgpt":
        return replace(LITGPT, double=point.text("quantization") == "nf4-dq")
    if engine == "fsdp_qlora":
        return FSDP_QLORA
    if engine == "torchtitan":
        return TORCHTITAN
    if engine == "fms-hf-tuning":
        return acceleration(point)
    if engine == "peft":
        return Framework(master=not narrow, autocast=False, foreach=True)
    return Framework(master=not narrow, foreach=True, rest_wide=point.text("quantization") != "gptq")


def acceleration(point: Point) -> Framework:
    """Of a row of fms-acceleration, whose note begins with its configuration."""
    configuration = point.text("note").split(";")[0]
    plain = point.text("source").endswith("a100_80gb.csv") and point.text("recipe") != "qlora"
    return Framework(
        master=point.text("precision") != "bf16", autocast=not plain, foreach=True, rest_wide=configuration.startswith("baseline"),
        loss="fused" if "foak" in configuration else "fp32", kernels="foak" in configuration,
    )


def built(point: Point, model: Architecture) -> Architecture:
    """The model as the engine builds it: with a head of its own where the engine ties none."""
    if point.text("engine") not in UNTIED or model.parts["head"]:
        return model
    return replace(model, parts={**model.parts, "head": model.parts["embeddings"]})
