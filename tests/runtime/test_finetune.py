"""Fine-tuning: which pairs are held out, and how they become tokens and batches. A tokenizer of letters stands in for a real one."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steelyard.runtime.corpus import DataError, Pair
from steelyard.runtime.finetune import IGNORED, Finetune, split
from tests.runtime.specs import make_spec


class Letters:
    """A token is a letter's code; `$` ends a text."""

    eos_token, eos_token_id, pad_token_id = "$", ord("$"), 0

    def __init__(self, chat_template: str | None = None) -> None:
        self.chat_template = chat_template

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}

    def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> str:
        return f"<{messages[0]['content']}>"


def finetune(pairs: list[Pair], tokenizer: Letters | None = None, rank: int = 0, **changes: Any) -> Finetune:
    """The recipe as `__init__` leaves it, without a model."""
    spec = make_spec(recipe="lora", **({"sequence": 8, "batch": 2} | changes))
    one = Finetune.__new__(Finetune)
    one.tokenizer = tokenizer or Letters()
    one.training, one.held_out = split(pairs)
    one.device = torch.device("cpu")
    one._examples = [one.encode(pair, spec.sequence) for pair in one.training]
    one._batch, one._per_worker, one._rank, one._seed = spec.batch, spec.batch_per_worker, rank, spec.seed
    return one


def pairs(count: int) -> list[Pair]:
    return [Pair(chr(97 + number), "x") for number in range(count)]


def text(ids: Tensor) -> str:
    return "".join(chr(int(code)) if code > 0 else "." for code in ids)


@pytest.mark.parametrize(("count", "held_out"), [(1, 0), (4, 0), (5, 1), (9, 1), (30, 6)])
def test_every_fifth_pair_is_held_out_and_none_is_in_both(count: int, held_out: int) -> None:
    training, unseen = split(pairs(count))
    assert len(unseen) == held_out
    assert set(training) | set(unseen) == set(pairs(count))
    assert not set(training) & set(unseen)


def test_no_example_is_an_error() -> None:
    with pytest.raises(DataError, match="the data hold no example"):
        split([])


def test_only_the_answer_and_its_end_count_towards_the_loss() -> None:
    ids, targets = finetune(pairs(1)).encode(Pair("ab", "cd"), 8)
    assert text(ids) == "ab\ncd$.."
    assert targets.tolist() == [IGNORED] * 3 + [ord("c"), ord("d"), ord("$")] + [IGNORED] * 2


def test_a_text_without_a_question_counts_whole() -> None:
    ids, targets = finetune(pairs(1)).encode(Pair("", "abc"), 6)
    assert text(ids) == "abc$.."
    assert targets.tolist()[:4] == ids.tolist()[:4]


def test_a_model_with_a_chat_format_is_asked_in_it() -> None:
    ids, _ = finetune(pairs(1), Letters("a template")).encode(Pair("ab", "c"), 8)
    assert text(ids) == "<ab>c$.."


def test_an_answer_that_does_not_fit_is_cut() -> None:
    ids, targets = finetune(pairs(1)).encode(Pair("ab", "cdefghi"), 6)
    assert text(ids) == "ab\ncde"
    assert text(targets[3:]) == "cde"


def test_a_question_that_leaves_no_room_is_an_error_that_names_it() -> None:
    with pytest.raises(DataError, match=r"a question of 8 tokens leaves no room for an answer in `sequence: 8`: abcdefg"):
        finetune([Pair("abcdefg", "x")])


def test_an_epoch_shows_each_example_once_in_an_order_of_its_own() -> None:
    one = finetune(pairs(4))
    epochs = [[text(row)[0] for step in steps for row in one.batch(step)[0]] for steps in ((1, 2), (3, 4), (5, 6), (7, 8))]
    assert all(sorted(epoch) == ["a", "b", "c", "d"] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_the_same_step_gives_the_same_batch_and_another_seed_another_order() -> None:
    def told(seed: int) -> list[str]:
        one = finetune(pairs(26), seed=seed)
        return [text(row)[0] for step in range(1, 11) for row in one.batch(step)[0]]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_ranks_share_a_batch_and_nothing_twice() -> None:
    whole = finetune(pairs(4), batch=4).batch(1)[0]
    parts = [finetune(pairs(4), batch=4, workers=2, rank=rank).batch(1)[0] for rank in (0, 1)]
    assert [text(row) for row in whole] == [text(row) for part in parts for row in part]


def test_columns_that_are_padding_in_every_row_are_left_out() -> None:
    one = finetune([Pair("a", "b"), Pair("a", "bcd")], sequence=32)
    ids, targets = one.batch(1)
    assert ids.shape == targets.shape == (2, len("a\nbcd$"))


class Known(nn.Module):
    """A model whose loss is the number of tokens that count."""

    def __call__(self, input_ids: Tensor, labels: Tensor) -> Any:
        assert input_ids.shape == labels.shape
        return type("Output", (), {"loss": (labels != IGNORED).sum().float()})


def test_the_held_out_loss_is_the_mean_over_the_pairs() -> None:
    one = finetune(pairs(1))
    examples = [one.encode(pair, 8) for pair in (Pair("a", "b"), Pair("a", "bcd"))]
    assert one.mean_loss(Known(), examples) == pytest.approx((2 + 4) / 2)


def test_a_checkpoint_of_adapters_holds_only_what_is_trained() -> None:
    frozen, trained = nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 2)
    model = nn.Sequential(frozen, trained)
    state = finetune(pairs(1)).state(model)
    assert set(state) == {"1.weight", "1.bias"}
    finetune(pairs(1)).load(model, {"1.weight": torch.ones(2, 2), "1.bias": torch.zeros(2)})
    assert torch.equal(trained.weight, torch.ones(2, 2))
