"""What a model's name means."""

import json
from pathlib import Path

import pytest

from steelyard.errors import NotFoundError
from steelyard.verbs.models import model, models
from tests.catalog.test_architecture import LLAMA


def test_all_models_come_by_name() -> None:
    names = [page.architecture.name for page in models()]
    assert names == sorted(names)


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B", "llama-3.1-8b", "META-LLAMA/LLAMA-3.1-8B"])
def test_a_name_is_found_without_its_owner_and_in_any_case(name: str) -> None:
    assert model(name).architecture.name == "meta-llama/Llama-3.1-8B"


def test_a_configuration_is_read_as_a_file_and_as_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA))
    assert model(str(file)) == model(str(tmp_path))
    assert model(str(file)).source == str(file)


@pytest.mark.parametrize(("name", "near"), [("Lama-3.1-8B", "meta-llama/Llama-3.1-8B"), ("llama-2-70b", "meta-llama/Llama-2-70b-hf")])
def test_a_name_that_is_none_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(NotFoundError, match=f"near: .*{near}") as raised:
        model(name)
    assert raised.value.next_step.startswith("steelyard models ")


def test_a_name_that_is_like_none_says_where_all_are() -> None:
    with pytest.raises(NotFoundError) as raised:
        model("zzzzzz")
    assert raised.value.next_step == "steelyard models"


@pytest.mark.parametrize(("text", "told"), [(None, "cannot be read"), ("{", "is not JSON"), ("[]", "holds no object"),
                                            ('{"model_type": "rwkv"}', "is not known")])  # fmt: skip
def test_a_file_that_is_no_configuration_is_said_so(tmp_path: Path, text: str | None, told: str) -> None:
    file = tmp_path / "config.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(NotFoundError, match=told):
        model(str(file))
