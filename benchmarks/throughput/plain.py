"""The same training without Steelyard: plain PyTorch under `torchrun`. Of Steelyard it uses the model's definition and nothing else.

    torchrun --standalone --nproc-per-node 2 benchmarks/throughput/plain.py --steps 200

Same text, same windows, same optimizer and learning rates as blueprint 01, so the losses of both are the same, step by
step. Rank 0 prints a JSON line for each step after the last one, so that printing costs no step anything.
"""

from __future__ import annotations

import argparse
import json
import math
import sysconfig
import time
from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from steelyard.runtime.dimensions import NanoGPTConfig
from steelyard.runtime.nano_gpt import NanoGPT

SKIPPED = {"site-packages", "dist-packages", "test", "tests", "__pycache__", "idlelib", "lib2to3"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=32, help="sequences of all ranks together")
    parser.add_argument("--sequence", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def read_text() -> Tensor:
    """The source text of Python's standard library as bytes."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(path for path in root.rglob("*.py") if not SKIPPED.intersection(path.relative_to(root).parts))
    return torch.frombuffer(bytearray(b"\n".join(path.read_bytes() for path in files)), dtype=torch.uint8)


def learning_rate(peak: float, step: int, goal: int) -> float:
    """Linear warm-up, then a cosine down to a tenth."""
    warm_up = max(1, min(50, goal // 10))
    if step <= warm_up:
        return peak * step / warm_up
    return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm_up) / max(1, goal - warm_up))))


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    distributed.init_process_group("gloo")
    rank, world = distributed.get_rank(), distributed.get_world_size()
    text = read_text()
    torch.manual_seed(options.seed)
    model = DistributedDataParallel(NanoGPT(NanoGPTConfig(context=options.sequence)), gradient_as_bucket_view=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, betas=(0.9, 0.95), weight_decay=0.01)
    offsets = torch.arange(options.sequence + 1)
    durations, losses = [], []
    end = time.perf_counter_ns()
    for step in range(1, options.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(options.learning_rate, step, options.steps)
        generator = torch.Generator().manual_seed((options.seed * 1_000_003 + step) * world + rank)
        starts = torch.randint(len(text) - options.sequence - 1, (options.batch // world, 1), generator=generator)
        windows = text[starts + offsets].long()
        loss = model(windows[:, :-1].contiguous(), windows[:, 1:].contiguous())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        now = time.perf_counter_ns()
        durations.append((now - end) // 1000)
        end = now
    if rank == 0:
        for step, (duration, loss) in enumerate(zip(durations, losses, strict=True), start=1):
            print(json.dumps({"step": step, "duration_us": duration, "loss": loss, "tokens": options.batch * options.sequence}))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
