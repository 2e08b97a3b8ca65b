"""Where a training goes: nodes, layout, duration and price."""

from __future__ import annotations

from typing import Any

import pytest

from steelyard.planning.option import Placement
from steelyard.planning.training import TrainOption, place_train, train_need
from tests.planning.made import LLAMA_8B, LLAMA_70B, all_offers, architecture, made_offer, train

HOUR = 3_600_000_000


def placed(model: str = LLAMA_8B, offers: Any = None, **fields: Any) -> Placement[TrainOption]:
    return place_train(train_need(train(model, **fields), architecture(model)), all_offers() if offers is None else offers)


def chosen(model: str = LLAMA_8B, offers: Any = None, **fields: Any) -> TrainOption:
    option = placed(model, offers, **fields).chosen
    assert option is not None
    return option


def refusals(placement: Placement[TrainOption]) -> set[str]:
    return {group.best.refusal.rule for group in placement.others if group.best.refusal}


def test_a_lora_of_eight_billion_fits_one_card_and_a_full_fine_tuning_does_not() -> None:
    assert chosen(recipe="lora", tokens="100M").devices == 1
    full = chosen(recipe="full", tokens="100M", offers=[made_offer("H100", 8)])
    assert full.fitting.layout.sharding == "zero3"
    assert full.devices == 8


def test_a_training_that_one_node_cannot_hold_takes_several() -> None:
    option = chosen(LLAMA_70B, [made_offer("H100", 8)], recipe="full", tokens="10M")
    assert option.nodes > 1
    assert option.devices == 8 * option.nodes


def test_the_batch_is_shared_equally_and_the_micro_batch_divides_the_share() -> None:
    layout = chosen(recipe="lora", tokens="10M", batch=96).fitting.layout
    assert 96 % (layout.data * layout.micro_batch) == 0


def test_the_length_is_tokens_or_steps_or_epochs_of_known_data() -> None:
    def tokens(data: int | None = None, **fields: Any) -> int | None:
        return train_need(train(**fields), architecture(), data).tokens

    assert tokens(tokens="1B") == 10**9
    assert tokens(steps=10, batch=4, sequence=512) == 20480
    assert tokens(1000, epochs=3) == 3000
    assert tokens(epochs=3) is None


def test_of_unknown_length_a_token_is_priced_and_not_the_whole() -> None:
    option = chosen(recipe="lora")
    assert (option.duration, option.total_price) == (None, None)
    assert option.price_of_million_tokens is not None
    assert option.preference[0] == option.price_of_million_tokens


def test_a_deadline_takes_more_nodes_and_a_price_limit_refuses() -> None:
    offers = [made_offer("A100-80GB", 8, 20_000_000)]
    slow = chosen(offers=offers, recipe="full", tokens="2B")
    assert slow.duration is not None
    hours = slow.duration.likely / HOUR
    fast = chosen(offers=offers, recipe="full", tokens="2B", deadline=f"{round(hours * 0.7)}h")
    assert fast.nodes > slow.nodes
    assert refusals(placed(offers=offers, recipe="full", tokens="2B", max_price="$5")) == {"over-max-price"}
    assert refusals(placed(offers=offers, recipe="full", tokens="2000B", deadline="1h")) == {"deadline-missed"}


def test_spot_wins_where_it_pays_after_interruptions_and_never_without_their_rate() -> None:
    dear = made_offer("H100", 8, 50_000_000)
    calm = made_offer("H100", 8, 20_000_000, "spot", interruption=0.01)
    wild = made_offer("H100", 8, 20_000_000, "spot", interruption=12.0)
    unknown = made_offer("H100", 8, 20_000_000, "spot")
    assert chosen(offers=[dear, calm], recipe="full", tokens="1B").offer.purchase == "spot"
    assert chosen(offers=[dear, wild], recipe="full", tokens="1B").offer.purchase == "on-demand"
    assert chosen(offers=[dear, unknown], recipe="full", tokens="1B").offer.purchase == "on-demand"
    assert "interruption-unknown" in refusals(placed(offers=[unknown], recipe="full", tokens="1B"))


@pytest.mark.parametrize("recipe", ["lora", "qlora", "full"])
def test_the_bound_is_never_above_the_price(recipe: str) -> None:
    placement = placed(recipe=recipe, tokens="100M")
    for group in placement.others:
        for option in group.options:
            if option.refusal is None:
                assert option.bound <= option.preference[0]
