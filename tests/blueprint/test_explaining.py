"""`explain` and the JSON Schema say what the classes say."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from steelyard.blueprint import KINDS
from steelyard.blueprint.explaining import Explanation, explain
from steelyard.blueprint.schema import schema
from steelyard.errors import NotFoundError
from tests.blueprint.written import EVERYTHING

SCHEMA = schema()
VALIDATOR: Any = jsonschema.Draft202012Validator(SCHEMA)


def walk(explanation: Explanation) -> list[Explanation]:
    return [explanation, *(below for field in explanation.fields for below in walk(field))]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_explained_under_its_own_path(kind: str) -> None:
    for explanation in walk(explain(kind))[1:]:
        assert explain(explanation.path) == explanation
        assert all((explanation.description, explanation.type, explanation.default, explanation.examples)), explanation.path


def test_a_field_is_explained_as_a_person_would() -> None:
    assert explain("Train.checkpoint.every").text() == (
        "Train.checkpoint.every    a duration: 15m, 2 days\n"
        "  Time between two checkpoints.\n\n"
        "  default   15m\n"
        "  example   every: 15m\n"
        "  honoured  here"
    )
    assert "not enforced by any engine yet" in explain("Train.spot").text()
    assert explain("Train.recipe").default == "derived"
    assert explain("Batch.model").default == "required"


def test_all_kinds_are_listed() -> None:
    assert [field.name for field in explain().fields] == list(KINDS)


@pytest.mark.parametrize(
    ("path", "step"),
    [("Trian", "steelyard explain Train"), ("Train.gpus", "steelyard explain Train.gpu"), ("Train.zzzz", "steelyard explain Train"),
     ("Train.checkpoint.evry", "steelyard explain Train.checkpoint.every"), ("zzzz", "steelyard explain"),
     ("Train.gpu.x", "steelyard explain Train.gpu")],
)  # fmt: skip
def test_a_wrong_path_names_the_nearest(path: str, step: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        explain(path)
    assert caught.value.next_step == step


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", EVERYTHING.split("---\n"), ids=list(KINDS))
def test_editors_accept_what_is_right(text: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "text",
    ["kind: Train\nname: x\ngpus: 1\n", "kind: Job\nname: x\n", "name: x\n", "kind: Team\nname: X\n",
     "kind: Train\nname: x\nmax_price: 500\n",
     "kind: Train\nname: x\ncheckpoint: {evry: 15m}\n", "kind: Train\nname: x\nmax_duration: 15\n", "kind: Batch\nname: x\n"],
)  # fmt: skip
def test_editors_refuse_what_is_wrong(text: str) -> None:
    assert not VALIDATOR.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("kind", KINDS)
def test_editors_accept_every_example(kind: str) -> None:
    for name, shape in SCHEMA["$defs"][kind]["properties"].items():
        validator: Any = jsonschema.Draft202012Validator({**shape, "$defs": SCHEMA["$defs"]})
        for example in shape.get("examples", ()):
            assert validator.is_valid(example), (name, example)
        assert shape["description"]
