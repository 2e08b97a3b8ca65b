"""Models by name, and by the files of a folder."""

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from steelyard.catalog.models import CARDS, SMOLLM2_135M, card_of_folder, count_adapters, count_parameters, nano_gpt

CONFIG = {"num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 32, "max_position_embeddings": 64}


def folder(path: Path, config: object = CONFIG, **tensors: torch.Tensor) -> Path:
    (path / "config.json").write_text(json.dumps(config))
    if tensors:
        save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    return path


def test_a_folder_is_described_by_its_configuration_and_its_tensors(tmp_path: Path) -> None:
    card = card_of_folder(folder(tmp_path, a=torch.zeros(3, 4), b=torch.zeros(5), c=torch.zeros(())))
    assert card is not None
    assert (card.layers, card.width, card.vocabulary, card.context) == (2, 8, 32, 64)
    assert card.parameters == 3 * 4 + 5 + 1
    assert card.adapter_parameters is None
    assert card.source == str(tmp_path / "config.json")


def test_tensors_in_several_files_count_together(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        save_file({f"a{number}": torch.zeros(number)}, tmp_path / f"model-{number}.safetensors")
    assert count_parameters(tmp_path) == 6


def test_adapters_are_counted_from_the_projections_that_they_stand_beside(tmp_path: Path) -> None:
    tensors = {"layers.0.q_proj.weight": torch.zeros(6, 4), "layers.0.v_proj.weight": torch.zeros(2, 4), "norm": torch.zeros(4)}
    save_file(tensors, tmp_path / "model.safetensors")
    assert count_adapters(tmp_path) == 8 * (6 + 4) + 8 * (2 + 4)


def test_without_tensors_the_parameters_are_unknown(tmp_path: Path) -> None:
    card = card_of_folder(folder(tmp_path))
    assert card is not None
    assert card.parameters is None


@pytest.mark.parametrize("config", [{}, [], CONFIG | {"hidden_size": None}, CONFIG | {"vocab_size": "many"}])
def test_a_configuration_that_does_not_say_the_dimensions_gives_no_card(config: object, tmp_path: Path) -> None:
    assert card_of_folder(folder(tmp_path, config)) is None


def test_without_a_configuration_there_is_no_card(tmp_path: Path) -> None:
    assert card_of_folder(tmp_path) is None
    (tmp_path / "config.json").write_text("{torn")
    assert card_of_folder(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"1234", b"version https://git-lfs.example/spec\n", struct.pack("<Q", 4) + b"torn"])
def test_a_file_that_holds_no_tensors_gives_no_card(content: bytes, tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(content)
    assert card_of_folder(tmp_path) is None


def test_the_small_models_adapters_follow_from_its_projections() -> None:
    width, key_value_width, rank = SMOLLM2_135M.width, 3 * 64, 8  # three key-value heads of 64, from its config.json
    assert SMOLLM2_135M.adapter_parameters == SMOLLM2_135M.layers * rank * ((width + width) + (width + key_value_width))


def test_each_card_is_found_by_its_name_and_says_its_source() -> None:
    assert {name: card.name for name, card in CARDS.items()} == {name: name for name in CARDS}
    assert all(card.source for card in CARDS.values())


def test_the_nano_gpt_reads_as_far_as_it_is_built_for() -> None:
    assert nano_gpt(64).context == 64
    assert nano_gpt(64).vocabulary == 256
