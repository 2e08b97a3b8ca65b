"""The recipes `lora` and `full`: a Hugging Face causal model learns to answer, from question-answer pairs.

A fifth of the pairs (at least one, none below five) is held out. The loss on them before and after, and an answer of
the model before and after to a question it was trained on, are kept with the output, so that a person can judge.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from steelyard.runtime.corpus import DataError, Pair, find_files, read_pairs
from steelyard.runtime.dimensions import LORA_RANK
from steelyard.runtime.training import timed
from steelyard.runtime.worker import Worker

IGNORED = -100
"""The target that torch's cross-entropy passes over (its documented default)."""

LORA_TARGETS = ("q_proj", "v_proj")
"""The projections that the LoRA paper adapts (Hu et al., arXiv 2106.09685, section 4.2)."""

ANSWER_TOKENS = 48


class Finetune:
    """Pairs in the model's own chat format; only the answers count towards the loss."""

    batches_per_epoch: float | None

    def __init__(self, me: Worker) -> None:
        from transformers import AutoTokenizer  # noqa: PLC0415 - seconds to import; only this recipe needs it

        spec = me.spec
        if spec.model_path is None:
            raise DataError(f"the recipe {spec.recipe} needs a model to start from")
        self.tokenizer = AutoTokenizer.from_pretrained(spec.model_path, local_files_only=True)
        pairs = timed(me, "data", lambda: read_pairs(find_files(spec.data, Path(spec.data_folder))))
        self.training, self.held_out = split(pairs)
        torch.manual_seed(spec.seed)
        self.model: nn.Module = timed(me, "model", lambda: load_model(spec.model_path or "", spec.recipe == "lora"))
        self._examples, self._unseen = ([self.encode(pair, spec.sequence) for pair in pairs] for pairs in (self.training, self.held_out))
        self._batch, self._per_worker = spec.batch, spec.batch_per_worker
        self._rank, self._seed, self.device = me.rank, spec.seed, me.device
        self.batches_per_epoch = len(self.training) / spec.batch

    def encode(self, pair: Pair, sequence: int) -> tuple[Tensor, Tensor]:
        """Token ids and targets, each of `sequence`; the question and the padding are ignored by the loss."""
        question = self.prompt(pair.prompt) if pair.prompt else ""
        asked = self.tokenizer(question, add_special_tokens=False)["input_ids"]
        answered = self.tokenizer(pair.answer + self.tokenizer.eos_token, add_special_tokens=False)["input_ids"]
        if len(asked) >= sequence:
            raise DataError(f"a question of {len(asked)} tokens leaves no room for an answer in `sequence: {sequence}`: {pair.prompt[:60]}")
        ids = (asked + answered)[:sequence]
        targets = ([IGNORED] * len(asked) + answered)[:sequence]
        padding = sequence - len(ids)
        filler = self.tokenizer.pad_token_id or 0
        return torch.tensor(ids + [filler] * padding), torch.tensor(targets + [IGNORED] * padding)

    def prompt(self, question: str) -> str:
        if not self.tokenizer.chat_template:
            return question + "\n"
        text: str = self.tokenizer.apply_chat_template([{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True)
        return text

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """Examples in an order shuffled anew for each epoch, the same for every rank; each rank takes its slice."""
        first = (step - 1) * self._batch + self._rank * self._per_worker
        chosen = [self._examples[self._order(n)] for n in range(first, first + self._per_worker)]
        ids, targets = (torch.stack(column) for column in zip(*chosen, strict=True))
        used = int((targets != IGNORED).any(0).nonzero().max()) + 1  # no work on columns that are padding in every row
        return ids[:, :used], targets[:, :used]

    def _order(self, position: int) -> int:
        epoch, place = divmod(position, len(self._examples))
        return shuffled(len(self._examples), self._seed * 1_000_003 + epoch)[place]

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        ids, targets = batch
        loss: Tensor = model(input_ids=ids, labels=targets).loss
        return loss

    def state(self, model: nn.Module) -> Mapping[str, Any]:
        trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        return {name: value for name, value in model.state_dict().items() if name in trained}

    def load(self, model: nn.Module, state: Mapping[str, Any]) -> None:
        model.load_state_dict(state, strict=False)

    def started(self, me: Worker) -> None:
        if me.is_first:
            self._judge(me, self.model, "base")

    def finished(self, me: Worker, model: nn.Module) -> None:
        if not me.is_first:
            return
        self._judge(me, model, "tuned")
        folder = me.output / ("adapter" if me.spec.recipe == "lora" else "model")
        folder.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(folder)  # type: ignore[operator]
        self.tokenizer.save_pretrained(folder)

    def _judge(self, me: Worker, model: nn.Module, which: str) -> None:
        """Measure the held-out loss and answer the first training question, as events and in `answers.json`."""
        model.eval()
        with torch.no_grad():
            if self._unseen:
                me.evaluation(f"held-out loss, {which}", self.mean_loss(model, self._unseen))
            question = self.training[0].prompt
            answer = self.answer(model, question) if question else ""
        model.train()
        file = me.output / "answers.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = json.loads(file.read_text()) if file.exists() else {}
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"question": question, "wanted": self.training[0].answer} | kept | {which: answer}, indent=1))
        draft.replace(file)

    def mean_loss(self, model: nn.Module, examples: Sequence[tuple[Tensor, Tensor]]) -> float:
        """Mean over encoded pairs of each answer's mean loss per token, in nats."""
        losses = []
        for ids, targets in examples:
            used = int((targets != IGNORED).nonzero().max()) + 1
            batch = ids[None, :used].to(self.device), targets[None, :used].to(self.device)
            losses.append(float(self.loss(model, batch)))
        return sum(losses) / len(losses)

    def answer(self, model: nn.Module, question: str) -> str:
        """What the model says, greedily, in at most `ANSWER_TOKENS` tokens."""
        encoded = self.tokenizer(self.prompt(question), return_tensors="pt", add_special_tokens=False).to(self.device)
        said = model.generate(**encoded, max_new_tokens=ANSWER_TOKENS, do_sample=False,  # type: ignore[operator]
                              pad_token_id=self.tokenizer.eos_token_id)
        text: str = self.tokenizer.decode(said[0, encoded["input_ids"].shape[1]:], skip_special_tokens=True)
        return text.strip()


@lru_cache(maxsize=2)  # a batch may lie across two epochs
def shuffled(count: int, seed: int) -> tuple[int, ...]:
    """The numbers below `count` in an order that `seed` fixes."""
    return tuple(torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist())


def split(pairs: Sequence[Pair]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Training and held-out pairs: every fifth is held out."""
    if not pairs:
        raise DataError("the data hold no example")
    held_out = tuple(pairs[4::5])
    return tuple(pair for number, pair in enumerate(pairs) if number % 5 != 4), held_out


def load_model(path: str, lora: bool) -> nn.Module:
    """The model in `path`, with adapters to train if `lora`. Weights are read from safetensors only."""
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    model: nn.Module = AutoModelForCausalLM.from_pretrained(path, local_files_only=True, dtype=torch.float32, use_safetensors=True)
    if lora:
        from peft import LoraConfig, get_peft_model  # noqa: PLC0415

        targets = list(LORA_TARGETS)
        adapters = LoraConfig(r=LORA_RANK, lora_alpha=2 * LORA_RANK, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")
        model = get_peft_model(model, adapters)
    return model
