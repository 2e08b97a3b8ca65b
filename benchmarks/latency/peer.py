"""What aiconfigurator-core predicts for the rows of its own `silicon_sample.csv`. Runs in an environment of its own: prints JSON.

As its command `estimate` does for aggregated serving: `run_agg` with a budget of context tokens of one prompt, and no answer where it
finds that the model does not fit. Two ways of asking:

    columns      with the quantisation and the parallelism that the row's columns name
    checkpoint   with the published checkpoint's own formats, and without counting the GPUs of data-parallel attention twice
"""

from __future__ import annotations

import csv
import json
import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

SAME_AS = {"meta-llama/Llama-3.1-70B": "meta-llama/Meta-Llama-3.1-70B", "nvidia/Llama-3.1-8B-Instruct-FP8": "meta-llama/Meta-Llama-3.1-8B"}
"""The names under which the package carries a configuration; it would download others."""
CHECKPOINTS = {
    ("MiniMaxAI/MiniMax-M2.5", "fp4"): "nvidia/MiniMax-M2.5-NVFP4", ("MiniMaxAI/MiniMax-M2.5", "fp8"): "MiniMaxAI/MiniMax-M2.5",
    ("moonshotai/Kimi-K2.5", "fp4"): "nvidia/Kimi-K2.5-NVFP4", ("moonshotai/Kimi-K2.5", "int4"): "moonshotai/Kimi-K2.5",
    ("openai/gpt-oss-120b", "fp4"): "openai/gpt-oss-120b", ("Qwen/Qwen3-235B-A22B-FP8", "fp8"): "Qwen/Qwen3-235B-A22B-FP8",
    ("meta-llama/Llama-3.1-70B", "fp8"): "nvidia/Llama-3.1-70B-Instruct-FP8",
}
VERSION = "current"
"""Of vLLM: the newest that its data were measured with; those of the rows cannot be asked for."""
WAYS = ("columns", "checkpoint")


class Peer:
    """The package, imported once."""

    def __init__(self) -> None:
        sdk = "aiconfigurator_core.sdk"
        self.build_model_config = import_module(f"{sdk}.config_builders").build_model_config
        self.runtime_config = import_module(f"{sdk}.config").RuntimeConfig
        self.get_model = import_module(f"{sdk}.models").get_model
        self.get_database = import_module(f"{sdk}.perf_database").get_database
        self.get_backend = import_module(f"{sdk}.backends.factory").get_backend

    def predict(self, line: Mapping[str, str], way: str) -> list[float]:
        """TTFT and TPOT in milliseconds. Raises what the package raises, and RuntimeError where it says that memory is too small."""
        asked = request(line, way)
        model = self.get_model(asked["model"], self.build_model_config(*asked["parallel"], **asked["modes"]), "vllm")
        database = self.get_database(line["system"], "vllm", VERSION)
        runtime = self.runtime_config(batch_size=asked["batch"], isl=int(line["isl"]), osl=int(line["osl"]))
        summary = self.get_backend("vllm").run_agg(model, database, runtime, ctx_tokens=int(line["isl"]))
        if summary.check_oom():
            raise RuntimeError("does not fit in memory, it says")
        found = summary.get_result_dict()
        return [float(found["ttft"]), float(found["tpot"])]


def request(line: Mapping[str, str], way: str) -> dict[str, Any]:
    """What to ask for a row."""
    tensor, shards, spread = int(line["tp_size"]), int(line["moe_tp_size"]) or 1, int(line["moe_ep_size"]) or 1
    copies, batch = int(line["attention_dp_size"] or max(1, shards * spread // tensor)), int(line["batch_size"])
    model = SAME_AS.get(line["model_path"], line["model_path"])
    modes: dict[str, str | None] = {"gemm_quant_mode": line["gemm_quant_mode"] or None, "moe_quant_mode": line["moe_quant_mode"] or None}
    if way == "checkpoint":
        if published := CHECKPOINTS.get((line["model_path"], line["precision"])):
            model, modes = published, {}
        if line["attention_dp_size"] and copies > 1:
            batch, copies, shards, spread = batch * copies, 1, (1 if spread > 1 else tensor), (tensor if spread > 1 else 1)
    return {"model": model, "modes": modes, "parallel": (tensor, 1, copies, shards, spread), "batch": batch}


def main() -> None:
    logging.disable(logging.CRITICAL)
    file = Path(str(import_module("aiconfigurator_core").__file__)).parent / "systems" / "silicon_sample.csv"
    with file.open(newline="") as lines:
        rows = [line for line in csv.DictReader(lines) if line["backend"] == "vllm" and line["mode"] == "agg"]
    peer, found = Peer(), []
    for line in rows:
        answers: dict[str, Any] = {}
        for way in WAYS:
            try:
                answers[way] = peer.predict(line, way)
            except Exception as error:  # noqa: BLE001 - whatever it raises, it has no answer for this row
                answers[way] = f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
        found.append(answers)
    json.dump({"file": str(file), "answers": found}, sys.stdout)


if __name__ == "__main__":
    main()
