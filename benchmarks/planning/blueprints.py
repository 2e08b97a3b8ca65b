"""The blueprints that are planned: one Serve, and many workloads of every kind of model and load, the same each time."""

from __future__ import annotations

from random import Random

from steelyard.catalog.known import known_models

ONE = """kind: Serve
name: chat
model: meta-llama/Llama-2-70b-chat-hf
"""
SEED = 11


def many(count: int) -> str:
    """`count` workloads: four servers to each training, with models of the catalogue, loads and limits drawn at random."""
    random = Random(SEED)
    models = [name for name, model in sorted(known_models().items()) if not model.architecture().encoder]
    small = [name for name in models if known_models()[name].architecture().parameters < 15e9]
    return "---\n".join(train(number, random, small) if number % 5 == 4 else serve(number, random, models) for number in range(count))


def serve(number: int, random: Random, models: list[str]) -> str:
    prompt, output = random.randrange(200, 3000, 100), random.randrange(50, 600, 50)
    rate, peak = random.choice((0.2, 1, 4, 10)), random.choice((1, 2, 3))
    return (f"kind: Serve\nname: serve-{number}\nmodel: {random.choice(models)}\n"
            f"traffic: {{rate: {rate}/s, prompt: {prompt}, output: {output}, peak: {peak}x}}\n"
            f"slo: {{ttft: {random.choice((1, 2, 4))}s, tpot: {random.choice((50, 80, 120))}ms}}\n")  # fmt: skip


def train(number: int, random: Random, models: list[str]) -> str:
    recipe, tokens = random.choice(("lora", "qlora", "full")), random.choice(("10M", "100M", "1B"))
    sequence = random.choice((1024, 2048, 4096))
    return (f"kind: Train\nname: train-{number}\nmodel: {random.choice(models)}\nrecipe: {recipe}\n"
            f"data: s3://corpus/*.jsonl\ntokens: {tokens}\nsequence: {sequence}\n")  # fmt: skip
