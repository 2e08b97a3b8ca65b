"""Which instance types a request means."""

from __future__ import annotations

import pytest

from steelyard.blueprint.devices import parse_gpu
from steelyard.catalog.accelerators import accelerators
from steelyard.planning.offers import asked
from tests.planning.made import all_offers


@pytest.mark.parametrize(
    ("written", "cards"),
    [
        ("H100", {"H100"}), ("h100:8", {"H100"}), ("A100", {"A100-40GB", "A100-80GB"}), ("A100:80GB", {"A100-80GB"}),
        ("24GB", {"A10G", "L4"}), ("48GB", {"L40S"}), ("8GB", set()), ("0", set()),
        ("100GB..", {"H200", "B200", "B300"}), ("RTX-4090", set()),
    ],
)  # fmt: skip
def test_a_request_means_these_cards(written: str, cards: set[str]) -> None:
    assert {card.name for card in accelerators() if asked(parse_gpu(written), card)} == cards


def test_auto_means_every_card_in_any_number() -> None:
    wanted = [asked(parse_gpu("auto"), card) for card in accelerators()]
    assert all(device is not None and not device.counted for device in wanted)


def test_fractions_of_a_card_and_foreign_accelerators_are_no_offers() -> None:
    names = {offer.name for offer in all_offers()}
    assert "g6e.xlarge" in names
    assert not names & {"g6f.xlarge", "trn1.32xlarge", "g4ad.xlarge", "g5g.xlarge"}
    assert [offer.never for offer in all_offers() if offer.name == "p5.4xlarge"] == ["some versions of Karpenter see no GPU"]
